"""How a partner gets in: the application and what it agrees to."""

from enum import StrEnum
from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from portal.programs.definition.parts import (
    Country,
    Key,
    Part,
    Sentence,
    refuse_repeats,
)


class Visibility(StrEnum):
    """Who finds the program's page."""

    PUBLIC = "public"
    UNLISTED = "unlisted"
    INVITE_ONLY = "invite_only"


class QuestionKind(StrEnum):
    """What an application asks for."""

    SHORT_TEXT = "short_text"
    LONG_TEXT = "long_text"
    EMAIL = "email"
    URL = "url"
    COUNTRY = "country"
    NUMBER = "number"
    CHOICE = "choice"
    MULTIPLE_CHOICE = "multiple_choice"


class Choice(Part):
    """One answer that can be chosen."""

    key: Key
    label: Sentence


class Question(Part):
    """One field of the application form."""

    key: Key
    label: Sentence
    kind: QuestionKind
    hint: str = ""
    required: bool = True
    max_length: int = Field(default=2_000, ge=1, le=10_000)
    choices: tuple[Choice, ...] = ()

    @model_validator(mode="after")
    def _choices_where_one_chooses(self) -> Self:
        chosen = self.kind in (QuestionKind.CHOICE, QuestionKind.MULTIPLE_CHOICE)
        if chosen != bool(self.choices):
            raise ValueError(
                "give choices for choice and multiple_choice, and only then"
            )
        return self


class FormStep(Part):
    """One page of the application: a small topic."""

    key: Key
    title: Sentence
    questions: tuple[Question, ...] = Field(min_length=1)


_PAGES_OF_ITS_OWN = {"check", "sent"}
"""Names of an application's other pages, which a step would hide."""


class Join(Part):
    """How a partner gets in."""

    mode: Literal["apply", "invite", "open"] = "apply"
    """Open: everybody who asks is in, without a review."""
    steps: tuple[FormStep, ...] = Field(min_length=1)
    answer_within_days: int = Field(default=5, ge=1, le=90)
    reapply_after_days: int = Field(default=30, ge=0, le=730)
    two_reviewers_from: int | None = Field(default=None, ge=0, le=20)
    """From this many warnings on it takes two reviewers to approve; 0: always."""
    countries: tuple[Country, ...] = ()
    """ISO 3166 codes of the countries that may apply; empty for all."""

    @property
    def questions(self) -> tuple[Question, ...]:
        """All questions, in the order in which they are asked."""
        return tuple(q for step in self.steps for q in step.questions)

    @model_validator(mode="after")
    def _keys_are_unique(self) -> Self:
        keys = [q.key for q in self.questions]
        refuse_repeats("question key", keys)
        steps = [step.key for step in self.steps]
        refuse_repeats("step key", steps)
        if taken := _PAGES_OF_ITS_OWN & set(steps):
            raise ValueError(
                f"call the step {', '.join(sorted(taken))} otherwise: "
                "the application has a page of that name"
            )
        # The portal itself needs these two to open a partner's account.
        missing = {"company", "country"} - set(keys)
        if missing:
            raise ValueError(f"ask for {' and '.join(sorted(missing))} in some step")
        return self


class SignAgain(Part):
    """By when partners who signed an earlier text must sign this one."""

    within_days: int = Field(ge=1, le=365)
    """Days after the program's version begins; the last day is included."""


class Agreement(Part):
    """The terms that a partner accepts, in Markdown."""

    title: Sentence
    version: Annotated[str, Field(pattern=r"^[0-9]{4}-[0-9]{2}(-[0-9]{2})?$")]
    text: str = Field(min_length=1, max_length=100_000)
    sign_again: SignAgain | None = None
    """Absent: earlier signatures stay good."""
