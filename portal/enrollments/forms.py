from flask_babel import lazy_gettext as _
from wtforms import BooleanField, Form
from wtforms.validators import DataRequired


class AcceptForm(Form):
    """The tick under an agreement."""

    accept = BooleanField(
        _("I have read this agreement and accept it for my company."),
        [DataRequired(_("Tick the box to accept the agreement."))],
    )
