"""A wrong answer key is corrected, and what was graded by it is graded again.

Nothing is taken away: who failed by the wrong key and passes by the right one gets the
certificate now; who passed by it keeps it, and staff see that the attempt would fail.
Whether such a certificate is revoked is for a person to decide, with a reason.
"""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime

from flask_babel import gettext as _
from sqlalchemy.orm import Session

from portal.accounts.models import User
from portal.audit import service as audit
from portal.certification import emails, queries, rules
from portal.certification.models import (
    AnswerKey,
    Attempt,
    AttemptStatus,
    Certificate,
    KeyChange,
    Question,
    Regrade,
)
from portal.certification.rules import QuestionKind, RegradeOutcome
from portal.certification.service.certificates import issue
from portal.certification.service.grading import keys_of, scored, write
from portal.kit.errors import Invalid
from portal.kit.ids import new_id

Regraded = tuple[Attempt, rules.Score, list[bool], RegradeOutcome]


def preview_correction(
    session: Session, question: Question, right: Sequence[str]
) -> Mapping[RegradeOutcome, int]:
    """Return what a correction would do to how many attempts, and change nothing.

    Raises:
        Invalid: It is no answer to the question, or the one that stands already.
    """
    key = session.get_one(AnswerKey, question.id)
    after = _checked(question, key, right)
    return Counter(
        outcome for *_unused, outcome in _regraded(session, question, after, lock=False)
    )


def correct_key(
    session: Session,
    question: Question,
    right: Sequence[str],
    *,
    actor: User,
    reason: str,
    now: datetime,
) -> KeyChange:
    """Correct the key of a question and grade again every attempt that is over.

    Args:
        session: The session that holds the open transaction.
        question: The question.
        right: Keys of the right options, all in the right order, or accepted texts.
        actor: Who corrects it.
        reason: Why.
        now: From when; certificates that follow are issued then.

    Raises:
        Invalid: It is no answer to the question, or the one that stands already; or
            no reason is given.
    """
    if not reason.strip():
        raise Invalid(_("Say why the answer was wrong."), field="reason")
    # Attempts being handed in wait for this lock, or this for them.
    key = session.get_one(
        AnswerKey, question.id, with_for_update=True, populate_existing=True
    )
    after = _checked(question, key, right)
    change = KeyChange(
        id=new_id(),
        question_id=question.id,
        before=list(key.right),
        after=after,
        reason=reason.strip(),
        changed_by_id=actor.id,
        changed_at=now,
    )
    session.add(change)
    session.flush()  # The regrades below name it.
    counts = Counter(
        _apply(session, change, regraded, actor=actor)
        for regraded in _regraded(session, question, after)
    )
    key.right = after
    audit.record(
        session,
        "question.key_corrected",
        question.id,
        actor=actor,
        at=now,
        why=change.reason,
        attempts=counts.total(),
        passes_now=counts[RegradeOutcome.PASSES_NOW],
        kept=counts[RegradeOutcome.KEPT],
    )
    return change


def _checked(question: Question, key: AnswerKey, right: Sequence[str]) -> list[str]:
    wanted = [one.strip() for one in dict.fromkeys(right) if one.strip()]
    options = {option["key"] for option in question.options}
    is_answer = {
        QuestionKind.SINGLE: len(wanted) == 1 and options.issuperset(wanted),
        QuestionKind.MULTIPLE: bool(wanted) and options.issuperset(wanted),
        QuestionKind.ORDER: len(wanted) == len(options) and options == set(wanted),
        QuestionKind.TEXT: bool(wanted),
    }[question.kind]
    if not is_answer:
        raise Invalid(_("Say what the right answer is."), field="right")
    if question.kind is QuestionKind.MULTIPLE:
        wanted.sort()
    if wanted == list(key.right):
        raise Invalid(_("That is the right answer already."), field="right")
    return wanted


def _regraded(
    session: Session, question: Question, right: Sequence[str], *, lock: bool = True
) -> Iterator[Regraded]:
    attempts = queries.finished_attempts_with(session, question.id, lock=lock)
    keys = keys_of(session, [attempt.id for attempt in attempts])
    keys[question.id] = tuple(right)
    for attempt in attempts:
        score, marks = scored(attempt, keys)
        outcome = rules.regrade_outcome(
            passed_before=attempt.status is AttemptStatus.PASSED,
            passes_after=score.passes(attempt.pass_percent),
        )
        yield attempt, score, marks, outcome


def _apply(
    session: Session, change: KeyChange, regraded: Regraded, *, actor: User
) -> RegradeOutcome:
    attempt, score, marks, outcome = regraded
    session.add(
        Regrade(
            key_change_id=change.id,
            attempt_id=attempt.id,
            right_before=attempt.right_count or 0,
            right_after=score.right,
            outcome=outcome,
        )
    )
    write(attempt, score, marks)
    if outcome is RegradeOutcome.PASSES_NOW:
        _pass_late(session, change, attempt, actor=actor)
    elif outcome is RegradeOutcome.KEPT:
        audit.record(
            session,
            "attempt.kept_passed",
            attempt.id,
            actor=actor,
            at=change.changed_at,
            right=score.right,
            total=score.total,
        )
    return outcome


def _pass_late(
    session: Session, change: KeyChange, attempt: Attempt, *, actor: User
) -> None:
    now = change.changed_at
    attempt.move_to(AttemptStatus.PASSED)
    audit.record(session, "attempt.passed_late", attempt.id, actor=actor, at=now)
    held = queries.valid_certificate(
        session, attempt.certification_id, attempt.user_id, now
    )
    certificate: Certificate = held or issue(session, attempt, now=now)
    emails.send_regraded(session, attempt, certificate, now=now)
