"""Small questions that a definition answers by itself. Pure: no clock, no database."""

import calendar
from collections.abc import Callable
from datetime import date, timedelta

from portal.kit.currencies import minor_per_major
from portal.programs.definition import (
    Blocks,
    DealSource,
    Evidence,
    Gate,
    PayoutPolicy,
    Points,
    ProgramDefinition,
    Requirement,
    Source,
    TierLevel,
    TierMetric,
    Tiers,
)

_MONTHS_IN_QUARTER = 3
_WEEKEND = (5, 6)
_WEAKNESS = (Evidence.PUBLISHED, Evidence.REPORTED, Evidence.ASSUMED)


def payout_date(definition: ProgramDefinition, period_end: date) -> date:
    """Return the day on which a statement is paid.

    Args:
        definition: The program.
        period_end: The last day of the statement's period. In a program that pays
            each quarter, a month waits for the end of its quarter.
    """
    payout = definition.payout
    day = _schedule_end(payout, period_end) + timedelta(days=payout.days_after)
    while payout.only_on_days and day.day not in payout.only_on_days:
        day += timedelta(days=1)
    while payout.business_day == "next" and day.weekday() in _WEEKEND:
        day += timedelta(days=1)
    return day


def _schedule_end(payout: PayoutPolicy, day: date) -> date:
    month = day.month
    if payout.schedule == "quarterly":
        month += -month % _MONTHS_IN_QUARTER
    return date(day.year, month, calendar.monthrange(day.year, month)[1])


def reaches(tiers: Tiers, level: TierLevel, value: int) -> bool:
    """Tell whether `value` of the metric is enough for `level`.

    Whether exactly its `from_value` is enough, the program says.
    """
    if tiers.limit == "more_than":
        return value > level.from_value
    return value >= level.from_value


def _never(need: Requirement) -> bool:
    del need
    return False


def level_for(
    tiers: Tiers, value: int, is_met: Callable[[Requirement], bool] = _never
) -> TierLevel:
    """Return the highest level of which all conditions hold.

    Those below it need not hold. Where none holds, as after refunds, it is the lowest
    level, which is everybody's.

    Args:
        tiers: The levels.
        value: The metric.
        is_met: Whether a requirement holds; without it, none does.
    """
    for level in reversed(tiers.levels[1:]):
        if reaches(tiers, level, value) and all(map(is_met, level.requires)):
            return level
    return tiers.levels[0]


def minor_per_100(points: Points, currency: str) -> int:
    """Return what stands for 100 major units, in minor units of `currency`."""
    return points.minor_per_100.get(currency, 100 * minor_per_major(currency))


def milli_per_100(points: Points, source: DealSource, country: str | None) -> int:
    """Return the thousandths of points for each 100 major units of such a sale."""
    each = points.milli_per_100.get(source, 0)
    return (
        each * points.growth_multiplier if country in points.growth_countries else each
    )


def milli_points(
    tiers: Tiers,
    net_minor: int,
    currency: str,
    *,
    source: DealSource = DealSource.SOURCED,
    country: str | None = None,
) -> int:
    """Return the thousandths of points that net sales are worth, rounded down.

    Args:
        tiers: The levels; without points, nothing is worth any.
        net_minor: Net sales of one kind.
        currency: The program's, or another that `points.minor_per_100` names.
        source: What the partner had to do with them.
        country: Where the customers are.
    """
    if tiers.points is None:
        return 0
    per_100 = milli_per_100(tiers.points, source, country)
    return net_minor * per_100 // minor_per_100(tiers.points, currency)


def looks_at_facts(definition: ProgramDefinition) -> bool:
    """Tell whether recorded facts decide anything in a program."""
    return definition.tiers is not None and TierMetric.FACT in definition.tiers.metrics


def gates_that_block(definition: ProgramDefinition, *blocks: Blocks) -> list[Gate]:
    """Return the gates that keep a partner from any of these."""
    return [gate for gate in definition.gates if set(gate.blocks) & set(blocks)]


def sources_for(definition: ProgramDefinition, path: str) -> list[Source]:
    """Return what is known about one part: its own sources and those of its parts."""
    return [
        source
        for source in definition.sources
        if source.path == path or source.path.startswith(f"{path}.")
    ]


def weakest_evidence(sources: list[Source]) -> Evidence | None:
    """Return the least certain evidence among the sources; none without sources."""
    kinds = [source.evidence for source in sources]
    return max(kinds, key=_WEAKNESS.index, default=None)
