from datetime import timedelta

import pytest
from sqlalchemy import select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from portal.audit.models import AuditEvent
from portal.enrollments import queries, service
from portal.enrollments.models import (
    Enrollment,
    EnrollmentStatus,
    EnrollmentTransition,
    GateInterval,
)
from portal.kit.errors import NotFound
from portal.kit.ids import new_id
from portal.programs.documents import preset
from tests.enrollments.gates import EXAM, TAX_FORM, version_with_gates
from tests.factories.base_factory import NOW
from tests.factories.people import PartnerFactory, UserFactory
from tests.factories.programs import EnrollmentFactory, ProgramVersionFactory

S = EnrollmentStatus
DAY = timedelta(days=1)
GATES = [gate.key for gate in preset("hubspot-solutions-partner").gates]


def actions(session: Session, enrollment: Enrollment) -> list[str]:
    session.flush()
    query = (
        select(AuditEvent.action)
        .where(AuditEvent.subject_id == enrollment.id)
        .order_by(AuditEvent.id)
    )
    return list(session.scalars(query))


def joined(session: Session) -> Enrollment:
    return service.join(
        session,
        partner=PartnerFactory.create(),
        version=ProgramVersionFactory.create(),
        now=NOW,
    )


def unmet(session: Session, enrollment: Enrollment, days: int = 0) -> list[str]:
    statuses = queries.checklist(session, enrollment, now=NOW + days * DAY)
    return [status.gate.key for status in statuses if not status.is_met]


def meet_the_rest(session: Session, enrollment: Enrollment) -> None:
    for key in unmet(session, enrollment):
        service.meet_gate(session, enrollment, key, now=NOW, note="test")


class TestJoin:
    def test_an_approved_partner_has_met_mail_and_review(
        self, session: Session
    ) -> None:
        enrollment = joined(session)

        met = [
            s.gate.kind.value
            for s in queries.checklist(session, enrollment, now=NOW)
            if s.is_met
        ]
        assert met == ["email", "review"]
        assert enrollment.status is S.PENDING
        assert actions(session, enrollment) == [
            "enrollment.joined",
            "gate.met",
            "gate.met",
        ]

    def test_a_partner_is_in_a_program_once(self, session: Session) -> None:
        first = joined(session)

        with pytest.raises(service.AlreadyEnrolled):
            service.join(session, partner=first.partner, version=first.version, now=NOW)

    def test_other_broken_constraints_stay_bugs(self, session: Session) -> None:
        version = ProgramVersionFactory.build(program=None, program_id=new_id())

        with pytest.raises(IntegrityError):
            service.join(
                session, partner=PartnerFactory.create(), version=version, now=NOW
            )


class TestGates:
    def test_the_last_gate_makes_it_active(self, session: Session) -> None:
        enrollment = joined(session)

        meet_the_rest(session, enrollment)

        assert enrollment.status is S.ACTIVE
        assert actions(session, enrollment)[-1] == "enrollment.activated"

    def test_losing_one_takes_it_back(self, session: Session) -> None:
        enrollment = joined(session)
        key = unmet(session, enrollment)[-1]
        meet_the_rest(session, enrollment)

        service.lose_gate(session, enrollment, key, now=NOW + DAY, note="unpaid")

        assert str(enrollment.status) == "pending"
        assert actions(session, enrollment)[-2:] == ["gate.lost", "enrollment.blocked"]
        assert unmet(session, enrollment, 1) == [key]
        assert unmet(session, enrollment) == []

    def test_losing_what_is_not_met_changes_nothing(self, session: Session) -> None:
        enrollment = joined(session)
        before = actions(session, enrollment)

        service.lose_gate(
            session, enrollment, unmet(session, enrollment)[0], now=NOW + DAY
        )

        assert actions(session, enrollment) == before

    def test_meeting_it_again_extends_the_same_interval(self, session: Session) -> None:
        enrollment = joined(session)
        key = unmet(session, enrollment)[0]
        service.meet_gate(
            session, enrollment, key, now=NOW, until=NOW + DAY, note="CERT-1"
        )

        service.meet_gate(
            session, enrollment, key, now=NOW, until=NOW + 9 * DAY, note=""
        )

        rows = session.scalars(
            select(GateInterval).where(
                GateInterval.enrollment_id == enrollment.id,
                GateInterval.gate_key == key,
            )
        ).all()
        assert [(r.met_until, r.note) for r in rows] == [(NOW + 9 * DAY, "CERT-1")]

    def test_after_a_pause_a_new_interval_begins(self, session: Session) -> None:
        enrollment = joined(session)
        key = unmet(session, enrollment)[0]
        service.meet_gate(session, enrollment, key, now=NOW, until=NOW + DAY)

        service.meet_gate(session, enrollment, key, now=NOW + 2 * DAY)

        history = queries.history(session, enrollment)[key]
        assert [(i.since, i.until) for i in history] == [
            (NOW, NOW + DAY),
            (NOW + 2 * DAY, None),
        ]


class TestByHand:
    def test_suspend_and_resume(self, session: Session) -> None:
        enrollment = joined(session)
        meet_the_rest(session, enrollment)
        staff = UserFactory.create(admin=True)

        service.suspend(session, enrollment, actor=staff, reason="spam", now=NOW)
        suspended = enrollment.status
        service.lose_gate(session, enrollment, GATES[-1], now=NOW)
        service.meet_gate(session, enrollment, GATES[-1], now=NOW)
        still = enrollment.status
        service.resume(session, enrollment, actor=staff, reason="sorry", now=NOW)

        assert (suspended, still) == (S.SUSPENDED, S.SUSPENDED)
        assert enrollment.status is S.ACTIVE
        assert actions(session, enrollment)[-2:] == [
            "enrollment.resumed",
            "enrollment.activated",
        ]

    def test_resuming_ends_nothing_that_did_not_begin(self, session: Session) -> None:
        enrollment = EnrollmentFactory.create(status=S.SUSPENDED)
        staff = UserFactory.create(admin=True)

        service.resume(session, enrollment, actor=staff, reason="old", now=NOW)

        assert enrollment.status is S.PENDING
        assert queries.history(session, enrollment) == {}

    def test_the_end_is_the_end(self, session: Session) -> None:
        enrollment = joined(session)
        staff = UserFactory.create(admin=True)

        service.terminate(session, enrollment, actor=staff, reason="fraud", now=NOW)

        assert enrollment.status is S.TERMINATED
        with pytest.raises(EnrollmentTransition):
            service.resume(session, enrollment, actor=staff, reason="no", now=NOW)


class TestQueries:
    def test_get_is_for_the_owner_only(self, session: Session) -> None:
        enrollment = EnrollmentFactory.create()

        found = queries.get(
            session, enrollment.id, partner_id=enrollment.partner_id, lock=True
        )

        assert found is enrollment
        assert queries.get(session, enrollment.id) is enrollment
        with pytest.raises(NotFound):
            queries.get(session, enrollment.id, partner_id=new_id())

    def test_of_partner(self, session: Session) -> None:
        partner = PartnerFactory.create()
        late = EnrollmentFactory.create(partner=partner, joined_at=NOW + DAY)
        early = EnrollmentFactory.create(partner=partner)
        EnrollmentFactory.create()

        assert queries.of_partner(session, partner.id) == [early, late]
        assert queries.of_partner_in(session, partner.id, late.program_id) is late
        assert queries.of_partner_in(session, partner.id, new_id()) is None

    def test_in_program(self, session: Session) -> None:
        version = ProgramVersionFactory.create()
        one, two = EnrollmentFactory.create_batch(2, version=version)
        two.move_to(S.ACTIVE)
        session.flush()

        assert set(queries.in_program(session, version.program_id)) == {one, two}

    def test_histories_cost_one_statement(
        self,
        session: Session,
    ) -> None:
        one, two = joined(session), joined(session)
        session.flush()

        found = queries.histories(session, [one.id, two.id])

        assert set(found) == {one.id, two.id}
        assert all(len(history) == 2 for history in found.values())


class TestConfirmedBeforeJoining:
    def test_only_what_staff_confirm_is_taken_over(self, session: Session) -> None:
        reviewer = UserFactory.create(reviewer=True)

        enrollment = service.join(
            session,
            partner=PartnerFactory.create(),
            version=version_with_gates(
                TAX_FORM, TAX_FORM | {"key": "call"}, EXAM | {"key": "exam"}
            ),
            now=NOW,
            confirmed=["call", "exam"],
            confirmed_by=reviewer,
        )

        assert unmet(session, enrollment) == ["tax-form", "exam"]
        event = session.scalars(
            select(AuditEvent).where(AuditEvent.actor_id == reviewer.id)
        ).one()
        assert event.details["note"] == "confirmed before the approval"
