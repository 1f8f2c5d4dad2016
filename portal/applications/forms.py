"""Shapes of what people type. Rules that need the database live in `service`."""

from collections.abc import Mapping, Sequence
from typing import Any

from flask_babel import gettext
from flask_babel import lazy_gettext as _
from wtforms import (
    BooleanField,
    EmailField,
    Field,
    Form,
    MultipleFileField,
    RadioField,
    SelectField,
    SelectMultipleField,
    StringField,
    TextAreaField,
    URLField,
)
from wtforms.form import BaseForm
from wtforms.validators import DataRequired, Length, Optional, ValidationError

from portal.applications import rules, words
from portal.applications.rules import MESSAGE_LENGTH, Answer
from portal.programs.definition import (
    FormStep,
    Join,
    ProgramDefinition,
    Question,
    QuestionKind,
    shown_keys,
    storable,
)
from portal.web.forms import choices

ANSWER_PREFIX = "q-"
"""In front of a question's key in its form, so that no key meets a name of ours."""
CODE_LENGTH = 6

_AUTOCOMPLETE = {
    "name": "name",
    "company": "organization",
    "country": "country",
    "phone": "tel",
    "role": "organization-title",
}


def _tidy(text: str | None) -> str:
    return rules.one_line_end(text or "")


class StartForm(Form):
    """Who wants to apply."""

    country = SelectField(_("In which country is your company registered?"))
    email = EmailField(
        _("E-mail address"),
        [
            DataRequired(_("Enter your e-mail address.")),
            Length(max=254, message=_("Enter a shorter e-mail address.")),
        ],
        description=_("We send you a link that opens your application."),
        filters=[_tidy],
        render_kw={"autocomplete": "email"},
    )

    def for_program(self, join: Join) -> "StartForm":
        """Ask for the country only where the program limits it."""
        if join.countries:
            self.country.choices = choices(
                [("", _("Choose")), *words.country_choices()]
            )
        else:
            del self.country
        return self

    @property
    def country_code(self) -> str | None:
        """The country that was chosen, if it was asked."""
        field = self._fields.get("country")
        return None if field is None else field.data or None

    def validate_email(self, field: Field) -> None:
        """Say what an address looks like."""
        if not rules.is_email(field.data):
            raise ValidationError(
                str(_("Enter an e-mail address, such as name@example.com."))
            )


class CodeForm(Form):
    """The six digits from the mail."""

    code = StringField(
        _("Six-digit code"),
        [DataRequired(_("Enter the six digits from the mail."))],
        filters=[lambda text: "".join((text or "").split())],
        render_kw={"inputmode": "numeric", "autocomplete": "one-time-code"},
    )

    def validate_code(self, field: Field) -> None:
        """Only six digits can be the code."""
        if not (len(field.data) == CODE_LENGTH and field.data.isascii()) or (
            not field.data.isdigit()
        ):
            raise ValidationError(str(_("Enter the six digits from the mail.")))


class SendForm(Form):
    """The last words before an application is sent."""

    agree = BooleanField(
        _("I agree that you may check what I wrote, for example on my website."),
    )


class ReplyForm(Form):
    """The applicant's answer to a reviewer's question."""

    text = TextAreaField(
        _("Your answer"),
        [
            DataRequired(_("Write an answer.")),
            Length(max=MESSAGE_LENGTH, message=_("Write at most %(max)d characters.")),
        ],
        filters=[_tidy],
        render_kw={"rows": 6},
    )

    def validate_text(self, field: Field) -> None:
        """Refuse what cannot be stored."""
        if not storable(field.data):
            raise ValidationError(
                str(_("Type this text again: it contains characters we cannot show."))
            )


class ReplyWithFilesForm(ReplyForm):
    """The applicant's answer, with files where they say more than words."""

    files = MultipleFileField(
        _("Files"),
        description=_("PDF, PNG, JPEG or WebP, up to 10 MB each, three at once."),
    )


class QuestionForm(ReplyForm):
    """A reviewer's question to the applicant."""

    text = TextAreaField(
        _("Your question"),
        [
            DataRequired(_("Write what you want to know.")),
            Length(max=MESSAGE_LENGTH, message=_("Write at most %(max)d characters.")),
        ],
        description=_("The applicant gets it by e-mail."),
        filters=[_tidy],
        render_kw={"rows": 6},
    )


class CommentForm(ReplyForm):
    """A reviewer's note to colleagues."""

    text = TextAreaField(
        _("Comment for colleagues"),
        [
            DataRequired(_("Write something, or close this.")),
            Length(max=MESSAGE_LENGTH, message=_("Write at most %(max)d characters.")),
        ],
        description=_("The applicant never sees it."),
        filters=[_tidy],
        render_kw={"rows": 4},
    )


class SnoozeForm(Form):
    """For how long an application is out of sight."""

    days = RadioField(
        _("Come back in"),
        [DataRequired(_("Choose for how long."))],
        choices=choices([("1", _("1 day")), ("3", _("3 days")), ("7", _("7 days"))]),
    )


class NoteForm(ReplyForm):
    """A reviewer's own words with a decision."""

    text = TextAreaField(
        _("In your own words"),
        [
            Optional(),
            Length(max=MESSAGE_LENGTH, message=_("Write at most %(max)d characters.")),
        ],
        description=_("The applicant reads this in the mail."),
        filters=[_tidy],
        render_kw={"rows": 4},
    )


class ApproveForm(NoteForm):
    """What the reviewer checked, where the program wants it, and a note."""

    confirmed = SelectMultipleField(_("I have checked"), validate_choice=False)

    def for_program(self, definition: ProgramDefinition) -> "ApproveForm":
        """Ask for what is to be checked before anybody joins, if there is any."""
        gates = rules.confirmed_by_reviewer(definition)
        if gates:
            self.confirmed.choices = choices([(gate.key, gate.title) for gate in gates])
        else:
            del self.confirmed
        return self

    @property
    def confirmed_keys(self) -> list[str]:
        """The keys of the gates that were ticked."""
        field = self._fields.get("confirmed")
        return [] if field is None else list(field.data or ())

    def validate_confirmed(self, field: SelectMultipleField) -> None:
        """Everything must be checked before the approval."""
        missing = [
            str(label)
            for key, label, *_rest in field.iter_choices()
            if key not in (field.data or ())
        ]
        if missing:
            raise ValidationError(
                gettext(
                    "Check this first, then tick it: %(gates)s.",
                    gates="; ".join(missing),
                )
            )


class RejectForm(NoteForm):
    """Why an application is turned down."""

    reason = RadioField(
        _("Reason"),
        [DataRequired(_("Choose a reason."))],
        choices=choices([(key.value, label) for key, label in words.REASONS.items()]),
    )


class _Acceptable:
    """Judges an answer by the rules that also guard the sending."""

    def __init__(self, question: Question, join: Join) -> None:
        self.question = question
        self.join = join
        self.field_flags = {"required": True} if question.required else {}

    def __call__(self, form: BaseForm, field: Field) -> None:
        del form
        answer = answer_of(self.question, field)
        problem = rules.problem_with(self.question, answer, self.join)
        if problem:
            raise ValidationError(words.problem_text(problem, self.question))


class _FilesThere(_Acceptable):
    """Wants the files that are needed; they were added before this is asked."""

    def __init__(
        self, question: Question, join: Join, answers: Mapping[str, Answer]
    ) -> None:
        super().__init__(question, join)
        self.added = answers.get(question.key, "")

    def __call__(self, form: BaseForm, field: Field) -> None:
        del form, field
        problem = rules.problem_with(self.question, self.added, self.join)
        if problem:
            raise ValidationError(words.problem_text(problem, self.question))


class _LinesField(TextAreaField):
    """Several short texts, one on each line."""

    def _value(self) -> str:
        lines: object = self.data
        return "\n".join(lines) if isinstance(lines, list) else str(lines or "")


def step_form(
    step: FormStep,
    join: Join,
    answers: Mapping[str, Answer],
    typed: Any = None,  # noqa: ANN401 - what WTForms takes for form data
) -> BaseForm:
    """Return the form of one step of the application.

    Args:
        step: The questions.
        join: How one joins, for the countries that may.
        answers: The answers so far.
        typed: What the browser sent, if it did.
    """
    questions = [q for q in step.questions if not q.retired]
    form = BaseForm({q.key: _field(q, join) for q in questions}, prefix=ANSWER_PREFIX)
    form.process(typed, data={q.key: answers.get(q.key) for q in questions})
    shown = shown_keys(join.questions, {**answers, **typed_answers(step, form)})
    for question in questions:
        field = form[question.key]
        if question.key not in shown:
            field.validators = ()  # what is not asked cannot be wrong
        elif question.kind is QuestionKind.FILE:
            field.validators = (_FilesThere(question, join, answers),)
    return form


def typed_answers(step: FormStep, form: BaseForm) -> dict[str, Answer]:
    """Return what was typed into the form of a step, by question key; no files."""
    return {q.key: answer_of(q, form[q.key]) for q in rules.typed_questions(step)}


def answer_of(question: Question, field: Field) -> Answer:
    """Return what a field holds, in the form in which answers are kept."""
    data = field.data
    values: Sequence[str] = data if isinstance(data, list) else [data or ""]
    return rules.tidy(question, values)


def _field(question: Question, join: Join) -> Any:  # noqa: ANN401 - an unbound field
    label, checks = question.label, [_Acceptable(question, join)]
    settings: dict[str, Any] = {"description": question.hint}
    autocomplete = _AUTOCOMPLETE.get(question.key)
    attributes = {"autocomplete": autocomplete} if autocomplete else {}
    match question.kind:
        case QuestionKind.LONG_TEXT:
            attributes |= {"rows": "8"}
            kind: type[Field] = TextAreaField
        case QuestionKind.EMAIL:
            attributes |= {"autocomplete": "email"}
            kind = EmailField
        case QuestionKind.URL:
            attributes |= {"autocomplete": "url", "inputmode": "url"}
            kind = URLField
        case QuestionKind.LINKS:
            attributes |= {"rows": "4", "inputmode": "url", "spellcheck": "false"}
            kind = _LinesField
        case QuestionKind.FILE:
            kind = MultipleFileField
        case QuestionKind.COUNTRY:
            kind = SelectField
            countries = [("", _("Choose")), *words.country_choices(join.countries)]
            settings |= {"choices": choices(countries), "validate_choice": False}
        case QuestionKind.NUMBER:
            attributes |= {"inputmode": "numeric", "autocomplete": "off"}
            kind = StringField
        case QuestionKind.CHOICE:
            kind = RadioField
            settings |= {"choices": _choices(question), "validate_choice": False}
        case QuestionKind.MULTIPLE_CHOICE:
            kind = SelectMultipleField
            settings |= {"choices": _choices(question), "validate_choice": False}
        case _:
            kind = StringField
    return kind(label, checks, render_kw=attributes, **settings)


def _choices(question: Question) -> list[Any]:
    return choices([(choice.key, choice.label) for choice in question.choices])
