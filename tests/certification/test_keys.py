"""A wrong answer key is corrected: who passes now, and who keeps what."""

from collections.abc import Sequence
from datetime import timedelta

import pytest
from sqlalchemy import select
from sqlalchemy.orm import Session

from portal.accounts.models import User
from portal.audit.models import AuditEvent
from portal.certification import queries, service
from portal.certification.models import (
    AnswerKey,
    Attempt,
    AttemptStatus,
    Certificate,
    Question,
    Regrade,
)
from portal.certification.rules import CertificateState, RegradeOutcome
from portal.enrollments import queries as enrollments
from portal.kit.errors import Invalid
from portal.mail.models import OutboxEmail
from tests.factories.base_factory import NOW
from tests.factories.certification import exam_of_every_kind, learner, started
from tests.factories.people import UserFactory

LATER = NOW + timedelta(days=1)


def sat(session: Session, answers: dict[str, Sequence[str]]) -> Attempt:
    """An attempt at the exam of every kind, handed in."""
    user, enrollment = learner()
    certification = exam_of_every_kind(session)
    attempt = started(session, user, enrollment, certification=certification)
    for asked in attempt.questions:
        given = answers.get(asked.question.key, ())
        service.answer(attempt, asked.position, given, now=NOW)
    service.submit(session, attempt, now=NOW)
    session.flush()
    return attempt


RIGHT: dict[str, Sequence[str]] = {
    "one": ["a"],
    "several": ["a", "c"],
    "steps": ["a", "b", "c"],
    "word": ["Renewal"],
}
BY_THE_WRONG_KEY = RIGHT | {"word": ["upsell"], "steps": ["c", "b", "a"]}


def question(session: Session, key: str) -> Question:
    exam = exam_of_every_kind(session)
    return next(q for q in queries.questions(session, exam.id) if q.key == key)


def correct(session: Session, key: str, right: Sequence[str]) -> dict[str, str]:
    """Correct a key; what became of whom."""
    admin: User = UserFactory.create(admin=True)
    change = service.correct_key(
        session,
        question(session, key),
        right,
        actor=admin,
        reason="The book says so",
        now=LATER,
    )
    session.flush()
    rows = session.scalars(select(Regrade).where(Regrade.key_change_id == change.id))
    return {str(row.attempt_id): row.outcome for row in rows}


def test_who_failed_by_the_wrong_key_passes_now(session: Session) -> None:
    attempt = sat(session, BY_THE_WRONG_KEY)
    assert attempt.status is AttemptStatus.FAILED
    assert service.preview_correction(
        session, question(session, "word"), ["upsell"]
    ) == {RegradeOutcome.PASSES_NOW: 1}

    outcomes = correct(session, "word", ["upsell"])

    assert outcomes == {str(attempt.id): RegradeOutcome.PASSES_NOW}
    assert (attempt.status, attempt.right_count) == (AttemptStatus.PASSED, 3)
    certificate = session.scalars(select(Certificate)).one()
    assert (certificate.issued_at, certificate.attempt_id) == (LATER, attempt.id)
    [enrollment] = enrollments.of_partner(session, attempt.partner_id)
    checklist = enrollments.checklist(session, enrollment, now=LATER)
    assert next(s for s in checklist if s.gate.certification).is_met
    mails = session.scalars(select(OutboxEmail.template).order_by(OutboxEmail.id))
    assert list(mails) == ["certification/failed", "certification/regraded"]


def test_who_passed_by_the_wrong_key_keeps_the_certificate(session: Session) -> None:
    attempt = sat(session, RIGHT | {"several": []})
    assert attempt.right_count == 3

    outcomes = correct(session, "word", ["upsell"])

    assert outcomes == {str(attempt.id): RegradeOutcome.KEPT}
    assert (attempt.status, attempt.right_count) == (AttemptStatus.PASSED, 2)
    certificate = session.scalars(select(Certificate)).one()
    assert certificate.state(LATER) is CertificateState.VALID
    actions = set(session.scalars(select(AuditEvent.action)))
    assert {"question.key_corrected", "attempt.kept_passed"} <= actions


def test_others_get_another_score_and_nothing_else(session: Session) -> None:
    good, bad = sat(session, RIGHT), sat(session, {"word": ["upsell"]})

    outcomes = correct(session, "word", ["upsell", "renewal"])

    assert set(outcomes.values()) == {RegradeOutcome.UNCHANGED}
    assert (good.right_count, bad.right_count) == (4, 1)
    assert bad.score_by_topic == {"A": [0, 2], "B": [1, 2]}
    assert len(session.scalars(select(Certificate)).all()) == 1


def test_who_holds_a_certificate_by_now_gets_no_second_one(session: Session) -> None:
    attempt = sat(session, BY_THE_WRONG_KEY)
    [enrollment] = enrollments.of_partner(session, attempt.partner_id)
    again = started(
        session,
        attempt.user,
        enrollment,
        LATER - timedelta(hours=1),
        certification=attempt.certification,
    )
    for asked in again.questions:
        service.answer(
            again, asked.position, RIGHT[asked.question.key], now=again.started_at
        )
    certificate = service.submit(session, again, now=again.started_at)
    session.flush()

    correct(session, "word", ["upsell", "renewal"])

    assert attempt.status is AttemptStatus.PASSED
    assert session.scalars(select(Certificate)).all() == [certificate]


@pytest.mark.parametrize(
    ("key", "right", "reason", "complaint"),
    [
        ("one", ["a", "b"], "why", "Say what the right answer is"),
        ("one", ["z"], "why", "Say what the right answer is"),
        ("several", [], "why", "Say what the right answer is"),
        ("steps", ["a", "b"], "why", "Say what the right answer is"),
        ("word", [" "], "why", "Say what the right answer is"),
        ("several", ["c", "a"], "why", "the right answer already"),
        ("one", ["b"], " ", "Say why"),
    ],
)
def test_a_correction_needs_an_answer_a_change_and_a_reason(
    session: Session, key: str, right: list[str], reason: str, complaint: str
) -> None:
    admin: User = UserFactory.create(admin=True)

    with pytest.raises(Invalid, match=complaint):
        service.correct_key(
            session,
            question(session, key),
            right,
            actor=admin,
            reason=reason,
            now=LATER,
        )


def test_the_new_key_counts_for_those_who_hand_in_later(session: Session) -> None:
    correct(session, "steps", ["c", "b", "a"])

    assert sat(session, RIGHT).right_count == 3
    key = session.get_one(AnswerKey, question(session, "steps").id)
    assert key.right == ["c", "b", "a"]


class TestRetire:
    def test_a_question_the_exam_needs_is_not_retired(self, session: Session) -> None:
        one = self.of_bank(session, "one")

        with pytest.raises(service.BankTooSmall):
            service.retire(session, one, actor=UserFactory.create(admin=True), now=NOW)

    def test_each_topic_must_keep_enough(self, session: Session) -> None:
        one = self.of_bank(session, "one")
        one.certification.question_count = 3  # topics A and B need two each
        session.flush()

        with pytest.raises(service.BankTooSmall):
            service.retire(session, one, actor=UserFactory.create(admin=True), now=NOW)

    def test_it_is_retired_once(self, session: Session) -> None:
        one, admin = self.of_bank(session, "one"), UserFactory.create(admin=True)
        one.certification.question_count = 3
        one.certification.topic_counts = {}

        service.retire(session, one, actor=admin, now=NOW)

        assert one.retired_at == NOW
        with pytest.raises(service.AlreadyRetired):
            service.retire(session, one, actor=admin, now=NOW)

    def of_bank(self, session: Session, key: str) -> Question:
        return queries.question(session, question(session, key).id, lock=True)
