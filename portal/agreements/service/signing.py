"""An agreement, signed for a partner."""

from dataclasses import dataclass
from datetime import datetime

from flask_babel import gettext as _
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from portal.accounts.models import User
from portal.agreements import queries, rules
from portal.agreements.models import AgreementSignature, AgreementText
from portal.agreements.rules import Terms
from portal.audit import service as audit
from portal.enrollments import service as enrollments
from portal.enrollments.models import Enrollment
from portal.kit.errors import Conflict
from portal.kit.ids import new_id
from portal.programs.definition import GateKind

USER_AGENT_LENGTH = 300


class NothingToSign(Conflict):
    """The program has no agreement, or it is signed already."""

    code = "nothing_to_sign"


class TextChanged(Conflict):
    """The text that was read is not the one that is to be signed."""

    code = "agreement_text_changed"


@dataclass(frozen=True, slots=True)
class Origin:
    """From where a person signs.

    Attributes:
        remote_address: The address on the internet.
        user_agent: What the browser calls itself.
        language: Of the page on which it is signed.
    """

    remote_address: str
    user_agent: str
    language: str


def sign(
    session: Session,
    enrollment: Enrollment,
    *,
    user: User,
    sha256: str,
    origin: Origin,
    issuer_name: str,
    now: datetime,
) -> AgreementSignature:
    """Keep that `user` signed the program's agreement for their partner.

    The gate is met from now on, until a later text must be signed instead.

    Args:
        session: The session that holds the open transaction.
        enrollment: The enrollment, locked by the caller.
        user: Who signs; somebody who may do so for the partner.
        sha256: Of the text that the person was shown.
        origin: From where.
        issuer_name: The vendor's name.
        now: The moment.

    Raises:
        NothingToSign: There is no agreement, or it is signed already.
        TextChanged: Another text has taken the place of the one that was shown.
    """
    standing = queries.standing(session, enrollment, now=now)
    if standing is None:
        raise NothingToSign(_("This program has no agreement to accept."))
    terms = standing.to_sign
    if terms is None:
        raise NothingToSign(_("Your company has accepted this agreement already."))
    if sha256 != terms.sha256:
        raise TextChanged(
            _("The agreement changed while you read it. Read it again, then accept it.")
        )
    _keep_text(session, terms)
    signature = _record(enrollment, terms, user, origin, now)
    signature.issuer_name = issuer_name
    session.add(signature)
    audit.record(
        session,
        "agreement.signed",
        enrollment.id,
        actor=user,
        at=now,
        version=terms.agreement.version,
    )
    signed = {terms.identity, *(one.identity for one in standing.signatures)}
    asking = rules.asking(standing.terms, signed)
    _meet_gates(
        session,
        enrollment,
        user=user,
        until=asking[0].shuts_at if asking else None,
        note=f"version {terms.agreement.version}",
        now=now,
    )
    return signature


def _record(
    enrollment: Enrollment, terms: Terms, user: User, origin: Origin, now: datetime
) -> AgreementSignature:
    return AgreementSignature(
        id=new_id(),
        enrollment_id=enrollment.id,
        title=terms.agreement.title,
        version=terms.agreement.version,
        text_sha256=terms.sha256,
        program_name=enrollment.version.definition.name,
        partner_name=enrollment.partner.name,
        signed_by_id=user.id,
        signer_name=user.name,
        signer_email=user.email,
        signer_role=user.role.value,
        signed_at=now,
        remote_address=origin.remote_address,
        user_agent=_printable(origin.user_agent)[:USER_AGENT_LENGTH],
        language=origin.language,
    )


def _keep_text(session: Session, terms: Terms) -> None:
    session.execute(
        insert(AgreementText)
        .values(sha256=terms.sha256, text=terms.agreement.text)
        .on_conflict_do_nothing()
    )


def _meet_gates(
    session: Session,
    enrollment: Enrollment,
    *,
    user: User,
    until: datetime | None,
    note: str,
    now: datetime,
) -> None:
    for gate in enrollment.version.definition.gates:
        if gate.kind is GateKind.AGREEMENT:
            enrollments.meet_gate(
                session,
                enrollment,
                gate.key,
                now=now,
                until=until,
                note=note,
                actor=user,
            )


def _printable(text: str) -> str:
    return "".join(letter for letter in text if letter.isprintable())
