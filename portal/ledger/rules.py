"""The chain that seals the books. Pure.

Each journal entry gets a place in one row without gaps. The seal of a place is
SHA-256 over the seal before and the entry with its postings, so that whoever changes,
removes, adds or moves an entry afterwards breaks every seal from there on. Only the
last seal has to be kept elsewhere to prove all before it.
"""

import hashlib
import json
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from uuid import UUID

FIRST = "0" * 64
"""What stands in for the seal before the first one."""


@dataclass(frozen=True, slots=True)
class SealedPosting:
    """One posting, as the seal covers it. Amounts are in minor units."""

    id: UUID
    account: str
    partner_id: UUID | None
    program_id: UUID | None
    amount_minor: int
    currency: str


def seal_of(
    before: str,
    *,
    seq: int,
    key: str,
    description: str,
    occurred_at: datetime,
    recorded_at: datetime,
    postings: Iterable[SealedPosting],
) -> str:
    """Return the seal of an entry in hexadecimal.

    Args:
        before: The seal of the entry in the place before.
        seq: Its place, from 1.
        key: The entry's key.
        description: What the entry says.
        occurred_at: When it happened.
        recorded_at: When it was booked.
        postings: Its postings, in any order.
    """
    data = {
        "before": before,
        "seq": seq,
        "key": key,
        "description": description,
        "occurred_at": _instant(occurred_at),
        "recorded_at": _instant(recorded_at),
        "postings": [
            [
                str(row.id),
                row.account,
                str(row.partner_id or ""),
                str(row.program_id or ""),
                row.amount_minor,
                row.currency,
            ]
            for row in sorted(postings, key=lambda row: row.id)
        ],
    }
    text = json.dumps(data, ensure_ascii=False, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()


def _instant(moment: datetime) -> str:
    return moment.astimezone(UTC).isoformat()
