"""What staff do to a partner's place in a program."""

from datetime import datetime

from flask_babel import gettext as _
from sqlalchemy.orm import Session

from portal.accounts.models import User
from portal.audit import service as audit
from portal.enrollments import rules
from portal.enrollments.models import (
    Enrollment,
    EnrollmentStatus,
    EnrollmentTransition,
    GateInterval,
)
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
    _stop(session, enrollment, since=now)
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
    """Let a suspended enrollment go on, active if its gates are met.

    Raises:
        EnrollmentTransition: It is not suspended.
    """
    if enrollment.status is not EnrollmentStatus.SUSPENDED:
        raise EnrollmentTransition(_("This place in the program is not suspended."))
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
    since: datetime | None = None,
) -> None:
    """End an enrollment for good; without an actor, by the program's own rules.

    Args:
        session: The session that holds the open transaction.
        enrollment: The enrollment, locked by the caller.
        actor: Who ends it; none for the portal itself.
        reason: Why, for the log.
        now: The moment.
        since: From when on nothing is earned; `now` unless the program's rules ended
            it before.
    """
    enrollment.move_to(EnrollmentStatus.TERMINATED)
    _stop(session, enrollment, since=since or now)
    audit.record(
        session, "enrollment.terminated", enrollment.id, actor=actor, at=now, why=reason
    )


def _stop(session: Session, enrollment: Enrollment, *, since: datetime) -> None:
    """Keep since when the enrollment is stopped; rating asks for the past too."""
    if current_interval(session, enrollment, rules.STOPPED, since) is None:
        session.add(
            GateInterval(
                enrollment_id=enrollment.id, gate_key=rules.STOPPED, met_from=since
            )
        )
