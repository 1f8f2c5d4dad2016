"""What a partner's metrics come to while sales and facts come in. Pure."""

from bisect import bisect_right
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from math import lcm
from types import MappingProxyType
from typing import NamedTuple

from portal.programs.definition import (
    DealSource,
    Points,
    Requirement,
    TierMetric,
    Tiers,
    Trigger,
)
from portal.programs.rules import level_for, milli_per_100, minor_per_100
from portal.tiers.facts import Event, SaleFact, first_sales

CERTIFICATIONS = "certifications"
"""The fact that counts the certificates which the partner's people hold."""


def recorded_by_hand(tiers: Tiers) -> tuple[str, ...]:
    """Return the facts that the levels ask for and that staff record."""
    asked = {need.fact for level in tiers.levels for need in level.requires}
    return tuple(sorted(fact for fact in asked if fact and fact != CERTIFICATIONS))


def is_met(need: Requirement, value: int | None) -> bool:
    """Tell whether `value` meets a requirement; one that nobody recorded never does."""
    if value is None:
        return False
    if need.below is not None:
        return value < need.below
    return value >= (need.at_least or 0)


@dataclass(frozen=True, slots=True, kw_only=True)
class Reading:
    """What a partner has at one moment.

    Attributes:
        values: What the metrics that sales add up to come to.
        facts: The latest value of each fact that was recorded.
    """

    values: Mapping[TierMetric, int]
    facts: Mapping[str, int]

    def of(self, need: Requirement) -> int | None:
        """Return what a requirement looks at; none if nobody recorded it."""
        if need.fact is not None:
            return self.facts.get(need.fact)
        return self.values[need.metric]


class _Weight(NamedTuple):
    """By how much one minor unit of a sale moves each sum."""

    net: int
    points: int
    sourced: int


class Meter:
    """Keeps the metrics of one partner; each sale, refund and fact moves them once."""

    def __init__(self, tiers: Tiers, events: Sequence[Event], currency: str) -> None:
        sold = (event for event in events if event.sale.trigger is Trigger.SALE)
        self._tiers = tiers
        self._limits = _limits(tiers)
        self._rank = {level.key: rank for rank, level in enumerate(tiers.levels)}
        self._currency = currency
        # Sales are looked up by the number of their id, here and below: a UUID hashes
        # and compares itself in Python, which takes longer than all the rest.
        self._first = {sale.id.int for sale in first_sales(sold).values()}
        self._hundreds = _hundreds(tiers.points, currency)
        self._unit = lcm(*self._hundreds.values())
        self._weights: dict[tuple[str, DealSource, str | None], _Weight] = {}
        self._left: dict[int, int] = {}
        self._customers = self._net = self._points = self._sourced = 0
        self._facts: dict[str, int] = {}
        self._read: Mapping[TierMetric, Callable[[], int]] = {
            TierMetric.NEW_CUSTOMERS: lambda: self._customers,
            TierMetric.NET_SALES: lambda: self._net,
            # Rounded here alone: fractions of points of several sales add up.
            TierMetric.POINTS: lambda: self._points // self._unit,
            TierMetric.SOURCED_POINTS: lambda: self._sourced // self._unit,
        }
        self._read_value = self._read[tiers.metric]

    @property
    def value(self) -> int:
        """The metric that decides first."""
        return self._read_value()

    @property
    def reading(self) -> Reading:
        """Everything as it stands now."""
        return Reading(
            values=MappingProxyType(
                {metric: read() for metric, read in self._read.items()}
            ),
            facts=MappingProxyType(dict(self._facts)),
        )

    def earned(self) -> int:
        """Return the rank of the level whose conditions hold now."""
        if self._limits is not None:
            return bisect_right(self._limits, self._read_value())
        return self._rank[level_for(self._tiers, self.value, self._meets).key]

    def take(self, event: Event) -> None:
        """Count a sale, or what a refund took from a sale that still counts."""
        sale = event.sale
        if sale.trigger is not Trigger.SALE:
            return
        place = sale.id.int
        change = event.left_after_minor - event.left_before_minor
        if event.refund is None:
            self._left[place] = change
            self._customers += place in self._first
        elif place in self._left:
            self._left[place] += change
        else:
            return
        self._add(sale, change)

    def drop(self, sale: SaleFact) -> None:
        """Count a sale no more that counted until now: its time is over."""
        left = self._left.pop(sale.id.int)
        self._customers -= sale.id.int in self._first
        self._add(sale, -left)

    def record(self, fact: str, value: int) -> None:
        """Put a value in the place of the one before."""
        self._facts[fact] = value

    def _meets(self, need: Requirement) -> bool:
        if need.fact is not None:
            return is_met(need, self._facts.get(need.fact))
        return is_met(need, self._read[need.metric]())

    def _add(self, sale: SaleFact, minor: int) -> None:
        if self._tiers.points is None:
            if sale.currency == self._currency:
                self._net += minor
            return
        weight = self._weight(sale)
        self._net += minor * weight.net
        self._points += minor * weight.points
        self._sourced += minor * weight.sourced

    def _weight(self, sale: SaleFact) -> _Weight:
        kind = (sale.currency, sale.source, sale.country)
        known = self._weights.get(kind)
        if known is None:
            known = self._weights[kind] = self._new_weight(*kind)
        return known

    def _new_weight(
        self, currency: str, source: DealSource, country: str | None
    ) -> _Weight:
        net = int(currency == self._currency)
        hundred = self._hundreds.get(currency)
        if hundred is None or self._tiers.points is None:
            return _Weight(net, 0, 0)
        each = milli_per_100(self._tiers.points, source, country)
        points = each * (self._unit // hundred)
        return _Weight(net, points, points if source is DealSource.SOURCED else 0)


def _limits(tiers: Tiers) -> list[int] | None:
    """Return the least value of each level but the lowest, to look levels up fast.

    None where a level needs more than a value.
    """
    if any(level.requires for level in tiers.levels):
        return None
    over = tiers.limit == "more_than"
    return [level.from_value + over for level in tiers.levels[1:]]


def _hundreds(points: Points | None, currency: str) -> dict[str, int]:
    if points is None:
        return {}
    return {
        one: minor_per_100(points, one) for one in (currency, *points.minor_per_100)
    }
