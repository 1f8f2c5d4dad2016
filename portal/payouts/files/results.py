"""What the bank answers: a CSV file of end-to-end id, result and reason. Pure."""

import csv
from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum
from io import StringIO

from flask_babel import gettext as _

HEADER = ("end_to_end_id", "result", "reason")
_LONGEST_REASON = 300


class Result(StrEnum):
    """What became of one payment."""

    PAID = "paid"
    FAILED = "failed"


@dataclass(frozen=True, slots=True)
class Answer:
    """One row of the file.

    Attributes:
        line: Where it stands; the header is line 1.
        end_to_end_id: Which payment.
        result: What became of it.
        reason: Why it failed.
    """

    line: int
    end_to_end_id: str
    result: Result
    reason: str


@dataclass(frozen=True, slots=True)
class Problem:
    """Something in the file that cannot be taken in.

    Attributes:
        line: Where; the header is line 1.
        text: What is wrong, in a sentence.
    """

    line: int
    text: str


def read(content: bytes) -> tuple[list[Answer], list[Problem]]:
    """Return the answers in a file, and what is wrong with it."""
    try:
        text = content.decode("utf-8-sig")
        rows = list(csv.reader(StringIO(text, newline=""), strict=True))
    except (UnicodeDecodeError, csv.Error):
        return [], [
            Problem(1, _("This is no CSV file in UTF-8. Save it as “CSV UTF-8”."))
        ]
    if not rows or tuple(cell.strip().lower() for cell in rows[0]) != HEADER:
        return [], [
            Problem(
                1,
                _("The first line must be: %(header)s", header=",".join(HEADER)),
            )
        ]
    return _answers(rows[1:])


def _answers(rows: Iterable[list[str]]) -> tuple[list[Answer], list[Problem]]:
    answers: list[Answer] = []
    problems: list[Problem] = []
    seen: dict[str, int] = {}
    for line, row in enumerate(rows, 2):
        cells = [cell.strip() for cell in row]
        if not any(cells):
            continue
        problem = _wrong_with(cells)
        if not problem and cells[0] in seen:
            problem = _(
                "%(name)s stands on line %(line)s already.",
                name=cells[0],
                line=seen[cells[0]],
            )
        if problem:
            problems.append(Problem(line, problem))
            continue
        seen[cells[0]] = line
        answers.append(
            Answer(line, cells[0], Result(cells[1].lower()), cells[2][:_LONGEST_REASON])
        )
    if not answers and not problems:
        problems.append(Problem(1, _("The file has no rows below the first line.")))
    return answers, problems


def _wrong_with(cells: list[str]) -> str:
    """Return what is wrong with a row by itself; empty if nothing is."""
    if len(cells) != len(HEADER):
        return str(_("It has %(count)s cells, not 3.", count=len(cells)))
    _name, result, reason = cells
    if result.lower() not in {known.value for known in Result}:
        return str(
            _("The result is “%(result)s”; write paid or failed.", result=result)
        )
    if result.lower() == Result.FAILED and not reason:
        return str(_("It failed; say why in the third cell."))
    return ""
