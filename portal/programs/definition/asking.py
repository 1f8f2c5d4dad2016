"""What an application asks for, when, in which languages, and what answers weigh."""

import re
from collections.abc import Mapping
from enum import StrEnum
from typing import Annotated, Literal, Self, TypeVar

from pydantic import Field, model_validator

from portal.programs.definition.parts import Key, Part, Sentence

Language = Annotated[str, Field(pattern=r"^[a-z]{2,3}(_[A-Z]{2})?$")]
"""A language, perhaps of one country, such as `ko` or `pt_BR`."""
Score = Annotated[int, Field(ge=-1_000, le=1_000)]

Answers = Mapping[str, str | list[str]]
"""Answers by question key: a text, or a list of texts where there can be several."""

MOST_FILES = 10
"""So many files can answer one question, at the most."""


class QuestionKind(StrEnum):
    """What an application asks for."""

    SHORT_TEXT = "short_text"
    LONG_TEXT = "long_text"
    EMAIL = "email"
    URL = "url"
    LINKS = "links"
    """Addresses of websites and profiles, one on each line."""
    COUNTRY = "country"
    NUMBER = "number"
    CHOICE = "choice"
    MULTIPLE_CHOICE = "multiple_choice"
    FILE = "file"


_T = TypeVar("_T")

CHOOSING = (QuestionKind.CHOICE, QuestionKind.MULTIPLE_CHOICE)


class Wording(Part):
    """A question in one more language."""

    label: Sentence
    hint: str = ""


class Choice(Part):
    """One answer that can be chosen."""

    key: Key
    label: Sentence
    in_languages: dict[Language, Sentence] = Field(default_factory=dict)
    score: Score | None = None
    """What the answer adds to the application's score; none for nothing."""

    def worded(self, language: str) -> "Choice":
        """Return the answer in a language, as far as it is translated."""
        label = in_language(self.in_languages, language)
        return self.model_copy(update={"label": label}) if label else self


class ShowWhen(Part):
    """Ask only when an earlier question was answered in a certain way."""

    question: Key
    is_any_of: tuple[str, ...] = Field(min_length=1)

    def holds(self, answers: Answers) -> bool:
        """Tell whether one of the answers is there."""
        answer = answers.get(self.question, "")
        given = answer if isinstance(answer, list) else [answer]
        return not set(self.is_any_of).isdisjoint(given)


class Question(Part):
    """One field of the application form."""

    key: Key
    label: Sentence
    kind: QuestionKind
    hint: str = ""
    required: bool = True
    max_length: int = Field(default=2_000, ge=1, le=10_000)
    choices: tuple[Choice, ...] = ()
    max_files: int | None = Field(default=None, ge=1, le=MOST_FILES)
    """How many files may be added; none for three, where files are asked for."""
    show_when: ShowWhen | None = None
    in_languages: dict[Language, Wording] = Field(default_factory=dict)
    retired: Literal[True] | None = None
    """No longer asked; it stays, so that what refers to it still has a meaning."""

    @model_validator(mode="after")
    def _choices_where_one_chooses(self) -> Self:
        if (self.kind in CHOOSING) != bool(self.choices):
            raise ValueError(
                "give choices for choice and multiple_choice, and only then"
            )
        if self.max_files is not None and self.kind is not QuestionKind.FILE:
            raise ValueError("give max_files where files are asked for, and only then")
        return self

    @property
    def most_files(self) -> int:
        """How many files may answer it."""
        return self.max_files or 3

    @property
    def has_scores(self) -> bool:
        """Whether its answers change the score of an application."""
        return any(choice.score for choice in self.choices)

    def worded(self, language: str) -> "Question":
        """Return the question in a language, as far as it is translated."""
        changed: dict[str, object] = {}
        wording = in_language(self.in_languages, language)
        if wording:
            changed = {"label": wording.label, "hint": wording.hint or self.hint}
        if self.choices:
            changed["choices"] = tuple(c.worded(language) for c in self.choices)
        return self.model_copy(update=changed) if changed else self


class FormStep(Part):
    """One page of the application: a small topic."""

    key: Key
    title: Sentence
    questions: tuple[Question, ...] = Field(min_length=1)
    in_languages: dict[Language, Sentence] = Field(default_factory=dict)
    """The title in more languages."""

    def worded(self, language: str) -> "FormStep":
        """Return the step in a language, as far as it is translated."""
        title = in_language(self.in_languages, language) or self.title
        questions = tuple(q.worded(language) for q in self.questions)
        return self.model_copy(update={"title": title, "questions": questions})


def in_language(words: Mapping[str, _T], language: str) -> _T | None:
    """Return the words of a language, or of the language without its country."""
    return words.get(language) or words.get(re.split("[_-]", language)[0])


def shown_keys(questions: tuple[Question, ...], answers: Answers) -> frozenset[str]:
    """Return the keys of the questions that are asked, given the answers so far.

    Args:
        questions: All questions, in the order in which they are asked.
        answers: The answers so far. Those to questions that are not asked do not
            count: a condition on one of them does not hold.
    """
    shown: set[str] = set()
    for question in questions:
        when = question.show_when
        is_due = when is None or (when.question in shown and when.holds(answers))
        if is_due and not question.retired:
            shown.add(question.key)
    return frozenset(shown)


def refuse_impossible_conditions(questions: tuple[Question, ...]) -> None:
    """Refuse conditions that no answer can ever meet.

    Raises:
        ValueError: There is one; it says what to do.
    """
    earlier: dict[str, Question] = {}
    for question in questions:
        if question.show_when is not None:
            _refuse_impossible(question.key, question.show_when, earlier)
        earlier[question.key] = question


def _refuse_impossible(
    key: str, when: ShowWhen, earlier: Mapping[str, Question]
) -> None:
    asked = earlier.get(when.question)
    if asked is None or asked.kind not in (*CHOOSING, QuestionKind.COUNTRY):
        raise ValueError(
            f"{key} depends on {when.question}: name an earlier question in which "
            "one chooses an answer or a country"
        )
    known = {choice.key for choice in asked.choices}
    unknown = set(when.is_any_of) - known
    if asked.choices and unknown:
        raise ValueError(
            f"{key} depends on {', '.join(sorted(unknown))}, which is no answer to "
            f"{when.question}"
        )
