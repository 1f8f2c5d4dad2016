"""The one module that reads the wall clock, and arithmetic on dates.

Edges (views, commands, jobs) call `utc_now` once and hand the instant down as
`now`; services and rules never ask what time it is.
"""

from calendar import monthrange
from datetime import UTC, date, datetime
from zoneinfo import ZoneInfo

_MONTHS_IN_YEAR = 12


def utc_now() -> datetime:
    """Return the current instant in UTC, timezone-aware."""
    return datetime.now(UTC)


def add_months(moment: datetime, months: int, zone: ZoneInfo) -> datetime:
    """Return the instant `months` later on the calendar of `zone`.

    The day is clamped to the month's end: 29 February plus twelve months is
    28 February. The wall-clock time stays, so a change to summer time does not
    move it by an hour.
    """
    local = moment.astimezone(zone)
    years, before = divmod(local.month - 1 + months, _MONTHS_IN_YEAR)
    year, month = local.year + years, before + 1
    day = min(local.day, monthrange(year, month)[1])
    return local.replace(year=year, month=month, day=day).astimezone(UTC)


def day_start(day: date, zone: ZoneInfo) -> datetime:
    """Return the instant at which `day` begins in `zone`."""
    return datetime(day.year, day.month, day.day, tzinfo=zone).astimezone(UTC)


def month_start(day: date, zone: ZoneInfo) -> datetime:
    """Return the instant at which the month of `day` begins in `zone`."""
    return datetime(day.year, day.month, 1, tzinfo=zone).astimezone(UTC)
