from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from flask_babel import gettext as _
from sqlalchemy import func, select
from sqlalchemy.orm import Session, joinedload, selectinload

from portal.certification.models import (
    AnswerKey,
    Attempt,
    AttemptQuestion,
    AttemptStatus,
    Certificate,
    Certification,
    ExtraTime,
    KeyChange,
    Question,
    Regrade,
)
from portal.certification.rules import QuestionStatistics, RegradeOutcome
from portal.kit.errors import NotFound

TAIL = 0.27
"""Share of the best and of the worst attempts that a question should part."""


def by_key(session: Session, key: str) -> Certification:
    """Return the exam of that key.

    Raises:
        NotFound: There is none.
    """
    found = session.scalar(select(Certification).where(Certification.key == key))
    if found is None:
        raise NotFound(_("There is no such certification."))
    return found


def by_keys(session: Session, keys: Sequence[str]) -> Sequence[Certification]:
    """Return the exams of those keys, by title."""
    return session.scalars(
        select(Certification)
        .where(Certification.key.in_(keys))
        .order_by(Certification.title)
    ).all()


def attempt_of(
    session: Session, attempt_id: UUID, user_id: UUID, *, lock: bool = False
) -> Attempt:
    """Return one attempt of one person, with its questions.

    Raises:
        NotFound: There is none, or it is somebody else's.
    """
    query = (
        select(Attempt)
        .where(Attempt.id == attempt_id, Attempt.user_id == user_id)
        .options(
            joinedload(Attempt.certification),
            joinedload(Attempt.user),
            selectinload(Attempt.questions).joinedload(AttemptQuestion.question),
        )
    )
    if lock:
        query = query.with_for_update(of=Attempt).execution_options(
            populate_existing=True
        )
    attempt = session.scalar(query)
    if attempt is None:
        raise NotFound(_("There is no such attempt."))
    return attempt


def open_attempt(
    session: Session, certification_id: UUID, user_id: UUID
) -> Attempt | None:
    """Return the person's open attempt at an exam, if there is one."""
    return session.scalar(
        select(Attempt).where(
            Attempt.certification_id == certification_id,
            Attempt.user_id == user_id,
            Attempt.status == AttemptStatus.IN_PROGRESS,
        )
    )


def attempts_of(session: Session, user_id: UUID) -> Sequence[Attempt]:
    """Return all attempts of a person, newest first."""
    return session.scalars(
        select(Attempt)
        .where(Attempt.user_id == user_id)
        .order_by(Attempt.started_at.desc(), Attempt.id.desc())
    ).all()


def overdue(session: Session, now: datetime) -> Sequence[Attempt]:
    """Return the open attempts whose time is over, oldest first."""
    return session.scalars(
        select(Attempt)
        .where(Attempt.status == AttemptStatus.IN_PROGRESS, Attempt.deadline_at <= now)
        .order_by(Attempt.deadline_at)
    ).all()


def extra_percent(session: Session, user_id: UUID) -> int:
    """Return how much more time a person has."""
    found = session.get(ExtraTime, user_id)
    return found.percent if found else 0


def extra_times(session: Session) -> Sequence[ExtraTime]:
    """Return who has extra time, newest first."""
    return session.scalars(
        select(ExtraTime)
        .where(ExtraTime.percent > 0)
        .options(joinedload(ExtraTime.user), joinedload(ExtraTime.granted_by))
        .order_by(ExtraTime.granted_at.desc(), ExtraTime.user_id)
    ).all()


def finished_attempts_with(
    session: Session, question_id: UUID, *, lock: bool = False
) -> Sequence[Attempt]:
    """Return the attempts that are over and asked a question, oldest first."""
    asking = select(AttemptQuestion.attempt_id).where(
        AttemptQuestion.question_id == question_id
    )
    query = (
        select(Attempt)
        .where(Attempt.id.in_(asking), Attempt.status != AttemptStatus.IN_PROGRESS)
        .options(
            joinedload(Attempt.certification),
            joinedload(Attempt.user),
            selectinload(Attempt.questions).joinedload(AttemptQuestion.question),
        )
        .order_by(Attempt.started_at, Attempt.id)
    )
    if lock:
        query = query.with_for_update(of=Attempt).execution_options(
            populate_existing=True
        )
    return session.scalars(query).all()


def valid_certificate(
    session: Session, certification_id: UUID, user_id: UUID, now: datetime
) -> Certificate | None:
    """Return the certificate that a person holds longest, if one is valid."""
    session.flush()  # One issued or revoked a moment ago counts.
    return session.scalar(
        select(Certificate)
        .where(
            Certificate.certification_id == certification_id,
            Certificate.user_id == user_id,
            Certificate.expires_at > now,
            Certificate.revoked_at.is_(None),
        )
        .order_by(Certificate.expires_at.desc())
        .limit(1)
    )


def certificates_of_partner(
    session: Session, partner_id: UUID
) -> Sequence[Certificate]:
    """Return the certificates of a partner's people, newest first."""
    return session.scalars(
        select(Certificate)
        .where(Certificate.partner_id == partner_id)
        .options(joinedload(Certificate.certification))
        .order_by(Certificate.issued_at.desc(), Certificate.id)
    ).all()


def certificate_by_number(session: Session, number: str) -> Certificate | None:
    """Return the certificate of that number, if there is one."""
    return session.scalar(
        select(Certificate)
        .where(Certificate.number == number)
        .options(joinedload(Certificate.certification), joinedload(Certificate.partner))
    )


def revoked(session: Session) -> Sequence[Certificate]:
    """Return the revoked certificates, the latest first."""
    return session.scalars(
        select(Certificate)
        .where(Certificate.revoked_at.is_not(None))
        .order_by(Certificate.revoked_at.desc(), Certificate.id)
    ).all()


def certificate_of_partner(
    session: Session, certificate_id: UUID, partner_id: UUID, *, lock: bool = False
) -> Certificate:
    """Return one certificate of a partner's people.

    Raises:
        NotFound: There is none, or it is another partner's.
    """
    query = (
        select(Certificate)
        .where(Certificate.id == certificate_id, Certificate.partner_id == partner_id)
        .options(joinedload(Certificate.certification), joinedload(Certificate.partner))
    )
    if lock:
        query = query.with_for_update(of=Certificate)
    certificate = session.scalar(query)
    if certificate is None:
        raise NotFound(_("There is no such certificate."))
    return certificate


def get_certificate(
    session: Session, certificate_id: UUID, *, lock: bool = False
) -> Certificate:
    """Return one certificate, for staff.

    Raises:
        NotFound: There is none.
    """
    query = (
        select(Certificate)
        .where(Certificate.id == certificate_id)
        .options(joinedload(Certificate.certification), joinedload(Certificate.partner))
    )
    if lock:
        query = query.with_for_update(of=Certificate)
    certificate = session.scalar(query)
    if certificate is None:
        raise NotFound(_("There is no such certificate."))
    return certificate


def certificates(session: Session, limit: int) -> Sequence[Certificate]:
    """Return the newest certificates, for staff."""
    return session.scalars(
        select(Certificate)
        .options(joinedload(Certificate.certification), joinedload(Certificate.partner))
        .order_by(Certificate.issued_at.desc(), Certificate.id)
        .limit(limit)
    ).all()


@dataclass(frozen=True, slots=True)
class Overview:
    """An exam as staff see it in the list."""

    certification: Certification
    question_total: int
    passed: int
    failed: int


def overviews(session: Session) -> list[Overview]:
    """Return every exam with the size of its bank and how its attempts ended."""
    sizes: dict[UUID, int] = dict(
        session.execute(
            select(Question.certification_id, func.count())
            .where(Question.retired_at.is_(None))
            .group_by(Question.certification_id)
        ).all()
    )
    ends = {
        (certification_id, status): count
        for certification_id, status, count in session.execute(
            select(Attempt.certification_id, Attempt.status, func.count()).group_by(
                Attempt.certification_id, Attempt.status
            )
        )
    }
    exams = session.scalars(select(Certification).order_by(Certification.title))
    return [
        Overview(
            certification=exam,
            question_total=sizes.get(exam.id, 0),
            passed=ends.get((exam.id, AttemptStatus.PASSED), 0),
            failed=ends.get((exam.id, AttemptStatus.FAILED), 0),
        )
        for exam in exams
    ]


def statistics(
    session: Session, certification_id: UUID
) -> dict[UUID, QuestionStatistics]:
    """Return how each question of an exam did in the attempts that are over."""
    share = Attempt.right_count * 1_000 / func.nullif(Attempt.question_count, 0)
    ranked = (
        select(
            AttemptQuestion.question_id,
            AttemptQuestion.is_right,
            func.percent_rank()
            .over(
                partition_by=AttemptQuestion.question_id, order_by=(share, Attempt.id)
            )
            .label("rank"),
        )
        .join(Attempt, Attempt.id == AttemptQuestion.attempt_id)
        .where(
            Attempt.certification_id == certification_id,
            AttemptQuestion.is_right.is_not(None),
        )
        .subquery()
    )
    right, rank, count = ranked.c.is_right, ranked.c.rank, func.count()
    upper, lower = rank >= 1 - TAIL, rank <= TAIL
    rows = session.execute(
        select(
            ranked.c.question_id,
            count,
            count.filter(right),
            count.filter(upper),
            count.filter(upper, right),
            count.filter(lower),
            count.filter(lower, right),
        ).group_by(ranked.c.question_id)
    )
    return {question_id: QuestionStatistics(*found) for question_id, *found in rows}


def answer_key(session: Session, question_id: UUID) -> AnswerKey:
    """Return the right answer to a question, for staff who may correct it."""
    return session.get_one(AnswerKey, question_id)


def key_changes(
    session: Session, question_id: UUID
) -> list[tuple[KeyChange, dict[RegradeOutcome, int]]]:
    """Return the corrections of a key, newest first, with what each one did."""
    changes = session.scalars(
        select(KeyChange)
        .where(KeyChange.question_id == question_id)
        .options(joinedload(KeyChange.changed_by))
        .order_by(KeyChange.changed_at.desc(), KeyChange.id.desc())
    ).all()
    counts: dict[UUID, dict[RegradeOutcome, int]] = {one.id: {} for one in changes}
    for change_id, outcome, number in session.execute(
        select(Regrade.key_change_id, Regrade.outcome, func.count())
        .where(Regrade.key_change_id.in_(counts))
        .group_by(Regrade.key_change_id, Regrade.outcome)
    ):
        counts[change_id][outcome] = number
    return [(change, counts[change.id]) for change in changes]


def question(session: Session, question_id: UUID, *, lock: bool = False) -> Question:
    """Return one question with its exam, for staff; without the answer.

    Raises:
        NotFound: There is none.
    """
    query = (
        select(Question)
        .where(Question.id == question_id)
        .options(joinedload(Question.certification))
    )
    if lock:
        query = query.with_for_update(of=Question)
    found = session.scalar(query)
    if found is None:
        raise NotFound(_("There is no such question."))
    return found


def questions(session: Session, certification_id: UUID) -> Sequence[Question]:
    """Return the questions of an exam's bank, by topic; without the answers."""
    return session.scalars(
        select(Question)
        .where(Question.certification_id == certification_id)
        .order_by(Question.topic, Question.key)
    ).all()
