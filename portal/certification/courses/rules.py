"""How far somebody is in a course, as pure functions."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum


class Reading(StrEnum):
    """How one person stands with one lesson."""

    UNREAD = "unread"
    READ = "read"
    CHANGED = "changed"
    """Read in a version that has since been replaced by one to read again."""


@dataclass(frozen=True, slots=True)
class Line:
    """One lesson of a course as one person sees it in the list."""

    key: str
    title: str
    topic: str
    minutes: int
    reading: Reading


@dataclass(frozen=True, slots=True)
class Progress:
    """A course as one person sees it.

    Attributes:
        lines: The lessons, in their order.
        resume: The lesson to go on with; none when all are read or there are none.
    """

    lines: tuple[Line, ...]
    resume: Line | None

    @property
    def total(self) -> int:
        """How many lessons there are."""
        return len(self.lines)

    @property
    def read(self) -> int:
        """How many of them are read, and have not changed since."""
        return sum(line.reading is Reading.READ for line in self.lines)

    @property
    def minutes_left(self) -> int:
        """How long the rest takes, as estimated by its authors."""
        return sum(
            line.minutes for line in self.lines if line.reading is not Reading.READ
        )

    def around(self, key: str) -> tuple[Line | None, Line | None]:
        """Return the lessons before and after one; none at the ends."""
        place = [line.key for line in self.lines].index(key)
        before = self.lines[place - 1] if place else None
        after = self.lines[place + 1] if place + 1 < len(self.lines) else None
        return before, after


def reading(read_number: int | None, counts_from: int) -> Reading:
    """Return how a person stands with a lesson.

    Args:
        read_number: The latest version that the person has read; none without one.
        counts_from: The earliest version whose readers need not read it again.
    """
    if read_number is None:
        return Reading.UNREAD
    return Reading.READ if read_number >= counts_from else Reading.CHANGED


def progress(lines: Sequence[Line], last_read: str | None = None) -> Progress:
    """Return a person's progress.

    Args:
        lines: The lessons, in their order.
        last_read: Key of the lesson read last: the next open one after it is where to
            go on, or else the first open one.
    """
    keys = [line.key for line in lines]
    start = keys.index(last_read) + 1 if last_read in keys else 0
    turned = [*lines[start:], *lines[:start]]
    left = (line for line in turned if line.reading is not Reading.READ)
    return Progress(tuple(lines), next(left, None))


def to_study(
    lines: Sequence[Line], score_by_topic: Mapping[str, Sequence[int]]
) -> dict[str, list[Line]]:
    """Return which lessons to read, for each topic with a wrong answer, by topic.

    Args:
        lines: The lessons, in their order.
        score_by_topic: For each topic, how many of how many answers were right.
    """
    return {
        topic: [line for line in lines if line.topic == topic]
        for topic, (right, total) in sorted(score_by_topic.items())
        if right < total
    }
