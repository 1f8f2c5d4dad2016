from datetime import timedelta

import pytest
from sqlalchemy import select
from sqlalchemy.orm import Session

from portal.audit.models import AuditEvent
from portal.certification import queries, service
from portal.certification.models import (
    TRANSITIONS,
    Attempt,
    AttemptStatus,
    AttemptTransition,
    Certificate,
)
from portal.enrollments import queries as enrollments
from portal.enrollments.models import EnrollmentStatus
from portal.kit.errors import Invalid, NotFound
from portal.mail.models import OutboxEmail
from tests.factories.base_factory import NOW
from tests.factories.certification import answer_all, exam, learner, started
from tests.factories.people import UserFactory
from tests.factories.programs import EnrollmentFactory

MINUTE = timedelta(minutes=1)


@pytest.mark.parametrize("here", AttemptStatus)
@pytest.mark.parametrize("there", AttemptStatus)
def test_an_attempt_makes_the_listed_moves_and_no_other(
    here: AttemptStatus, there: AttemptStatus
) -> None:
    attempt = Attempt(status=here)

    if there in TRANSITIONS[here]:
        attempt.move_to(there)
        assert attempt.status is there
    else:
        with pytest.raises(AttemptTransition):
            attempt.move_to(there)


class TestStart:
    def test_it_draws_questions_and_sets_the_deadline(self, session: Session) -> None:
        attempt = started(session, *learner())

        assert len(attempt.questions) == 12
        assert attempt.deadline_at == NOW + 30 * MINUTE

    def test_two_open_attempts_at_one_exam_are_refused(self, session: Session) -> None:
        user, enrollment = learner()
        started(session, user, enrollment)

        with pytest.raises(service.AttemptIsOpen):
            started(session, user, enrollment)

    def test_after_a_failed_attempt_there_is_a_pause(self, session: Session) -> None:
        user, enrollment = learner()
        attempt = started(session, user, enrollment)
        service.submit(session, attempt, now=NOW + MINUTE)

        with pytest.raises(service.TooSoon, match="from 01 March 2026, 21:01 UTC"):
            started(session, user, enrollment, NOW + 2 * MINUTE)
        started(session, user, enrollment, NOW + MINUTE + timedelta(hours=12))

    def test_a_retired_question_is_not_drawn(self, session: Session) -> None:
        certification = exam(session)
        bank = queries.questions(session, certification.id)
        for question in bank[:20]:
            question.retired_at = NOW

        attempt = started(session, *learner())

        drawn = {asked.question_id for asked in attempt.questions}
        assert drawn == {question.id for question in bank[20:]}


class TestAnswer:
    def test_the_last_answer_counts_and_none_clears_it(self, session: Session) -> None:
        attempt = started(session, *learner())
        asked = attempt.questions[0]

        for option in asked.option_order[:2]:
            service.answer(attempt, 1, [option], now=NOW)
        assert asked.answer == [asked.option_order[1]]
        service.answer(attempt, 1, [], now=NOW)
        assert asked.answer == []

    def test_what_was_not_offered_is_refused(self, session: Session) -> None:
        attempt = started(session, *learner())

        with pytest.raises(Invalid, match="answers shown"):
            service.answer(attempt, 1, ["z"], now=NOW)
        with pytest.raises(NotFound, match="no such question"):
            service.answer(attempt, 13, [], now=NOW)

    def test_one_answer_where_one_is_right(self, session: Session) -> None:
        attempt = started(session, *learner())
        single = next(a for a in attempt.questions if a.question.kind == "single")

        with pytest.raises(Invalid, match="one answer"):
            service.answer(attempt, single.position, single.option_order[:2], now=NOW)

    def test_an_answer_at_the_deadline_is_too_late(self, session: Session) -> None:
        attempt = started(session, *learner())

        with pytest.raises(service.TimeIsOver):
            service.answer(attempt, 1, [], now=attempt.deadline_at)

    def test_an_attempt_that_is_over_keeps_its_answers(self, session: Session) -> None:
        attempt = started(session, *learner())
        service.submit(session, attempt, now=NOW)

        with pytest.raises(AttemptTransition):
            service.answer(attempt, 1, [], now=NOW)


class TestSubmit:
    def test_passing_gives_a_certificate_and_meets_the_gate(
        self, session: Session
    ) -> None:
        user, enrollment = learner()
        attempt = started(session, user, enrollment)
        answer_all(session, attempt, rightly=9)

        certificate = service.submit(session, attempt, now=NOW + MINUTE)

        assert certificate is not None
        assert attempt.status is AttemptStatus.PASSED
        assert certificate.expires_at == (NOW + MINUTE).replace(year=2027)
        checklist = enrollments.checklist(session, enrollment, now=NOW + 2 * MINUTE)
        gate = next(s for s in checklist if s.gate.certification)
        assert (gate.is_met, gate.until) == (True, certificate.expires_at)
        mail = session.scalars(select(OutboxEmail)).one()
        assert (mail.to, mail.template) == (user.email, "certification/passed")
        actions = session.scalars(select(AuditEvent.action)).all()
        assert {"attempt.passed", "certificate.issued", "gate.met"} <= set(actions)

    def test_failing_gives_no_certificate_but_a_mail(self, session: Session) -> None:
        user, enrollment = learner()
        attempt = started(session, user, enrollment)
        answer_all(session, attempt, rightly=8)

        assert service.submit(session, attempt, now=NOW) is None

        assert attempt.status is AttemptStatus.FAILED
        assert attempt.right_count == 8
        mail = session.scalars(select(OutboxEmail)).one()
        assert mail.template == "certification/failed"
        assert not session.scalars(select(Certificate)).all()

    def test_late_means_as_saved_before_the_deadline(self, session: Session) -> None:
        attempt = started(session, *learner())
        answer_all(session, attempt, rightly=12)

        service.submit(session, attempt, now=attempt.deadline_at + MINUTE)

        assert attempt.status is AttemptStatus.PASSED
        assert attempt.submitted_at == attempt.deadline_at

    def test_handing_in_twice_is_refused(self, session: Session) -> None:
        attempt = started(session, *learner())
        service.submit(session, attempt, now=NOW)

        with pytest.raises(AttemptTransition):
            service.submit(session, attempt, now=NOW)

    def test_a_terminated_enrollment_gets_no_gate(self, session: Session) -> None:
        user, enrollment = learner()
        gone = EnrollmentFactory.create(
            partner=enrollment.partner, status=EnrollmentStatus.TERMINATED
        )
        attempt = started(session, user, enrollment)
        answer_all(session, attempt, rightly=12)

        service.submit(session, attempt, now=NOW)

        assert not any(s.is_met for s in enrollments.checklist(session, gone, now=NOW))


class TestRevoke:
    def passed(self, session: Session) -> tuple[Certificate, object]:
        user, enrollment = learner()
        attempt = started(session, user, enrollment)
        answer_all(session, attempt, rightly=12)
        certificate = service.submit(session, attempt, now=NOW)
        assert certificate is not None
        session.flush()
        return queries.get_certificate(session, certificate.id, lock=True), enrollment

    def test_revoking_closes_the_gate(self, session: Session) -> None:
        certificate, _ = self.passed(session)
        later = NOW + MINUTE

        service.revoke(
            session,
            certificate,
            actor=UserFactory.create(admin=True),
            reason="Sat by somebody else",
            now=later,
        )

        found = enrollments.of_partner(session, certificate.partner_id)[0]
        checklist = enrollments.checklist(session, found, now=later)
        assert not next(s for s in checklist if s.gate.certification).is_met

    def test_a_reason_is_demanded_and_once_is_enough(self, session: Session) -> None:
        certificate, _ = self.passed(session)
        admin = UserFactory.create(admin=True)

        with pytest.raises(Invalid, match="Say why"):
            service.revoke(session, certificate, actor=admin, reason=" ", now=NOW)
        service.revoke(session, certificate, actor=admin, reason="No", now=NOW)
        with pytest.raises(service.AlreadyRevoked):
            service.revoke(session, certificate, actor=admin, reason="No", now=NOW)


def test_numbers_are_long_and_never_repeat() -> None:
    numbers = {service.new_number() for _ in range(1_000)}

    assert len(numbers) == 1_000
    assert all(len(number) == 34 for number in numbers)
