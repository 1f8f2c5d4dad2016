"""The Flask extensions, created empty and bound to the app by `create_app`."""

from flask_babel import Babel
from flask_login import LoginManager
from flask_mail import Mail
from flask_migrate import Migrate
from flask_sqlalchemy import SQLAlchemy
from flask_wtf import CSRFProtect

from portal.kit.db import Base

db = SQLAlchemy(metadata=Base.metadata)  # models derive from kit.db.Base, not db.Model
login_manager = LoginManager()
csrf = CSRFProtect()
babel = Babel()
mail = Mail()
migrate = Migrate(directory="migrations")
