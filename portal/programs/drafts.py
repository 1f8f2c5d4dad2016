"""Definitions that are being written: what is wrong with a text, and what is odd."""

from dataclasses import dataclass

from portal.programs.definition import ProgramDefinition
from portal.programs.documents import DefinitionError, load_yaml
from portal.programs.flaws import Flaw, flaws
from portal.programs.gaps import Gap, gaps


@dataclass(frozen=True, slots=True)
class Problem:
    """Why a text is no definition.

    Attributes:
        path: Where: a part, such as `rules.0.hold.days`, or a line of the text.
        remedy: What to do about it.
    """

    path: str
    remedy: str

    def __str__(self) -> str:
        return f"{self.path}: {self.remedy}"


@dataclass(frozen=True, slots=True)
class Draft:
    """A text, read: a definition with its flaws and gaps, or the problems it has."""

    definition: ProgramDefinition | None = None
    problems: tuple[Problem, ...] = ()
    flaws: tuple[Flaw, ...] = ()
    gaps: tuple[Gap, ...] = ()


def read_draft(text: str) -> Draft:
    """Read a definition; whatever is wrong with it is in the answer."""
    try:
        definition = load_yaml(text)
    except DefinitionError as error:
        return Draft(problems=tuple(_problem(line) for line in error.problems))
    return draft_of(definition)


def draft_of(definition: ProgramDefinition) -> Draft:
    """Return a definition with what is odd about it."""
    return Draft(
        definition=definition,
        flaws=tuple(flaws(definition)),
        gaps=tuple(gaps(definition)),
    )


def _problem(line: str) -> Problem:
    path, _colon, remedy = line.partition(": ")
    return Problem(path, remedy)
