"""Payouts and batches against the books."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, time, timedelta
from uuid import UUID

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from portal.ledger.models import JournalEntry, LedgerAccount, Posting
from portal.payouts.models import (
    BOOKED,
    BOOKED_BACK,
    ROWS_OF,
    BatchRow,
    Payout,
    PayoutAccount,
    PayoutBatch,
    RowStatus,
)
from portal.payouts.rules import booked_as
from portal.statements.queries import PAYOUT_KEYS
from portal.verification.findings import Found, Scope

_MOST_HOURS_OFF = timedelta(hours=14)
"""How far midnight anywhere is from midnight in UTC."""


@dataclass(frozen=True, slots=True)
class _Booked:
    """The side of an entry that is about the partner."""

    amount_minor: int
    currency: str
    partner_id: UUID | None
    program_id: UUID | None
    description: str
    occurred_at: datetime


def _booked(session: Session) -> dict[str, _Booked]:
    rows = session.execute(
        select(
            JournalEntry.key,
            Posting.amount_minor,
            Posting.currency,
            Posting.partner_id,
            Posting.program_id,
            JournalEntry.description,
            JournalEntry.occurred_at,
        )
        .join(Posting, Posting.entry_id == JournalEntry.id)
        .where(
            JournalEntry.key.like(PAYOUT_KEYS),
            Posting.account == LedgerAccount.PARTNER_PAYABLE,
        )
        .order_by(JournalEntry.key)
    )
    return {
        key: _Booked(minor, currency, partner, program, text, moment)
        for key, minor, currency, partner, program, text, moment in rows
    }


def are_booked(session: Session, _scope: Scope) -> Found:
    """I6: each payout is in the books as its state says, and nothing else is."""
    booked = _booked(session)
    for payout in session.scalars(select(Payout).order_by(Payout.id)):
        entry = booked.pop(f"payout:{payout.id}", None)
        for problem in _of_payout(payout, entry):
            yield payout.public_id, problem
    for row in session.scalars(select(BatchRow).order_by(BatchRow.id)):
        back = row.status in BOOKED_BACK
        out = booked.pop(f"payout:{row.id}", None)
        returned = booked.pop(f"payout:{row.id}:return", None)
        paid = -out.amount_minor if out else 0
        got = returned.amount_minor if returned else 0
        should_be_out = row.amount_minor if back or row.status in BOOKED else 0
        should_be_back = row.amount_minor if back else 0
        if (paid, got) != (should_be_out, should_be_back):
            problem = f"is {row.status}; the books say {paid} out, {got} back"
            yield row.end_to_end_id, problem
        for entry in (out, returned):
            if entry is not None and not _is_theirs(row, entry):
                yield row.end_to_end_id, "is booked to another partner or currency"
    for key in booked:
        yield key, "is booked without a payout"


def _of_payout(payout: Payout, entry: _Booked | None) -> Iterator[str]:
    paid = -entry.amount_minor if entry else 0
    if paid != payout.amount_minor:
        yield f"is {payout.amount_minor}, the books say {paid}"
    if entry is None:
        return
    if not _is_theirs(payout, entry):
        yield "is booked to another partner or currency"
    if entry.description != booked_as(payout.reference):
        yield f"has the reference {payout.reference}, the books say {entry.description}"
    midnight = datetime.combine(payout.paid_on, time(), UTC)
    if abs(entry.occurred_at - midnight) > _MOST_HOURS_OFF:
        yield f"was paid on {payout.paid_on}, the books say {entry.occurred_at:%F}"


def _is_theirs(payout: Payout | BatchRow, entry: _Booked) -> bool:
    whose = (payout.partner_id, payout.program_id, payout.currency)
    return whose == (entry.partner_id, entry.program_id, entry.currency)


def batches_hold(session: Session, _scope: Scope) -> Found:
    """Rows stand where their batch stands, and a file is what was approved."""
    rows = session.execute(
        select(
            PayoutBatch,
            func.array_agg(BatchRow.status.distinct()),
            func.bool_and(BatchRow.currency == PayoutBatch.currency),
            func.bool_and(PayoutAccount.partner_id == BatchRow.partner_id),
        )
        .join(BatchRow, BatchRow.batch_id == PayoutBatch.id)
        .join(PayoutAccount, PayoutAccount.id == BatchRow.account_id)
        .group_by(PayoutBatch.id)
        .order_by(PayoutBatch.number)
    )
    for batch, statuses, one_currency, own_accounts in rows:
        strange = {RowStatus(status) for status in statuses} - ROWS_OF[batch.status]
        if strange:
            words = ", ".join(sorted(strange))
            yield batch.name, f"is {batch.status} and has rows that are {words}"
        if not one_currency:
            yield batch.name, "mixes currencies"
        if not own_accounts:
            yield batch.name, "pays a partner to the account of another"
