"""Who is on a partner's team and holds what, as far as gates ask for it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from sqlalchemy import exists, func, select, true
from sqlalchemy.orm import Session

from portal.accounts.models import User
from portal.certification import queries
from portal.certification.models import Certificate
from portal.certification.team import Holding, Member, Spell, Standing, standing
from portal.enrollments.models import Enrollment, GateInterval
from portal.partners import queries as partners
from portal.programs.definition import Gate, GateKind
from portal.programs.models import ProgramVersion


@dataclass(frozen=True, slots=True, kw_only=True)
class TeamStanding:
    """How a team stands with a gate, with the names of its people.

    Attributes:
        gate: The gate.
        standing: How the team stands.
        names: The name of each person, by id.
    """

    gate: Gate
    standing: Standing
    names: Mapping[UUID, str]

    @property
    def waiting(self) -> list[str]:
        """The names of those who do not hold it."""
        return [
            self.names[one.person] for one in self.standing.members if not one.is_holder
        ]

    def name_of(self, member: Member) -> str:
        """Return the name of one of its people."""
        return self.names[member.person]


def team_facts(session: Session, partner_id: UUID) -> tuple[list[Spell], list[Holding]]:
    """Return who was on a partner's team when, and who held which certificate."""
    spells = [
        Spell(person=one.user_id, since=one.from_at, until=one.until_at)
        for one in partners.spells(session, partner_id)
    ]
    holdings = [
        Holding(
            person=one.user_id,
            exam=one.certification.key,
            since=one.issued_at,
            until=min(one.expires_at, one.revoked_at or one.expires_at),
        )
        for one in queries.certificates_of_partner(session, partner_id)
    ]
    return spells, holdings


def team_standings(
    session: Session, partner_id: UUID, gates: Sequence[Gate], *, now: datetime
) -> list[TeamStanding]:
    """Return how the partner's people stand with those gates that ask for several.

    However many people and gates there are, it takes the same number of statements.
    """
    asking = [gate for gate in gates if gate.team is not None]
    if not asking:
        return []
    spells, holdings = team_facts(session, partner_id)
    people = {one.person for one in spells} | {one.person for one in holdings}
    rows = session.execute(select(User.id, User.name).where(User.id.in_(people)))
    names = {row.id: row.name for row in rows}
    return [
        TeamStanding(
            gate=gate,
            standing=standing(
                gate.team,
                spells,
                [one for one in holdings if one.exam in gate.exams],
                now,
            ),
            names=names,
        )
        for gate in asking
    ]


def joined_with_certificate(session: Session, *, since: datetime) -> Sequence[UUID]:
    """Return the partners that joined a program since then with a certificate.

    Only those of which a gate was never looked at since.
    """
    gate = func.jsonb_array_elements(
        ProgramVersion.definition_json["gates"]
    ).table_valued("value")
    its = gate.c.value.op("->>")
    return session.scalars(
        select(Enrollment.partner_id)
        .join(ProgramVersion, ProgramVersion.id == Enrollment.version_id)
        .join(gate, true())
        .where(
            Enrollment.joined_at >= since,
            its("kind") == GateKind.CERTIFICATION.value,
            Enrollment.partner_id.in_(select(Certificate.partner_id)),
            ~exists().where(
                GateInterval.enrollment_id == Enrollment.id,
                GateInterval.gate_key == its("key"),
            ),
        )
        .distinct()
        .order_by(Enrollment.partner_id)
    ).all()
