"""Spans of a calendar in a program's time zone. Pure."""

from dataclasses import dataclass
from datetime import date, datetime
from zoneinfo import ZoneInfo

from dateutil.relativedelta import relativedelta

from portal.kit.clock import month_start

_MONTHS = {"month": 1, "quarter": 3, "year": 12}


@dataclass(frozen=True, slots=True, kw_only=True)
class Span:
    """A calendar month, quarter or year: `[starts_at, ends_at)`.

    Attributes:
        label: `2026-03`, `2026-Q1` or `2026`.
        starts_at: The instant at which it begins in the program's zone.
        ends_at: The instant at which the next one begins.
    """

    label: str
    starts_at: datetime
    ends_at: datetime


def span_of(kind: str, moment: datetime, zone: ZoneInfo) -> Span:
    """Return the `month`, `quarter` or `year` in which `moment` lies.

    Raises:
        KeyError: `kind` is none of these.
    """
    months = _MONTHS[kind]
    day = moment.astimezone(zone).date()
    first = day.month - (day.month - 1) % months
    labels = {
        "month": f"{day:%Y-%m}",
        "quarter": f"{day.year}-Q{(day.month - 1) // 3 + 1}",
        "year": f"{day.year}",
    }
    after = date(day.year, first, 1) + relativedelta(months=months)
    return Span(
        label=labels[kind],
        starts_at=month_start(date(day.year, first, 1), zone),
        ends_at=month_start(after, zone),
    )
