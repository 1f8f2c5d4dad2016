"""The forms with which staff change the form of a program."""

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

from flask_babel import gettext
from flask_babel import lazy_gettext as _
from wtforms import (
    BooleanField,
    Field,
    IntegerField,
    SelectField,
    SelectMultipleField,
    StringField,
    TextAreaField,
)
from wtforms.form import BaseForm
from wtforms.validators import DataRequired, Length, NumberRange, Optional

from portal.applications import editing, rules
from portal.applications.editing import ALWAYS_ASKED, Document, Steps
from portal.programs.definition import CHOOSING, Join, QuestionKind
from portal.web.forms import choices

NEW_PAGE = ""
"""The value of `page` for a page that is not there yet."""
KINDS = {
    QuestionKind.SHORT_TEXT: _("Short text"),
    QuestionKind.LONG_TEXT: _("Long text"),
    QuestionKind.EMAIL: _("E-mail address"),
    QuestionKind.URL: _("Website"),
    QuestionKind.LINKS: _("Websites and profiles, one on each line"),
    QuestionKind.COUNTRY: _("Country"),
    QuestionKind.NUMBER: _("Whole number"),
    QuestionKind.CHOICE: _("One of several answers"),
    QuestionKind.MULTIPLE_CHOICE: _("Any of several answers"),
    QuestionKind.FILE: _("Files"),
}

_KIND_NAMES = tuple((kind.value, name) for kind, name in KINDS.items())

_WORDS = (Length(max=500, message=_("Write at most %(max)d characters.")),)


class _Chosen:
    """Some entry of a list is always chosen: it is not optional."""

    field_flags: ClassVar[dict[str, bool]] = {"required": True}

    def __call__(self, form: BaseForm, field: Field) -> None:
        """Nothing can be wrong: the field itself refuses other values."""


def _tidy(text: str | None) -> str:
    return rules.one_line_end(text or "")


def question_form(
    steps: Steps,
    join: Join,
    languages: Sequence[str],
    *,
    question: Document | None,
    on: str | None,
    typed: Any = None,  # noqa: ANN401 - what WTForms takes for form data
) -> BaseForm:
    """Return the form of one question.

    Args:
        steps: The pages as documents.
        join: The same form, for the questions that conditions can be about.
        languages: Into which it can be translated.
        question: The question as it is; none for a new one.
        on: The key of its page.
        typed: What the browser sent, if it did.
    """
    fields: dict[str, Any] = {
        "label": StringField(
            _("Question"), [DataRequired(_("Write the question.")), *_WORDS],
            filters=[_tidy],
        ),
        "hint": StringField(
            _("Hint"), [Optional(), *_WORDS], filters=[_tidy],
            description=_("Above the field: what a good answer looks like."),
        ),
        "page": SelectField(_("Page"), [_Chosen()], choices=_pages(steps)),
        "new_page": StringField(
            _("Title of the new page"), [Optional(), *_WORDS], filters=[_tidy],
            description=_("Only for a new page."),
        ),
    }  # fmt: skip
    is_fixed = question is not None and question["key"] in ALWAYS_ASKED
    if not is_fixed:
        fields |= _fields_of_free_questions(join, question)
    has_choices = question is not None and question["choices"]
    for language in languages:
        fields |= _fields_of_language(language, has_choices=bool(has_choices))
    form = BaseForm(fields)
    form.process(typed, data=_values(question, on))
    return form


def _pages(steps: Steps) -> list[Any]:
    titles = [(step["key"], step["title"]) for step in steps]
    return choices([*titles, (NEW_PAGE, _("A new page"))])


def _fields_of_free_questions(join: Join, question: Document | None) -> dict[str, Any]:
    own = question["key"] if question else None
    return {
        "kind": SelectField(
            _("Kind of answer"), [_Chosen()], choices=choices(list(_KIND_NAMES))
        ),
        "required": BooleanField(_("An answer is needed")),
        "choices": TextAreaField(
            _("Answers to choose from"), [Optional()], filters=[_tidy],
            description=_(
                "One on each line, for the two kinds where one chooses. A weight for "
                "the score stands behind an equals sign: 2 to 10 people = 40"
            ),
            render_kw={"rows": 6},
        ),
        "max_length": IntegerField(
            _("Longest answer, in characters"),
            [Optional(), NumberRange(1, 10_000, _("Enter %(min)s to %(max)s."))],
            render_kw={"inputmode": "numeric"},
        ),
        "max_files": IntegerField(
            _("Most files"),
            [Optional(), NumberRange(1, 10, _("Enter %(min)s to %(max)s."))],
            description=_("Only for files. Empty: three."),
            render_kw={"inputmode": "numeric"},
        ),
        "show_when": SelectMultipleField(
            _("Ask only after one of these answers"),
            choices=_conditions(join, own, question),
            description=_("Tick answers of one question. None: it is always asked."),
        ),
    }  # fmt: skip


def _conditions(join: Join, own: str | None, question: Document | None) -> list[Any]:
    """Return the answers of earlier questions that a condition can be about."""
    found = []
    for asked in join.questions:
        if asked.key == own:
            break
        if asked.kind in CHOOSING and not asked.retired:
            found += [
                (f"{asked.key}:{choice.key}", f"{asked.label} – {choice.label}")
                for choice in asked.choices
            ]
    when = (question or {}).get("show_when")
    values = [f"{when['question']}:{key}" for key in when["is_any_of"]] if when else []
    known = {value for value, _label in found}
    return choices(
        [*found, *((value, value) for value in values if value not in known)]
    )


def _fields_of_language(language: str, *, has_choices: bool) -> dict[str, Any]:
    fields: dict[str, Any] = {
        f"label_{language}": StringField(
            gettext("Question in %(language)s", language=language),
            [Optional(), *_WORDS], filters=[_tidy], render_kw={"lang": language},
        ),
        f"hint_{language}": StringField(
            gettext("Hint in %(language)s", language=language),
            [Optional(), *_WORDS], filters=[_tidy], render_kw={"lang": language},
        ),
    }  # fmt: skip
    if has_choices:
        fields[f"choices_{language}"] = TextAreaField(
            gettext("Answers in %(language)s", language=language),
            [Optional()],
            filters=[_tidy],
            description=gettext("One on each line, in the same order."),
            render_kw={"rows": 6, "lang": language},
        )
    return fields


def _values(question: Document | None, on: str | None) -> dict[str, Any]:
    """Return what the fields hold before anybody types."""
    if question is None:
        return {"page": on or NEW_PAGE, "required": True, "kind": "short_text"}
    when = question["show_when"]
    values: dict[str, Any] = {
        "label": question["label"],
        "hint": question["hint"],
        "page": on,
        "kind": question["kind"],
        "required": question["required"],
        "choices": editing.lines_from(question["choices"]),
        "max_length": question["max_length"],
        "max_files": question["max_files"],
        "show_when": [f"{when['question']}:{key}" for key in when["is_any_of"]]
        if when
        else [],
    }
    for language, words in question["in_languages"].items():
        values[f"label_{language}"] = words["label"]
        values[f"hint_{language}"] = words["hint"]
    for language in {name for c in question["choices"] for name in c["in_languages"]}:
        values[f"choices_{language}"] = "\n".join(
            choice["in_languages"].get(language, "") for choice in question["choices"]
        )
    return values


def question_from(
    form: BaseForm,
    languages: Sequence[str],
    question: Document | None,
    taken: Sequence[str],
) -> Document:
    """Return the question that was typed, whole.

    Args:
        form: The form, valid.
        languages: Those the form asks for.
        question: The question as it was; none for a new one.
        taken: The keys that other questions have.
    """
    data = form.data
    before = question or {}
    typed: Document = {
        "key": before.get("key") or editing.key_for(data["label"], taken, "question"),
        "label": data["label"],
        "hint": data["hint"] or "",
        "in_languages": _translations(form, languages, before),
    }
    if "kind" not in form._fields:
        return {**before, **typed}
    kind = QuestionKind(data["kind"])
    is_chosen, is_file = kind in CHOOSING, kind is QuestionKind.FILE
    listed = editing.choices_from(data["choices"], before.get("choices", ()))
    return {
        **before,
        **typed,
        "kind": kind.value,
        "required": data["required"],
        "choices": _translated(form, languages, listed) if is_chosen else [],
        "max_length": data["max_length"] or 2_000,
        "max_files": data["max_files"] if is_file else None,
        "show_when": _condition(data["show_when"]),
    }


def _translations(
    form: BaseForm, languages: Sequence[str], before: Mapping[str, Any]
) -> Document:
    words = dict(before.get("in_languages", {}))
    for language in languages:
        label = form[f"label_{language}"].data
        if label:
            hint = form[f"hint_{language}"].data or ""
            words[language] = {"label": label, "hint": hint}
        else:
            words.pop(language, None)
    return words


def _translated(
    form: BaseForm, languages: Sequence[str], listed: list[Document]
) -> list[Document]:
    """Return the answers with their translations, which are matched by their place."""
    for language in languages:
        field = form._fields.get(f"choices_{language}")
        if field is None:
            continue
        lines = (field.data or "").split("\n")
        for place, choice in enumerate(listed):
            words = dict(choice["in_languages"])
            words.pop(language, None)
            if place < len(lines) and lines[place].strip():
                words[language] = lines[place].strip()
            choice["in_languages"] = words
    return listed


def _condition(values: Sequence[str]) -> Document | None:
    """Return the condition that was ticked; answers of two questions are refused."""
    if not values:
        return None
    pairs = [value.partition(":") for value in values]
    return {"question": pairs[0][0], "is_any_of": [key for _q, _c, key in pairs]}


def asks_of_one_question(field: Field) -> bool:
    """Tell whether the ticked answers belong to one question."""
    return len({value.partition(":")[0] for value in field.data or ()}) <= 1


def page_form(
    languages: Sequence[str],
    step: Document,
    typed: Any = None,  # noqa: ANN401 - what WTForms takes for form data
) -> BaseForm:
    """Return the form of a page's title."""
    fields: dict[str, Any] = {
        "title": StringField(
            _("Title"), [DataRequired(_("Write a title.")), *_WORDS], filters=[_tidy]
        )
    }
    for language in languages:
        fields[f"title_{language}"] = StringField(
            gettext("Title in %(language)s", language=language),
            [Optional(), *_WORDS],
            filters=[_tidy],
            render_kw={"lang": language},
        )
    form = BaseForm(fields)
    words = {f"title_{name}": text for name, text in step["in_languages"].items()}
    form.process(typed, data={"title": step["title"], **words})
    return form
