"""Days where a program is."""

from datetime import UTC, date, datetime, time
from zoneinfo import ZoneInfo


def start_of(day: date, zone: ZoneInfo) -> datetime:
    """Return the instant at which a day begins in a program's time zone."""
    return datetime.combine(day, time.min, zone).astimezone(UTC)
