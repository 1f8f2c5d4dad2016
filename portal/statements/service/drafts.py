"""What a statement will say: the same for the preview and for the close."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from operator import attrgetter
from typing import Any
from uuid import UUID

from portal.adjustments.models import Adjustment
from portal.commissions import wording
from portal.commissions.calculation import Formats
from portal.commissions.models import Commission, LineRow
from portal.enrollments.models import Enrollment
from portal.enrollments.rules import GateStatus
from portal.kit.clock import day_start
from portal.kit.ids import public_id
from portal.kit.money import Money
from portal.programs.definition import ProgramDefinition
from portal.sales.models import RefundKind
from portal.statements.models import Period
from portal.statements.policy import Carried, PolicyLine, Tax, apply_policy
from portal.statements.queries import Buyer, Held, PaymentMade, Sources
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


Cleared = Commission | LineRow
"""A commission for a statement: by itself, or one row of many."""


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
    release_on: date | None = None

    @property
    def commission_public_id(self) -> str:
        """The id of the commission that people see; empty where there is none."""
        return public_id("com", self.commission_id) if self.commission_id else ""


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
    advance: int
    untaxed: int

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
    carried: Carried,
    commissions: Sequence[Cleared],
    sources: Sources,
    adjustments: Sequence[Adjustment],
    movements: Sequence[PaymentMade],
    reserves: Sequence[Held] = (),
    tax: Tax | None,
    unmet: Sequence[GateStatus],
) -> Draft:
    """Return what the statement of an enrollment says.

    Args:
        enrollment: Whose statement, with its partner.
        period: Which month.
        definition: The program as it is at the end of the month.
        carried: What the statement before leaves to it.
        commissions: The lines that cleared.
        sources: What these are about.
        adjustments: What was approved and is on no statement yet.
        movements: What was paid or released and is on no statement yet.
        reserves: What the close will release, where it is not released yet.
        tax: What is withheld; none while nobody can say.
        unmet: The gates that stop payment and are not met.
    """
    formats = Formats(
        money=wording.ENGLISH.money,
        date=lambda moment: f"{moment.astimezone(period.zone):%Y-%m-%d}",
    )
    earned = [
        *_of_commissions(commissions, sources, period, formats),
        *(_of_adjustment(row) for row in adjustments),
    ]
    released = [
        *(_of_movement(row) for row in movements if row.kind is LineKind.RELEASE),
        *(_of_reserve(row) for row in reserves),
    ]
    paid = [_of_movement(row) for row in movements if row.kind is LineKind.PAYOUT]
    stated = totals_of(
        carried.opening,
        ((line.kind, line.amount_minor) for line in (*earned, *released, *paid)),
    )
    applied = apply_policy(
        definition, stated, carried, last_day=period.last_day, tax=tax
    )
    ruled = [_of_policy(line, definition, period, formats) for line in applied.lines]
    withheld = [line for line in ruled if line.kind is LineKind.WITHHOLDING]
    kept = [line for line in ruled if line.kind is not LineKind.WITHHOLDING]
    return Draft(
        enrollment=enrollment,
        period=period,
        program_name=definition.name,
        currency=definition.currency,
        lines=(*earned, *kept, *released, *withheld, *paid),
        totals=applied.totals,
        plan=plan_payment(
            definition,
            closing=Money(applied.totals.closing, definition.currency),
            last_day=period.last_day,
            unmet=unmet,
        ),
        advance=applied.advance,
        untaxed=applied.untaxed,
    )


def _of_commissions(
    rows: Sequence[Cleared], sources: Sources, period: Period, formats: Formats
) -> Iterator[DraftLine]:
    # Many lines are about few customers.
    names = {key: _customer(sources.buyers[key]) for key in map(_buyer_of, rows)}
    for row in rows:
        kind = LineKind(row.kind)
        refund = sources.refunds[row.refund_id] if row.refund_id else None
        what = _what(kind, sources.sales[row.sale_id], refund)
        why = wording.why(row, formats)
        if is_late(row.clears_at, period.starts_at):
            kind = LineKind.ADJUSTMENT
            why = f"{_reported_late(row, period)} {why}"
        yield DraftLine(
            kind=kind,
            occurred_at=row.occurred_at,
            customer=names[row.customer_id],
            what=what,
            why=why,
            trace=row.trace,
            base_minor=row.base_minor,
            rate=wording.rates(row, formats),
            amount_minor=row.amount_minor,
            commission_id=row.id,
        )


def _reported_late(row: Cleared, period: Period) -> str:
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


def _of_movement(row: PaymentMade) -> DraftLine:
    return _owed_or_paid(
        row.kind,
        at=row.entry.occurred_at,
        what=row.entry.description,
        amount_minor=row.posting.amount_minor,
        posting_id=row.posting.id,
    )


def _of_reserve(row: Held) -> DraftLine:
    return _owed_or_paid(
        LineKind.RELEASE,
        at=row.released_at,
        what=row.description,
        amount_minor=row.amount.minor,
    )


def _owed_or_paid(
    kind: LineKind,
    *,
    at: datetime,
    what: str,
    amount_minor: int,
    posting_id: UUID | None = None,
) -> DraftLine:
    if kind is LineKind.RELEASE:
        why = "Kept back then; it is owed from this day on."
    elif amount_minor < 0:
        why = "Money sent to you; it lowers what is owed."
    else:
        why = "Money that came back from your bank; it is owed again."
    return DraftLine(
        kind=kind,
        occurred_at=at,
        customer="",
        what=what,
        why=why,
        trace={},
        base_minor=0,
        rate="",
        amount_minor=amount_minor,
        posting_id=posting_id,
    )


def _of_policy(
    line: PolicyLine, definition: ProgramDefinition, period: Period, formats: Formats
) -> DraftLine:
    what, why = _policy_words(line, definition, period, formats)
    has_rate = line.bps > 0
    return DraftLine(
        kind=line.kind,
        occurred_at=day_start(period.last_day, period.zone),
        customer="",
        what=what,
        why=why,
        trace={
            line.kind.value: {
                "base_minor": line.base_minor,
                "bps": line.bps,
                "release_on": line.release_on.isoformat() if line.release_on else "",
            }
        },
        base_minor=line.base_minor if has_rate else 0,
        rate=formats.rate(line.bps) if has_rate else "",
        amount_minor=line.minor,
        release_on=line.release_on,
    )


def _policy_words(
    line: PolicyLine, definition: ProgramDefinition, period: Period, formats: Formats
) -> tuple[str, str]:
    if line.kind is LineKind.HOLDBACK:
        share = f"{formats.rate(line.bps)} of what {period.label} earned"
        return (
            f"Kept back until {line.release_on}",
            f"{share}, less reversals. Released on {line.release_on}.",
        )
    if line.kind is LineKind.WITHHOLDING:
        return "Tax withheld", line.why
    least = formats.money(line.base_minor, definition.currency)
    what = f"Least payment for {period.label}"
    if line.minor < 0:
        return what, "Pays back what was added to earlier months that came to less."
    why = f"The month came to less than {least}, so this is added."
    if line.is_recoverable:
        why += " Later months pay it back from what they come to above that."
    return what, why


_buyer_of = attrgetter("customer_id")


def _customer(buyer: Buyer) -> str:
    """Return Stripe's id, which both sides can look up, and the masked name."""
    if buyer.name or buyer.email:
        return f"{buyer.external_id} · {wording.customer_label(buyer)}"
    return buyer.external_id


def _what(kind: LineKind, sale: str, refund: RefundKind | None) -> str:
    if kind is LineKind.ADJUSTMENT:
        return f"Correction of {sale}"
    if refund is not None:
        return f"{_REFUND_NAMES[refund]} {sale}"
    return f"{_SALE_NAMES.get(sale[:3], 'Sale')} {sale}"
