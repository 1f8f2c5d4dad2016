"""What can happen to a partner in a program. Callers own the transaction."""

import hashlib
from datetime import datetime

from flask_babel import gettext as _
from sqlalchemy import select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from portal.accounts.models import User
from portal.audit import service as audit
from portal.enrollments import queries, rules
from portal.enrollments.models import (
    ONE_PER_PROGRAM,
    AgreementAcceptance,
    Enrollment,
    EnrollmentStatus,
    GateInterval,
)
from portal.kit.db import violates
from portal.kit.errors import Conflict
from portal.kit.ids import new_id
from portal.partners.models import Partner
from portal.programs.definition import GateKind
from portal.programs.models import ProgramVersion


class AlreadyEnrolled(Conflict):
    """The partner is in this program already."""

    code = "already_enrolled"


class NothingToAccept(Conflict):
    """The program has no agreement, or this version of it is accepted already."""

    code = "nothing_to_accept"


def join(
    session: Session, *, partner: Partner, version: ProgramVersion, now: datetime
) -> Enrollment:
    """Take a partner into a program.

    An approved application has met the gates of e-mail and review.

    Raises:
        AlreadyEnrolled: The partner is in this program.
    """
    enrollment = Enrollment(
        id=new_id(),
        partner=partner,
        version=version,
        program_id=version.program_id,
        joined_at=now,
    )
    try:
        with session.begin_nested():
            session.add(enrollment)
    except IntegrityError as error:
        if not violates(error, ONE_PER_PROGRAM):
            raise
        raise AlreadyEnrolled(
            _("%(partner)s is in this program already.", partner=partner.name)
        ) from error
    audit.record(
        session,
        "enrollment.joined",
        enrollment.id,
        actor=None,
        at=now,
        program=version.definition.key,
    )
    for gate in version.definition.gates:
        if gate.kind in (GateKind.EMAIL, GateKind.REVIEW):
            meet_gate(session, enrollment, gate.key, now=now)
    reevaluate(session, enrollment, now=now)
    return enrollment


def meet_gate(
    session: Session,
    enrollment: Enrollment,
    gate_key: str,
    *,
    now: datetime,
    until: datetime | None = None,
    note: str = "",
    actor: User | None = None,
) -> None:
    """Note that the partner has what a gate asks for, from `now` on.

    Meeting a gate that is met extends it: its end becomes `until`.

    Args:
        session: The session that holds the open transaction.
        enrollment: The enrollment, locked by the caller.
        gate_key: Which gate of its version.
        now: From when.
        until: When it will stop being met; none when nobody knows of an end.
        note: What met it, such as a certificate's number.
        actor: Who did it; none for the portal itself.
    """
    current = _current(session, enrollment, gate_key, now)
    if current is not None:
        current.met_until = until
        current.note = note or current.note
    else:
        session.add(
            GateInterval(
                enrollment_id=enrollment.id,
                gate_key=gate_key,
                met_from=now,
                met_until=until,
                note=note,
            )
        )
        audit.record(
            session,
            "gate.met",
            enrollment.id,
            actor=actor,
            at=now,
            gate=gate_key,
            note=note or None,
        )
    reevaluate(session, enrollment, now=now)


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
    current = _current(session, enrollment, gate_key, now)
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
    reevaluate(session, enrollment, now=now)


def accept_agreement(
    session: Session,
    enrollment: Enrollment,
    *,
    user: User,
    remote_address: str,
    now: datetime,
) -> AgreementAcceptance:
    """Keep that `user` accepted the program's agreement for their partner.

    Raises:
        NothingToAccept: There is no agreement, or it is accepted already.
    """
    definition = enrollment.version.definition
    agreement = definition.agreement
    if agreement is None:
        raise NothingToAccept(_("This program has no agreement to accept."))
    accepted = {a.version for a in queries.acceptances(session, enrollment.id)}
    if agreement.version in accepted:
        raise NothingToAccept(_("Your company has accepted this agreement already."))
    acceptance = AgreementAcceptance(
        enrollment_id=enrollment.id,
        version=agreement.version,
        text_sha256=hashlib.sha256(agreement.text.encode()).hexdigest(),
        accepted_by_id=user.id,
        accepted_at=now,
        remote_address=remote_address,
    )
    session.add(acceptance)
    audit.record(
        session,
        "agreement.accepted",
        enrollment.id,
        actor=user,
        at=now,
        version=agreement.version,
    )
    for gate in definition.gates:
        if gate.kind is GateKind.AGREEMENT:
            meet_gate(
                session,
                enrollment,
                gate.key,
                now=now,
                note=f"version {agreement.version}",
                actor=user,
            )
    return acceptance


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
    stopped = _current(session, enrollment, rules.STOPPED, now)
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
    actor: User,
    reason: str,
    now: datetime,
) -> None:
    """End an enrollment for good."""
    enrollment.move_to(EnrollmentStatus.TERMINATED)
    _stop(session, enrollment, now=now)
    audit.record(
        session, "enrollment.terminated", enrollment.id, actor=actor, at=now, why=reason
    )


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


def _stop(session: Session, enrollment: Enrollment, *, now: datetime) -> None:
    """Keep since when the enrollment is stopped; rating asks for the past too."""
    if _current(session, enrollment, rules.STOPPED, now) is None:
        session.add(
            GateInterval(
                enrollment_id=enrollment.id, gate_key=rules.STOPPED, met_from=now
            )
        )


def _current(
    session: Session, enrollment: Enrollment, gate_key: str, now: datetime
) -> GateInterval | None:
    """Return the interval in which the gate is met now, if it is."""
    session.flush()  # An interval added a moment ago must be found.
    rows = session.scalars(
        select(GateInterval)
        .where(
            GateInterval.enrollment_id == enrollment.id,
            GateInterval.gate_key == gate_key,
        )
        .order_by(GateInterval.met_from)
    )
    return next((row for row in rows if row.interval.holds(now)), None)
