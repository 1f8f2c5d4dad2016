"""Answers against the right ones: the only reader of answer keys for scores."""

from collections.abc import Sequence
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.orm import Session

from portal.certification import rules
from portal.certification.models import AnswerKey, Attempt, AttemptQuestion

Keys = dict[UUID, tuple[str, ...]]


def grade(session: Session, attempt: Attempt) -> rules.Score:
    """Score an attempt and keep the score with it.

    The keys are locked against change until the end of the transaction, so that no
    attempt slips past a correction.
    """
    score, marks = scored(attempt, keys_of(session, [attempt.id], lock=True))
    write(attempt, score, marks)
    return score


def keys_of(
    session: Session, attempt_ids: Sequence[UUID], *, lock: bool = False
) -> Keys:
    """Return the right answers to every question of these attempts."""
    asked = select(AttemptQuestion.question_id).where(
        AttemptQuestion.attempt_id.in_(attempt_ids)
    )
    query = (
        select(AnswerKey.question_id, AnswerKey.right)
        .where(AnswerKey.question_id.in_(asked))
        .order_by(AnswerKey.question_id)
    )
    if lock:
        query = query.with_for_update(read=True, of=AnswerKey)
    return {key: tuple(right) for key, right in session.execute(query)}


def scored(attempt: Attempt, keys: Keys) -> tuple[rules.Score, list[bool]]:
    """Return the score of an attempt by these keys, and question by question."""
    graded = [
        rules.Graded(
            topic=asked.question.topic,
            kind=asked.question.kind,
            given=tuple(asked.answer),
            right=keys[asked.question_id],
        )
        for asked in attempt.questions
    ]
    return rules.grade(graded), [one.is_right for one in graded]


def write(attempt: Attempt, score: rules.Score, marks: Sequence[bool]) -> None:
    """Keep a score with its attempt."""
    attempt.right_count = score.right
    attempt.score_by_topic = {t: list(counts) for t, counts in score.by_topic.items()}
    for asked, is_right in zip(attempt.questions, marks, strict=True):
        asked.is_right = is_right
