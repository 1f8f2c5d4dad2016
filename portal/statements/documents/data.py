"""A statement as data, and the hash that proves it unchanged.

The hash is SHA-256 over the canonical JSON: keys sorted, no spaces, UTF-8, nothing
escaped that need not be. Anyone who holds the JSON file can compute it.
"""

import hashlib
from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Any, Protocol
from zoneinfo import ZoneInfo

from portal.kit import json_text
from portal.kit.ids import public_id
from portal.statements.models import Statement
from portal.statements.rules import LineKind

FORMAT = 1
"""The version of the layout below; a change of meaning needs a new one."""


class Line(Protocol):
    """A line, stored or about to be; see `StatementLine`."""

    @property
    def kind(self) -> LineKind:
        """What it does."""

    @property
    def commission_public_id(self) -> str:
        """The id of its commission; empty where there is none."""

    @property
    def occurred_at(self) -> datetime:
        """When it happened."""

    @property
    def customer(self) -> str:
        """Who bought."""

    @property
    def what(self) -> str:
        """What it is about."""

    @property
    def why(self) -> str:
        """The reason."""

    @property
    def trace(self) -> dict[str, Any]:
        """The calculation."""

    @property
    def base_minor(self) -> int:
        """What the rate is of."""

    @property
    def rate(self) -> str:
        """The rate."""

    @property
    def amount_minor(self) -> int:
        """The signed amount."""


def statement_data(
    statement: Statement, lines: Iterable[tuple[int, Line]] | None = None
) -> dict[str, Any]:
    """Return everything a statement says, as strings and whole numbers.

    Amounts are in the minor unit of the currency. `payouts_minor`, `fees_minor` and
    `withholding_minor` are subtracted; the other parts carry their sign.

    Args:
        statement: The statement.
        lines: Its lines by position, while they are not stored yet.
    """
    if lines is None:
        lines = ((line.position, line) for line in statement.lines)
    totals, zone = statement.totals, statement.zone
    return {
        "format": FORMAT,
        "number": statement.number,
        "issuer": {"name": statement.issuer_name},
        "partner": {
            "id": public_id("prt", statement.partner_id),
            "name": statement.partner_name,
            "country": statement.partner_country,
        },
        "program": {"name": statement.program_name},
        "period": {
            "label": statement.period_label,
            "first_day": statement.starts_on.isoformat(),
            "last_day": statement.ends_on.isoformat(),
            "time_zone": statement.time_zone,
        },
        "issued_at": _instant(statement.issued_at),
        "currency": statement.currency,
        "summary": {
            "opening_minor": totals.opening,
            "earned_minor": totals.earned,
            "reversals_minor": totals.reversals,
            "adjustments_minor": totals.adjustments,
            "holdback_minor": totals.holdback,
            "releases_minor": totals.releases,
            "withholding_minor": totals.withholding,
            "fees_minor": totals.fees,
            "payouts_minor": totals.payouts,
            "closing_minor": statement.closing_minor,
        },
        "payment": {
            "state": statement.payment.value,
            "gate": statement.payment_gate,
            "pays_on": statement.pays_on.isoformat() if statement.pays_on else "",
        },
        "lines": [_line_data(zone, position, line) for position, line in lines],
        **_correction(statement),
    }


def _correction(statement: Statement) -> dict[str, str]:
    """Return what it reverses or replaces; nothing where its month was closed once."""
    if not statement.refers_to:
        return {}
    return {
        "reverses" if statement.reverses_id else "replaces": statement.refers_to,
    }


def _line_data(zone: ZoneInfo, position: int, line: Line) -> dict[str, Any]:
    return {
        "position": position,
        "kind": line.kind.value,
        "commission": line.commission_public_id,
        "date": _day(line.occurred_at, zone),
        "occurred_at": _instant(line.occurred_at),
        "customer": line.customer,
        "what": line.what,
        "why": line.why,
        "trace": line.trace,
        "base_minor": line.base_minor,
        "rate": line.rate,
        "amount_minor": line.amount_minor,
    }


def day_of(statement: Statement, line: Line) -> str:
    """Return the day of a line in the statement's time zone."""
    return _day(line.occurred_at, statement.zone)


def _day(moment: datetime, zone: ZoneInfo) -> str:
    return moment.astimezone(zone).date().isoformat()


def _instant(moment: datetime) -> str:
    return moment.astimezone(UTC).isoformat().replace("+00:00", "Z")


def sha256_of(data: dict[str, Any]) -> str:
    """Return the hash of `data` in hexadecimal."""
    return hashlib.sha256(json_text.canonical(data)).hexdigest()
