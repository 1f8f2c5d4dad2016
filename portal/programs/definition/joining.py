"""How a partner gets in: the application and what it agrees to."""

from enum import StrEnum
from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from portal.programs.definition.asking import (
    Answers,
    FormStep,
    Question,
    refuse_impossible_conditions,
    shown_keys,
)
from portal.programs.definition.deciding import Automatic
from portal.programs.definition.parts import (
    Country,
    Part,
    Sentence,
    refuse_repeats,
)


class Visibility(StrEnum):
    """Who finds the program's page."""

    PUBLIC = "public"
    UNLISTED = "unlisted"
    INVITE_ONLY = "invite_only"


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
    automatic: Automatic | None = None
    """Rules that decide without a person."""

    @property
    def questions(self) -> tuple[Question, ...]:
        """All questions, in the order in which they are asked."""
        return tuple(q for step in self.steps for q in step.questions)

    def asked(self, answers: Answers) -> tuple[Question, ...]:
        """Return the questions that are asked of somebody with these answers."""
        shown = shown_keys(self.questions, answers)
        return tuple(q for q in self.questions if q.key in shown)

    def worded(self, language: str) -> "Join":
        """Return the form in a language, as far as it is translated."""
        return self.model_copy(
            update={"steps": tuple(step.worded(language) for step in self.steps)}
        )

    @property
    def languages(self) -> tuple[str, ...]:
        """The languages into which something is translated, in their order."""
        found: set[str] = set()
        for step in self.steps:
            found.update(step.in_languages)
            for question in step.questions:
                found.update(question.in_languages)
                found.update(*(choice.in_languages for choice in question.choices))
        return tuple(sorted(found))

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
        for question in self.questions:
            is_needed = question.key in {"company", "country"}
            if is_needed and (question.show_when or question.retired):
                raise ValueError(f"{question.key} is asked of everybody")
        refuse_impossible_conditions(self.questions)
        return self

    @model_validator(mode="after")
    def _decisions_fit(self) -> Self:
        if self.automatic and self.mode != "apply":
            raise ValueError(
                "rules decide on applications: remove automatic, or make mode apply"
            )
        if self.automatic and self.automatic.uses_scores:
            scored = any(q.has_scores and not q.retired for q in self.questions)
            if not scored:
                raise ValueError("a rule looks at the score: give some answers a score")
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
