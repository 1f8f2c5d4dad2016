"""What staff type about a partner's place in a program."""

from flask_babel import lazy_gettext as _
from wtforms import Form, TextAreaField
from wtforms.validators import InputRequired, Length


class ReasonForm(Form):
    """Why; it is kept in the log."""

    reason = TextAreaField(
        _("Reason"),
        [
            InputRequired(_("Write why, so that others understand it later.")),
            Length(max=500, message=_("Write at most 500 characters.")),
        ],
        description=_("It is kept in the log. The partner does not see it."),
    )
