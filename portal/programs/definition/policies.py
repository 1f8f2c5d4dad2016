"""What holds for the whole program: credit, combination, payout, taking back."""

from enum import StrEnum
from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from portal.programs.definition.parts import (
    MOST_MINOR,
    Bps,
    Minor,
    Months,
    Part,
    Sentence,
)


class CreditModel(StrEnum):
    """Who gets the credit when several partners led to a customer."""

    LAST_CLICK = "last_click"
    FIRST_CLICK = "first_click"
    LINEAR = "linear"
    """Everybody with a click in the window, in equal parts."""
    POSITION = "position"
    """40 % to the first, 40 % to the last, the rest to those between."""

    @property
    def splits(self) -> bool:
        """Whether several partners share a customer."""
        return self in (CreditModel.LINEAR, CreditModel.POSITION)


class Registration(Part):
    """Partners register the customers whom they are talking to."""

    days: Annotated[int, Field(ge=1, le=730)]
    """So long, 24 hours each, a registration keeps the customer for its partner."""
    max_open: Annotated[int, Field(ge=1, le=10_000)] | None = None
    """So many may be open at a time for one partner; none: any number."""


class AttributionPolicy(Part):
    """Who gets the credit for a customer."""

    model: CreditModel = CreditModel.LAST_CLICK
    window_days: int = Field(ge=1, le=730)
    registration: Registration | None = None
    """An open registration goes before all clicks; none: nothing is registered."""


class Combination(StrEnum):
    """What happens when several rules match one sale."""

    SUM = "sum"
    """Each pays."""
    FIRST_MATCH = "first_match"
    """The first in the list that matches pays."""
    HIGHEST = "highest"
    """The one that pays most on the whole sale pays; of equals, the first."""


class Budget(Part):
    """The most that the program pays to one partner in a time, item by item.

    What would go over is not paid in part: a budget pauses before that item.
    """

    per: Literal["month", "life"]
    most_minor: Annotated[int, Field(gt=0, le=MOST_MINOR)]


class Clawback(Part):
    """What is taken back when money goes back, or a customer leaves early."""

    refunds: Literal["full", "none"] = "full"
    """Full: what the refunded part earned. None: refunds take nothing back."""
    refund_days: Annotated[int, Field(ge=1, le=3_650)] | None = None
    """Only refunds within so many days of the sale; none: all of them."""
    prepaid_months: Months | None = None
    """A sale pays for so many months. Who leaves before they are over gives back
    the months not used, counted in whole months; none: leaving takes nothing back."""


class Holdback(Part):
    """A part of what a period earned that is paid out later."""

    bps: Annotated[int, Field(gt=0, le=10_000)]
    months: Months
    """So many months after the period's month."""
    release_day: Annotated[int, Field(ge=1, le=28)] = 1
    """On this day of that month."""


class Draw(Part):
    """The least that a partner is paid for a month."""

    minor: Annotated[int, Field(gt=0, le=MOST_MINOR)]
    recoverable: bool = True
    """Whether later earnings above it pay it back."""


class PayoutPolicy(Part):
    """When and from which balance on money is sent."""

    schedule: Literal["monthly", "quarterly"] = "monthly"
    days_after: int = Field(default=15, ge=0, le=120)
    """Days after the end of the month or quarter."""
    only_on_days: tuple[Annotated[int, Field(ge=1, le=28)], ...] = ()
    """Then the next of these days of a month; empty: at once."""
    business_day: Literal["next"] | None = None
    """Next: what falls on a weekend is sent on Monday."""
    minimum_minor: Minor = 0
    holdback: Holdback | None = None
    draw: Draw | None = None

    @model_validator(mode="after")
    def _one_or_the_other(self) -> Self:
        if self.holdback and self.draw:
            raise ValueError("holdback and draw pull in opposite directions: keep one")
        return self


class FriendDiscount(Part):
    """What the customer gets for coming through a partner's link."""

    percent_bps: Bps
    invoices: Annotated[int, Field(ge=1, le=120)] = 1
    """On so many invoices, from the first on."""


class Evidence(StrEnum):
    """Where a number comes from."""

    PUBLISHED = "published"
    REPORTED = "reported"
    ASSUMED = "assumed"


class Source(Part):
    """Where one part of the definition comes from, shown beside it."""

    path: str = Field(min_length=1)
    """The part, such as `rules.partner-share.duration_months`."""
    evidence: Evidence
    note: Sentence
    address: str = Field(default="", pattern=r"^(https?://[^\s@\\]+)?$")
