from datetime import datetime

from sqlalchemy.orm import Session

from portal.certification.models import Attempt, Certificate
from portal.mail import service as mail


def send_passed(
    session: Session, attempt: Attempt, certificate: Certificate, *, now: datetime
) -> None:
    """Congratulate, with the number that anyone can check."""
    mail.enqueue(
        session,
        to=attempt.user.email,
        template="certification/passed",
        locale=attempt.user.locale,
        now=now,
        context={
            "name": attempt.user.name,
            "exam": attempt.certification.title,
            "number": certificate.number,
            "expires_at": certificate.expires_at.isoformat(),
            "path": f"/verify/{certificate.number}",
        },
    )


def send_failed(
    session: Session, attempt: Attempt, *, retry_at: datetime, now: datetime
) -> None:
    """Say how it went and from when the next attempt is possible."""
    mail.enqueue(
        session,
        to=attempt.user.email,
        template="certification/failed",
        locale=attempt.user.locale,
        now=now,
        context={
            "name": attempt.user.name,
            "exam": attempt.certification.title,
            "right": attempt.right_count or 0,
            "total": attempt.question_count,
            "pass_percent": attempt.pass_percent,
            "retry_at": retry_at.isoformat(),
            "path": "/app/certifications",
        },
    )


def send_regraded(
    session: Session, attempt: Attempt, certificate: Certificate, *, now: datetime
) -> None:
    """Say that a question was graded wrongly, and that the attempt is passed."""
    mail.enqueue(
        session,
        to=attempt.user.email,
        template="certification/regraded",
        locale=attempt.user.locale,
        now=now,
        context={
            "name": attempt.user.name,
            "exam": attempt.certification.title,
            "right": attempt.right_count or 0,
            "total": attempt.question_count,
            "number": certificate.number,
            "path": f"/verify/{certificate.number}",
        },
    )
