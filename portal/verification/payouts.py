"""Payouts and batches against the books."""

from sqlalchemy import func, select
from sqlalchemy.orm import Session

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
from portal.statements.queries import PAYOUT_KEYS
from portal.verification.findings import Found, Scope
from portal.verification.statements import payable_by_key


def are_booked(session: Session, _scope: Scope) -> Found:
    """I6: each payout is in the books as its state says, and nothing else is."""
    booked = payable_by_key(session, PAYOUT_KEYS)
    for payout in session.scalars(select(Payout).order_by(Payout.id)):
        payable = booked.pop(f"payout:{payout.id}", 0)
        if payable != -payout.amount_minor:
            yield (
                payout.public_id,
                f"is {payout.amount_minor}, the books say {-payable}",
            )
    for row in session.scalars(select(BatchRow).order_by(BatchRow.id)):
        back = row.status in BOOKED_BACK
        out = booked.pop(f"payout:{row.id}", 0)
        returned = booked.pop(f"payout:{row.id}:return", 0)
        should_be_out = row.amount_minor if back or row.status in BOOKED else 0
        should_be_back = row.amount_minor if back else 0
        if (-out, returned) != (should_be_out, should_be_back):
            problem = f"is {row.status}; the books say {-out} out, {returned} back"
            yield row.end_to_end_id, problem
    for key in booked:
        yield key, "is booked without a payout"


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
