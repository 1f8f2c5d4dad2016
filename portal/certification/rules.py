"""Exams as pure functions: drawing, grading, waiting, certificates."""

import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

ATTEMPT_WINDOW = timedelta(days=30)
"""Failed attempts older than this count no longer against the limit."""


@dataclass(frozen=True, slots=True)
class Drawn:
    """One question as one attempt sees it: which, and its options in which order."""

    question_key: str
    option_order: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Graded:
    """One question of a submitted attempt."""

    topic: str
    given: frozenset[str]
    right: frozenset[str]

    @property
    def is_right(self) -> bool:
        """Whether exactly the right options were chosen; there is no half point."""
        return bool(self.given) and self.given == self.right


@dataclass(frozen=True, slots=True)
class Score:
    """What an attempt is worth.

    Attributes:
        right: Questions answered rightly.
        total: Questions asked.
        by_topic: For each topic, how many of how many were right.
    """

    right: int
    total: int
    by_topic: Mapping[str, tuple[int, int]]

    def passes(self, pass_percent: int) -> bool:
        """Tell whether the share of right answers reaches `pass_percent`."""
        return self.total > 0 and self.right * 100 >= pass_percent * self.total


def draw(
    bank: Mapping[str, Sequence[tuple[str, Sequence[str]]]],
    count: int,
    rng: random.Random,
) -> list[Drawn]:
    """Choose `count` questions, spread over the topics as evenly as they allow.

    Args:
        bank: For each topic, its questions with the keys of their options.
        count: How many to ask; fewer when the bank is smaller.
        rng: The source of chance.
    """
    piles = [list(questions) for questions in bank.values() if questions]
    for pile in piles:
        rng.shuffle(pile)
    rng.shuffle(piles)
    chosen: list[Drawn] = []
    while piles and len(chosen) < count:
        for pile in piles[: count - len(chosen)]:
            key, options = pile.pop()
            order = list(options)
            rng.shuffle(order)
            chosen.append(Drawn(key, tuple(order)))
        piles = [pile for pile in piles if pile]
    rng.shuffle(chosen)
    return chosen


def grade(answers: Sequence[Graded]) -> Score:
    """Count what was answered rightly, in all and by topic."""
    by_topic: dict[str, tuple[int, int]] = {}
    for answer in answers:
        right, total = by_topic.get(answer.topic, (0, 0))
        by_topic[answer.topic] = (right + answer.is_right, total + 1)
    return Score(
        right=sum(answer.is_right for answer in answers),
        total=len(answers),
        by_topic=by_topic,
    )


def earliest_start(
    failed_at: Sequence[datetime], *, allowed: int, wait: timedelta, now: datetime
) -> datetime:
    """Return from when the next attempt may start; `now` when at once.

    Args:
        failed_at: When earlier attempts were failed.
        allowed: Failed attempts allowed within `ATTEMPT_WINDOW`.
        wait: Pause after each failed attempt.
        now: The present moment.
    """
    recent = sorted(at for at in failed_at if at > now - ATTEMPT_WINDOW)
    starts = [now]
    if recent:
        starts.append(recent[-1] + wait)
    if len(recent) >= allowed:
        # The attempt that must first grow old enough to count no longer.
        starts.append(recent[-allowed] + ATTEMPT_WINDOW)
    return max(starts)


class CertificateState(StrEnum):
    """What a certificate is worth at a moment."""

    VALID = "valid"
    EXPIRED = "expired"
    REVOKED = "revoked"


def certificate_state(
    *, expires_at: datetime, revoked_at: datetime | None, now: datetime
) -> CertificateState:
    """Return what a certificate is worth at `now`."""
    if revoked_at is not None:
        return CertificateState.REVOKED
    return CertificateState.VALID if now < expires_at else CertificateState.EXPIRED
