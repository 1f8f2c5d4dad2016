"""The agreement, accepted for a partner."""

import hashlib
from datetime import datetime

from flask_babel import gettext as _
from sqlalchemy.orm import Session

from portal.accounts.models import User
from portal.audit import service as audit
from portal.enrollments import queries
from portal.enrollments.models import AgreementAcceptance, Enrollment
from portal.enrollments.service.gates import meet_gate
from portal.kit.errors import Conflict
from portal.programs.definition import GateKind


class NothingToAccept(Conflict):
    """The program has no agreement, or this version of it is accepted already."""

    code = "nothing_to_accept"


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
