"""Gates that ask for several people, or for everybody: pure, then with the database."""

from datetime import datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest
import time_machine
from flask import Flask
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import select
from sqlalchemy.orm import Session

from portal.accounts import service as accounts
from portal.accounts.models import User
from portal.accounts.permissions import Role
from portal.audit.models import AuditEvent
from portal.certification import service, tasks, team_queries
from portal.certification.team import Holding, Spell, standing, turns
from portal.certification.team_words import member_text, team_texts
from portal.enrollments import queries
from portal.enrollments.models import Enrollment
from portal.partners import queries as partner_queries
from portal.partners import service as partners
from portal.partners.models import PartnerMember, TeamSpell
from portal.programs.definition import Counted, Team, TeamScope
from tests.enrollments.gates import EXAM, enrolled, version_with_gates
from tests.factories.base_factory import NOW
from tests.factories.certification import exam, passed
from tests.factories.people import PartnerMemberFactory, UserFactory
from tests.factories.programs import EnrollmentFactory

DAY = timedelta(days=1)
ANA, BO, CEM = uuid4(), uuid4(), uuid4()
EVERYONE = Team(who=TeamScope.EVERYONE)
NEWCOMERS = Team(who=TeamScope.EVERYONE, newcomer_days=30)
TWO_PEOPLE = Team(who=TeamScope.AT_LEAST, number=2, counts=Counted.PEOPLE)
TWO_CERTIFICATES = Team(who=TeamScope.AT_LEAST, number=2, counts=Counted.CERTIFICATES)


def on_team(person: UUID, since: int = 0, until: int | None = None) -> Spell:
    return Spell(
        person=person,
        since=NOW + since * DAY,
        until=None if until is None else NOW + until * DAY,
    )


def holds(person: UUID, since: int, until: int = 365, exam: str = "one") -> Holding:
    return Holding(
        person=person, exam=exam, since=NOW + since * DAY, until=NOW + until * DAY
    )


def days_met(
    team: Team | None, spells: list[Spell], holdings: list[Holding], last: int = 400
) -> list[tuple[int, int]]:
    """The half-open spans of days on which the gate is met, asked for each day."""
    found: list[tuple[int, int]] = []
    for day in range(last):
        if standing(team, spells, holdings, NOW + day * DAY).is_met:
            if found and found[-1][1] == day:
                found[-1] = (found[-1][0], day + 1)
            else:
                found.append((day, day + 1))
    return found


class TestWhoMustHaveIt:
    def test_one_person_is_enough_where_nothing_else_is_said(self) -> None:
        spells = [on_team(ANA), on_team(BO)]

        assert days_met(None, spells, [holds(ANA, 10, 20)]) == [(10, 20)]

    def test_it_is_lost_when_the_only_holder_leaves(self) -> None:
        assert days_met(None, [on_team(ANA, 0, 15)], [holds(ANA, 10, 20)]) == [(10, 15)]

    def test_everybody_must_have_it_and_the_first_to_lose_it_shuts_it(self) -> None:
        spells = [on_team(ANA), on_team(BO)]
        held = [holds(ANA, 10, 300), holds(BO, 20, 200)]

        assert days_met(EVERYONE, spells, held) == [(20, 200)]
        assert standing(EVERYONE, spells, held, NOW + 20 * DAY).until == NOW + 200 * DAY

    def test_a_new_colleague_shuts_it_until_they_have_it(self) -> None:
        spells = [on_team(ANA), on_team(BO, 50)]
        held = [holds(ANA, 10, 300), holds(BO, 60, 300)]

        assert days_met(EVERYONE, spells, held) == [(10, 50), (60, 300)]

    def test_who_leaves_without_it_opens_it(self) -> None:
        spells = [on_team(ANA), on_team(BO, 0, 40)]

        assert days_met(EVERYONE, spells, [holds(ANA, 10, 300)]) == [(40, 300)]

    def test_a_new_colleague_has_some_days_while_somebody_else_has_it(self) -> None:
        spells = [on_team(ANA), on_team(BO, 50)]
        held = [holds(ANA, 35, 300)]

        assert days_met(NEWCOMERS, spells, held) == [(35, 80)]
        assert standing(NEWCOMERS, spells, held, NOW + 50 * DAY).until == NOW + 80 * DAY

    def test_a_team_of_newcomers_alone_has_nothing(self) -> None:
        assert days_met(NEWCOMERS, [on_team(ANA), on_team(BO)], []) == []

    def test_so_many_people_are_needed(self) -> None:
        spells = [on_team(ANA), on_team(BO), on_team(CEM)]
        held = [holds(ANA, 10), holds(ANA, 11, exam="two"), holds(BO, 20, 200)]

        assert days_met(TWO_PEOPLE, spells, held) == [(20, 200)]

    @pytest.mark.parametrize(
        "held",
        [
            [holds(ANA, 10), holds(ANA, 20, 200, exam="two")],
            [holds(ANA, 10), holds(BO, 20, 200)],
        ],
    )
    def test_two_certificates_are_of_one_person_or_of_two(
        self, held: list[Holding]
    ) -> None:
        assert days_met(TWO_CERTIFICATES, [on_team(ANA), on_team(BO)], held) == [
            (20, 200)
        ]

    def test_a_renewed_certificate_counts_once(self) -> None:
        held = [holds(ANA, 10, 100), holds(ANA, 90, 300)]

        assert days_met(TWO_CERTIFICATES, [on_team(ANA)], held) == []
        assert days_met(None, [on_team(ANA)], held) == [(10, 300)]

    def test_who_comes_back_counts_again(self) -> None:
        spells = [on_team(ANA, 0, 50), on_team(ANA, 70)]

        assert days_met(None, spells, [holds(ANA, 10, 100)]) == [(10, 50), (70, 100)]


people = st.sampled_from([ANA, BO, CEM])
day = st.integers(0, 60)
spans = st.tuples(day, day).filter(lambda pair: pair[0] < pair[1])


@given(
    team=st.sampled_from([None, EVERYONE, NEWCOMERS, TWO_PEOPLE, TWO_CERTIFICATES]),
    present=st.lists(st.tuples(people, spans), max_size=5),
    held=st.lists(
        st.tuples(people, spans, st.sampled_from(["one", "two"])), max_size=6
    ),
)
def test_walking_from_turn_to_turn_says_what_asking_each_day_says(
    team: Team | None,
    present: list[tuple[UUID, tuple[int, int]]],
    held: list[tuple[UUID, tuple[int, int], str]],
) -> None:
    """The stored intervals come from the turns; they must hold for every day."""
    spells = [on_team(person, *span) for person, span in present]
    holdings = [holds(person, *span, exam=key) for person, span, key in held]
    moments = turns(spells, holdings, since=NOW, until=NOW + 100 * DAY)
    stood = [standing(team, spells, holdings, moment) for moment in moments]

    for number in range(100):
        moment = NOW + number * DAY
        last = [one for one in zip(moments, stood, strict=True) if one[0] <= moment][-1]
        lasts = last[1].is_met and (last[1].until is None or moment < last[1].until)
        assert lasts == standing(team, spells, holdings, moment).is_met


def gate(**team: object) -> dict[str, Any]:
    return EXAM | {"team": team}


def colleague(session: Session, enrollment: Enrollment, now: datetime) -> User:
    """Somebody who was invited to the team and has joined it."""
    member: PartnerMember = PartnerMemberFactory.create(
        partner=enrollment.partner, user__role=Role.PARTNER_MARKETER
    )
    session.flush()
    service.follow_person(session, member.user, is_in=True, now=now)
    session.flush()
    return member.user


def met(session: Session, enrollment: Enrollment) -> list[tuple[int, int | None]]:
    """The days since NOW from and until which the gate was met."""
    session.flush()
    return [
        (
            (row.met_from - NOW).days,
            None if row.met_until is None else (row.met_until - NOW).days,
        )
        for row in queries.intervals(session, enrollment.id, "certification")
        if not row.interval.is_empty
    ]


class TestTheGateOfATeam:
    def test_a_colleague_who_joins_shuts_it_and_their_certificate_opens_it(
        self, session: Session
    ) -> None:
        enrollment = enrolled(gate(who="everyone"))
        ana = colleague(session, enrollment, NOW)
        passed(session, ana, enrollment, NOW + DAY)
        assert met(session, enrollment) == [(1, 366)]

        bo = colleague(session, enrollment, NOW + 10 * DAY)
        assert met(session, enrollment) == [(1, 10)]

        passed(session, bo, enrollment, NOW + 12 * DAY)
        assert met(session, enrollment) == [(1, 10), (12, 366)]

    def test_a_colleague_who_leaves_without_it_opens_it(self, session: Session) -> None:
        enrollment, owner = enrolled(gate(who="everyone")), UserFactory.create()
        ana = colleague(session, enrollment, NOW)
        bo = colleague(session, enrollment, NOW)
        passed(session, ana, enrollment, NOW + DAY)
        member = partner_queries.member(session, enrollment.partner_id, bo.id)

        partners.remove_member(
            session, enrollment.partner, member, actor=owner, now=NOW + 5 * DAY
        )

        assert met(session, enrollment) == [(5, 366)]

    def test_it_shuts_when_one_of_two_holders_leaves(self, session: Session) -> None:
        enrollment, owner = (
            enrolled(gate(who="at_least", number=2, counts="people")),
            UserFactory.create(),
        )
        ana = colleague(session, enrollment, NOW)
        bo = colleague(session, enrollment, NOW)
        passed(session, ana, enrollment, NOW + DAY)
        passed(session, bo, enrollment, NOW + 2 * DAY)
        member = partner_queries.member(session, enrollment.partner_id, bo.id)

        partners.remove_member(
            session, enrollment.partner, member, actor=owner, now=NOW + 5 * DAY
        )

        assert met(session, enrollment) == [(2, 5)]
        lost = session.scalars(
            select(AuditEvent).where(
                AuditEvent.subject_id == enrollment.id,
                AuditEvent.action == "gate.lost",
            )
        ).one()
        assert lost.details["note"] == f"{bo.name} left the team"

    def test_who_is_shut_out_counts_no_more_and_again_when_let_in(
        self, session: Session
    ) -> None:
        enrollment, admin = enrolled(EXAM), UserFactory.create(admin=True)
        ana = colleague(session, enrollment, NOW)
        ana.password_hash = "set"
        passed(session, ana, enrollment, NOW + DAY)

        accounts.deactivate(session, ana, actor=admin, now=NOW + 3 * DAY)
        accounts.reactivate(session, ana, actor=admin, now=NOW + 8 * DAY)

        assert met(session, enrollment) == [(1, 3), (8, 366)]

    def test_an_invitation_is_no_membership_until_it_is_accepted(
        self, session: Session
    ) -> None:
        enrollment = enrolled(gate(who="everyone"))
        owner = colleague(session, enrollment, NOW)
        passed(session, owner, enrollment, NOW + DAY)
        member = partners.invite(
            session,
            enrollment.partner,
            email="new@people.example",
            role=Role.PARTNER_MARKETER,
            actor=owner,
            now=NOW + 2 * DAY,
        )
        session.flush()
        assert met(session, enrollment) == [(1, 366)]

        token = accounts.invitation_path(session, member.user, now=NOW + 3 * DAY)
        accounts.accept_invitation(
            session,
            token.removeprefix("/join/"),
            name="New",
            password="a very long password 9",
            about=(),
            now=NOW + 3 * DAY,
        )

        assert met(session, enrollment) == [(1, 3)]

    def test_coming_twice_is_coming_once(self, session: Session) -> None:
        enrollment = enrolled(gate(who="everyone"))
        ana = colleague(session, enrollment, NOW)

        service.follow_person(session, ana, is_in=True, now=NOW + DAY)
        service.follow_person(session, ana, is_in=False, now=NOW + 2 * DAY)
        service.follow_person(session, ana, is_in=False, now=NOW + 3 * DAY)

        session.flush()
        spell = session.scalars(select(TeamSpell)).one()
        assert (spell.from_at, spell.until_at) == (NOW, NOW + 2 * DAY)

    def test_an_earlier_certificate_opens_the_gate_of_the_next_program(
        self, app: Flask, session: Session
    ) -> None:
        first = enrolled(EXAM)
        ana = colleague(session, first, NOW)
        passed(session, ana, first, NOW + DAY)
        second: Enrollment = EnrollmentFactory.create(
            partner=first.partner,
            version=version_with_gates(EXAM),
            joined_at=NOW + 4 * DAY,
        )
        session.flush()
        since = NOW + 3 * DAY

        assert team_queries.joined_with_certificate(session, since=since) == [
            first.partner_id
        ]
        with time_machine.travel(NOW + 5 * DAY, tick=False), app.app_context():
            tasks.follow_gates()
        session.expire_all()

        assert met(session, second) == [(4, 366)]
        assert not team_queries.joined_with_certificate(session, since=since)

    def test_an_ended_place_in_a_program_is_left_alone(self, session: Session) -> None:
        enrollment = enrolled(EXAM)
        ana = colleague(session, enrollment, NOW)
        enrollment.move_to(type(enrollment.status).TERMINATED)

        passed(session, ana, enrollment, NOW + DAY)

        assert met(session, enrollment) == []


class TestWhatIsSaid:
    def test_who_has_it_and_who_still_has_to(
        self, app: Flask, session: Session
    ) -> None:
        enrollment = enrolled(gate(who="everyone", newcomer_days=5))
        ana = colleague(session, enrollment, NOW)
        bo = colleague(session, enrollment, NOW)
        passed(session, ana, enrollment, NOW + DAY)
        gates = enrollment.version.definition.gates

        def asked(day: int) -> tuple[str, list[str]]:
            found = team_queries.team_standings(
                session, enrollment.partner_id, gates, now=NOW + day * DAY
            )
            with app.test_request_context():
                said = team_texts(found)["certification"]
                return said, [member_text(one) for one in found[0].standing.members]

        assert asked(2) == (
            "1 of 2 people have it.",
            ["Valid until Mar 2, 2027", "New; has until Mar 6, 2026"],
        )
        assert asked(6) == (
            f"1 of 2 people have it. Without it: {bo.name}.",
            ["Valid until Mar 2, 2027", "Still to do"],
        )

    def test_certificates_are_counted_as_such(self, session: Session) -> None:
        enrollment = enrolled(gate(who="at_least", number=2, counts="certificates"))
        ana = colleague(session, enrollment, NOW)
        passed(session, ana, enrollment, NOW + DAY)

        found = team_queries.team_standings(
            session,
            enrollment.partner_id,
            enrollment.version.definition.gates,
            now=NOW + DAY,
        )

        assert team_texts(found)["certification"] == "1 of 2 certificates."

    def test_where_no_gate_asks_for_several_nothing_is_read(
        self, session: Session
    ) -> None:
        gates = enrolled(EXAM).version.definition.gates

        assert team_queries.team_standings(session, uuid4(), gates, now=NOW) == []


def test_the_exams_named_in_a_gate_are_each_as_good(session: Session) -> None:
    exam(session)
    first = EXAM | {"certification": "another"}
    enrollment = enrolled(first | {"or_certifications": ["solutions-partner"]})
    ana = colleague(session, enrollment, NOW)

    passed(session, ana, enrollment, NOW + DAY)

    assert met(session, enrollment) == [(1, 366)]
