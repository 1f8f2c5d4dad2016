"""What a reader found in a file."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from pydantic import ValidationError

from portal.certification.bank import BankQuestion


@dataclass(frozen=True, slots=True)
class Problem:
    """Something that stands in the way of an import, and on which line."""

    line: int
    message: str

    def __str__(self) -> str:
        """Return it as one line for people."""
        return f"Line {self.line}: {self.message}"


@dataclass(slots=True)
class Found:
    """The questions of a file with the lines they begin on, and the problems."""

    questions: list[tuple[int, BankQuestion]]
    problems: list[Problem]

    def add(self, line: int, fields: Mapping[str, Any]) -> None:
        """Add the question with these fields, or say why it is none."""
        try:
            self.questions.append((line, BankQuestion.model_validate(fields)))
        except ValidationError as error:
            self.problems.extend(
                Problem(line, _in_words(one)) for one in error.errors()
            )

    def refuse(self, line: int, message: str) -> None:
        """Note a problem."""
        self.problems.append(Problem(line, message))


def _in_words(error: Mapping[str, Any]) -> str:
    place = " ".join(
        str(part + 1) if isinstance(part, int) else part for part in error["loc"]
    )
    message = str(error["msg"]).removeprefix("Value error, ")
    return f"{place}: {message}" if place else f"{message}."
