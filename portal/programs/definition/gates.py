"""What a partner must have, and what the membership costs."""

from enum import StrEnum
from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from portal.programs.definition.parts import (
    MOST_MINOR,
    Currency,
    Key,
    Months,
    Part,
    Sentence,
)

MOST_DEADLINE_DAYS = 3_650
"""Ten years."""


class GateKind(StrEnum):
    """What a partner must have."""

    EMAIL = "email"
    REVIEW = "review"
    AGREEMENT = "agreement"
    CERTIFICATION = "certification"
    FEE = "fee"
    CONFIRMATION = "confirmation"
    """Staff confirm it: a call was held, a listing is up, bank details are there."""
    TAX_FORM = "tax_form"
    """A W-9 or W-8 that is good; the partner fills it in here."""


class Blocks(StrEnum):
    """What an unmet gate keeps a partner from."""

    JOIN = "join"
    LINK = "link"
    EARN = "earn"
    PAYOUT = "payout"


class WhileUnmet(StrEnum):
    """What becomes of a sale made while the gate blocked earning."""

    FORFEITED = "forfeited"
    HELD = "held"
    """It counts from the moment the gate is met."""


class Gate(Part):
    """Something that a partner must have to join, link, earn or be paid."""

    key: Key
    kind: GateKind
    title: Sentence
    how: str = Field(default="", max_length=500)
    """What to do for it, in a sentence for the partner."""
    blocks: tuple[Blocks, ...] = Field(min_length=1)
    certification: Key | None = None
    """Which exam, for a gate of kind `certification`."""
    course_open_early: bool = False
    """Whether anyone may read the exam's course, before applying and under review."""
    deadline_days: int | None = Field(default=None, ge=1, le=MOST_DEADLINE_DAYS)
    """Days after joining by which it must be met; the last day is included."""
    shuts_at_deadline: bool = False
    """Whether it can no longer be met for the first time after its deadline."""
    forfeits_after_months: Months | None = None
    """A customer's sales are forfeited if it is not met within so many months of
    the first one."""
    sales_while_unmet: WhileUnmet = WhileUnmet.FORFEITED

    @model_validator(mode="after")
    def _names_its_exam(self) -> Self:
        if (self.kind is GateKind.CERTIFICATION) != (self.certification is not None):
            raise ValueError(
                "name a certification for that kind of gate, and only then"
            )
        if self.course_open_early and self.certification is None:
            raise ValueError("only the course of a certification can be open early")
        if self.shuts_at_deadline and self.deadline_days is None:
            raise ValueError("say by which deadline it must be met: deadline_days")
        return self


class Fee(Part):
    """What a partner pays to be in: a Stripe subscription with a price per tier."""

    title: Sentence
    interval: Literal["month", "year"]
    currency: Currency
    grace_days: int = Field(default=7, ge=0, le=90)
    """Days after a failed renewal during which the gate stays met."""
    minor_by_tier: dict[Key, Annotated[int, Field(gt=0, le=MOST_MINOR)]] = Field(
        min_length=1
    )
    """The price in each tier; `any` is the price where a tier has none of its own."""

    def minor_for(self, tier: str | None) -> int:
        """Return the price of `tier`."""
        fallback = next(iter(self.minor_by_tier.values()))
        return self.minor_by_tier.get(
            tier or "any", self.minor_by_tier.get("any", fallback)
        )
