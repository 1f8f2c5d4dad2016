from flask_babel import lazy_gettext as _
from wtforms import BooleanField, Form, HiddenField
from wtforms.validators import DataRequired


class SignForm(Form):
    """The tick under an agreement, and which text stood above it."""

    sha256 = HiddenField()
    accept = BooleanField(
        _("I have read this agreement and accept it for my company."),
        [DataRequired(_("Tick the box to accept the agreement."))],
    )
