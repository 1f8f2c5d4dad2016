"""Payouts as the partner sees them."""

from dataclasses import dataclass
from datetime import UTC, datetime, time
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.orm import Session, joinedload

from portal.kit.money import Money
from portal.payouts.models import BatchRow, Payout, RowStatus

_TOLD = (
    RowStatus.SENT,
    RowStatus.PAID,
    RowStatus.FAILED,
    RowStatus.RETURNED,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class PaidOut:
    """One payout, from a batch or noted by hand.

    Attributes:
        at: When the money left.
        amount: How much.
        reference: What both banks show.
        account: The account with its last four digits; empty if noted by hand.
        state: `sent`, `paid`, `failed` or `returned`.
        reason: Why it failed or came back.
        statements: Number and id of each statement that it paid.
    """

    at: datetime
    amount: Money
    reference: str
    account: str
    state: str
    reason: str
    statements: tuple[tuple[str, UUID], ...]


def of_partner(session: Session, partner_id: UUID) -> list[PaidOut]:
    """Return what was sent to a partner, the newest first."""
    found = [*_from_batches(session, partner_id), *_by_hand(session, partner_id)]
    return sorted(found, key=lambda one: (one.at, one.reference), reverse=True)


def _from_batches(session: Session, partner_id: UUID) -> list[PaidOut]:
    rows = session.scalars(
        select(BatchRow)
        .where(BatchRow.partner_id == partner_id, BatchRow.status.in_(_TOLD))
        .options(joinedload(BatchRow.account))
    )
    return [
        PaidOut(
            at=row.sent_at,
            amount=row.amount,
            reference=row.end_to_end_id,
            account=row.account.masked,
            state=row.status.value,
            reason=row.reason,
            statements=tuple(
                (one["number"], UUID(one["id"])) for one in row.statements
            ),
        )
        for row in rows
        if row.sent_at
    ]


def _by_hand(session: Session, partner_id: UUID) -> list[PaidOut]:
    rows = session.scalars(select(Payout).where(Payout.partner_id == partner_id))
    return [
        PaidOut(
            # Noon, so that it is the same day almost everywhere.
            at=datetime.combine(row.paid_on, time(12), UTC),
            amount=row.amount,
            reference=row.reference,
            account="",
            state="paid",
            reason="",
            statements=(),
        )
        for row in rows
    ]
