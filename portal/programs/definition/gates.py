"""What a partner must have, and what the membership costs."""

from enum import StrEnum
from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from portal.programs.definition.parts import (
    MOST_MINOR,
    Country,
    Currency,
    Key,
    Months,
    Part,
    Sentence,
    refuse_repeats,
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
    PAYOUT_ACCOUNT = "payout_account"
    """Where the partner is paid; the partner enters it here."""
    DEALS = "deals"
    """Registered deals. The portal does not count them: staff confirm it."""
    CREDENTIAL = "credential"
    """Certificates of somebody else's exams. Staff check them and confirm it."""


BY_HAND = frozenset({GateKind.CONFIRMATION, GateKind.DEALS, GateKind.CREDENTIAL})
"""What staff check and confirm, because the portal has no facts about it."""


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


class TeamScope(StrEnum):
    """Whose certificates a gate asks for, where one person's are not enough."""

    EVERYONE = "everyone"
    AT_LEAST = "at_least"


class Counted(StrEnum):
    """What is counted up to the number that a gate asks for."""

    PEOPLE = "people"
    """Who holds several certificates counts once."""
    CERTIFICATES = "certificates"
    """One person with two counts as much as two people with one each."""


class Team(Part):
    """How many people of a partner must have what a gate asks for."""

    who: TeamScope
    number: int | None = Field(default=None, ge=1, le=100)
    """How many, with `at_least`."""
    counts: Counted | None = None
    """What is counted, with `at_least`."""
    newcomer_days: int | None = Field(default=None, ge=1, le=365)
    """Days that a new colleague has, with `everyone`, while somebody else holds it.
    Absent: the gate shuts on the day on which the colleague joins."""

    @model_validator(mode="after")
    def _parts_of_its_scope(self) -> Self:
        counts = self.who is TeamScope.AT_LEAST
        if counts != (self.number is not None) or counts != (self.counts is not None):
            raise ValueError("give number and counts for at_least, and only then")
        if counts and self.newcomer_days is not None:
            raise ValueError("newcomer_days is for everyone: remove it")
        return self


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
    or_certifications: tuple[Key, ...] = ()
    """Other exams that are as good."""
    team: Team | None = None
    """How many people must hold it; absent: one person's is enough for the company."""
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
        if self.certification is None and (self.or_certifications or self.team):
            raise ValueError(
                "or_certifications and team are for gates of kind certification"
            )
        if len(set(self.exams)) < len(self.exams):
            raise ValueError("or_certifications names an exam twice: keep one")
        if self.course_open_early and self.certification is None:
            raise ValueError("only the course of a certification can be open early")
        if self.shuts_at_deadline and self.deadline_days is None:
            raise ValueError("say by which deadline it must be met: deadline_days")
        return self

    @property
    def exams(self) -> tuple[str, ...]:
        """The exams of which each is good for it."""
        if self.certification is None:
            return ()
        return (self.certification, *self.or_certifications)


FeeInterval = Literal["month", "year"]
"""How often a fee is charged."""

Prices = dict[Key, Annotated[int, Field(gt=0, le=MOST_MINOR)]]
"""The price in each tier; `any` is the price where a tier has none of its own."""


class FeePrices(Part):
    """What a fee costs when it is paid in one interval."""

    interval: FeeInterval
    minor_by_tier: Annotated[Prices, Field(min_length=1)]
    growth_minor_by_tier: Prices = Field(default_factory=dict)
    """The prices for partners in a growth country; empty: the same as elsewhere."""

    def minor_for(self, tier: str | None, *, in_growth: bool = False) -> int:
        """Return the price of `tier`."""
        prices = (in_growth and self.growth_minor_by_tier) or self.minor_by_tier
        fallback = prices.get("any", next(iter(prices.values())))
        return prices.get(tier or "any", fallback)


class Fee(Part):
    """What a partner pays to be in: a Stripe subscription with a price per tier."""

    title: Sentence
    interval: FeeInterval
    currency: Currency
    grace_days: int = Field(default=7, ge=0, le=90)
    """Days after a failed renewal during which the gate stays met."""
    minor_by_tier: Annotated[Prices, Field(min_length=1)]
    growth_minor_by_tier: Prices = Field(default_factory=dict)
    """The prices for partners in a growth country; empty: the same as elsewhere."""
    or_intervals: tuple[FeePrices, ...] = ()
    """Other intervals from which a partner may choose, with their prices."""
    growth_countries: tuple[Country, ...] = ()
    """Where the prices for growth countries hold: ISO 3166 codes."""
    trial_days: int = Field(default=0, ge=0, le=730)
    """Days before the first payment; once for each partner."""
    coupon: str | None = Field(default=None, pattern=r"^[A-Za-z0-9_-]{1,64}$")
    """The id of a coupon in Stripe, from which every payment page starts."""
    promotion_codes: bool = False
    """Whether the payment page takes promotion codes that you hand out in Stripe."""
    collects: tuple[Literal["address", "tax_id"], ...] = ()
    """What the payment page asks for, so that it stands on the invoices."""

    @property
    def choices(self) -> tuple[FeePrices, ...]:
        """The prices in each interval; the usual one first."""
        usual = FeePrices(
            interval=self.interval,
            minor_by_tier=self.minor_by_tier,
            growth_minor_by_tier=self.growth_minor_by_tier,
        )
        return (usual, *self.or_intervals)

    @property
    def named_tiers(self) -> set[str]:
        """The tiers that have a price of their own, and `any`."""
        return {
            tier
            for one in self.choices
            for tier in (*one.minor_by_tier, *one.growth_minor_by_tier)
        }

    def minor_for(self, tier: str | None) -> int:
        """Return the usual price of `tier`, in minor units."""
        return self.choices[0].minor_for(tier)

    def price(
        self, tier: str | None, country: str, interval: FeeInterval | None = None
    ) -> int:
        """Return what a partner pays for each interval, in minor units.

        Args:
            tier: The partner's tier; none in a program without tiers.
            country: Where the partner is, an ISO 3166 code.
            interval: One that `choices` has; none for the usual one.

        Raises:
            KeyError: The fee is not paid in that interval.
        """
        prices = {one.interval: one for one in self.choices}[interval or self.interval]
        return prices.minor_for(tier, in_growth=country in self.growth_countries)

    @model_validator(mode="after")
    def _prices_fit_together(self) -> Self:
        refuse_repeats("interval of the fee", [one.interval for one in self.choices])
        with_growth = [bool(one.growth_minor_by_tier) for one in self.choices]
        if bool(self.growth_countries) != all(with_growth):
            raise ValueError("growth_countries and growth prices come together")
        if not self.growth_countries and any(with_growth):
            raise ValueError("growth_countries and growth prices come together")
        if self.coupon and self.promotion_codes:
            raise ValueError(
                "Stripe takes a coupon or promotion codes, not both: remove one"
            )
        return self
