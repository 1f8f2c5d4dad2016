"""Which programs ask for which exams."""

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from flask_babel import gettext as _
from sqlalchemy.orm import Session

from portal.enrollments import queries as enrollments
from portal.kit.errors import NotFound
from portal.programs import queries as programs
from portal.programs.definition import Gate, Tiers, Visibility

CERTIFICATES = "certifications"
"""The fact of a tier that counts the certificates of the partner's people."""


@dataclass(frozen=True, slots=True)
class Demand:
    """A program that asks for an exam, and the gate by which it does.

    Attributes:
        program: The program's name.
        gate: The gate.
        tiers: Names of the levels that ask for certificates, lowest first.
    """

    program: str
    gate: Gate
    tiers: tuple[str, ...] = ()


def of_partner(session: Session, partner_id: UUID) -> dict[str, list[Demand]]:
    """Return the exams that the partner's programs ask for, by key."""
    found: dict[str, list[Demand]] = {}
    for enrollment in enrollments.of_partner(session, partner_id):
        definition = enrollment.version.definition
        for gate in definition.gates:
            for exam in gate.exams:
                demand = Demand(definition.name, gate, _tiers(definition.tiers))
                found.setdefault(exam, []).append(demand)
    return found


def _tiers(tiers: Tiers | None) -> tuple[str, ...]:
    return tuple(
        level.name
        for level in (tiers.levels if tiers else ())
        if any(need.fact == CERTIFICATES for need in level.requires)
    )


def require(session: Session, partner_id: UUID, key: str) -> None:
    """Refuse an exam that none of the partner's programs asks for.

    Raises:
        NotFound: None does.
    """
    if key not in of_partner(session, partner_id):
        raise NotFound(_("None of your programs asks for this certification."))


def require_open_course(session: Session, key: str, *, now: datetime) -> None:
    """Refuse a course that no program opens to those who are not in it yet.

    Raises:
        NotFound: None does, or only programs by invitation.
    """
    for version in programs.all_current(session, now):
        definition = version.definition
        if definition.visibility is not Visibility.INVITE_ONLY and any(
            key in gate.exams and gate.course_open_early for gate in definition.gates
        ):
            return
    raise NotFound(_("There is no such course."))
