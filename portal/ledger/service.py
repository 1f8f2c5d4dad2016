"""Booking, once and balanced, and balances, which are never stored."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from sqlalchemy import func, select
from sqlalchemy.orm import Session, selectinload

from portal.kit.ids import new_id
from portal.kit.money import Money
from portal.ledger.models import JournalEntry, LedgerAccount, Posting


@dataclass(frozen=True, slots=True)
class Line:
    """One side of an entry that is about to be booked."""

    account: LedgerAccount
    amount: Money
    partner_id: UUID | None = None
    program_id: UUID | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Booking:
    """A balanced entry that is about to be booked; see `book`."""

    key: str
    lines: Sequence[Line]
    occurred_at: datetime
    now: datetime
    description: str = ""


def book(
    session: Session,
    key: str,
    lines: Sequence[Line],
    *,
    occurred_at: datetime,
    now: datetime,
    description: str = "",
) -> JournalEntry:
    """Write one balanced entry, once.

    Booking the same `key` again returns the first entry and writes nothing, so that
    an event that arrives twice is harmless.

    Raises:
        ValueError: The lines do not add up to zero, or `key` is booked with others.
        CurrencyMismatch: The lines are not all in one currency.
    """
    booking = Booking(
        key=key,
        lines=lines,
        occurred_at=occurred_at,
        now=now,
        description=description,
    )
    return book_all(session, [booking])[0]


def book_all(session: Session, bookings: Sequence[Booking]) -> list[JournalEntry]:
    """Write several entries, each once; see `book`.

    It takes as many statements for many as for one.
    """
    known = {
        entry.key: entry
        for entry in session.scalars(
            select(JournalEntry)
            .where(JournalEntry.key.in_([booking.key for booking in bookings]))
            .options(selectinload(JournalEntry.postings))
        )
    }
    entries = [_entry(booking, known.get(booking.key)) for booking in bookings]
    session.add_all(entries)
    session.flush()  # The unique key must speak now, not at commit.
    return entries


def _entry(booking: Booking, existing: JournalEntry | None) -> JournalEntry:
    """Return the entry as it is booked already, or a new one."""
    key, lines = booking.key, booking.lines
    if existing is not None:
        booked = Counter(
            Line(p.account, p.amount, p.partner_id, p.program_id)
            for p in existing.postings
        )
        if booked != Counter(lines):
            raise ValueError(f"entry {key!r} is booked with other lines")
        return existing
    if not lines or sum((line.amount for line in lines[1:]), start=lines[0].amount):
        raise ValueError(f"entry {key!r} does not balance")
    entry = JournalEntry(
        id=new_id(),
        key=key,
        description=booking.description,
        occurred_at=booking.occurred_at,
        recorded_at=booking.now,
    )
    entry.postings = [
        Posting(
            account=line.account,
            partner_id=line.partner_id,
            program_id=line.program_id,
            amount_minor=line.amount.minor,
            currency=line.amount.currency,
        )
        for line in lines
    ]
    return entry


def balance(
    session: Session,
    account: LedgerAccount,
    *,
    partner_id: UUID,
    program_id: UUID,
    currency: str,
) -> Money:
    """Return the sum of a partner's postings in one program's books."""
    total = session.scalar(
        select(func.coalesce(func.sum(Posting.amount_minor), 0)).where(
            Posting.account == account,
            Posting.partner_id == partner_id,
            Posting.program_id == program_id,
            Posting.currency == currency,
        )
    )
    return Money(int(total or 0), currency)


def entries_with_prefix(session: Session, prefix: str) -> Sequence[JournalEntry]:
    """Return the entries whose key begins so, with their postings, oldest first."""
    return session.scalars(
        select(JournalEntry)
        .where(JournalEntry.key.startswith(prefix, autoescape=True))
        .options(selectinload(JournalEntry.postings))
        .order_by(JournalEntry.recorded_at, JournalEntry.id)
    ).all()
