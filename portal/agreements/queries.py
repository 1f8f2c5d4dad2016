from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from flask_babel import gettext as _
from sqlalchemy import (
    Select,
    Subquery,
    func,
    or_,
    select,
    true,
    tuple_,
    type_coerce,
)
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Session, contains_eager, joinedload

from portal.agreements import rules
from portal.agreements.models import AgreementNotice, AgreementSignature
from portal.agreements.rules import Demand, Terms
from portal.enrollments.models import Enrollment, EnrollmentStatus, GateInterval
from portal.kit.errors import NotFound
from portal.programs import queries as programs
from portal.programs.definition import GateKind
from portal.programs.models import ProgramVersion


@dataclass(frozen=True, slots=True)
class Standing:
    """How one enrollment stands with the agreement of its program.

    Attributes:
        signatures: What was signed, newest first.
        terms: The texts of the program in the order in which they count.
        current: The text that counts now.
        to_sign: The text that the partner signs next; none if there is nothing.
        asking: What must be signed in spite of what was signed, by date; empty
            without a signature.
    """

    signatures: Sequence[AgreementSignature]
    terms: Sequence[Terms]
    current: Terms
    to_sign: Terms | None
    asking: Sequence[Demand]

    @property
    def good_until(self) -> datetime | None:
        """The first moment at which what was signed is not good any more."""
        return self.asking[0].shuts_at if self.asking else None


def standing(
    session: Session, enrollment: Enrollment, *, now: datetime
) -> Standing | None:
    """Return how the enrollment stands; none if no gate asks it for an agreement."""
    definition = enrollment.version.definition
    if not any(gate.kind is GateKind.AGREEMENT for gate in definition.gates):
        return None
    # Without any of the program's own, its version says what the partner joined.
    own = [(enrollment.version.effective_from, definition)]
    terms = terms_of(session, enrollment.program_id) or rules.terms_of(own)
    current = rules.in_force(terms, now) or terms[0]
    found = signatures(session, enrollment.id)
    signed = {one.identity for one in found}
    return Standing(
        found,
        terms,
        current,
        rules.to_sign(terms, signed, max(now, current.begins_at)),
        rules.asking(terms, signed) if found else [],
    )


def terms_of(session: Session, program_id: UUID) -> list[Terms]:
    """Return the texts of a program in the order in which they count."""
    versions = programs.versions_of(session, program_id)
    return rules.terms_of([(one.effective_from, one.definition) for one in versions])


def signatures(session: Session, enrollment_id: UUID) -> Sequence[AgreementSignature]:
    """Return what was signed for the enrollment, newest first."""
    return session.scalars(
        select(AgreementSignature)
        .where(AgreementSignature.enrollment_id == enrollment_id)
        .options(joinedload(AgreementSignature.text))
        .order_by(AgreementSignature.signed_at.desc(), AgreementSignature.id.desc())
    ).all()


def signature(
    session: Session, signature_id: UUID, *, partner_id: UUID | None = None
) -> AgreementSignature:
    """Return one signature with its text and enrollment.

    Args:
        session: The session to read from.
        signature_id: Which one.
        partner_id: Whose it must be; partner views always pass it.

    Raises:
        NotFound: There is none, or it is another partner's.
    """
    query = (
        select(AgreementSignature)
        .join(AgreementSignature.enrollment)
        .where(AgreementSignature.id == signature_id)
        .options(
            contains_eager(AgreementSignature.enrollment).joinedload(
                Enrollment.version
            ),
            contains_eager(AgreementSignature.enrollment).joinedload(
                Enrollment.partner
            ),
            joinedload(AgreementSignature.text),
        )
    )
    if partner_id is not None:
        query = query.where(Enrollment.partner_id == partner_id)
    found = session.scalar(query)
    if found is None:
        raise NotFound(_("There is no such signature."))
    return found


def agreement_gates() -> Subquery:
    """Return the key of the gate of kind `agreement` of each version that has one.

    The first of several: all are met at once.
    """
    gates = func.jsonb_array_elements(
        ProgramVersion.definition_json["gates"]
    ).table_valued("value")
    gate = type_coerce(gates.c.value, JSONB)
    return (
        select(
            ProgramVersion.id.label("version_id"),
            func.min(gate["key"].astext).label("gate_key"),
        )
        .join(gates, true())
        .where(gate["kind"].astext == GateKind.AGREEMENT.value)
        .group_by(ProgramVersion.id)
        .subquery()
    )


def to_ask(
    session: Session, program_id: UUID, terms: Sequence[Terms], *, now: datetime
) -> Sequence[UUID]:
    """Return the enrollments that must be told to sign the first of `terms`.

    Their gate is open by an earlier signature, and nobody told them yet.

    Args:
        session: The session to read from.
        program_id: Of which program.
        terms: The text that asks to sign again, and those after it.
        now: The moment.
    """
    asking = terms[0]
    told = _notice_of(asking).where(AgreementNotice.enrollment_id == Enrollment.id)
    signed = select(AgreementSignature.id).where(
        AgreementSignature.enrollment_id == Enrollment.id
    )
    newer = tuple_(AgreementSignature.version, AgreementSignature.text_sha256).in_(
        [one.identity for one in terms]
    )
    return session.scalars(
        _running_with_gate(program_id)
        .where(
            GateInterval.met_from <= now,
            or_(GateInterval.met_until.is_(None), GateInterval.met_until > now),
            signed.exists(),
            ~signed.where(newer).exists(),
            ~told.exists(),
        )
        .order_by(Enrollment.id)
    ).all()


def asked_in_vain(
    session: Session, program_id: UUID, asked: Sequence[Terms]
) -> Sequence[UUID]:
    """Return the enrollments whose gate ends at a date that nobody asks for any more.

    A version that has not begun can be replaced by one that does not ask, or that
    names another day.

    Args:
        session: The session to read from.
        program_id: Of which program.
        asked: The texts of the program that ask to sign again.
    """
    query = _running_with_gate(program_id).join(
        AgreementNotice,
        (AgreementNotice.enrollment_id == Enrollment.id)
        & (AgreementNotice.shuts_at == GateInterval.met_until),
    )
    if asked:
        still = tuple_(
            AgreementNotice.version,
            AgreementNotice.text_sha256,
            AgreementNotice.shuts_at,
        ).in_([(*one.identity, one.shuts_at) for one in asked])
        query = query.where(~still)
    return session.scalars(query.distinct().order_by(Enrollment.id)).all()


def is_told(session: Session, enrollment_id: UUID, terms: Terms) -> bool:
    """Tell whether the partner was told of these terms and their date."""
    told = _notice_of(terms).where(AgreementNotice.enrollment_id == enrollment_id)
    return bool(session.scalar(select(told.exists())))


def _notice_of(terms: Terms) -> Select[UUID]:
    return select(AgreementNotice.id).where(
        AgreementNotice.version == terms.agreement.version,
        AgreementNotice.text_sha256 == terms.sha256,
        AgreementNotice.shuts_at == terms.shuts_at,
    )


def _running_with_gate(program_id: UUID) -> Select[UUID]:
    """Select the enrollments that are not over, with the intervals of their gate."""
    gates = agreement_gates()
    return (
        select(Enrollment.id)
        .join(gates, gates.c.version_id == Enrollment.version_id)
        .join(
            GateInterval,
            (GateInterval.enrollment_id == Enrollment.id)
            & (GateInterval.gate_key == gates.c.gate_key),
        )
        .where(
            Enrollment.program_id == program_id,
            Enrollment.status != EnrollmentStatus.TERMINATED,
        )
    )
