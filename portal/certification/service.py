"""What can happen to exams and certificates. Callers own the transaction."""

import random
import secrets
from collections import defaultdict
from collections.abc import Sequence
from datetime import datetime, timedelta
from uuid import UUID
from zoneinfo import ZoneInfo

from flask_babel import gettext as _
from sqlalchemy import select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from portal.accounts.models import User
from portal.audit import service as audit
from portal.certification import emails, queries, rules
from portal.certification.models import (
    ONE_OPEN_ATTEMPT,
    AnswerKey,
    Attempt,
    AttemptQuestion,
    AttemptStatus,
    Certificate,
    Certification,
    Question,
)
from portal.enrollments import queries as enrollments
from portal.enrollments import service as gates
from portal.enrollments.models import Enrollment, EnrollmentStatus
from portal.kit.clock import add_months
from portal.kit.db import violates
from portal.kit.errors import Conflict, Invalid
from portal.kit.ids import new_id
from portal.programs.definition import GateKind

_UTC = ZoneInfo("UTC")
_NUMBER_ALPHABET = "23456789ABCDEFGHJKMNPQRSTVWXYZ"


class AttemptIsOpen(Conflict):
    """The person has an open attempt at this exam."""

    code = "attempt_is_open"


class TooSoon(Conflict):
    """The next attempt is not possible yet."""

    code = "too_soon"


class TimeIsOver(Conflict):
    """The answer came after the deadline and does not count."""

    code = "time_is_over"


class AlreadyRevoked(Conflict):
    """The certificate is revoked already."""

    code = "already_revoked"


def earliest_start(
    session: Session, certification: Certification, user_id: UUID, *, now: datetime
) -> datetime:
    """Return from when the person may start the next attempt."""
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
        AttemptIsOpen: There is an open attempt; go on with that one.
    """
    earliest = earliest_start(session, certification, user.id, now=now)
    if earliest > now:
        raise TooSoon(
            _(
                "The next attempt is possible from %(moment)s UTC on.",
                moment=format(earliest, "%d %B %Y, %H:%M"),
            )
        )
    attempt = Attempt(
        id=new_id(),
        certification=certification,
        user=user,
        partner_id=partner_id,
        started_at=now,
        deadline_at=now + timedelta(minutes=certification.minutes),
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
    drawn = rules.draw(bank, certification.question_count, rng)
    return [
        AttemptQuestion(
            position=position,
            question=by_key[one.question_key],
            option_order=list(one.option_order),
        )
        for position, one in enumerate(drawn, start=1)
    ]


def answer(
    attempt: Attempt, position: int, chosen: Sequence[str], *, now: datetime
) -> None:
    """Keep what was chosen for one question; nothing chosen clears it.

    Args:
        attempt: The attempt, locked by the caller.
        position: Which of its questions, from 1 on.
        chosen: Keys of options.
        now: The moment of the answer.

    Raises:
        AttemptTransition: The attempt is over.
        TimeIsOver: The deadline has passed.
        Invalid: No such question or option, or two options where one is right.
    """
    if attempt.status is not AttemptStatus.IN_PROGRESS:
        attempt.move_to(AttemptStatus.FAILED)  # Raises: the attempt is over.
    if now >= attempt.deadline_at:
        raise TimeIsOver(_("The time is over. What you had saved before counts."))
    if not 1 <= position <= len(attempt.questions):
        raise Invalid(_("There is no such question."), field="position")
    asked = attempt.questions[position - 1]
    if not set(chosen) <= set(asked.option_order):
        raise Invalid(_("Choose among the answers shown."), field="answer")
    if asked.question.kind == "single" and len(set(chosen)) > 1:
        raise Invalid(_("Choose one answer."), field="answer")
    asked.answer = sorted(set(chosen))
    asked.answered_at = now


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
    score = rules.grade(_graded(session, attempt))
    passed = score.passes(attempt.pass_percent)
    attempt.move_to(AttemptStatus.PASSED if passed else AttemptStatus.FAILED)
    attempt.submitted_at = min(now, attempt.deadline_at)
    attempt.right_count = score.right
    attempt.score_by_topic = {t: list(counts) for t, counts in score.by_topic.items()}
    audit.record(
        session,
        "attempt.passed" if passed else "attempt.failed",
        attempt.id,
        actor=attempt.user,
        at=now,
        right=score.right,
        total=score.total,
    )
    if not passed:
        session.flush()  # The failed attempt counts for the next one's start.
        retry_at = earliest_start(
            session, attempt.certification, attempt.user_id, now=now
        )
        emails.send_failed(session, attempt, retry_at=retry_at, now=now)
        return None
    return _issue(session, attempt, now=now)


def _graded(session: Session, attempt: Attempt) -> list[rules.Graded]:
    right = {
        question_id: frozenset(keys)
        for question_id, keys in session.execute(
            select(AnswerKey.question_id, AnswerKey.right)
            .join(Question, Question.id == AnswerKey.question_id)
            .join(AttemptQuestion, AttemptQuestion.question_id == Question.id)
            .where(AttemptQuestion.attempt_id == attempt.id)
        )
    }
    return [
        rules.Graded(
            topic=asked.question.topic,
            given=frozenset(asked.answer),
            right=right[asked.question_id],
        )
        for asked in attempt.questions
    ]


def _issue(session: Session, attempt: Attempt, *, now: datetime) -> Certificate:
    certificate = Certificate(
        id=new_id(),
        number=new_number(),
        certification=attempt.certification,
        attempt_id=attempt.id,
        user_id=attempt.user_id,
        partner_id=attempt.partner_id,
        holder_name=attempt.user.name,
        issued_at=now,
        expires_at=add_months(now, attempt.certification.valid_months, _UTC),
    )
    session.add(certificate)
    audit.record(
        session,
        "certificate.issued",
        certificate.id,
        actor=attempt.user,
        at=now,
        number=certificate.number,
    )
    emails.send_passed(session, attempt, certificate, now=now)
    meet_gates(session, attempt.partner_id, attempt.certification.key, now=now)
    return certificate


def new_number() -> str:
    """Return a certificate number with 78 random bits, such as 7KQ2-....-....-...."""
    letters = [secrets.choice(_NUMBER_ALPHABET) for _ in range(16)]
    return "-".join("".join(letters[i : i + 4]) for i in range(0, 16, 4))


def revoke(
    session: Session,
    certificate: Certificate,
    *,
    actor: User,
    reason: str,
    now: datetime,
) -> None:
    """Take a certificate back; its gate closes unless another one holds it open.

    Args:
        session: The session that holds the open transaction.
        certificate: The certificate, locked by the caller, with its certification.
        actor: Who revokes it.
        reason: Why; shown to the partner and on the verification page's record.
        now: From when.

    Raises:
        AlreadyRevoked: It is revoked.
        Invalid: No reason is given.
    """
    if certificate.revoked_at is not None:
        raise AlreadyRevoked(_("This certificate is revoked already."))
    if not reason.strip():
        raise Invalid(_("Say why the certificate is revoked."), field="reason")
    certificate.revoked_at = now
    certificate.revocation_reason = reason.strip()
    audit.record(
        session, "certificate.revoked", certificate.id, actor=actor, at=now, why=reason
    )
    meet_gates(session, certificate.partner_id, certificate.certification.key, now=now)


def meet_gates(
    session: Session, partner_id: UUID, certification_key: str, *, now: datetime
) -> None:
    """Bring the partner's certification gates in line with its certificates.

    One certified person certifies the partner. The gate is met until the last valid
    certificate expires, and is lost when none is left.
    """
    session.flush()  # A certificate issued or revoked a moment ago must count.
    valid_until = max(
        (
            certificate.expires_at
            for certificate in queries.certificates_of_partner(session, partner_id)
            if certificate.certification.key == certification_key
            and certificate.state(now) is rules.CertificateState.VALID
        ),
        default=None,
    )
    for found in enrollments.of_partner(session, partner_id):
        for gate in found.version.definition.gates:
            if (
                gate.kind is GateKind.CERTIFICATION
                and gate.certification == certification_key
                and found.status is not EnrollmentStatus.TERMINATED
            ):
                enrollment = enrollments.get(session, found.id, lock=True)
                _set_gate(session, enrollment, gate.key, valid_until, now=now)


def _set_gate(
    session: Session,
    enrollment: Enrollment,
    gate_key: str,
    valid_until: datetime | None,
    *,
    now: datetime,
) -> None:
    if valid_until is None:
        gates.lose_gate(session, enrollment, gate_key, now=now, note="no certificate")
    else:
        gates.meet_gate(
            session, enrollment, gate_key, now=now, until=valid_until, note="passed"
        )
