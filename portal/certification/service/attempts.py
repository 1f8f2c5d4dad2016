"""Sitting an exam: start, answer, hand in."""

import random
import secrets
from collections import defaultdict
from collections.abc import Sequence
from datetime import datetime, timedelta
from uuid import UUID

from flask_babel import gettext as _
from sqlalchemy import select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from portal.accounts.models import User
from portal.audit import service as audit
from portal.certification import emails, queries, rules
from portal.certification.models import (
    ONE_OPEN_ATTEMPT,
    Attempt,
    AttemptQuestion,
    AttemptStatus,
    Certificate,
    Certification,
)
from portal.certification.rules import QuestionKind
from portal.certification.service.certificates import issue
from portal.certification.service.grading import grade
from portal.kit.db import violates
from portal.kit.errors import Conflict, Invalid
from portal.kit.ids import new_id

LONGEST_TEXT = 200


class AttemptIsOpen(Conflict):
    """The person has an open attempt at this exam."""

    code = "attempt_is_open"


class TooSoon(Conflict):
    """The next attempt is not possible yet."""

    code = "too_soon"


class HoldsCertificate(Conflict):
    """The person's certificate is valid and cannot be renewed yet."""

    code = "holds_certificate"


class TimeIsOver(Conflict):
    """The answer came after the deadline and does not count."""

    code = "time_is_over"


class AnsweredElsewhere(Conflict):
    """Another window saved another answer since the question was shown."""

    code = "answered_elsewhere"


def earliest_start(
    session: Session, certification: Certification, user_id: UUID, *, now: datetime
) -> datetime:
    """Return from when the person may start the next attempt after failing."""
    failed = session.scalars(
        select(Attempt.submitted_at).where(
            Attempt.certification_id == certification.id,
            Attempt.user_id == user_id,
            Attempt.status == AttemptStatus.FAILED,
        )
    )
    return rules.earliest_start(
        [at for at in failed if at is not None],
        allowed=certification.attempts_allowed,
        wait=timedelta(hours=certification.wait_hours),
        now=now,
    )


def renewal_start(
    session: Session, certification: Certification, user_id: UUID, *, now: datetime
) -> datetime | None:
    """Return from when the person may renew; none without a valid certificate."""
    held = queries.valid_certificate(session, certification.id, user_id, now)
    if held is None:
        return None
    return rules.renewable_from(held.expires_at, certification.renewal_days)


def start(
    session: Session,
    certification: Certification,
    *,
    user: User,
    partner_id: UUID,
    now: datetime,
    rng: random.Random | None = None,
) -> Attempt:
    """Draw the questions and start the clock.

    Args:
        session: The session that holds the open transaction.
        certification: The exam.
        user: Who sits it.
        partner_id: For which partner.
        now: The start; the deadline is counted from it.
        rng: The source of chance; the operating system's by default.

    Raises:
        TooSoon: The pause after a failed attempt is not over.
        HoldsCertificate: There is a certificate that cannot be renewed yet.
        AttemptIsOpen: There is an open attempt; go on with that one.
    """
    _one_thing_at_a_time(session, user.id)
    _refuse_early(session, certification, user.id, now=now)
    percent = queries.extra_percent(session, user.id)
    attempt = Attempt(
        id=new_id(),
        certification=certification,
        user=user,
        partner_id=partner_id,
        started_at=now,
        deadline_at=now + rules.time_allowed(certification.minutes, percent),
        extra_percent=percent,
        question_count=0,
        pass_percent=certification.pass_percent,
    )
    attempt.questions = _draw(session, certification, rng or secrets.SystemRandom())
    attempt.question_count = len(attempt.questions)
    try:
        with session.begin_nested():
            session.add(attempt)
    except IntegrityError as error:
        if not violates(error, ONE_OPEN_ATTEMPT):
            raise
        raise AttemptIsOpen(
            _("You have an open attempt; go on with that one.")
        ) from error
    audit.record(session, "attempt.started", attempt.id, actor=user, at=now)
    return attempt


def _one_thing_at_a_time(session: Session, user_id: UUID) -> None:
    """Make starts and submissions of one person wait for each other.

    A start that reads the failed attempts while one is being handed in would miss it,
    and with it the pause.
    """
    session.execute(
        select(User.id).where(User.id == user_id).with_for_update(key_share=True)
    )


def _refuse_early(
    session: Session, certification: Certification, user_id: UUID, *, now: datetime
) -> None:
    earliest = earliest_start(session, certification, user_id, now=now)
    if earliest > now:
        raise TooSoon(
            _("The next attempt is possible from %(moment)s on.", moment=_utc(earliest))
        )
    renewable = renewal_start(session, certification, user_id, now=now)
    if renewable is not None and renewable > now:
        raise HoldsCertificate(
            _(
                "Your certificate is valid. You can renew it from %(moment)s on.",
                moment=_utc(renewable),
            )
        )


def _utc(moment: datetime) -> str:
    return format(moment, "%d %B %Y, %H:%M UTC")


def _draw(
    session: Session, certification: Certification, rng: random.Random
) -> list[AttemptQuestion]:
    bank: dict[str, list[tuple[str, list[str]]]] = defaultdict(list)
    by_key = {}
    for question in queries.questions(session, certification.id):
        if question.retired_at is None:
            by_key[question.key] = question
            options = [option["key"] for option in question.options]
            bank[question.topic].append((question.key, options))
    drawn = rules.draw(
        bank, certification.question_count, rng, certification.topic_counts
    )
    return [
        AttemptQuestion(
            position=position,
            question=by_key[one.question_key],
            version=0,
            option_order=list(one.option_order),
        )
        for position, one in enumerate(drawn, start=1)
    ]


def answer(
    attempt: Attempt,
    position: int,
    given: Sequence[str],
    *,
    version: int | None = None,
    now: datetime,
) -> None:
    """Keep what was answered to one question; nothing given clears it.

    Args:
        attempt: The attempt, locked by the caller.
        position: Which of its questions, from 1 on.
        given: Keys of options, in their order; or the text typed.
        version: How often the answer had been saved when the question was shown; none
            to save it in any case.
        now: The moment of the answer.

    Raises:
        AttemptTransition: The attempt is over.
        TimeIsOver: The deadline has passed.
        AnsweredElsewhere: Another window saved another answer in the meantime.
        NotFound: There is no such question.
        Invalid: No such option, two options where one is right, or too long a text.
    """
    attempt.refuse_when_over()
    if now >= attempt.deadline_at:
        raise TimeIsOver(_("The time is over. What you had saved before counts."))
    asked = attempt.asked_at(position)
    answered = _checked(asked, given)
    if version is not None and version != asked.version and answered != asked.answer:
        raise AnsweredElsewhere(
            _("Another window saved this answer meanwhile. What it saved stands.")
        )
    asked.answer = answered
    asked.version += 1
    asked.answered_at = now


def _checked(asked: AttemptQuestion, given: Sequence[str]) -> list[str]:
    kind = asked.question.kind
    if kind is QuestionKind.TEXT:
        return _checked_text(given)
    chosen = list(dict.fromkeys(given))
    if not set(chosen) <= set(asked.option_order):
        raise Invalid(_("Choose among the answers shown."), field="answer")
    if kind is QuestionKind.SINGLE and len(chosen) > 1:
        raise Invalid(_("Choose one answer."), field="answer")
    return chosen if kind is QuestionKind.ORDER else sorted(chosen)


def _checked_text(given: Sequence[str]) -> list[str]:
    text = " ".join("".join(given).split())
    text = "".join(letter for letter in text if letter.isprintable())
    if len(text) > LONGEST_TEXT:
        raise Invalid(
            _("Answer in at most %(count)d characters.", count=LONGEST_TEXT),
            field="answer",
        )
    return [text] if text else []


def submit(session: Session, attempt: Attempt, *, now: datetime) -> Certificate | None:
    """Score an attempt, and issue the certificate when it is passed.

    After the deadline the saved answers count as they were then.

    Args:
        session: The session that holds the open transaction.
        attempt: The attempt, locked by the caller.
        now: The moment of submission.

    Raises:
        AttemptTransition: The attempt is over.
    """
    attempt.refuse_when_over()
    _one_thing_at_a_time(session, attempt.user_id)
    score = grade(session, attempt)
    passed = score.passes(attempt.pass_percent)
    attempt.move_to(AttemptStatus.PASSED if passed else AttemptStatus.FAILED)
    attempt.submitted_at = min(now, attempt.deadline_at)
    audit.record(
        session,
        "attempt.passed" if passed else "attempt.failed",
        attempt.id,
        actor=attempt.user,
        at=now,
        right=score.right,
        total=score.total,
    )
    if passed:
        certificate = issue(session, attempt, now=now)
        emails.send_passed(session, attempt, certificate, now=now)
        return certificate
    session.flush()  # The failed attempt counts for the next one's start.
    retry_at = earliest_start(session, attempt.certification, attempt.user_id, now=now)
    emails.send_failed(session, attempt, retry_at=retry_at, now=now)
    return None
