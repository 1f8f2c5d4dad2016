"""What a partner is told about its gates: once each, whenever the run comes."""

from datetime import datetime

from sqlalchemy import select
from sqlalchemy.orm import Session

from portal.audit.models import AuditEvent
from portal.enrollments import emails, notices, queries
from portal.enrollments.models import Enrollment, GateNotice
from portal.enrollments.notices import Notice
from portal.enrollments.rules import GateStatus

_TAKEN = ("gate.lost", "gate.withdrawn")


def notify(session: Session, enrollment: Enrollment, *, now: datetime) -> int:
    """Tell the partner what is due about its gates; return how much was new.

    It can be run for any moment, twice or late. While staff have stopped the
    enrollment, nothing is told: it would be wrong.

    Args:
        session: The session that holds the open transaction.
        enrollment: The enrollment, locked by the caller.
        now: The moment.
    """
    if enrollment.status not in queries.RUNNING:
        return 0
    definition = enrollment.version.definition
    session.flush()  # An interval added a moment ago must be among those read.
    due = notices.due_notices(
        definition.gates,
        queries.history(session, enrollment),
        queries.told(session, enrollment.id),
        joined_at=enrollment.joined_at,
        zone=definition.zone,
        grace_days=definition.fee.grace_days if definition.fee else 0,
        at=now,
    )
    for status, notice in due:
        keep(session, enrollment, notice, now=now)
        _send(session, enrollment, notice, status, now=now)
    return len(due)


def keep(
    session: Session, enrollment: Enrollment, notice: Notice, *, now: datetime
) -> None:
    """Keep that the partner is told of this; `queries.told` knows what was before.

    The enrollment is locked, so that two runs cannot tell the same; if one forgot to,
    the table refuses the second row and with it the second mail.

    Args:
        session: The session that holds the open transaction.
        enrollment: Whom it is about, locked by the caller.
        notice: What is told.
        now: When.
    """
    session.add(
        GateNotice(
            enrollment_id=enrollment.id,
            gate_key=notice.key,
            kind=notice.kind,
            about_at=notice.about_at,
            step=notice.step,
            sent_at=now,
        )
    )


def _send(
    session: Session,
    enrollment: Enrollment,
    notice: Notice,
    status: GateStatus,
    *,
    now: datetime,
) -> None:
    if notice.kind in notices.WARNINGS:
        emails.send_warning(session, enrollment, notice, status, now=now)
        return
    taken = session.scalars(
        select(AuditEvent.details).where(
            AuditEvent.subject_id == enrollment.id,
            AuditEvent.action.in_(_TAKEN),
            AuditEvent.at == notice.about_at,
        )
    )
    was_taken = any(details.get("gate") == notice.key for details in taken)
    emails.send_shut(session, enrollment, notice, status, was_taken=was_taken, now=now)
