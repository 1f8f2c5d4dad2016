import random
from datetime import datetime

from sqlalchemy.orm import Session

from portal.accounts.models import User
from portal.certification import bank, queries, service
from portal.certification.courses import service as courses
from portal.certification.courses.content import LessonContent
from portal.certification.courses.models import Lesson, LessonVersion
from portal.certification.models import (
    AnswerKey,
    Attempt,
    AttemptQuestion,
    Certificate,
    Certification,
)
from portal.enrollments.models import Enrollment
from portal.partners.models import PartnerMember
from portal.programs.documents import preset
from portal.programs.models import ProgramVersion
from tests.factories.base_factory import NOW
from tests.factories.people import PartnerMemberFactory
from tests.factories.programs import EnrollmentFactory, ProgramVersionFactory

EXAM = "solutions-partner"

ANOTHER = "another"
EVERY_KIND = f"""
key: {EXAM}
title: Every kind
summary: One question of each kind.
question_count: 4
topic_counts: {{A: 2, B: 2}}
pass_percent: 75
minutes: 30
attempts_allowed: 3
wait_hours: 12
valid_months: 12
renewal_days: 30
questions:
- key: one
  topic: A
  text: Which one is right?
  options: [{{label: this one, right: true}}, {{label: that one}}]
- key: several
  topic: A
  kind: multiple
  difficulty: easy
  text: Which two are right?
  options: [{{label: red, right: true}}, {{label: green}}, {{label: blue, right: true}}]
- key: steps
  topic: B
  kind: order
  difficulty: hard
  text: What comes first?
  options: [{{label: apply}}, {{label: sign}}, {{label: earn}}]
- key: word
  topic: B
  kind: text
  text: What is a second order called?
  accepted: [renewal, Follow-up order]
"""


def exam(session: Session) -> Certification:
    """The exam that the default program asks for, with its bank."""
    certification = bank.install(session, bank.shipped(EXAM))
    session.flush()
    return certification


def another_exam(session: Session) -> Certification:
    """One more exam, which no program asks for."""
    text = EVERY_KIND.replace(EXAM, ANOTHER)
    certification = bank.install(session, bank.read_bank(text))
    session.flush()
    return certification


def exam_of_every_kind(session: Session) -> Certification:
    """An exam of four questions, one of each kind, in the place of the default one."""
    certification = bank.install(session, bank.read_bank(EVERY_KIND))
    session.flush()
    return certification


def a_course(session: Session, *titles: str) -> list[Lesson]:
    """Published lessons of the default exam, five minutes each, on its topic `A`."""
    certification = exam(session)
    lessons = []
    for title in titles or ("One", "Two", "Three"):
        lesson = courses.create(
            session, certification, title.lower(), content(title), actor=None, now=NOW
        )
        session.flush()
        publish(session, lesson)
        lessons.append(lesson)
    return lessons


def content(title: str = "One", **changed: str | int) -> LessonContent:
    """What a lesson says."""
    return LessonContent.model_validate(
        {
            "title": title,
            "topic": "A",
            "minutes": 5,
            "text": f"What there is to know about {title.lower()}.",
            **changed,
        }
    )


def publish(
    session: Session,
    lesson: Lesson,
    text: str | None = None,
    *,
    read_again: bool = False,
    now: datetime = NOW,
) -> LessonVersion:
    """Publish the draft, or another text."""
    if text is not None:
        lesson.text = text
    return courses.publish(
        session, lesson, note="News.", read_again=read_again, actor=None, now=now
    )


def a_program_with_an_open_course(**changed: object) -> ProgramVersion:
    """A program that lets anyone read the courses of its exams."""
    definition = preset("hubspot-solutions-partner").model_dump(mode="json")
    for gate in definition["gates"]:
        gate["course_open_early"] = gate["kind"] == "certification"
    version: ProgramVersion = ProgramVersionFactory.create(
        definition_json={**definition, **changed}
    )
    return version


def learner() -> tuple[User, Enrollment]:
    """Somebody whose partner is in a program that asks for the exam."""
    member: PartnerMember = PartnerMemberFactory.create()
    enrollment: Enrollment = EnrollmentFactory.create(partner=member.partner)
    return member.user, enrollment


def started(
    session: Session,
    user: User,
    enrollment: Enrollment,
    now: datetime = NOW,
    *,
    certification: Certification | None = None,
) -> Attempt:
    """An open attempt; its questions are the same in every run."""
    attempt = service.start(
        session,
        certification or exam(session),
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
        chosen = list(key.right[:1] if asked.question.kind == "text" else key.right)
        if asked.position > rightly:
            chosen = _wrong(asked, chosen)
        service.answer(attempt, asked.position, chosen, now=now)


def passed(
    session: Session, user: User, enrollment: Enrollment, now: datetime
) -> Certificate:
    """The certificate of somebody of this partner who passed at that moment."""
    attempt = started(session, user, enrollment, now)
    answer_all(session, attempt, rightly=len(attempt.questions), now=now)
    certificate = service.submit(session, attempt, now=now)
    session.flush()
    assert certificate is not None
    return certificate


def certified(session: Session, now: datetime = NOW) -> Certificate:
    """The certificate of somebody who passed the exam of every kind."""
    user, enrollment = learner()
    certification = exam_of_every_kind(session)
    attempt = started(session, user, enrollment, now, certification=certification)
    answer_all(session, attempt, rightly=4, now=now)
    certificate = service.submit(session, attempt, now=now)
    session.flush()
    assert certificate is not None
    session.refresh(certificate, ["partner", "attempt"])
    return certificate


def _wrong(asked: AttemptQuestion, right: list[str]) -> list[str]:
    if asked.question.kind == "order":
        return right[::-1]
    if asked.question.kind == "text":
        return ["something else"]
    return [option for option in asked.option_order if option not in right][:1]
