"""What was held back is owed again from its day on."""

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

from sqlalchemy.orm import Session

from portal.enrollments import queries as enrollments
from portal.ledger import service as ledger
from portal.ledger.models import LedgerAccount
from portal.statements import queries
from portal.statements.queries import Held


def release(
    session: Session, enrollment_ids: Sequence[UUID], *, before: datetime, now: datetime
) -> int:
    """Book what is to be released before an instant; return how many releases.

    From then on it can be paid; the statement of the month shows it. Doing it twice
    books nothing twice: the key of the entry is the line that held it back.

    Args:
        session: The session that holds the open transaction.
        enrollment_ids: Whose reserves.
        before: The instant: now, or for a close the end of its month.
        now: The moment of booking.
    """
    # A close and the hourly job may both be at it: what is due is read under the lock.
    enrollments.locked(session, enrollment_ids)
    due = queries.held(session, before=before, enrollment_ids=enrollment_ids)
    if due:
        ledger.book_all(session, [_booking(row, now) for row in due])
    return len(due)


def _booking(row: Held, now: datetime) -> ledger.Booking:
    whose = (row.statement.partner_id, row.statement.program_id)
    return ledger.Booking(
        key=row.key,
        lines=(
            ledger.Line(LedgerAccount.PARTNER_PAYABLE, row.amount, *whose),
            ledger.Line(LedgerAccount.HOLDBACK, -row.amount, *whose),
        ),
        occurred_at=row.released_at,
        now=now,
        description=row.description,
    )
