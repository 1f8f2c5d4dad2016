"""Gates that are met and lost, and what follows for the enrollment."""

from datetime import datetime

from sqlalchemy.orm import Session

from portal import jobs
from portal.accounts.models import User
from portal.audit import service as audit
from portal.enrollments import queries, rules
from portal.enrollments.models import Enrollment, EnrollmentStatus, GateInterval
from portal.programs.definition import Blocks

RECOMPUTE = "commissions.recompute"
"""The job that rates an enrollment's sales anew; it lives above this package."""


def meet_gate(
    session: Session,
    enrollment: Enrollment,
    gate_key: str,
    *,
    now: datetime,
    until: datetime | None = None,
    note: str = "",
    actor: User | None = None,
    in_grace: bool = False,
    renews: bool = False,
) -> None:
    """Note that the partner has what a gate asks for, from `now` on.

    Meeting a gate that is met extends it: its end becomes `until`. What comes after
    a deadline that shut the gate is noted and does not count.

    Args:
        session: The session that holds the open transaction.
        enrollment: The enrollment, locked by the caller.
        gate_key: Which gate of its version.
        now: From when.
        until: When it will stop being met; none when nobody knows of an end.
        note: What met it, such as a certificate's number.
        actor: Who did it; none for the portal itself.
        in_grace: Whether a payment failed, so that it holds for the days of grace.
        renews: Whether its end moves on by itself, as that of a fee.
    """
    current = current_interval(session, enrollment, gate_key, now)
    if current is not None:
        _extend(session, enrollment, current, until=until, in_grace=in_grace, now=now)
        current.renews = renews
        current.note = note or current.note
    else:
        is_missed = any(
            status.is_missed and status.gate.key == gate_key
            for status in queries.checklist(session, enrollment, now=now)
        )
        session.add(
            GateInterval(
                enrollment_id=enrollment.id,
                gate_key=gate_key,
                met_from=now,
                met_until=until,
                in_grace=in_grace,
                renews=renews,
                note=note,
            )
        )
        audit.record(
            session,
            "gate.met_too_late" if is_missed else "gate.met",
            enrollment.id,
            actor=actor,
            at=now,
            gate=gate_key,
            note=note or None,
        )
        rate_anew(session, enrollment, gate_key, now=now)
    reevaluate(session, enrollment, now=now)


def _extend(
    session: Session,
    enrollment: Enrollment,
    current: GateInterval,
    *,
    until: datetime | None,
    in_grace: bool,
    now: datetime,
) -> None:
    """Move the end of what is met, and keep what changed for whoever asks later."""
    actions = []
    if current.met_until != until:
        actions.append("gate.extended")
    if current.in_grace != in_grace:
        actions.append("gate.in_grace" if in_grace else "gate.out_of_grace")
    for action in actions:
        audit.record(
            session,
            action,
            enrollment.id,
            actor=None,
            at=now,
            gate=current.gate_key,
            until=until.isoformat() if until else None,
        )
    if actions:
        rate_anew(session, enrollment, current.gate_key, now=now)
    current.met_until = until
    current.in_grace = in_grace


def rate_anew(
    session: Session, enrollment: Enrollment, gate_key: str, *, now: datetime
) -> None:
    """Queue the rating of sales that a gate held, when it opens or shuts.

    A gate that decides on no sale, and one that is met in the moment of joining,
    change none. One waiting job is enough.
    """
    decides = any(
        gate.key == gate_key
        and (Blocks.EARN in gate.blocks or gate.forfeits_after_months is not None)
        for gate in enrollment.version.definition.gates
    )
    if not decides or now <= enrollment.joined_at:
        return
    lock = f"{RECOMPUTE}:{enrollment.id}"
    jobs.defer(
        session,
        RECOMPUTE,
        {"enrollment_id": str(enrollment.id)},
        lock=lock,
        queueing_lock=lock,
    )


def lose_gate(
    session: Session,
    enrollment: Enrollment,
    gate_key: str,
    *,
    now: datetime,
    note: str = "",
    actor: User | None = None,
) -> None:
    """Note that a gate is not met any more, from `now` on. Not met: no change.

    Args:
        session: The session that holds the open transaction.
        enrollment: The enrollment, locked by the caller.
        gate_key: Which gate of its version.
        now: From when.
        note: Why, in words for the audit log.
        actor: Who did it; none for the portal itself.
    """
    current = current_interval(session, enrollment, gate_key, now)
    if current is None:
        return
    current.met_until = now
    audit.record(
        session,
        "gate.lost",
        enrollment.id,
        actor=actor,
        at=now,
        gate=gate_key,
        note=note or None,
    )
    rate_anew(session, enrollment, gate_key, now=now)
    reevaluate(session, enrollment, now=now)


def reevaluate(session: Session, enrollment: Enrollment, *, now: datetime) -> None:
    """Make an enrollment active when no gate is in the way, pending when one is.

    A suspended or terminated enrollment stays what it is.
    """
    session.flush()  # The intervals just written must be among those read.
    statuses = queries.checklist(session, enrollment, now=now)
    is_open = rules.is_open_throughout(statuses)
    if enrollment.status is EnrollmentStatus.PENDING and is_open:
        enrollment.move_to(EnrollmentStatus.ACTIVE)
        action = "enrollment.activated"
    elif enrollment.status is EnrollmentStatus.ACTIVE and not is_open:
        enrollment.move_to(EnrollmentStatus.PENDING)
        action = "enrollment.blocked"
    else:
        return
    audit.record(session, action, enrollment.id, actor=None, at=now)


def current_interval(
    session: Session, enrollment: Enrollment, gate_key: str, now: datetime
) -> GateInterval | None:
    """Return the interval in which the gate is met now, if it is."""
    session.flush()  # An interval added a moment ago must be found.
    rows = queries.intervals(session, enrollment.id, gate_key)
    return next((row for row in rows if row.interval.holds(now)), None)
