"""How sales become commission."""

from collections.abc import Sequence
from datetime import date
from enum import StrEnum
from itertools import pairwise
from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from portal.kit.money import Rounding
from portal.programs.definition.parts import (
    MOST_MINOR,
    Bps,
    Country,
    Key,
    Minor,
    MonthDay,
    Months,
    Part,
    Sentence,
    refuse_repeats,
)
from portal.programs.definition.tiers import DealSource

NO_RULE_KEY = "none"
"""The rule of lines that no rule is about; no rule of a program may be called so."""


class Trigger(StrEnum):
    """What a rule pays for."""

    SALE = "sale"
    LEAD = "lead"
    """A contact that was accepted, at the price agreed for it."""
    CLICK = "click"
    """A visit that counts, at the price that was bid for it."""
    SUBSCRIBER = "subscriber"
    """Somebody who signed up and was confirmed."""


class Measure(StrEnum):
    """What is counted in a window."""

    NET_SALES = "net_sales"
    """What was paid, as the rule's base says; of a lead or click, its price."""
    MARGIN = "margin"
    """What was paid less what it cost the vendor."""
    ITEMS = "items"
    """Sales, leads, clicks or subscribers, one each; refunded in full, it is none."""
    UNITS = "units"
    """Seats or pieces."""

    @property
    def is_money(self) -> bool:
        """Whether it is an amount in minor units."""
        return self in (Measure.NET_SALES, Measure.MARGIN)


class RatingWindow(StrEnum):
    """Which net sales count together when a rule is rated."""

    SALE = "sale"
    MONTH = "month"
    QUARTER = "quarter"
    YEAR = "year"
    PROGRAM_YEAR = "program_year"
    """A year that begins on `program_year_from`."""
    ROLLING = "rolling"
    """What came in over the last `rolling_months` picks the rate of this sale."""
    LIFE = "life"


class BandMode(StrEnum):
    """How the bands apply."""

    MARGINAL = "marginal"
    """Each slice of the running total at its own rate."""
    WHOLE = "whole"
    """The whole total at the rate of the band in which it lands."""


class Band(Part):
    """What is paid from a running total on, up to the next band. One kind of pay."""

    from_value: Minor
    """In minor units, or a number of items or units, as the measure says."""
    rate_bps: Bps | None = None
    """A share of the amount."""
    each_minor: Minor | None = None
    """So much for each item or unit."""
    flat_minor: Minor | None = None
    """So much once, when the total reaches the band."""
    mode: BandMode | None = None
    """How this band applies; none: as the rule says."""

    @model_validator(mode="after")
    def _pays_one_way(self) -> Self:
        if [self.rate_bps, self.each_minor, self.flat_minor].count(None) != 2:  # noqa: PLR2004 - all but one
            raise ValueError("give one of rate_bps, each_minor and flat_minor")
        return self


class Accelerator(Part):
    """More for what lies above a quota."""

    above_minor: Annotated[int, Field(gt=0, le=MOST_MINOR)]
    """From this total of the window on."""
    multiplier_bps: Annotated[int, Field(gt=10_000, le=1_000_000)]
    """12500 multiplies what the bands pay by 1.25."""
    needs_year_to_date_minor: Minor = 0
    """Only if the sales of the calendar year so far reach this."""


class MonthSpan(Part):
    """Months of a customer's life; its first sale begins month 1."""

    from_month: Annotated[int, Field(ge=1, le=600)] = 1
    to_month: Annotated[int, Field(ge=1, le=600)] | None = None
    """The last one; none: no end."""

    @model_validator(mode="after")
    def _ends_after_it_begins(self) -> Self:
        if self.to_month is not None and self.to_month < self.from_month:
            raise ValueError("to_month lies before from_month")
        return self


class Conditions(Part):
    """Which sales a rule is about; all that is given must hold."""

    products: tuple[Sentence, ...] = ()
    """Only the lines of a sale with one of these products count."""
    except_products: tuple[Sentence, ...] = ()
    countries: tuple[Country, ...] = ()
    sources: tuple[DealSource, ...] = ()
    sale: Literal["any", "first", "renewal"] = "any"
    """A customer's first sale, or every later one."""
    customer_months: MonthSpan | None = None
    tiers: tuple[Key, ...] = ()
    """The partner's level, at the moment that `tier_at` names."""
    customer_from: date | None = None
    """The customer's first sale is on this day or later."""
    customer_before: date | None = None
    """The customer's first sale is before this day."""
    managed_from: date | None = None
    """From this day on, only while the partner looks after the customer."""


class TierMoment(StrEnum):
    """Which tier a rate by tier looks at."""

    SALE = "sale"
    """The tier at the moment of the sale, this sale counted in."""
    FIRST_SALE = "first_sale"
    """The tier when the customer first bought, that sale counted in; kept."""


class Base(Part):
    """What of a payment counts."""

    discount: Literal["after", "before"] = "after"
    """After: what was paid. Before: the price without the discount."""
    tax: Literal["without", "with"] = "without"


class CapScope(StrEnum):
    """What a cap adds up."""

    SALE = "sale"
    CUSTOMER = "customer"
    """All that a customer brings, for ever."""
    MONTH = "month"
    QUARTER = "quarter"
    YEAR = "year"
    LIFE = "life"


class Cap(Part):
    """The most that is paid; what goes over is written down and not paid."""

    per: CapScope
    most_minor: Annotated[int, Field(gt=0, le=MOST_MINOR)]


class Hold(Part):
    """How long a commission waits before it may go on a statement."""

    days: Annotated[int, Field(ge=0, le=365)] = 0
    to_month_end: bool = False
    """After the days, until the month that they end in is over."""
    while_customer: bool = False
    """Who leaves before the hold ends earns the partner nothing."""


class RoundingPer(StrEnum):
    """What is rounded."""

    WINDOW = "window"
    """The commission on the window's total; a line is the difference of two."""
    SALE = "sale"
    """What each sale earns; so fractions are not carried from sale to sale."""


def _misplaced(froms: Sequence[int]) -> str:
    """Return an example of a total of which bands do not say what it earns."""
    if froms[0] != 0:
        return f"no band says what a total of {froms[0] - 1} earns"
    below, above = next(pair for pair in pairwise(froms) if pair[0] >= pair[1])
    return (
        f"a total of {below} would be in the band from {below} and in the one from "
        f"{above} after it"
        if below != above
        else f"a total of {below} would be in two bands"
    )


class Rule(Part):
    """How sales become commission. Exactly one of `bands` and `rate_bps_by_tier`."""

    key: Key
    title: Sentence
    pays_for: Trigger = Trigger.SALE
    when: Conditions | None = None
    measure: Measure = Measure.NET_SALES
    base: Base | None = None
    """What of a payment counts; none: what was paid, without tax."""
    window: RatingWindow = RatingWindow.SALE
    per: Literal["partner", "customer"] = "partner"
    """Whose sales count together in a window."""
    program_year_from: MonthDay | None = None
    rolling_months: Months | None = None
    banded_by: Measure | None = None
    """What picks the band, where it is not the measure itself."""
    mode: BandMode = BandMode.MARGINAL
    limit: Literal["at_least", "more_than"] = "at_least"
    """Whether a total of exactly a band's `from_value` lies in the band."""
    bands: tuple[Band, ...] = ()
    accelerator: Accelerator | None = None
    rate_bps_by_tier: dict[Key, Bps] = Field(default_factory=dict)
    tier_at: TierMoment = TierMoment.SALE
    duration_months: Months | None = None
    """Months from the customer's first sale during which sales earn; none: for life."""
    all_or_nothing_months: Months | None = None
    """Earns only if the customer stays for so many months, and clears then."""
    caps: tuple[Cap, ...] = ()
    hold: Hold | None = None
    """Instead of the program's hold."""
    rounding: Rounding = Rounding.HALF_AWAY
    rounding_per: RoundingPer = RoundingPer.WINDOW

    def mode_of(self, band: Band) -> BandMode:
        """Return how `band` applies."""
        return band.mode or self.mode

    @property
    def picks_band_by(self) -> Measure:
        """What picks the band."""
        return self.banded_by or self.measure

    @model_validator(mode="after")
    def _has_one_kind_of_rate(self) -> Self:
        if bool(self.bands) == bool(self.rate_bps_by_tier):
            raise ValueError("give either bands or rate_bps_by_tier")
        if self.rate_bps_by_tier and self.window is not RatingWindow.SALE:
            raise ValueError("a rate by tier is rated sale by sale: window: sale")
        if self.rate_bps_by_tier and not self.measure.is_money:
            raise ValueError(
                "a rate is a share of an amount: measure net_sales or margin"
            )
        return self

    @model_validator(mode="after")
    def _bands_fit(self) -> Self:
        froms = [band.from_value for band in self.bands]
        if froms and (froms[0] != 0 or sorted(set(froms)) != froms):
            raise ValueError(
                "bands start at 0 and each begins above the one before: "
                + _misplaced(froms)
            )
        for band in self.bands:
            if (band.rate_bps is not None) and not self.measure.is_money:
                raise ValueError(
                    "a rate is a share of an amount: give each_minor for a number"
                )
            if (band.each_minor is not None) and self.measure.is_money:
                raise ValueError("each_minor pays for a number: measure items or units")
        only_whole = self.banded_by is not None or self.window is RatingWindow.ROLLING
        if only_whole and any(
            self.mode_of(band) is BandMode.MARGINAL for band in self.bands[1:]
        ):
            raise ValueError(
                "bands picked by another measure or a rolling window apply whole: "
                "mode: whole"
            )
        return self

    @model_validator(mode="after")
    def _window_is_complete(self) -> Self:
        if (self.window is RatingWindow.PROGRAM_YEAR) != bool(self.program_year_from):
            raise ValueError("give program_year_from for that window, and only then")
        if (self.window is RatingWindow.ROLLING) != bool(self.rolling_months):
            raise ValueError("give rolling_months for that window, and only then")
        if self.accelerator and self.measure is not Measure.NET_SALES:
            raise ValueError("an accelerator looks at net sales: measure net_sales")
        if self.accelerator and (
            self.banded_by is not None or self.window is RatingWindow.ROLLING
        ):
            raise ValueError("an accelerator looks at the window's own total")
        if self.accelerator and self.rounding_per is RoundingPer.SALE:
            raise ValueError("an accelerator is rounded per window")
        refuse_repeats("cap", [cap.per for cap in self.caps])
        return self
