from flask_babel import lazy_gettext as _
from wtforms import Form, SelectField, StringField
from wtforms.validators import InputRequired, Length, Optional

from portal.tracking.rules import LONGEST_DESTINATION


def _stripped(text: str | None) -> str | None:
    return text.strip() if text else text


class LinkForm(Form):
    """A new link."""

    enrollment = SelectField(
        _("Program"), validators=[InputRequired(_("Choose a program."))]
    )
    name = StringField(
        _("Name"),
        filters=[_stripped],
        validators=[
            InputRequired(_("Give the link a name, so that you find it again.")),
            Length(max=80, message=_("Use at most 80 characters.")),
        ],
    )
    destination = StringField(
        _("Where it leads"),
        filters=[_stripped],
        validators=[
            Optional(),
            Length(max=LONGEST_DESTINATION, message=_("This address is too long.")),
        ],
    )
    code = StringField(
        _("Your own code"),
        filters=[_stripped],
        validators=[
            Optional(),
            Length(max=40, message=_("Use at most 40 characters.")),
        ],
    )
