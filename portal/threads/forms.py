from flask_babel import lazy_gettext as _
from wtforms import Form, TextAreaField
from wtforms.validators import DataRequired, Length

LONGEST = 2_000


class MessageForm(Form):
    """What somebody writes into a thread."""

    text = TextAreaField(
        _("Message"),
        filters=[lambda text: (text or "").replace("\r\n", "\n").strip()],
        validators=[
            DataRequired(_("Write a sentence or two.")),
            Length(max=LONGEST, message=_("Shorten it to %(max)d characters at most.")),
        ],
    )
