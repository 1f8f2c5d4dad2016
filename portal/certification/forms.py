from flask_babel import lazy_gettext as _
from wtforms import (
    EmailField,
    FileField,
    Form,
    RadioField,
    StringField,
    TextAreaField,
)
from wtforms.validators import InputRequired, Length, Optional

from portal.web.forms import choices


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


class ImportForm(Form):
    """Questions to bring into a bank."""

    fmt = RadioField(
        _("Format"),
        [InputRequired(_("Choose the format."))],
        choices=choices([("csv", _("Table (CSV)")), ("gift", _("GIFT, from Moodle"))]),
        default="csv",
    )
    file = FileField(_("File"), description=_("A text file in UTF-8, up to 1 MB."))
    text = TextAreaField(
        _("Or paste the questions here"),
        [Optional()],
        render_kw={"rows": 8, "spellcheck": "false"},
    )


class CorrectionForm(Form):
    """Why an answer key is corrected."""

    reason = TextAreaField(
        _("What was wrong"),
        [Length(max=500)],
        description=_("Kept for ever, with your name."),
    )


class ExtraTimeForm(Form):
    """Who gets more time."""

    email = EmailField(
        _("E-mail address of the person"),
        [InputRequired(_("Enter the address the person signs in with."))],
    )
    percent = RadioField(
        _("Extra time"),
        [InputRequired(_("Choose one of the times shown."))],
        choices=choices(
            [
                ("25", _("25% more")),
                ("50", _("50% more")),
                ("100", _("Twice the time")),
                ("0", _("None any more")),
            ]
        ),
    )
