"""A waiting list in which referrals move people forward."""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from portal.programs.definition import ProgramDefinition, RewardKind
from portal.rewards.calculation.facts import DueState, ReferralFact
from portal.rewards.calculation.rating import rewards_due


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """Somebody on a waiting list."""

    person: str
    joined_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """Where somebody stands.

    Attributes:
        person: Who.
        place: The place now; 1 is the first.
        joined_place: The place by the time of joining alone.
        forward: How many places the referrals are worth.
    """

    person: str
    place: int
    joined_place: int
    forward: int


def waiting_list(
    definition: ProgramDefinition,
    facts: Iterable[ReferralFact],
    entries: Iterable[Entry],
    *,
    as_of: datetime | None = None,
) -> list[Place]:
    """Return the list, first place first.

    Everybody moves forward from the place of joining by the places earned. Where two
    would stand on one place, who joined earlier stands before the other.
    """
    forward: Counter[str] = Counter()
    for due in rewards_due(definition, facts, as_of=as_of):
        if due.kind is RewardKind.PLACES and due.state is DueState.DUE:
            forward[due.beneficiary] += due.value
    joined: dict[str, datetime] = {}
    for entry in entries:
        earlier = joined.get(entry.person, entry.joined_at)
        joined[entry.person] = min(earlier, entry.joined_at)
    by_joining = sorted(joined, key=lambda person: (joined[person], person))
    moved = sorted(
        enumerate(by_joining, start=1),
        key=lambda one: (one[0] - forward[one[1]], one[0]),
    )
    return [
        Place(
            person=person,
            place=place,
            joined_place=joined_place,
            forward=forward[person],
        )
        for place, (joined_place, person) in enumerate(moved, start=1)
    ]
