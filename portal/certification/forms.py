from flask_babel import lazy_gettext as _
from wtforms import Form, StringField, TextAreaField
from wtforms.validators import InputRequired, Length


class RevokeForm(Form):
    """Why a certificate is taken back."""

    reason = TextAreaField(
        _("Reason"),
        [InputRequired(_("Say why the certificate is revoked.")), Length(max=500)],
        description=_("The partner reads this."),
    )


class CheckForm(Form):
    """The number of a certificate to check."""

    number = StringField(
        _("Certificate number"),
        [
            InputRequired(_("Enter the number, like 7KQ2-M3XA-P9TR-WZ4C.")),
            Length(max=40),
        ],
    )
