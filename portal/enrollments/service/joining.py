"""How a partner gets into a program."""

from collections.abc import Collection
from datetime import datetime

from flask_babel import gettext as _
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from portal.accounts.models import User
from portal.audit import service as audit
from portal.enrollments.models import ONE_PER_PROGRAM, Enrollment
from portal.enrollments.service.gates import meet_gate, reevaluate
from portal.kit.db import violates
from portal.kit.errors import Conflict
from portal.kit.ids import new_id
from portal.partners.models import Partner
from portal.programs.definition import BY_HAND, GateKind
from portal.programs.models import ProgramVersion


class AlreadyEnrolled(Conflict):
    """The partner is in this program already."""

    code = "already_enrolled"


def join(
    session: Session,
    *,
    partner: Partner,
    version: ProgramVersion,
    now: datetime,
    confirmed: Collection[str] = (),
    confirmed_by: User | None = None,
) -> Enrollment:
    """Take a partner into a program.

    An approved application has met the gates of e-mail and review.

    Args:
        session: The session that holds the open transaction.
        partner: Who joins.
        version: The program's version in force.
        now: The moment.
        confirmed: Keys of the gates that the reviewer confirmed before the approval.
        confirmed_by: The reviewer.

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
        elif gate.kind in BY_HAND and gate.key in confirmed:
            meet_gate(
                session,
                enrollment,
                gate.key,
                now=now,
                note="confirmed before the approval",
                actor=confirmed_by,
            )
    reevaluate(session, enrollment, now=now)
    return enrollment
