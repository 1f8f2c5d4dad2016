import random
from datetime import datetime

from sqlalchemy.orm import Session

from portal.accounts.models import User
from portal.certification import bank, queries, service
from portal.certification.models import AnswerKey, Attempt, Certification
from portal.enrollments.models import Enrollment
from portal.partners.models import PartnerMember
from tests.factories.base_factory import NOW
from tests.factories.people import PartnerMemberFactory
from tests.factories.programs import EnrollmentFactory

EXAM = "solutions-partner"


def exam(session: Session) -> Certification:
    """The exam that the default program asks for, with its bank."""
    certification = bank.install(session, bank.shipped(EXAM))
    session.flush()
    return certification


def learner() -> tuple[User, Enrollment]:
    """Somebody whose partner is in a program that asks for the exam."""
    member: PartnerMember = PartnerMemberFactory.create()
    enrollment: Enrollment = EnrollmentFactory.create(partner=member.partner)
    return member.user, enrollment


def started(
    session: Session, user: User, enrollment: Enrollment, now: datetime = NOW
) -> Attempt:
    """An open attempt; its questions are the same in every run."""
    attempt = service.start(
        session,
        exam(session),
        user=user,
        partner_id=enrollment.partner_id,
        now=now,
        rng=random.Random(7),  # noqa: S311 - reproducible on purpose
    )
    session.flush()
    return queries.attempt_of(session, attempt.id, user.id)


def answer_all(
    session: Session, attempt: Attempt, *, rightly: int, now: datetime = NOW
) -> None:
    """Answer the first `rightly` questions as they should be, the rest wrongly."""
    for asked in attempt.questions:
        key = session.get_one(AnswerKey, asked.question_id)
        wrong = [o for o in asked.option_order if o not in key.right][:1]
        chosen = key.right if asked.position <= rightly else wrong
        service.answer(attempt, asked.position, chosen, now=now)
