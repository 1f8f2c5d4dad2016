from flask_babel import lazy_gettext as _
from wtforms import (
    EmailField,
    FileField,
    Form,
    IntegerField,
    SelectField,
    StringField,
    TextAreaField,
)
from wtforms.validators import (
    DataRequired,
    InputRequired,
    Length,
    NumberRange,
    Optional,
    ValidationError,
)

from portal.invitations.rules import DAYS, MOST_BYTES, MOST_DAYS, MOST_LENGTH
from portal.programs.definition import storable
from portal.programs.models import ProgramVersion
from portal.web.forms import choices

NOTE_LENGTH = 1_000
_TOO_LONG = _("Write at most %(max)d characters.")


def _tidy(text: str | None) -> str:
    return (text or "").strip()


class _Terms(Form):
    """To which program, for how long, and with which words."""

    program = SelectField(_("Program"), [InputRequired(_("Choose a program."))])
    days = IntegerField(
        _("Good for so many days"),
        [
            InputRequired(_("Enter a number of days.")),
            NumberRange(
                1,
                MOST_DAYS,
                message=_("Enter a number of days from %(min)d to %(max)d."),
            ),
        ],
        default=DAYS,
    )
    note = TextAreaField(
        _("Your own words"),
        [Optional(), Length(max=NOTE_LENGTH, message=_TOO_LONG)],
        description=_("They stand in the mail, under your name."),
        filters=[_tidy],
        render_kw={"rows": 3},
    )

    def for_programs(self, versions: list[ProgramVersion]) -> None:
        """Offer these programs."""
        self.program.choices = choices(
            [(one.program.public_id, one.definition.name) for one in versions]
        )

    def validate_note(self, field: StringField) -> None:
        """Refuse what cannot be stored."""
        _require_storable(field)


class InviteForm(_Terms):
    """Whom to invite."""

    email = EmailField(
        _("E-mail address"),
        [
            DataRequired(_("Enter an e-mail address.")),
            Length(max=254, message=_("Enter a shorter e-mail address.")),
        ],
        description=_("Only this address can answer the invitation."),
        filters=[_tidy],
    )
    name = StringField(
        _("Name"),
        [Optional(), Length(max=MOST_LENGTH, message=_TOO_LONG)],
        filters=[_tidy],
    )
    company = StringField(
        _("Company"),
        [Optional(), Length(max=MOST_LENGTH, message=_TOO_LONG)],
        filters=[_tidy],
    )

    def validate_name(self, field: StringField) -> None:
        """Refuse what cannot be stored."""
        _require_storable(field)

    def validate_company(self, field: StringField) -> None:
        """Refuse what cannot be stored."""
        _require_storable(field)


class ImportForm(_Terms):
    """Many people to invite."""

    file = FileField(
        _("File"),
        description=_(
            "A CSV file with the columns email, name and company, up to %(size)d kB.",
            size=MOST_BYTES // 1000,
        ),
    )
    text = TextAreaField(
        _("Or paste the table here"),
        [Optional(), Length(max=MOST_BYTES, message=_TOO_LONG)],
        render_kw={"rows": 8, "spellcheck": "false"},
    )


class AnswerForm(Form):
    """The address to which the invitation was sent."""

    email = EmailField(
        _("E-mail address"),
        [
            DataRequired(_("Enter your e-mail address.")),
            Length(max=254, message=_("Enter a shorter e-mail address.")),
        ],
        description=_("The one to which we sent the invitation."),
        filters=[_tidy],
        render_kw={"autocomplete": "email"},
    )


def _require_storable(field: StringField) -> None:
    if not storable(field.data or ""):
        raise ValidationError(
            str(_("Type this text again: it contains characters we cannot show."))
        )
