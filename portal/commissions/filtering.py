"""From the query string of a list to its filters."""

from collections.abc import Mapping
from datetime import datetime
from enum import StrEnum
from typing import TypeVar
from uuid import UUID
from zoneinfo import ZoneInfo

from portal.commissions.models import CommissionKind, CommissionState
from portal.commissions.queries import Filters
from portal.kit.clock import add_months
from portal.kit.ids import parse_public_id
from portal.tiers.windows import Span, span_of

S = TypeVar("S", bound=StrEnum)

MONTHS_SHOWN = 24


def filters_from(
    arguments: Mapping[str, str], zone: ZoneInfo, *, partner_id: UUID | None = None
) -> Filters:
    """Return the filters that a query string asks for.

    What does not make sense is left out, so that an old bookmark still works.

    Args:
        arguments: The query string.
        zone: In which months begin and end.
        partner_id: Whose lines; partner views always pass it.
    """
    return Filters(
        month=_month(arguments.get("month", ""), zone),
        state=_member(CommissionState, arguments.get("state", "")),
        kind=_member(CommissionKind, arguments.get("kind", "")),
        customer_id=_key("cus", arguments.get("customer", "")),
        partner_id=partner_id or _key("prt", arguments.get("partner", "")),
        program_id=_key("pgm", arguments.get("program", "")),
    )


def month_choices(now: datetime, zone: ZoneInfo) -> list[tuple[str, datetime]]:
    """Return the months to choose from, newest first: the value and its middle.

    The middle of a month is in that month whatever the reader's time zone.
    """
    months = [
        span_of("month", add_months(now, -back, zone), zone)
        for back in range(MONTHS_SHOWN)
    ]
    return [(m.label, m.starts_at + (m.ends_at - m.starts_at) / 2) for m in months]


def _month(text: str, zone: ZoneInfo) -> Span | None:
    try:
        day = datetime.strptime(text, "%Y-%m").replace(tzinfo=zone)
        return span_of("month", day, zone)
    except (ValueError, OverflowError):
        return None


def _member(kind: type[S], text: str) -> S | None:
    return next((member for member in kind if member.value == text), None)


def _key(prefix: str, text: str) -> UUID | None:
    try:
        return parse_public_id(prefix, text)
    except ValueError:
        return None
