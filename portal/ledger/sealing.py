"""Sealing what is booked, and finding what was changed after it was sealed."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import ARRAY, Row, Uuid, any_, func, literal, select
from sqlalchemy.orm import Session

from portal.ledger.models import JournalEntry, Posting, Seal
from portal.ledger.rules import FIRST, SealedPosting, seal_of

_BATCH = 1_000
_TIME_TO_SEAL = timedelta(hours=1)
_ENTRY = (
    JournalEntry.id,
    JournalEntry.key,
    JournalEntry.description,
    JournalEntry.occurred_at,
    JournalEntry.recorded_at,
)
"""What a seal covers of an entry."""


@dataclass(frozen=True, slots=True)
class Head:
    """The last seal. Kept elsewhere, it proves everything up to its place.

    Attributes:
        seq: How many entries are sealed.
        seal: Its hash in hexadecimal.
    """

    seq: int
    seal: str

    def __str__(self) -> str:
        return f"{self.seq}:{self.seal}"


def head(session: Session) -> Head:
    """Return the last seal."""
    last = session.scalar(select(Seal).order_by(Seal.seq.desc()).limit(1))
    return Head(last.seq, last.seal) if last else Head(0, FIRST)


def seal(session: Session, *, now: datetime, limit: int = _BATCH) -> int:
    """Give booked entries their place in the chain; return how many.

    Bookings do not wait for each other: the chain is made after them, by one worker
    at a time. Places have no gaps, because a place that is rolled back is taken anew.

    Args:
        session: The session that holds the open transaction.
        now: The moment.
        limit: How many entries one transaction seals.
    """
    session.execute(
        select(func.pg_advisory_xact_lock(func.hashtextextended("ledger.seal", 0)))
    )
    last = head(session)
    waiting = session.execute(
        select(*_ENTRY)
        .outerjoin(Seal, Seal.entry_id == JournalEntry.id)
        .where(Seal.seq.is_(None))
        .order_by(JournalEntry.recorded_at, JournalEntry.id)
        .limit(limit)
    ).all()
    postings = _postings_of(session, [entry.id for entry in waiting])
    for entry in waiting:
        seq = last.seq + 1
        last = Head(seq, _seal(last.seal, seq, entry, postings[entry.id]))
        session.add(Seal(seq=seq, entry_id=entry.id, seal=last.seal, sealed_at=now))
    return len(waiting)


def _postings_of(
    session: Session, keys: Sequence[UUID]
) -> dict[UUID, list[SealedPosting]]:
    """Return what the seals of some entries cover of their postings."""
    found: dict[UUID, list[SealedPosting]] = {key: [] for key in keys}
    rows = session.execute(
        select(
            Posting.entry_id,
            Posting.id,
            Posting.account,
            Posting.partner_id,
            Posting.program_id,
            Posting.amount_minor,
            Posting.currency,
        ).where(Posting.entry_id == any_(literal(keys, ARRAY(Uuid))))
    )
    for entry_id, key, account, partner_id, program_id, minor, currency in rows:
        found[entry_id].append(
            SealedPosting(key, account.value, partner_id, program_id, minor, currency)
        )
    return found


def _seal(
    before: str,
    seq: int,
    entry: Row[*tuple[Any, ...]],
    postings: Sequence[SealedPosting],
) -> str:
    return seal_of(
        before,
        seq=seq,
        key=entry.key,
        description=entry.description,
        occurred_at=entry.occurred_at,
        recorded_at=entry.recorded_at,
        postings=postings,
    )


def broken(
    session: Session, *, now: datetime, since: datetime | None = None
) -> Iterator[tuple[str, str]]:
    """Yield each place of the chain that does not hold, and what is wrong there.

    A row that was changed is named once: the chain goes on from the seal that stands.

    Args:
        session: The session.
        now: The moment.
        since: Only the places that were taken from then on; by default all.
    """
    before, expected = FIRST, 1
    if since is not None:
        last = session.scalar(
            select(Seal)
            .where(Seal.sealed_at < since)
            .order_by(Seal.seq.desc())
            .limit(1)
        )
        if last is not None:
            before, expected = last.seal, last.seq + 1
    chain = session.execute(
        select(Seal.seq, Seal.seal, *_ENTRY)
        .outerjoin(JournalEntry, JournalEntry.id == Seal.entry_id)
        .where(Seal.seq >= expected)
        .order_by(Seal.seq)
        .execution_options(yield_per=_BATCH)
    )
    for part in chain.partitions():
        postings = _postings_of(session, [row.id for row in part if row.id])
        for row in part:
            if row.seq != expected:
                yield f"seal {row.seq}", f"should have the place {expected}"
            elif row.id is None:
                yield f"seal {row.seq}", "is of an entry that is gone"
            elif _seal(before, row.seq, row, postings[row.id]) != row.seal:
                yield row.key, f"is not what seal {row.seq} was made of"
            before, expected = row.seal, row.seq + 1
    late = session.scalars(
        select(JournalEntry.key)
        .outerjoin(Seal, Seal.entry_id == JournalEntry.id)
        .where(Seal.seq.is_(None), JournalEntry.recorded_at < now - _TIME_TO_SEAL)
        .order_by(JournalEntry.recorded_at, JournalEntry.id)
    )
    for key in late:
        yield key, "was booked more than an hour ago and is not sealed"


def proves(session: Session, kept: Head) -> bool:
    """Tell whether the chain still runs through a seal that was kept elsewhere."""
    if kept.seq == 0:
        return kept.seal == FIRST
    return session.scalar(select(Seal.seal).where(Seal.seq == kept.seq)) == kept.seal
