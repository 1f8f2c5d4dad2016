"""Rules by which an application is decided without a person, or kept for one."""

from enum import StrEnum
from typing import Annotated, Self

from pydantic import Field, model_validator

from portal.programs.definition.parts import (
    Country,
    Key,
    Part,
    Sentence,
    refuse_repeats,
)

DomainPattern = Annotated[
    str,
    Field(max_length=200, pattern=r"^(\*\.)?[a-z0-9-]+(\.[a-z0-9-]+)*$"),
]
"""A domain in lower case; `*.` in front stands for everything below it."""
TotalScore = Annotated[int, Field(ge=-100_000, le=100_000)]


class Verdict(StrEnum):
    """What a rule makes of an application."""

    APPROVE = "approve"
    REJECT = "reject"
    FLAG = "flag"
    """A person decides, whatever else would approve it."""


class ApplicantTest(Part):
    """What must be true of an application; everything that is given must be."""

    countries: tuple[Country, ...] = ()
    """The applicant's country is one of these."""
    email_domains: tuple[DomainPattern, ...] = ()
    disposable_email: bool | None = None
    """Whether the address is one of a service that throws addresses away."""
    score_at_least: TotalScore | None = None
    score_below: TotalScore | None = None

    @model_validator(mode="after")
    def _tests_something(self) -> Self:
        if not self.model_dump(exclude_none=True, exclude_defaults=True):
            raise ValueError("say what must be true of the application")
        return self


class DecisionRule(Part):
    """What happens of itself to the applications of which something is true."""

    key: Key
    then: Verdict
    when: ApplicantTest
    says: Sentence | None = None
    """To the applicant: why not, and what would change it."""

    @model_validator(mode="after")
    def _rejections_are_explained(self) -> Self:
        if (self.then is Verdict.REJECT) != (self.says is not None):
            raise ValueError(
                "a rule that rejects tells the applicant why, in `says`; the others "
                "have nothing to say"
            )
        return self


class Automatic(Part):
    """Decisions that are made by rule."""

    hold_minutes: int = Field(default=60, ge=0, le=10_080)
    """How long a decision waits before anybody outside learns of it."""
    rules: tuple[DecisionRule, ...] = Field(min_length=1)

    @model_validator(mode="after")
    def _keys_are_unique(self) -> Self:
        refuse_repeats("decision key", [rule.key for rule in self.rules])
        return self

    @property
    def uses_scores(self) -> bool:
        """Whether some rule looks at the score."""
        return any(
            score is not None
            for rule in self.rules
            for score in (rule.when.score_at_least, rule.when.score_below)
        )
