"""What follows from time alone for one enrollment: the daily look at its standing.

Gates that ended, levels, the duty, and what the partner is told before and after. It
can be run for any day, twice or late: the state follows from what is kept, and each
notice has a key.
"""

from collections.abc import Sequence
from datetime import datetime, timedelta
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.orm import Session

from portal.enrollments import queries as enrollments
from portal.enrollments import service as enrollment_service
from portal.enrollments.models import Enrollment, EnrollmentStatus
from portal.enrollments.notices import (
    LOOK_BACK,
    Notice,
    NoticeKind,
    is_new,
    warning_step,
)
from portal.kit.clock import add_months
from portal.programs.definition import ProgramDefinition
from portal.tiers import emails, moves, queries, service
from portal.tiers.rules import Timeline

DUTY = "*tier-duty"
"""Key of the notices about the duty. No gate of a program can be called so."""


def running(session: Session) -> Sequence[UUID]:
    """Return every enrollment that has not ended, oldest first."""
    return session.scalars(
        select(Enrollment.id)
        .where(Enrollment.status != EnrollmentStatus.TERMINATED)
        .order_by(Enrollment.id)
    ).all()


def act(
    session: Session,
    enrollment: Enrollment,
    *,
    now: datetime,
    on: datetime | None = None,
) -> None:
    """Bring an enrollment in line with what follows from time alone, and say so.

    Args:
        session: The session that holds the open transaction.
        enrollment: The enrollment, locked by the caller.
        now: The present, for the state: it never goes back.
        on: For which moment the partner is told what was due; none: `now`.
    """
    asked = on or now
    was_running = enrollment.status in enrollments.RUNNING
    enrollment_service.reevaluate(session, enrollment, now=now)
    line = service.keep_up(session, enrollment, now=now)
    if line is not None and was_running:
        definition = queries.ruled_by(session, enrollment, now=now)
        _tell_of_duty(session, enrollment, definition, line, at=asked)
        _tell_of_moves(session, enrollment, definition, line, at=asked)
    enrollment_service.notify(session, enrollment, now=asked)


def _tell_of_duty(
    session: Session,
    enrollment: Enrollment,
    definition: ProgramDefinition,
    line: Timeline,
    *,
    at: datetime,
) -> None:
    duty = definition.tiers.duty if definition.tiers else None
    if duty is None or line.is_duty_done:
        return
    notice = _of_duty(enrollment, definition, duty.within_months, at)
    if notice is None or not is_new(notice, enrollments.told(session, enrollment.id)):
        return
    enrollment_service.keep(session, enrollment, notice, now=at)
    emails.send_duty(session, enrollment, definition, duty, notice, now=at)


def _tell_of_moves(
    session: Session,
    enrollment: Enrollment,
    definition: ProgramDefinition,
    line: Timeline,
    *,
    at: datetime,
) -> None:
    """Say which tier will be lost on the next date, and which one was."""
    falls = [moves.recent_fall(definition, line, at=at)]
    date = moves.next_date(definition, at)
    if date is not None and line.ends_at is None:
        ahead = service.timeline_of(session, enrollment, definition, until=date)
        falls.append(moves.coming_fall(definition, ahead, on=date, at=at))
    told = enrollments.told(session, enrollment.id)
    for fall in falls:
        if fall is not None and is_new(fall.notice, told):
            enrollment_service.keep(session, enrollment, fall.notice, now=at)
            emails.send_move(session, enrollment, definition, fall, now=at)


def _of_duty(
    enrollment: Enrollment, definition: ProgramDefinition, months: int, at: datetime
) -> Notice | None:
    """Return what is to be told about a duty that is not done, if anything."""
    zone = definition.zone
    due_at = add_months(enrollment.joined_at, months, zone)
    last_day = (due_at - timedelta.resolution).astimezone(zone).date()
    kind, step = NoticeKind.MISSED, None
    if due_at > at:
        kind = NoticeKind.DEADLINE
        step = warning_step(
            last_day,
            days=(due_at - enrollment.joined_at).days,
            today=at.astimezone(zone).date(),
        )
    elif due_at > at - LOOK_BACK:
        step = 0
    if step is None:
        return None
    return Notice(key=DUTY, kind=kind, about_at=due_at, step=step, last_day=last_day)
