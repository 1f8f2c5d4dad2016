"""What a home page decides by itself. Pure: no clock, no database."""

from collections.abc import Set as AbstractSet
from datetime import date, datetime
from enum import StrEnum
from typing import TypeVar

from portal.kit.money import Money

MONTHS_CHARTED = 12
_MONTHS_IN_YEAR = 12
_NOON = 12
_EVENING = 18

K = TypeVar("K")


class PartOfDay(StrEnum):
    """What a greeting names."""

    MORNING = "morning"
    AFTERNOON = "afternoon"
    EVENING = "evening"


def part_of_day(hour: int) -> PartOfDay:
    """Return the part of the day that an hour of the clock on the wall lies in."""
    if hour < _NOON:
        return PartOfDay.MORNING
    return PartOfDay.AFTERNOON if hour < _EVENING else PartOfDay.EVENING


def months_to_chart(known: AbstractSet[str], today: date) -> list[date]:
    """Return the first days of the twelve months to draw, earliest first.

    They end with this month; when nothing happened in them, with the last month in
    which something did.

    Args:
        known: The months with data, `2026-10`.
        today: The day of the reader.
    """
    this_month = _months_ending(today)
    if known and not known & {f"{day:%Y-%m}" for day in this_month}:
        year, month = max(known).split("-")
        return _months_ending(date(int(year), int(month), 1))
    return this_month


def _months_ending(day: date) -> list[date]:
    last = day.year * _MONTHS_IN_YEAR + day.month - 1
    counted = (last - back for back in reversed(range(MONTHS_CHARTED)))
    return [date(n // _MONTHS_IN_YEAR, n % _MONTHS_IN_YEAR + 1, 1) for n in counted]


def add_up(amounts: dict[K, list[Money]], key: K, amount: Money) -> None:
    """Add an amount to the one of its currency under `key`; currencies never mix."""
    kept = amounts.setdefault(key, [])
    for index, other in enumerate(kept):
        if other.currency == amount.currency:
            kept[index] = other + amount
            return
    kept.append(amount)


def urgency(
    due_at: datetime | None, since: datetime, *, now: datetime
) -> tuple[bool, datetime]:
    """Return the place of a piece of work in a list: overdue first, then by date.

    What has no date by which it must be done counts from when it began to wait.
    """
    is_overdue = due_at is not None and due_at < now
    return not is_overdue, due_at or since
