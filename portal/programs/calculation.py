"""What a partner could earn in a first year. Pure integer arithmetic.

The estimate follows the rules of the program: bands, tiers, duration. It knows
nothing of refunds, taxes or customers who leave, and says so where it is shown.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field
from itertools import pairwise

from portal.kit.money import BPS_PER_WHOLE, Money, divide
from portal.programs.definition import (
    Band,
    BandMode,
    Fee,
    ProgramDefinition,
    RatingWindow,
    Rule,
    TierMetric,
    TierMoment,
    Tiers,
    TierWindow,
)
from portal.programs.rules import level_for, milli_points

MONTHS = 12
_DAYS_OF_A_MONTH = 30
MOST_CUSTOMERS = 100
MOST_PRICE_MAJOR = 1_000_000

_TIER_WINDOW_MONTHS = {
    TierWindow.MONTH: 1,
    TierWindow.QUARTER: 3,
    TierWindow.YEAR: MONTHS,
    TierWindow.ROLLING_12_MONTHS: MONTHS,
    TierWindow.LIFE: MONTHS,
}
_RATING_WINDOW_MONTHS = {
    RatingWindow.MONTH: 1,
    RatingWindow.QUARTER: 3,
    RatingWindow.YEAR: MONTHS,
}


_ESTIMATED = {
    "key",
    "title",
    "window",
    "mode",
    "bands",
    "rate_bps_by_tier",
    "tier_at",
    "duration_months",
    "rounding",
    "hold",
    "when",
}
"""The fields of a rule that the estimate follows, or that do not change it."""
_ESTIMATED_TIERS = {"metric", "window", "points", "levels", "demote", "duty"}
"""The same of tiers: in a year in which sales only grow, nobody moves down."""


@dataclass(frozen=True, slots=True)
class EstimatedMonth:
    """One month of the estimate.

    Attributes:
        number: 1 for the first month.
        customers: How many customers pay in it.
        sales: What they pay, without tax.
        earned: What the partner earns on it.
        tier: Name of the tier at the month's end; none without tiers.
    """

    number: int
    customers: int
    sales: Money
    earned: Money
    tier: str | None


@dataclass(frozen=True, slots=True)
class Estimate:
    """A first year.

    Attributes:
        months: The twelve months.
        sales: What all customers pay, without tax.
        earned: What the partner earns.
        fees: What the partner pays to be in; none without a fee. It may be in
            another currency than the earnings.
    """

    months: tuple[EstimatedMonth, ...]
    sales: Money
    earned: Money
    fees: Money | None


@dataclass(slots=True)
class _Customer:
    since: int
    tier_key: str | None = None


@dataclass(slots=True)
class _Course:
    """How far the simulated year has come."""

    definition: ProgramDefinition
    price: int
    customers: list[_Customer] = field(default_factory=list)
    new_in_window: int = 0
    net_in_window: int = 0
    net_by_rule: dict[str, int] = field(default_factory=dict)

    def begin(self, month: int) -> None:
        """Start the windows that begin with this month."""
        tiers = self.definition.tiers
        if tiers and month % _TIER_WINDOW_MONTHS[tiers.window] == 0:
            self.new_in_window = self.net_in_window = 0
        for rule in _for_newcomers(self.definition):
            if month % _RATING_WINDOW_MONTHS.get(rule.window, 1) == 0:
                self.net_by_rule[rule.key] = 0

    def tier_key(self) -> str | None:
        """Return the key of the tier as things stand."""
        tiers = self.definition.tiers
        return level_for(tiers, self._metric(tiers)).key if tiers else None

    def tier_name(self) -> str | None:
        """Return the name of the tier as things stand."""
        tiers = self.definition.tiers
        return level_for(tiers, self._metric(tiers)).name if tiers else None

    def sell(self, customer: _Customer, month: int) -> int:
        """Let one customer pay; return what that earns, in minor units."""
        is_new = customer.since == month
        self.new_in_window += is_new
        self.net_in_window += self.price
        if is_new:
            customer.tier_key = self.tier_key()
        return sum(
            self._earn(rule, customer)
            for rule in _for_newcomers(self.definition)
            if rule.duration_months is None
            or month - customer.since < rule.duration_months
        )

    def _earn(self, rule: Rule, customer: _Customer) -> int:
        if rule.rate_bps_by_tier:
            first = rule.tier_at is TierMoment.FIRST_SALE
            key = customer.tier_key if first else self.tier_key()
            rate = rule.rate_bps_by_tier[key or ""]
            return divide(self.price * rate, BPS_PER_WHOLE, rule.rounding)
        if rule.window is RatingWindow.SALE:
            return banded(rule, self.price)
        before = self.net_by_rule[rule.key]
        self.net_by_rule[rule.key] = before + self.price
        return banded(rule, before + self.price) - banded(rule, before)

    def _metric(self, tiers: Tiers) -> int:
        if tiers.metric is TierMetric.NEW_CUSTOMERS:
            return self.new_in_window
        if tiers.metric is TierMetric.NET_SALES:
            return self.net_in_window
        return milli_points(tiers, self.net_in_window, self.definition.currency)


def banded(rule: Rule, total_minor: int) -> int:
    """Return what a window's total of net sales earns by the bands of `rule`.

    Rounded once, over all slices together. A total that is not positive earns
    nothing.
    """
    reached = [band for band in rule.bands if band.from_value <= total_minor]
    if not reached:
        return 0
    if rule.mode is BandMode.WHOLE:
        scaled = total_minor * (reached[-1].rate_bps or 0)
    else:
        scaled = sum(_slices(reached, total_minor))
    return divide(scaled, BPS_PER_WHOLE, rule.rounding)


def _slices(reached: list[Band], total_minor: int) -> Iterable[int]:
    for band, following in pairwise(reached):
        yield (following.from_value - band.from_value) * (band.rate_bps or 0)
    yield (total_minor - reached[-1].from_value) * (reached[-1].rate_bps or 0)


def can_estimate(definition: ProgramDefinition) -> bool:
    """Tell whether the estimate follows every rule of a program.

    It knows shares of payments by bands of amounts in calendar windows, and rates by
    tier. Of a program with more than that it would promise something else.
    """
    is_capped = definition.budget is not None or definition.payout.draw is not None
    rules = _for_newcomers(definition)
    return (
        len(rules) == 1
        and not is_capped
        and _is_plain(rules[0])
        and (definition.tiers is None or _are_plain(definition.tiers))
    )


def _is_charged(fee: Fee, month: int) -> bool:
    """Tell whether the fee is charged in month `month` of being in; the first is 0."""
    first = fee.trial_days // _DAYS_OF_A_MONTH
    return month == first or (month > first and fee.interval == "month")


def _for_newcomers(definition: ProgramDefinition) -> list[Rule]:
    """Return the rules but for those about customers from before some day."""
    return [
        rule
        for rule in definition.rules
        if rule.when is None or rule.when.customer_before is None
    ]


def _are_plain(tiers: Tiers) -> bool:
    beyond = set(tiers.model_dump(exclude_defaults=True)) - _ESTIMATED_TIERS
    falls = tiers.window in (TierWindow.MONTH, TierWindow.QUARTER)
    waits = falls and tiers.demote.when != "at_once"
    return not (beyond or waits or any(level.requires for level in tiers.levels))


def _is_plain(rule: Rule) -> bool:
    # Dumped without defaults, a rule shows what it has beyond the plain.
    given = rule.model_dump(exclude_defaults=True)
    beyond = set(given) - _ESTIMATED | set(given.get("when", ())) - {"customer_from"}
    by_rate = all(band.rate_bps is not None and not band.mode for band in rule.bands)
    in_calendar = rule.window in {RatingWindow.SALE, *_RATING_WINDOW_MONTHS}
    return not beyond and by_rate and in_calendar


def estimate(
    definition: ProgramDefinition, *, customers_per_month: int, price_minor: int
) -> Estimate:
    """Return what a partner would earn in a first year.

    Args:
        definition: The program.
        customers_per_month: New customers in each month; all of them stay.
        price_minor: What each pays each month, without tax, in minor units of the
            program's currency.
    """
    course = _Course(definition, price_minor)
    months, fees = [], 0
    for month in range(MONTHS):
        course.begin(month)
        if definition.fee and _is_charged(definition.fee, month):
            fees += definition.fee.minor_for(course.tier_key())
        course.customers += [_Customer(month) for _ in range(customers_per_month)]
        earned = sum(course.sell(customer, month) for customer in course.customers)
        months.append(
            EstimatedMonth(
                number=month + 1,
                customers=len(course.customers),
                sales=Money(price_minor * len(course.customers), definition.currency),
                earned=Money(earned, definition.currency),
                tier=course.tier_name(),
            )
        )
    nothing = Money(0, definition.currency)
    return Estimate(
        months=tuple(months),
        sales=sum((month.sales for month in months), start=nothing),
        earned=sum((month.earned for month in months), start=nothing),
        fees=Money(fees, definition.fee.currency) if definition.fee else None,
    )
