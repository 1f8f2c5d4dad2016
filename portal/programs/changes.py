"""The difference between two definitions in words. Pure; nothing is left out.

Entries of a list are matched by what names them: rules, gates, levels, rewards,
questions and answers by their key, caps by what they add up, sources by their part.
So a rule that moved is not a rule that changed, but that it moved is said too.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from portal.programs.definition import ProgramDefinition
from portal.programs.documents import dump_json
from portal.programs.sentences.differences import Told, difference_sentence

Path = tuple[str, ...]

_NAMES = ("key", "per", "path", "fact")
"""What tells the entries of a list apart; the first that all have and none shares."""


@dataclass(frozen=True, slots=True)
class Change:
    """One difference.

    Attributes:
        path: The part, such as `rules.partner-share.duration_months`.
        before: Its value in the old definition as JSON; none where there was none.
        after: Its value in the new one.
        sentence: What changed, in words.
    """

    path: str
    before: Any
    after: Any
    sentence: str


def changes(old: ProgramDefinition, new: ProgramDefinition) -> list[Change]:
    """Return what differs, in the order of the definition; nothing for equal ones."""
    before, after = dump_json(old), dump_json(new)
    return [
        Change(
            ".".join(path),
            was,
            becomes,
            difference_sentence(Told(path, was, becomes), old, new),
        )
        for path, was, becomes in _differences((), before, after)
    ]


def _differences(path: Path, old: Any, new: Any) -> Iterator[tuple[Path, Any, Any]]:  # noqa: ANN401 - any JSON value
    if old == new:
        return
    if isinstance(old, dict) and isinstance(new, dict):
        for name in [*new, *(name for name in old if name not in new)]:
            yield from _differences((*path, name), old.get(name), new.get(name))
    elif _is_list_of_parts(old) and _is_list_of_parts(new) and (old or new):
        yield from _differences_of_lists(path, old, new)
    else:
        yield path, old, new


def _is_list_of_parts(value: object) -> bool:
    return isinstance(value, list) and all(isinstance(part, dict) for part in value)


def _differences_of_lists(
    path: Path, old: list[dict[str, Any]], new: list[dict[str, Any]]
) -> Iterator[tuple[Path, Any, Any]]:
    before, after = _named(old, new)
    stay = [name for name in after if name in before]
    if stay != [name for name in before if name in after]:
        yield path, list(before), list(after)
    for name in [*after, *(name for name in before if name not in after)]:
        yield from _differences((*path, name), before.get(name), after.get(name))


def _named(
    old: list[dict[str, Any]], new: list[dict[str, Any]]
) -> tuple[dict[str, Any], dict[str, Any]]:
    """Return the entries of both lists by a name that means the same in both."""
    for field in _NAMES:
        before = [str(part.get(field)) for part in old]
        after = [str(part.get(field)) for part in new]
        if _tell_apart(before) and _tell_apart(after):
            return dict(zip(before, old, strict=True)), dict(
                zip(after, new, strict=True)
            )
    return _numbered(old), _numbered(new)


def _tell_apart(names: list[str]) -> bool:
    return len(set(names)) == len(names) and "None" not in names


def _numbered(parts: list[dict[str, Any]]) -> dict[str, Any]:
    return {str(number): part for number, part in enumerate(parts, start=1)}
