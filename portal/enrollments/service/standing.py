"""What staff do to a partner's place in a program."""

from datetime import datetime

from sqlalchemy.orm import Session

from portal.accounts.models import User
from portal.audit import service as audit
from portal.enrollments import rules
from portal.enrollments.models import Enrollment, EnrollmentStatus, GateInterval
from portal.enrollments.service.gates import current_interval, reevaluate


def suspend(
    session: Session,
    enrollment: Enrollment,
    *,
    actor: User,
    reason: str,
    now: datetime,
) -> None:
    """Stop an enrollment for now; its links keep redirecting but do not earn."""
    enrollment.move_to(EnrollmentStatus.SUSPENDED)
    _stop(session, enrollment, now=now)
    audit.record(
        session, "enrollment.suspended", enrollment.id, actor=actor, at=now, why=reason
    )


def resume(
    session: Session,
    enrollment: Enrollment,
    *,
    actor: User,
    reason: str,
    now: datetime,
) -> None:
    """Let a suspended enrollment go on, active if its gates are met."""
    enrollment.move_to(EnrollmentStatus.PENDING)
    stopped = current_interval(session, enrollment, rules.STOPPED, now)
    if stopped is not None:
        stopped.met_until = now
    audit.record(
        session, "enrollment.resumed", enrollment.id, actor=actor, at=now, why=reason
    )
    reevaluate(session, enrollment, now=now)


def terminate(
    session: Session,
    enrollment: Enrollment,
    *,
    actor: User | None,
    reason: str,
    now: datetime,
) -> None:
    """End an enrollment for good; without an actor, by the program's own rules."""
    enrollment.move_to(EnrollmentStatus.TERMINATED)
    _stop(session, enrollment, now=now)
    audit.record(
        session, "enrollment.terminated", enrollment.id, actor=actor, at=now, why=reason
    )


def _stop(session: Session, enrollment: Enrollment, *, now: datetime) -> None:
    """Keep since when the enrollment is stopped; rating asks for the past too."""
    if current_interval(session, enrollment, rules.STOPPED, now) is None:
        session.add(
            GateInterval(
                enrollment_id=enrollment.id, gate_key=rules.STOPPED, met_from=now
            )
        )
