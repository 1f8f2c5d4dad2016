"""What a check gets, and what it says."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, true
from sqlalchemy.orm import InstrumentedAttribute

Found = Iterator[tuple[str, str]]
"""Pairs of the row and what is wrong with it."""


@dataclass(frozen=True, slots=True)
class Finding:
    """A row that breaks an invariant."""

    invariant: str
    row: str
    problem: str

    def __str__(self) -> str:
        return f"{self.invariant}: {self.row} {self.problem}"


@dataclass(frozen=True, slots=True)
class Scope:
    """Which rows are looked at.

    Attributes:
        now: The moment.
        since: Only what was written from then on; without it, everything. Checks of
            few rows, and sums, take everything in any case.
    """

    now: datetime
    since: datetime | None = None

    def covers(self, written_at: InstrumentedAttribute[Any]) -> ColumnElement[bool]:
        """Return the condition on the column that tells when a row was written."""
        return true() if self.since is None else written_at >= self.since
