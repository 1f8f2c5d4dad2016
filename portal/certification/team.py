"""Whether enough people of a partner hold what a gate asks for. Pure.

People come and leave, certificates begin and end. At any moment it can be said whether
the gate is met, and until when it stays so if nobody comes, leaves or passes.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from portal.programs.definition import Counted, Team, TeamScope


@dataclass(frozen=True, slots=True, kw_only=True)
class Spell:
    """A time during which somebody was on the team.

    Attributes:
        person: Who.
        since: When they joined.
        until: When they left; none while they are there.
    """

    person: UUID
    since: datetime
    until: datetime | None = None

    def holds(self, moment: datetime) -> bool:
        """Tell whether they were on the team at `moment`."""
        return self.since <= moment and (self.until is None or moment < self.until)


@dataclass(frozen=True, slots=True, kw_only=True)
class Holding:
    """A time during which somebody held a certificate.

    Attributes:
        person: Who.
        exam: The exam; a certificate and its renewal count once.
        since: When it was issued.
        until: When it expires, or was revoked.
    """

    person: UUID
    exam: str
    since: datetime
    until: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Member:
    """How one person stands with a gate.

    Attributes:
        person: Who.
        held_until: When the last of their certificates ends; none: they hold none.
        newcomer_until: Until when they count without one; none: they do not.
    """

    person: UUID
    held_until: datetime | None
    newcomer_until: datetime | None = None

    @property
    def is_holder(self) -> bool:
        """Whether they hold a certificate."""
        return self.held_until is not None


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """How a team stands with a gate at a moment.

    Attributes:
        is_met: Whether enough people hold enough.
        until: When that ends by itself; none: it is not met.
        found: How many people, or certificates, were counted.
        needed: How many the gate asks for.
        counts: What is counted.
        members: Everybody on the team, who holds it first.
    """

    is_met: bool
    until: datetime | None
    found: int
    needed: int
    counts: Counted
    members: tuple[Member, ...]


def standing(
    team: Team | None,
    spells: Sequence[Spell],
    holdings: Sequence[Holding],
    moment: datetime,
) -> Standing:
    """Return how a team stands with a gate, from what was so at `moment`.

    A certificate counts while its holder is on the team. Of somebody about whom nothing
    is known it counts: nobody passes an exam without having been let in.

    Args:
        team: How many people must hold it; none: one is enough.
        spells: Who was on the team when.
        holdings: The certificates of the gate's exams, of all people.
        moment: The moment.
    """
    present = {one.person: one.since for one in spells if one.holds(moment)}
    gone = {one.person for one in spells} - present.keys()
    held = [
        one
        for one in holdings
        if one.since <= moment < one.until and one.person not in gone
    ]
    members = _members(team, present, held, moment)
    ends = {one.until for one in held}
    ends |= {one.newcomer_until for one in members if one.newcomer_until is not None}
    is_met = _is_met(team, members, held, moment)
    lasts = sorted(end for end in ends if end > moment) if is_met else []
    until = next(
        (end for end in lasts if not _is_met(team, members, held, end)),
        None,
    )
    counts = (team.counts if team else None) or Counted.PEOPLE
    needed = len(members) if _is_everyone(team) else (team and team.number) or 1
    return Standing(
        is_met=is_met,
        until=until,
        found=_number(counts, held, moment),
        needed=needed,
        counts=counts,
        members=members,
    )


def _members(
    team: Team | None,
    present: dict[UUID, datetime],
    held: Sequence[Holding],
    moment: datetime,
) -> tuple[Member, ...]:
    ends: dict[UUID, datetime] = {}
    for one in held:
        ends[one.person] = max(one.until, ends.get(one.person, one.until))
    days = timedelta(days=(team.newcomer_days if team else None) or 0)
    people = [
        Member(
            person=person,
            held_until=ends.get(person),
            newcomer_until=present[person] + days
            if person not in ends
            and person in present
            and moment < present[person] + days
            else None,
        )
        for person in {**present, **ends}
    ]
    return tuple(sorted(people, key=lambda one: not one.is_holder))


def _is_met(
    team: Team | None,
    members: Iterable[Member],
    held: Iterable[Holding],
    moment: datetime,
) -> bool:
    """Tell whether it is met at `moment`, from what is known beforehand."""
    if team is None or team.who is TeamScope.AT_LEAST:
        counts = (team.counts if team else None) or Counted.PEOPLE
        return _number(counts, held, moment) >= ((team and team.number) or 1)
    holders = [one for one in members if _holds(one.held_until, moment)]
    rest = [one for one in members if not _holds(one.held_until, moment)]
    return bool(holders) and all(_holds(one.newcomer_until, moment) for one in rest)


def _number(counts: Counted, held: Iterable[Holding], moment: datetime) -> int:
    now = [one for one in held if moment < one.until]
    if counts is Counted.CERTIFICATES:
        return len({(one.person, one.exam) for one in now})
    return len({one.person for one in now})


def _holds(until: datetime | None, moment: datetime) -> bool:
    return until is not None and moment < until


def _is_everyone(team: Team | None) -> bool:
    return team is not None and team.who is TeamScope.EVERYONE


def turns(
    spells: Iterable[Spell],
    holdings: Iterable[Holding],
    *,
    since: datetime,
    until: datetime,
) -> list[datetime]:
    """Return the moments at which something happened, `since` and `until` with them."""
    found = {since, until}
    found |= {one.since for one in spells} | {one.since for one in holdings}
    found |= {one.until for one in spells if one.until is not None}
    found |= {one.until for one in holdings}
    return sorted(moment for moment in found if since <= moment <= until)
