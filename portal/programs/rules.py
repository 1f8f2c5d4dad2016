"""Small questions that a definition answers by itself. Pure: no clock, no database."""

import calendar
from datetime import date, timedelta

from portal.kit.currencies import minor_per_major
from portal.programs.definition import (
    Blocks,
    Evidence,
    Gate,
    PayoutPolicy,
    ProgramDefinition,
    Source,
    TierLevel,
    Tiers,
)

_MONTHS_IN_QUARTER = 3
_WEAKNESS = (Evidence.PUBLISHED, Evidence.REPORTED, Evidence.ASSUMED)


def payout_date(definition: ProgramDefinition, period_end: date) -> date:
    """Return the day on which a statement is paid.

    Args:
        definition: The program.
        period_end: The last day of the statement's period. In a program that pays
            each quarter, a month waits for the end of its quarter.
    """
    return _schedule_end(definition.payout, period_end) + timedelta(
        days=definition.payout.days_after
    )


def _schedule_end(payout: PayoutPolicy, day: date) -> date:
    month = day.month
    if payout.schedule == "quarterly":
        month += -month % _MONTHS_IN_QUARTER
    return date(day.year, month, calendar.monthrange(day.year, month)[1])


def level_for(tiers: Tiers, value: int) -> TierLevel:
    """Return the highest level that `value` of the metric reaches.

    Exactly a level's `from_value` is enough. Below zero, as after refunds, it is the
    lowest level.
    """
    reached = [level for level in tiers.levels if level.from_value <= value]
    return reached[-1] if reached else tiers.levels[0]


def milli_points(tiers: Tiers, net_minor: int, currency: str) -> int:
    """Return the thousandths of points that net sales are worth, rounded down."""
    hundred = 100 * minor_per_major(currency)
    return net_minor * tiers.milli_points_per_100 // hundred


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
