from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from flask_babel import gettext as _
from sqlalchemy import func, select
from sqlalchemy.orm import Session, joinedload, selectinload

from portal.certification.models import (
    Attempt,
    AttemptQuestion,
    AttemptStatus,
    Certificate,
    Certification,
    Question,
)
from portal.kit.errors import NotFound


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


def questions(session: Session, certification_id: UUID) -> Sequence[Question]:
    """Return the questions of an exam's bank, by topic; without the answers."""
    return session.scalars(
        select(Question)
        .where(Question.certification_id == certification_id)
        .order_by(Question.topic, Question.key)
    ).all()
