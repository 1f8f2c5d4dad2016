"""When a partner's requirements were met, from the events of a file."""

from collections.abc import Iterable, Sequence
from datetime import datetime

from portal.enrollments.rules import STOPPED, History, Interval, effective_history
from portal.programs.definition import Gate, GateKind, ProgramDefinition
from portal.simulation.events import (
    Certify,
    Event,
    FeeLapsed,
    FeePaid,
    GateMet,
    GateUnmet,
    Resume,
    Suspend,
)

MET_BY_JOINING = (GateKind.EMAIL, GateKind.REVIEW, GateKind.AGREEMENT)


def history_of(
    definition: ProgramDefinition, events: Sequence[Event], *, joined_at: datetime
) -> History:
    """Return when each gate of a partner was met and counted.

    Gates of e-mail, review and agreement are met from joining on; the others by events
    only. What is met after a deadline that shuts a gate does not count.

    Args:
        definition: The program.
        events: The events of this partner, in order.
        joined_at: When it joined.
    """
    found = {
        gate.key: _intervals(gate, events, joined_at=joined_at)
        for gate in definition.gates
    }
    found[STOPPED] = _stopped(events)
    return effective_history(
        definition.gates, found, joined_at=joined_at, zone=definition.zone
    )


def _intervals(
    gate: Gate, events: Sequence[Event], *, joined_at: datetime
) -> list[Interval]:
    # At one moment what ends goes before what begins: who pays on the day on which
    # the fee lapses has no gap.
    turns: list[tuple[datetime, bool, datetime | None]] = [
        (event.at, True, getattr(event, "until", None))
        for event in events
        if _meets(event, gate)
    ]
    turns += [(event.at, False, None) for event in events if _unmeets(event, gate)]
    if gate.kind in MET_BY_JOINING:
        turns.append((joined_at, True, None))
    return _joined(sorted(turns, key=lambda turn: turn[:2]))


def _meets(event: Event, gate: Gate) -> bool:
    if isinstance(event, GateMet):
        return event.gate == gate.key
    if isinstance(event, Certify):
        is_exam = gate.kind is GateKind.CERTIFICATION and gate.team is None
        return is_exam and event.gate in (None, gate.key)
    return isinstance(event, FeePaid) and gate.kind is GateKind.FEE


def _unmeets(event: Event, gate: Gate) -> bool:
    if isinstance(event, GateUnmet):
        return event.gate == gate.key
    return isinstance(event, FeeLapsed) and gate.kind is GateKind.FEE


def _joined(
    turns: Iterable[tuple[datetime, bool, datetime | None]],
) -> list[Interval]:
    intervals: list[Interval] = []
    for at, begins, until in turns:
        if begins:
            intervals.append(Interval(at, until))
            continue
        intervals = [
            Interval(one.since, at) if one.holds(at) else one for one in intervals
        ]
    return intervals


def _stopped(events: Sequence[Event]) -> list[Interval]:
    stops: list[Interval] = []
    since: datetime | None = None
    for event in events:
        if isinstance(event, Suspend) and since is None:
            since = event.at
        elif isinstance(event, Resume) and since is not None:
            stops.append(Interval(since, event.at))
            since = None
    return stops if since is None else [*stops, Interval(since)]
