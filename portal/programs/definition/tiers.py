"""The levels of a program and what moves a partner between them."""

from enum import StrEnum
from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from portal.programs.definition.parts import (
    Country,
    Currency,
    Key,
    MilliPoints,
    Minor,
    MonthDay,
    Months,
    Part,
    Sentence,
    refuse_repeats,
)


class DealSource(StrEnum):
    """What a partner had to do with a sale."""

    SOURCED = "sourced"
    """It brought the customer. What is not said otherwise is sourced."""
    ASSISTED = "assisted"
    """It helped to win a customer that somebody else brought."""
    MANAGED = "managed"
    """It looks after the customer."""


class TierMetric(StrEnum):
    """What decides a partner's tier."""

    NEW_CUSTOMERS = "new_customers"
    """Customers whose first sale falls into the window."""
    NET_SALES = "net_sales"
    """Net sales in the window, in minor units."""
    POINTS = "points"
    """Thousandths of a point, from net sales; see `points`."""
    SOURCED_POINTS = "sourced_points"
    """The points of sourced sales alone."""
    FACT = "fact"
    """A value that staff or an exam records, such as a rating or a score."""


class TierWindow(StrEnum):
    """Over which time the metric is taken."""

    MONTH = "month"
    QUARTER = "quarter"
    YEAR = "year"
    ROLLING_12_MONTHS = "rolling_12_months"
    LIFE = "life"


class Points(Part):
    """How net sales become points."""

    milli_per_100: dict[DealSource, MilliPoints] = Field(min_length=1)
    """Thousandths of a point for each 100 major units, by what the partner did."""
    growth_countries: tuple[Country, ...] = ()
    """Where points count `growth_multiplier` times."""
    growth_multiplier: int = Field(default=1, ge=1, le=10)
    minor_per_100: dict[Currency, Annotated[int, Field(gt=0)]] = Field(
        default_factory=dict
    )
    """What stands for 100 major units in another currency than the program's."""


class Requirement(Part):
    """One thing that a level needs besides its `from_value`. Exactly one limit."""

    metric: TierMetric
    fact: Key | None = None
    """Which recorded value, for the metric `fact`."""
    at_least: Minor | None = None
    below: Annotated[int, Field(gt=0)] | None = None
    """For values of which less is better, such as hours to an answer."""

    @model_validator(mode="after")
    def _is_one_limit_on_one_thing(self) -> Self:
        if (self.at_least is None) == (self.below is None):
            raise ValueError("give at_least or below")
        if (self.metric is TierMetric.FACT) != (self.fact is not None):
            raise ValueError("name a fact for the metric fact, and only then")
        return self


class TierLevel(Part):
    """One level."""

    key: Key
    name: Sentence
    from_value: Minor
    """The least value of the metric; exactly this much is enough."""
    requires: tuple[Requirement, ...] = ()
    """All of them must hold, besides `from_value`."""
    benefits: tuple[Sentence, ...] = ()


class Promotion(Part):
    """When a partner moves up."""

    when: Literal["at_once", "dates"] = "at_once"
    dates: tuple[MonthDay, ...] = ()

    @model_validator(mode="after")
    def _has_dates_if_it_needs_them(self) -> Self:
        if (self.when == "dates") != bool(self.dates):
            raise ValueError("give dates where a move waits for dates, and only then")
        return self


class Demotion(Part):
    """When a partner moves down."""

    when: Literal["at_once", "dates", "never"] = "at_once"
    dates: tuple[MonthDay, ...] = ()
    look_back_months: Annotated[int, Field(ge=0, le=12)] = 0
    """On such a date, the best level at the end of any of so many months is kept."""

    @model_validator(mode="after")
    def _has_dates_if_it_needs_them(self) -> Self:
        if (self.when == "dates") != bool(self.dates):
            raise ValueError("give dates where a move waits for dates, and only then")
        if self.look_back_months and self.when != "dates":
            raise ValueError("only a move on dates looks back")
        return self


class TierDuty(Part):
    """The level that a partner must reach in time."""

    level: Key
    within_months: Months
    move_to: Key | None = None
    """The level for partners who miss it; none: the membership ends."""


class Tiers(Part):
    """The levels of a program, lowest first."""

    metric: TierMetric
    window: TierWindow
    points: Points | None = None
    """For points: how sales become them."""
    levels: tuple[TierLevel, ...] = Field(min_length=1)
    limit: Literal["at_least", "more_than"] = "at_least"
    """Whether exactly a level's `from_value` is enough."""
    counts_from: Literal["this_sale", "next_sale"] = "this_sale"
    """Whether the sale that reaches a level is rated on it already."""
    promote: Promotion = Promotion()
    demote: Demotion = Demotion()
    duty: TierDuty | None = None

    @property
    def metrics(self) -> frozenset[TierMetric]:
        """Every metric that some level looks at."""
        required = {need.metric for level in self.levels for need in level.requires}
        return frozenset(required | {self.metric})

    @model_validator(mode="after")
    def _rise_from_zero(self) -> Self:
        froms = [level.from_value for level in self.levels]
        if self.metric is TierMetric.FACT:
            raise ValueError("a fact decides through requires; choose another metric")
        if froms[0] != 0 or sorted(froms) != froms:
            raise ValueError("levels start at 0 and none begins below the one before")
        if self.levels[0].requires:
            raise ValueError("the lowest level is everybody's: it requires nothing")
        for below, above in zip(self.levels, self.levels[1:], strict=False):
            if below.from_value == above.from_value and not above.requires:
                raise ValueError(
                    f"level {below.key} is never held: {above.key} begins at the "
                    "same value and requires nothing more, so whoever reaches "
                    f"{above.from_value} stands on {above.key}"
                )
        _levels = [level.key for level in self.levels]
        refuse_repeats("level key", _levels)
        by_points = {TierMetric.POINTS, TierMetric.SOURCED_POINTS} & self.metrics
        if bool(by_points) != (self.points is not None):
            raise ValueError(
                "say how sales become points where points count, only then"
            )
        if self.duty and not {self.duty.level, self.duty.move_to or ""} <= {
            *_levels,
            "",
        }:
            raise ValueError("the duty names a level that does not exist")
        return self
