"""Gates: pure functions of what was met when.

A gate is met during half-open intervals, `[from, until)`. They are kept for good,
so that "could this partner earn at that moment?" has an answer for any past one.
What was first met after a deadline that shuts the gate is kept too, and does not
count: `effective_history` leaves it out.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from enum import StrEnum
from zoneinfo import ZoneInfo

from portal.kit.clock import day_start
from portal.programs.definition import Blocks, Gate, GateKind, WhileUnmet

STOPPED = "*stopped"
"""Key of the intervals in which staff had suspended or ended the enrollment. No gate
of a program can be called so."""

STANDING = Gate(
    key="standing",
    kind=GateKind.REVIEW,
    title="Be in good standing",
    blocks=(Blocks.EARN,),
)
"""What a stopped enrollment lacks: its links redirect, and its sales earn nothing."""


@dataclass(frozen=True, slots=True)
class Interval:
    """A time during which a gate was met.

    Attributes:
        since: Its first moment.
        until: The first moment after it; none: it still is met.
        in_grace: Whether the last payment failed, so that only the days of grace
            hold the gate open until its end.
        renews: Whether its end moves on by itself, as that of a fee that is paid
            again; nobody needs a warning before it.
    """

    since: datetime
    until: datetime | None = None
    in_grace: bool = False
    renews: bool = False

    @property
    def is_empty(self) -> bool:
        """Whether it was over when it began."""
        return self.until is not None and self.until <= self.since

    def holds(self, moment: datetime) -> bool:
        """Tell whether `moment` lies in the interval."""
        return self.since <= moment and (self.until is None or moment < self.until)


@dataclass(frozen=True, slots=True)
class GateStatus:
    """How one gate stands at one moment.

    Attributes:
        gate: The gate.
        since: Since when it is met; none while it is not.
        until: When it will stop being met, such as a certificate's expiry; none when
            nobody knows of an end.
        due_on: The last day on which it is met in time; none once it was met, and
            without a deadline.
        is_overdue: Whether that day is over.
        in_grace: Whether it is met only until `until`, because a payment failed.
        renews: Whether that end moves on by itself.
        lost_at: When it stopped being met; none while it is met, and if it never was.
    """

    gate: Gate
    since: datetime | None = None
    until: datetime | None = None
    due_on: date | None = None
    is_overdue: bool = False
    in_grace: bool = False
    renews: bool = False
    lost_at: datetime | None = None

    @property
    def is_met(self) -> bool:
        """Whether the partner has what the gate asks for."""
        return self.since is not None

    @property
    def last_moment(self) -> datetime | None:
        """The last moment at which it is met, whose day people read as its end."""
        return None if self.until is None else self.until - timedelta.resolution

    @property
    def is_missed(self) -> bool:
        """Whether it was not met in time and cannot be met any more."""
        return self.is_overdue and self.gate.shuts_at_deadline


History = Mapping[str, Sequence[Interval]]
"""The intervals of each gate, by its key."""


def due_on(gate: Gate, *, joined_at: datetime, zone: ZoneInfo) -> date | None:
    """Return the last day on which a gate is met in time; none without a deadline.

    Args:
        gate: The gate.
        joined_at: When the partner joined; the days are counted from that day on.
        zone: The program's, in which days begin.
    """
    if gate.deadline_days is None:
        return None
    return joined_at.astimezone(zone).date() + timedelta(days=gate.deadline_days)


def effective_history(
    gates: Sequence[Gate], history: History, *, joined_at: datetime, zone: ZoneInfo
) -> History:
    """Return the intervals that count: none of a gate that was first met too late.

    One that was over when it began counts for nothing, either.

    Doing this again changes nothing.

    Args:
        gates: The gates of the version under which the partner joined.
        history: All intervals.
        joined_at: When the partner joined.
        zone: The program's.
    """
    shut = {
        gate.key
        for gate in gates
        if not _counting(gate, history, joined_at=joined_at, zone=zone)
    }
    return {
        key: [one for one in found if not one.is_empty]
        for key, found in history.items()
        if key not in shut
    }


def _counting(
    gate: Gate, history: History, *, joined_at: datetime, zone: ZoneInfo
) -> list[Interval]:
    """Return the intervals of a gate that count."""
    found = [one for one in history.get(gate.key, ()) if not one.is_empty]
    last_day = due_on(gate, joined_at=joined_at, zone=zone)
    if not gate.shuts_at_deadline or last_day is None:
        return found
    shuts_at = day_start(last_day + timedelta(days=1), zone)
    return found if any(one.since < shuts_at for one in found) else []


def status_of(
    gate: Gate,
    history: History,
    *,
    joined_at: datetime,
    zone: ZoneInfo,
    at: datetime,
) -> GateStatus:
    """Return how `gate` stands at the moment `at`.

    Args:
        gate: The gate.
        history: The intervals of all gates.
        joined_at: When the partner joined.
        zone: The program's, in which the days of a deadline begin.
        at: The moment.
    """
    found = _counting(gate, history, joined_at=joined_at, zone=zone)
    current = [i for i in found if i.holds(at)]
    if current:
        # Overlapping intervals, such as two certificates, end with the later one.
        ends = [i.until for i in current]
        until = None if None in ends else max(end for end in ends if end is not None)
        return GateStatus(
            gate,
            min(i.since for i in current),
            until,
            in_grace=all(i.in_grace for i in current),
            renews=any(i.renews for i in current),
        )
    last_day = due_on(gate, joined_at=joined_at, zone=zone)
    ended = [i.until for i in found if i.until is not None and i.until <= at]
    if last_day is None or any(i.since <= at for i in found):
        return GateStatus(gate, lost_at=max(ended, default=None))
    is_overdue = at >= day_start(last_day + timedelta(days=1), zone)
    return GateStatus(gate, due_on=last_day, is_overdue=is_overdue)


def checklist(
    gates: Sequence[Gate],
    history: History,
    *,
    joined_at: datetime,
    zone: ZoneInfo,
    at: datetime,
) -> list[GateStatus]:
    """Return how every gate stands at the moment `at`, in the program's order."""
    return [
        status_of(gate, history, joined_at=joined_at, zone=zone, at=at)
        for gate in gates
    ]


def unmet(statuses: Sequence[GateStatus], blocks: Blocks) -> list[GateStatus]:
    """Return the gates that keep the partner from `blocks`, in order."""
    return [s for s in statuses if not s.is_met and blocks in s.gate.blocks]


def unmet_at(
    gates: Sequence[Gate], history: History, blocks: Blocks, moment: datetime
) -> list[Gate]:
    """Return the gates that kept the partner from `blocks` at a past moment.

    While staff had stopped the enrollment, that comes first. `history` is the
    effective one, as `queries.history` returns it.
    """
    stopped = any(interval.holds(moment) for interval in history.get(STOPPED, ()))
    return [STANDING] * (stopped and blocks in STANDING.blocks) + [
        gate
        for gate in gates
        if blocks in gate.blocks
        and not any(i.holds(moment) for i in history.get(gate.key, ()))
    ]


class SaleFate(StrEnum):
    """What becomes of a sale made at a moment, as far as the gates go."""

    EARNS = "earns"
    HELD = "held"
    """It earns once what is in the way is done."""
    FORFEITED = "forfeited"
    NOBODYS = "nobodys"
    """The partner was not in the program yet."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What a partner could do at one moment, and what was in the way.

    Attributes:
        moment: The moment.
        is_member: Whether the partner had joined by then.
        in_the_way: The gates that kept it from each thing, in the program's order.
    """

    moment: datetime
    is_member: bool
    in_the_way: Mapping[Blocks, Sequence[Gate]]

    def may(self, blocks: Blocks) -> bool:
        """Tell whether nothing kept the partner from `blocks`."""
        return self.is_member and not self.in_the_way[blocks]

    @property
    def sale(self) -> SaleFate:
        """What became of a sale at that moment."""
        if not self.is_member:
            return SaleFate.NOBODYS
        found = self.in_the_way[Blocks.EARN]
        if any(one.sales_while_unmet is WhileUnmet.FORFEITED for one in found):
            return SaleFate.FORFEITED
        return SaleFate.HELD if found else SaleFate.EARNS


def answer(
    gates: Sequence[Gate], history: History, *, joined_at: datetime, moment: datetime
) -> Answer:
    """Return what the partner could do at `moment`, past or present.

    It asks what rating asks of a sale: `unmet_at`.

    Args:
        gates: The gates of the version under which the partner joined.
        history: The effective one, as `queries.history` returns it.
        joined_at: When the partner joined.
        moment: The moment.
    """
    return Answer(
        moment,
        joined_at <= moment,
        {blocks: unmet_at(gates, history, blocks, moment) for blocks in Blocks},
    )


def waiting_since(
    statuses: Sequence[GateStatus],
    history: History,
    gate: Gate,
    *,
    joined_at: datetime,
    at: datetime,
) -> datetime:
    """Return since when the partner waits at a gate that is not met.

    That is when it was lost; of one that never was met, when the partner had joined
    and done what the program asks for before it.

    Args:
        statuses: How all gates stand at the moment `at`, in the program's order.
        history: The effective intervals.
        gate: The gate.
        joined_at: When the partner joined.
        at: The moment.
    """
    found = [one for one in history.get(gate.key, ()) if not one.is_empty]
    ends = [one.until for one in found if one.until is not None]
    lost = [end for end in ends if end <= at]
    if lost:
        return max(lost)
    before = [one.gate.key for one in statuses].index(gate.key)
    done = [one.since for one in statuses[:before] if one.since is not None]
    return max([joined_at, *done])


def is_open_throughout(statuses: Sequence[GateStatus]) -> bool:
    """Tell whether nothing keeps the partner from joining, linking or earning."""
    return not any(unmet(statuses, b) for b in (Blocks.JOIN, Blocks.LINK, Blocks.EARN))
