"""The record of an enrollment's gates: every interval, with what began and ended it.

For staff. The intervals are what decides; the audit trail says who and why.
"""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from sqlalchemy import or_, select
from sqlalchemy.orm import Session

from portal.accounts.models import User
from portal.audit.models import AuditEvent
from portal.enrollments import queries, rules
from portal.enrollments.models import Enrollment, GateInterval
from portal.enrollments.rules import GateStatus
from portal.programs.definition import Gate

Event = tuple[AuditEvent, str | None]
"""What happened, and the name of who did it; none for the portal itself."""

_BEGINS = ("gate.met", "gate.met_too_late", "gate.confirmed")
_STOPS = ("enrollment.suspended", "enrollment.terminated")
_ENDS = ("gate.lost", "gate.withdrawn", "enrollment.resumed")


class IntervalState(StrEnum):
    """How an interval stands at a moment."""

    OPEN = "open"
    IN_GRACE = "in_grace"
    """Open, but a payment failed."""
    ENDED = "ended"
    TOO_LATE = "too_late"
    """It began after the deadline that shut the gate, and does not count."""


@dataclass(frozen=True, slots=True)
class Recorded:
    """One interval with what is known about its beginning and its end."""

    row: GateInterval
    state: IntervalState
    began: Event | None
    ended: Event | None


@dataclass(frozen=True, slots=True)
class GateRecord:
    """A gate with all its intervals, the latest first.

    `status` is none for the times in which staff had stopped the enrollment.
    """

    gate: Gate
    status: GateStatus | None
    intervals: Sequence[Recorded]


@dataclass(frozen=True, slots=True)
class Record:
    """All gates of an enrollment in the program's order, and the log behind them."""

    gates: Sequence[GateRecord]
    stops: GateRecord
    events: Sequence[Event]


def record_of(session: Session, enrollment: Enrollment, *, now: datetime) -> Record:
    """Return everything about the gates of one enrollment."""
    definition = enrollment.version.definition
    rows = session.scalars(
        select(GateInterval)
        .where(GateInterval.enrollment_id == enrollment.id)
        .order_by(GateInterval.met_from.desc(), GateInterval.id.desc())
    )
    by_key: dict[str, list[GateInterval]] = defaultdict(list)
    for row in rows:
        by_key[row.gate_key].append(row)
    events = _events(session, enrollment)
    counting = rules.effective_history(
        definition.gates,
        {key: [row.interval for row in found] for key, found in by_key.items()},
        joined_at=enrollment.joined_at,
        zone=definition.zone,
    )
    statuses = queries.checklist(session, enrollment, now=now)

    def recorded(gate_key: str) -> list[Recorded]:
        return [
            Recorded(
                row,
                _state(row, is_counted=gate_key in counting, now=now),
                _began(row, events),
                _ended(row, events),
            )
            for row in by_key[gate_key]
        ]

    return Record(
        [GateRecord(one.gate, one, recorded(one.gate.key)) for one in statuses],
        GateRecord(rules.STANDING, None, recorded(rules.STOPPED)),
        events,
    )


def _events(session: Session, enrollment: Enrollment) -> list[Event]:
    """Return what happened to the enrollment and its gates, the latest first."""
    rows = session.execute(
        select(AuditEvent, User.name)
        .outerjoin(User, User.id == AuditEvent.actor_id)
        .where(
            AuditEvent.subject_id == enrollment.id,
            or_(
                AuditEvent.action.startswith("gate."),
                AuditEvent.action.startswith("agreement."),
                AuditEvent.action.startswith("enrollment."),
            ),
        )
        .order_by(AuditEvent.at.desc(), AuditEvent.id.desc())
    )
    return [(event, name) for event, name in rows]


def _state(row: GateInterval, *, is_counted: bool, now: datetime) -> IntervalState:
    if not is_counted:
        return IntervalState.TOO_LATE
    if row.met_until is not None and row.met_until <= now:
        return IntervalState.ENDED
    return IntervalState.IN_GRACE if row.in_grace else IntervalState.OPEN


def _began(row: GateInterval, events: Sequence[Event]) -> Event | None:
    """Return what began an interval; a day that staff entered is in the details."""
    since = row.met_from.isoformat()
    for event, name in events:
        details = event.details
        is_then = event.at == row.met_from or details.get("since") == since
        is_its = event.action in _BEGINS and details.get("gate") == row.gate_key
        is_stop = event.action in _STOPS and row.gate_key == rules.STOPPED
        if is_then and (is_its or is_stop):
            return event, name
    return None


def _ended(row: GateInterval, events: Sequence[Event]) -> Event | None:
    """Return what ended an interval; nothing if it came to its end by itself."""
    for event, name in events:
        key = event.details.get("gate", rules.STOPPED)
        if event.action in _ENDS and event.at == row.met_until and key == row.gate_key:
            return event, name
    return None
