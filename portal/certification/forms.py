from flask_babel import lazy_gettext as _
from wtforms import (
    BooleanField,
    EmailField,
    FileField,
    Form,
    HiddenField,
    IntegerField,
    RadioField,
    StringField,
    TextAreaField,
    URLField,
)
from wtforms.validators import (
    DataRequired,
    InputRequired,
    Length,
    NumberRange,
    Optional,
    Regexp,
)

from portal.certification.courses import content
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
            InputRequired(_("Enter the number, such as 7KQ2-M3XA-P9TR-…")),
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


def _unix(text: str | None) -> str:
    """Return what a browser sent with line breaks as they are stored."""
    return (text or "").replace("\r\n", "\n").replace("\r", "\n").strip()


class LessonForm(Form):
    """The draft of a lesson."""

    title = StringField(
        _("Title"),
        [DataRequired(_("Enter a title.")), Length(max=content.LONGEST_TITLE)],
        filters=[_unix],
    )
    key = StringField(
        _("Name in the address"),
        [
            Optional(),
            Regexp(
                content.KEY_PATTERN,
                message=_("Use small letters, digits and hyphens, 60 at most."),
            ),
        ],
        description=_("Made from the title when you leave it empty. Cannot change."),
    )
    topic = StringField(
        _("Topic"),
        [DataRequired(_("Enter a topic.")), Length(max=content.LONGEST_TOPIC)],
        filters=[_unix],
        description=_(
            "Written like a topic of the exam's questions, it is recommended to those "
            "who answered them wrongly."
        ),
    )
    minutes = IntegerField(
        _("Minutes"),
        [
            InputRequired(_("Enter how many minutes reading takes.")),
            NumberRange(
                1,
                content.MOST_MINUTES,
                _("Enter a number of minutes from %(min)s to %(max)s."),
            ),
        ],
    )
    video_url = URLField(
        _("Address of a video"),
        [
            Optional(),
            Length(max=content.LONGEST_ADDRESS),
            Regexp(
                r"^https://\S+$", message=_("Enter an address that begins https://.")
            ),
        ],
        filters=[_unix],
        description=_("Shown as a link. The portal loads nothing from elsewhere."),
    )
    text = TextAreaField(
        _("Text"),
        [DataRequired(_("Write the lesson.")), Length(max=content.LONGEST_TEXT)],
        filters=[_unix],
        render_kw={"rows": 16},
        description=_("Markdown: headings, lists, emphasis, links. No HTML."),
    )
    revision = HiddenField()


class PublishForm(Form):
    """What is new in a version of a lesson."""

    note = StringField(
        _("What is new"),
        [Length(max=300)],
        description=_("Those who read the lesson before see this."),
    )
    read_again = BooleanField(
        _("It must be read again"),
        description=_("Leave it empty for small corrections."),
    )
