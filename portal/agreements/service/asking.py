"""Partners who signed an earlier text are asked to sign the new one by a date."""

from collections.abc import Sequence
from datetime import datetime, timedelta

from sqlalchemy.orm import Session

from portal.agreements import emails, queries
from portal.agreements.models import AgreementNotice
from portal.agreements.rules import Demand
from portal.audit import service as audit
from portal.enrollments import queries as enrollments
from portal.enrollments.models import Enrollment, GateNotice
from portal.enrollments.notices import NoticeKind, warning_step
from portal.enrollments.rules import GateStatus
from portal.enrollments.service import meet_gate
from portal.programs.definition import Blocks, GateKind


def ask_again(session: Session, enrollment: Enrollment, *, now: datetime) -> None:
    """Let the gate end when a newer text must be signed, and tell the partner once.

    It may run again at any time: the end follows from the texts and the signatures,
    and what was told is kept. A date that was withdrawn is taken back.

    Args:
        session: The session that holds the open transaction.
        enrollment: The enrollment, locked by the caller.
        now: The moment.
    """
    standing = queries.standing(session, enrollment, now=now)
    if standing is None or not standing.signatures:
        return
    met = [
        status
        for status in enrollments.checklist(session, enrollment, now=now)
        if status.gate.kind is GateKind.AGREEMENT and status.is_met
    ]
    for demand in standing.asking:
        if met and not queries.is_told(session, enrollment.id, demand.terms):
            _tell(session, enrollment, demand, met, now=now)
    for status in met:
        if status.until != standing.good_until:
            meet_gate(
                session,
                enrollment,
                status.gate.key,
                now=now,
                until=standing.good_until,
            )


def _tell(
    session: Session,
    enrollment: Enrollment,
    demand: Demand,
    met: Sequence[GateStatus],
    *,
    now: datetime,
) -> None:
    """Send the mail and keep that it was sent."""
    terms, shuts_at = demand.terms, demand.shuts_at
    zone = enrollment.version.definition.zone
    last_day = (shuts_at - timedelta.resolution).astimezone(zone).date()
    blocked = {blocks for status in met for blocks in status.gate.blocks}
    emails.ask_again(
        session,
        enrollment,
        terms,
        last_day=last_day,
        blocks=[blocks for blocks in Blocks if blocks in blocked],
        now=now,
    )
    session.add(
        AgreementNotice(
            enrollment_id=enrollment.id,
            version=terms.agreement.version,
            text_sha256=terms.sha256,
            shuts_at=shuts_at,
            sent_at=now,
        )
    )
    audit.record(
        session,
        "agreement.asked_again",
        enrollment.id,
        actor=None,
        at=now,
        version=terms.agreement.version,
        last_day=last_day.isoformat(),
    )
    for status in met:
        _skip_warning(session, enrollment, status, shuts_at, now=now)


def _skip_warning(
    session: Session,
    enrollment: Enrollment,
    status: GateStatus,
    shuts_at: datetime,
    *,
    now: datetime,
) -> None:
    """Keep that the warning due today is sent already: this mail said it."""
    zone = enrollment.version.definition.zone
    today = now.astimezone(zone).date()
    last_day = (shuts_at - timedelta.resolution).astimezone(zone).date()
    since = status.since or now
    step = warning_step(last_day, days=(shuts_at - since).days, today=today)
    if step is None:
        return
    session.add(
        GateNotice(
            enrollment_id=enrollment.id,
            gate_key=status.gate.key,
            kind=NoticeKind.EXPIRY,
            about_at=shuts_at,
            step=step,
            sent_at=now,
        )
    )
