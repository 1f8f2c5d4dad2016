"""Moments as a file of events writes them."""

import re
from datetime import UTC, datetime
from zoneinfo import ZoneInfo

_FIRST_YEAR, _LAST_YEAR = 1990, 2199
_INSTANT = re.compile(
    r"^\d{4}-\d{2}-\d{2}"
    r"(T\d{2}:\d{2}(:\d{2}(\.\d{1,6})?)?(Z|[+-]\d{2}:\d{2}))?$",
    re.ASCII,
)
_LENGTH_OF_A_DAY = len("2026-03-01")


def moment_of(text: str, zone: ZoneInfo) -> datetime:
    """Return the instant that an ISO 8601 text or a day in `zone` stands for, in UTC.

    Raises:
        ValueError: It is neither; the message says what to write.
    """
    if not _INSTANT.match(text):
        raise ValueError(
            "write a day like 2026-03-01, or a moment with its zone like "
            "2026-03-01T09:30:00Z"
        )
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        raise ValueError(f"{text} is not on the calendar or the clock") from None
    if not _FIRST_YEAR <= moment.year <= _LAST_YEAR:
        raise ValueError(f"the year lies between {_FIRST_YEAR} and {_LAST_YEAR}")
    if len(text) == _LENGTH_OF_A_DAY:
        moment = moment.replace(tzinfo=zone)
    return moment.astimezone(UTC)
