"""What comes in and goes back, in the books."""

from datetime import datetime

from sqlalchemy.orm import Session

from portal.enrollments.models import Enrollment
from portal.fees.rules import InvoiceFacts
from portal.kit.money import Money
from portal.ledger import service as ledger
from portal.ledger.models import LedgerAccount


def book(
    session: Session, enrollment: Enrollment, facts: InvoiceFacts, *, now: datetime
) -> None:
    """Book what came in and what went back; each sum once."""
    movements = [(f"fee:{facts.id}", facts.amount_paid, facts.paid_at)]
    # A refund can bounce and a dispute can be won: what is gone can come back, and go
    # again. So the difference is booked, under a number and not under its sum.
    booked, entries = _gone_booked(session, facts.id)
    key = f"fee-refund:{facts.id}:{entries + 1}"
    movements.append((key, booked - facts.amount_gone, now))
    for key, minor, occurred_at in movements:
        if minor == 0 or occurred_at is None:
            continue
        amount = Money(minor, facts.currency)
        ledger.book(
            session,
            key,
            [
                ledger.Line(
                    LedgerAccount.ENTRY_FEE_CASH,
                    -amount,
                    enrollment.partner_id,
                    enrollment.program_id,
                ),
                ledger.Line(
                    LedgerAccount.ENTRY_FEE_REVENUE,
                    amount,
                    enrollment.partner_id,
                    enrollment.program_id,
                ),
            ],
            occurred_at=occurred_at,
            now=now,
            description=f"Entry fee, invoice {facts.number or facts.id}",
        )


def _gone_booked(session: Session, stripe_invoice_id: str) -> tuple[int, int]:
    """Return how much of an invoice left us by the books, and in how many entries."""
    entries = ledger.entries_with_prefix(session, f"fee-refund:{stripe_invoice_id}:")
    gone = sum(
        posting.amount_minor
        for entry in entries
        for posting in entry.postings
        if posting.account is LedgerAccount.ENTRY_FEE_CASH
    )
    return gone, len(entries)
