"""What a statement will say: the same for the preview and for the close."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from portal.adjustments.models import Adjustment
from portal.commissions import wording
from portal.commissions.calculation import Formats
from portal.commissions.models import Commission
from portal.enrollments.models import Enrollment
from portal.enrollments.rules import GateStatus
from portal.kit.money import Money
from portal.programs.definition import ProgramDefinition
from portal.sales.models import Customer, Refund, RefundKind, Sale
from portal.statements.models import Period
from portal.statements.queries import PaymentMade
from portal.statements.rules import (
    LineKind,
    PaymentPlan,
    Totals,
    count_kinds,
    is_late,
    month_of,
    plan_payment,
    totals_of,
)

_SALE_NAMES = {"in_": "Invoice", "cs_": "Checkout"}
_REFUND_NAMES = {
    RefundKind.REFUND: "Refund of",
    RefundKind.REFUND_FAILED: "Failed refund of",
    RefundKind.DISPUTE: "Dispute of",
    RefundKind.DISPUTE_WON: "Won dispute over",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class DraftLine:
    """A line before it has a statement; see `StatementLine`."""

    kind: LineKind
    occurred_at: datetime
    customer: str
    what: str
    why: str
    trace: dict[str, Any]
    base_minor: int
    rate: str
    amount_minor: int
    commission_id: UUID | None = None
    posting_id: UUID | None = None
    adjustment_id: UUID | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Draft:
    """A statement before it has a number."""

    enrollment: Enrollment
    period: Period
    program_name: str
    currency: str
    lines: tuple[DraftLine, ...]
    totals: Totals
    plan: PaymentPlan

    @property
    def counts(self) -> dict[LineKind, int]:
        """How many lines of each kind it has."""
        return count_kinds(line.kind for line in self.lines)

    def money(self, minor: int) -> Money:
        """Return an amount in the currency of the program."""
        return Money(minor, self.currency)

    @property
    def is_needed(self) -> bool:
        """Whether there is anything to state."""
        return bool(self.lines) or self.totals.opening != 0


def draft_of(
    enrollment: Enrollment,
    period: Period,
    *,
    definition: ProgramDefinition,
    opening: int,
    commissions: Sequence[Commission],
    adjustments: Sequence[Adjustment],
    payouts: Sequence[PaymentMade],
    unmet: Sequence[GateStatus],
) -> Draft:
    """Return what the statement of an enrollment says.

    Args:
        enrollment: Whose statement, with its partner.
        period: Which month.
        definition: The program as it is at the end of the month.
        opening: The balance before.
        commissions: The lines that cleared, with customer, sale and refund.
        adjustments: What was approved and is on no statement yet.
        payouts: What was paid and is on no statement yet.
        unmet: The gates that stop payment and are not met.
    """
    formats = Formats(
        money=wording.ENGLISH.money,
        date=lambda moment: f"{moment.astimezone(period.zone):%Y-%m-%d}",
    )
    lines = (
        *(_of_commission(row, period, formats) for row in commissions),
        *(_of_adjustment(row) for row in adjustments),
        *(_of_payout(row) for row in payouts),
    )
    totals = totals_of(opening, ((line.kind, line.amount_minor) for line in lines))
    return Draft(
        enrollment=enrollment,
        period=period,
        program_name=definition.name,
        currency=definition.currency,
        lines=lines,
        totals=totals,
        plan=plan_payment(
            definition,
            closing=Money(totals.closing, definition.currency),
            last_day=period.last_day,
            unmet=unmet,
        ),
    )


def _of_commission(row: Commission, period: Period, formats: Formats) -> DraftLine:
    kind, why = LineKind(row.kind), wording.why(row, formats)
    if is_late(row.clears_at, period.starts_at):
        kind = LineKind.ADJUSTMENT
        why = f"{_reported_late(row, period)} {why}"
    return DraftLine(
        kind=kind,
        occurred_at=row.occurred_at,
        customer=_customer(row.customer),
        what=_what(LineKind(row.kind), row.sale, row.refund),
        why=why,
        trace=row.trace,
        base_minor=row.base_minor,
        rate=wording.rates(row, formats),
        amount_minor=row.amount_minor,
        commission_id=row.id,
    )


def _reported_late(row: Commission, period: Period) -> str:
    closed = month_of(row.clears_at or row.occurred_at, period.zone).label
    return f"Reported after the close of {closed}, so it adjusts that month here."


def _of_adjustment(row: Adjustment) -> DraftLine:
    reason = row.reason.value.replace("_", " ").capitalize()
    return DraftLine(
        kind=LineKind.ADJUSTMENT,
        occurred_at=row.decided_at or row.proposed_at,
        customer="",
        what=f"{reason} {row.public_id}",
        why=row.note,
        trace={},
        base_minor=0,
        rate="",
        amount_minor=row.amount_minor,
        adjustment_id=row.id,
    )


def _of_payout(row: PaymentMade) -> DraftLine:
    return DraftLine(
        kind=LineKind.PAYOUT,
        occurred_at=row.entry.occurred_at,
        customer="",
        what=row.entry.description,
        why=(
            "Money sent to you; it lowers what is owed."
            if row.posting.amount_minor < 0
            else "Money that came back from your bank; it is owed again."
        ),
        trace={},
        base_minor=0,
        rate="",
        amount_minor=row.posting.amount_minor,
        posting_id=row.posting.id,
    )


def _customer(customer: Customer) -> str:
    """Return Stripe's id, which both sides can look up, and the masked name."""
    if customer.name or customer.email:
        return f"{customer.external_id} · {wording.customer_label(customer)}"
    return customer.external_id


def _what(kind: LineKind, sale: Sale, refund: Refund | None) -> str:
    if kind is LineKind.ADJUSTMENT:
        return f"Correction of {sale.external_id}"
    if refund is not None:
        return f"{_REFUND_NAMES[refund.kind]} {sale.external_id}"
    return f"{_SALE_NAMES.get(sale.external_id[:3], 'Sale')} {sale.external_id}"
