"""Exams as pure functions: drawing, grading, waiting, certificates."""

import random
import unicodedata
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from zoneinfo import ZoneInfo

from portal.kit.clock import add_months

_UTC = ZoneInfo("UTC")

ATTEMPT_WINDOW = timedelta(days=30)
"""Failed attempts older than this count no longer against the limit."""

RENEWAL_DAYS = 60
"""How long before it expires a certificate can be renewed, unless its exam says."""


class QuestionKind(StrEnum):
    """How a question is answered, and what counts as right."""

    SINGLE = "single"
    """One option is right."""
    MULTIPLE = "multiple"
    """Exactly the right options, all or nothing."""
    ORDER = "order"
    """All options in the right order, all or nothing."""
    TEXT = "text"
    """A short text; small and large letters and spaces do not matter."""


@dataclass(frozen=True, slots=True)
class Drawn:
    """One question as one attempt sees it: which, and its options in which order."""

    question_key: str
    option_order: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Graded:
    """One question of a submitted attempt."""

    topic: str
    kind: QuestionKind
    given: tuple[str, ...]
    right: tuple[str, ...]

    @property
    def is_right(self) -> bool:
        """Whether the answer is exactly right; there is no half point."""
        if not self.given:
            return False
        if self.kind is QuestionKind.TEXT:
            return normalised(self.given[0]) in map(normalised, self.right)
        if self.kind is QuestionKind.ORDER:
            return self.given == self.right
        return set(self.given) == set(self.right)


def normalised(text: str) -> str:
    """Return a typed answer so that equal answers are equal.

    Unicode NFKC brings full-width and composed letters together; case is folded, and
    runs of spaces become one.
    """
    folded = unicodedata.normalize("NFKC", text).casefold()
    return " ".join(unicodedata.normalize("NFKC", folded).split())


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
    by_topic: Mapping[str, int] | None = None,
) -> list[Drawn]:
    """Choose `count` questions, spread over the topics as evenly as they allow.

    Args:
        bank: For each topic, its questions with the keys of their options.
        count: How many to ask; fewer when the bank is smaller.
        rng: The source of chance.
        by_topic: How many of each topic; then no other topic is asked.
    """
    if by_topic:
        parts = [
            draw({topic: bank.get(topic, ())}, wanted, rng)
            for topic, wanted in by_topic.items()
        ]
        drawn = [one for part in parts for one in part]
        rng.shuffle(drawn)
        return drawn
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


class RegradeOutcome(StrEnum):
    """What a corrected answer key means for an attempt that is over."""

    UNCHANGED = "unchanged"
    """Passed or failed as before, with perhaps another score."""
    PASSES_NOW = "passes_now"
    """Failed before: it counts as passed from now on."""
    KEPT = "kept"
    """Passed before and would fail now: it stays passed, and staff are told."""


def regrade_outcome(*, passed_before: bool, passes_after: bool) -> RegradeOutcome:
    """Return what becomes of an attempt. Nothing is taken away by a correction."""
    if passed_before == passes_after:
        return RegradeOutcome.UNCHANGED
    return RegradeOutcome.KEPT if passed_before else RegradeOutcome.PASSES_NOW


def time_allowed(minutes: int, extra_percent: int) -> timedelta:
    """Return how long an attempt may take, with the extra time of the person."""
    return timedelta(minutes=minutes) * (100 + extra_percent) / 100


def renewable_from(expires_at: datetime, renewal_days: int) -> datetime:
    """Return from when a certificate that expires then can be renewed."""
    return expires_at - timedelta(days=renewal_days)


def valid_until(
    issued_at: datetime, *, months: int, renews: datetime | None
) -> datetime:
    """Return when a new certificate expires.

    Args:
        issued_at: When the exam was passed.
        months: How long a certificate of the exam is valid.
        renews: When the certificate that it renews expires; renewing early costs no
            day.
    """
    starts_at = issued_at if renews is None else max(issued_at, renews)
    return add_months(starts_at, months, _UTC)


MIN_ANSWERS = 20
"""Fewer answers than this say nothing about a question."""


@dataclass(frozen=True, slots=True)
class QuestionStatistics:
    """How a question did in the attempts that are over.

    The upper and lower groups are the attempts with the best and the worst scores,
    27 percent each, among those that were asked this question.
    """

    asked: int = 0
    right: int = 0
    upper: int = 0
    upper_right: int = 0
    lower: int = 0
    lower_right: int = 0

    @property
    def is_telling(self) -> bool:
        """Whether there are enough answers to say anything."""
        return self.asked >= MIN_ANSWERS

    @property
    def right_percent(self) -> int:
        """Share of right answers."""
        return (200 * self.right + self.asked) // (2 * self.asked)

    @property
    def discrimination(self) -> int:
        """Share right in the upper group less that in the lower one, in points.

        Below 0, the weak do better than the strong: the key may be wrong.
        """
        upper = 100 * self.upper_right * self.lower
        lower = 100 * self.lower_right * self.upper
        return round((upper - lower) / (self.upper * self.lower))


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
