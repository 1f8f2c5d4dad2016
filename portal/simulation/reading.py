"""From the lines of a file to events, with every mistake named by line and field."""

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from typing import Any, Final
from zoneinfo import ZoneInfo

from pydantic import ValidationError
from pydantic_core import ErrorDetails

from portal.programs.definition import ProgramDefinition
from portal.simulation.checking import Numbered, problems_between
from portal.simulation.events import EVENTS, Event, content_of, place_of

MOST_BYTES_A_LINE: Final = 100_000
MOST_PROBLEMS: Final = 20


@dataclass(frozen=True, slots=True, kw_only=True)
class Reading:
    """What a file says.

    Attributes:
        events: Every event once, in the order in which they happened.
        repeated: How many lines said what another line says.
    """

    events: tuple[Event, ...]
    repeated: int


class EventsError(ValueError):
    """The events cannot be used; `problems` says where and what would be right."""

    def __init__(self, problems: Sequence[str]) -> None:
        shown = list(problems[:MOST_PROBLEMS])
        if len(problems) > MOST_PROBLEMS:
            shown.append(f"and {len(problems) - MOST_PROBLEMS} more problems")
        super().__init__("\n".join(shown))
        self.problems = tuple(shown)


def read(
    lines: Iterable[bytes],
    definitions: Sequence[ProgramDefinition],
    *,
    zone: ZoneInfo | None = None,
) -> Reading:
    """Read events.

    Lines may stand in any order. Empty lines are skipped, and a line that says what
    another says counts once.

    Args:
        lines: The lines, in UTF-8.
        definitions: The programs that the events are about; they may name what
            any of these has.
        zone: In which time zone days begin; none for that of the first program.

    Raises:
        EventsError: A line cannot be understood, or does not fit the others.
    """
    where = zone or definitions[0].zone
    problems: list[tuple[int, str]] = []
    first: dict[str, Numbered] = {}
    by_id: dict[str, Numbered] = {}
    repeated = 0
    for number, line in enumerate(lines, start=1):
        text = line.strip().removeprefix(b"\xef\xbb\xbf")
        if not text:
            continue
        try:
            event = _parsed(text, where)
        except EventsError as error:
            problems += [(number, problem) for problem in error.problems]
            continue
        content = content_of(event)
        if content in first:
            repeated += 1
            continue
        numbered = first[content] = Numbered(number, event)
        if event.id is None:
            continue
        if other := by_id.get(event.id):
            problems.append((number, _taken(event.id, other.number)))
        else:
            by_id[event.id] = numbered
    problems += problems_between(list(first.values()), definitions)
    if problems:
        raise EventsError([f"line {at}: {text}" for at, text in sorted(problems)])
    events = sorted((numbered.event for numbered in first.values()), key=place_of)
    return Reading(events=tuple(events), repeated=repeated)


def _taken(name: str, number: int) -> str:
    return (
        f"id: {name} stands on line {number} with other content: "
        "give each event an id of its own"
    )


def _parsed(text: bytes, zone: ZoneInfo) -> Event:
    if len(text) > MOST_BYTES_A_LINE:
        raise EventsError([f"longer than {MOST_BYTES_A_LINE // 1000} kB: split it"])
    try:
        names = json.loads(text.decode(), object_pairs_hook=_each_name_once)
    except UnicodeDecodeError:
        raise EventsError(["is not text in UTF-8: save the file as UTF-8"]) from None
    except _GivenTwiceError as error:
        raise EventsError([f"{error.name}: is given twice: keep one"]) from None
    except (ValueError, RecursionError):
        raise EventsError(
            ['is not JSON: write one object, like {"event": "join", ...}']
        ) from None
    if isinstance(names, list):
        raise EventsError(["is a list: write each of its objects on a line of its own"])
    if not isinstance(names, dict):
        raise EventsError(['is not an object: write {"event": ..., "at": ...}'])
    try:
        return EVENTS.validate_json(text, strict=True, context={"zone": zone})
    except ValidationError as error:
        kind = names.get("event")
        found = error.errors(include_url=False, include_input=False)
        raise EventsError([_line_of(e, str(kind)) for e in found]) from None


class _GivenTwiceError(Exception):
    def __init__(self, name: str) -> None:
        super().__init__(name)
        self.name = name


def _each_name_once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for name, value in pairs:
        if name in found:
            raise _GivenTwiceError(_short(name))
        found[name] = value
    return found


_REMEDIES: Final[Mapping[str, str]] = {
    "missing": "is missing: add it",
    "less_than_equal": "must be at most {le}",
    "greater_than_equal": "must be at least {ge}",
    "greater_than": "must be more than {gt}",
    "enum": "use {expected}",
    "int_type": "must be a whole number in minor units, without quotes",
    "int_from_float": "must be a whole number in minor units",
    "int_parsing_size": "has too many digits",
    "string_type": "must be text: put it in quotes",
    "bool_type": "must be true or false",
    "tuple_type": "must be a list: [...]",
    "model_type": "must be an object: {{...}}",
    "model_attributes_type": "must be an object: {{...}}",
    "too_long": "must have at most {max_length} of them",
    "string_too_short": "must not be empty",
    "string_too_long": "must be at most {max_length} characters long",
    "value_error": "{error}",
}
_USUAL: Final[Mapping[str, str]] = {
    "amount": "net",
    "amount_minor": "net",
    "created": "at",
    "customer_id": "customer",
    "date": "at",
    "invoice": "sale",
    "net_minor": "net",
    "partner_id": "partner",
    "sale_id": "sale",
    "time": "at",
    "timestamp": "at",
    "total": "net",
    "type": "event",
}
"""What others call a field that is called otherwise here."""
_ALIKE: Final = 0.7
"""From this on a name is taken for a slip of another: `amount` is none of `country`."""
_PATTERNS: Final[Mapping[str, str]] = {
    r"^[A-Z]{2}$": "use the two capital letters of a country, like DE",
    r"^[A-Z]{3}$": "use the three capital letters of a currency, like USD",
    r"^[^@\s]{1,64}@[^@\s]{1,189}$": "use an address, like ada@acme.example",
}


def _line_of(error: ErrorDetails, kind: str) -> str:
    context = error.get("ctx", {})
    if error["type"] == "union_tag_not_found":
        return "event: is missing: say what happened, like sale"
    if error["type"] == "union_tag_invalid":
        return f"event: {_unknown(_short(kind), _kinds(), 'see the list of events')}"
    path = error["loc"][1:]
    field = ".".join(_short(str(part)) for part in path) or "the event"
    if error["type"] == "extra_forbidden":
        guess = _unknown(str(path[-1]), _names_of(kind, path), "remove it")
        return f"{field}: {guess}"
    if error["type"] == "string_pattern_mismatch":
        remedy = _PATTERNS.get(
            context["pattern"],
            "use lower case letters, digits and hyphens, starting with a letter",
        )
        return f"{field}: {remedy}"
    template = _REMEDIES.get(error["type"])
    return f"{field}: {template.format(**context) if template else error['msg']}"


def _short(text: str) -> str:
    """Keep a stranger's text from filling the screen or steering it."""
    plain = "".join(c if c.isprintable() else "?" for c in text)
    return plain if len(plain) <= 60 else plain[:57] + "..."  # noqa: PLR2004 - a part of a line


def _unknown(name: str, known: Sequence[str], otherwise: str) -> str:
    close = get_close_matches(_USUAL.get(name, name), known, n=1, cutoff=_ALIKE)
    return f"is not known here: {f'did you mean {close[0]}?' if close else otherwise}"


def _kinds() -> list[str]:
    return sorted(
        model.model_fields["event"].annotation.__args__[0] for model in Event.__args__
    )


def _names_of(kind: str, path: tuple[int | str, ...]) -> list[str]:
    if len(path) > 1:
        return ["product", "units", "net", "discount", "tax", "cost"]
    return [
        name
        for model in Event.__args__
        if model.model_fields["event"].annotation.__args__[0] == kind
        for name in model.model_fields
    ]
