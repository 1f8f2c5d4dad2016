"""How many certificates a partner's people held when. Pure."""

from collections.abc import Hashable, Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime
from itertools import groupby

from portal.tiers.facts import TierFact
from portal.tiers.metrics import CERTIFICATIONS


@dataclass(frozen=True, slots=True, kw_only=True)
class Holding:
    """A time during which somebody held a certificate.

    Attributes:
        what: The person and the exam: a renewed certificate counts once.
        from_at: When it was issued.
        until_at: When it expired or was revoked.
    """

    what: Hashable
    from_at: datetime
    until_at: datetime


def counted(holdings: Iterable[Holding], *, joined_at: datetime) -> Iterator[TierFact]:
    """Yield how many were held, each time that the number may have changed.

    Before the first one, from `joined_at` on at the latest, there are none.
    """
    turns = [
        turn
        for one in holdings
        for turn in ((one.from_at, one.what, 1), (one.until_at, one.what, -1))
        if one.from_at < one.until_at
    ]
    first = min([joined_at, *(moment for moment, _what, _step in turns)])
    yield TierFact(fact=CERTIFICATIONS, value=0, at=first)
    held: dict[Hashable, int] = {}
    for moment, group in groupby(
        sorted(turns, key=lambda turn: turn[0]), key=lambda turn: turn[0]
    ):
        for _moment, what, step in group:
            held[what] = held.get(what, 0) + step
        number = sum(count > 0 for count in held.values())
        yield TierFact(fact=CERTIFICATIONS, value=number, at=moment)
