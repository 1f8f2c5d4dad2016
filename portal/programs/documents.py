"""Definitions as YAML files: read with every mistake named, written byte for byte.

The files use a small part of YAML. Words stay words (`NO` is Norway, `2026-01-15` is
a text), a name may occur once, and there are no anchors or tags. Numbers are never
guessed from text.
"""

import json
import re
from collections.abc import Hashable
from difflib import get_close_matches
from functools import cache
from importlib.resources import files
from typing import Any, Final

import yaml
from flask_babel import gettext as _
from pydantic import ValidationError
from pydantic_core import ErrorDetails

from portal.kit.errors import Invalid, NotFound
from portal.kit.money import BPS_PER_WHOLE
from portal.programs.definition import ProgramDefinition

MOST_BYTES: Final = 256_000
_MOST_LEVELS: Final = 30
_WIDTH: Final = 88
_PRESETS: Final = files("portal.programs") / "presets"


class DefinitionError(Invalid):
    """A definition cannot be used; `problems` says where and what would be right."""

    code = "definition_invalid"

    def __init__(self, problems: list[str]) -> None:
        super().__init__("\n".join(problems), field="definition")
        self.problems = tuple(problems)


class NoSuchPreset(NotFound):
    """No preset has that key."""

    code = "preset_not_found"


class _Loader(yaml.SafeLoader):
    """Plain data: one meaning per word, one value per name, no references."""

    levels = 0

    def compose_node(self, parent: yaml.Node | None, index: Any) -> yaml.Node | None:  # noqa: ANN401 - the library's own signature
        event = self.peek_event()  # type: ignore[no-untyped-call]  # not typed there
        if isinstance(event, yaml.AliasEvent) or getattr(event, "anchor", None):
            raise yaml.MarkedYAMLError(
                problem="write the value out; & and * are not used here",
                problem_mark=event.start_mark,
            )
        if self.levels == _MOST_LEVELS:
            raise yaml.MarkedYAMLError(
                problem="nested too deeply", problem_mark=event.start_mark
            )
        self.levels += 1
        try:
            return super().compose_node(parent, index)
        finally:
            self.levels -= 1

    def construct_mapping(
        self,
        node: yaml.MappingNode,
        deep: bool = False,  # noqa: FBT001, FBT002 - the library's own signature
    ) -> dict[Hashable, Any]:
        seen = set()
        for key, _value in node.value:
            if key.tag != "tag:yaml.org,2002:str":
                raise yaml.MarkedYAMLError(
                    problem="a name must be text: put it in quotes",
                    problem_mark=key.start_mark,
                )
            if key.value in seen:
                raise yaml.MarkedYAMLError(
                    problem=f"{key.value} is given twice: keep one",
                    problem_mark=key.start_mark,
                )
            seen.add(key.value)
        return super().construct_mapping(node, deep=deep)


# Only these plain words are anything but text. PyYAML's own list is YAML 1.1, in
# which `NO` is false, `1:30` is ninety and a date is a date.
_Loader.yaml_implicit_resolvers = {}
for _tag, _pattern, _first in (
    ("bool", r"true|false", "tf"),
    ("null", r"null|~|", ["n", "~", ""]),
    ("int", r"-?(?:0|[1-9][0-9]*)", "-0123456789"),
    ("float", r"-?(?:0|[1-9][0-9]*)\.[0-9]+", "-0123456789"),
):
    _Loader.add_implicit_resolver(
        f"tag:yaml.org,2002:{_tag}", re.compile(rf"^(?:{_pattern})$"), list(_first)
    )


class _Dumper(yaml.SafeDumper):
    """Block style; texts of several lines stay readable."""

    def increase_indent(
        self,
        flow: bool = False,  # noqa: FBT001, FBT002 - the library's own signature
        indentless: bool = False,  # noqa: FBT001, FBT002 - the library's own signature
    ) -> None:
        del indentless
        super().increase_indent(flow, False)

    def ignore_aliases(self, data: Any) -> bool:  # noqa: ANN401 - the library's own signature
        del data
        return True


def _represent_text(dumper: _Dumper, text: str) -> yaml.ScalarNode:
    # The library loses leading spaces and line breaks of a literal block.
    literal = "\n" in text and not text[0].isspace()
    return dumper.represent_scalar(
        "tag:yaml.org,2002:str", text, style="|" if literal else None
    )


_Dumper.add_representer(str, _represent_text)


def load_yaml(text: str) -> ProgramDefinition:
    """Read a definition.

    Raises:
        DefinitionError: It is not YAML of our kind, or breaks rules; every problem
            that can be seen at once is listed.
    """
    if len(text.encode("utf-8", errors="replace")) > MOST_BYTES:
        raise DefinitionError(
            [f"the file is too big: keep it under {MOST_BYTES // 1000} kB"]
        )
    try:
        data = yaml.load(text, Loader=_Loader)  # noqa: S506 - a SafeLoader
        document = json.dumps(data)
    except yaml.MarkedYAMLError as error:
        raise DefinitionError([_sentence_of(error)]) from error
    except (yaml.YAMLError, ValueError) as error:
        raise DefinitionError([f"this is not YAML: {error}"]) from error
    return _validated(document)


def load_json(document: dict[str, Any]) -> ProgramDefinition:
    """Read a definition from its stored form.

    Raises:
        DefinitionError: It breaks rules.
    """
    return _validated(json.dumps(document))


def dump_json(definition: ProgramDefinition) -> dict[str, Any]:
    """Return the form in which a definition is stored: nothing is left to defaults."""
    return definition.model_dump(mode="json")


def dump_yaml(definition: ProgramDefinition) -> str:
    """Write a definition; the same definition always gives the same bytes.

    Everything that counts is written out, even where it is the default, so that a
    file keeps its meaning when defaults change. Only empty fields are left out: what
    is not there has no default that could change, so `rules` without `caps` stays
    uncapped. That makes files longer, but whoever reads one needs no other page.
    """
    return yaml.dump(
        _without_empty(dump_json(definition)),
        Dumper=_Dumper,
        sort_keys=False,
        allow_unicode=True,
        width=_WIDTH,
    )


def preset_keys() -> tuple[str, ...]:
    """Return the keys of the definitions that come with the portal."""
    names = (entry.name for entry in _PRESETS.iterdir())
    return tuple(sorted(n.removesuffix(".yaml") for n in names if n.endswith(".yaml")))


@cache
def preset(key: str) -> ProgramDefinition:
    """Return a definition that comes with the portal.

    Raises:
        NoSuchPreset: There is none of that key.
    """
    if key not in preset_keys():
        known = ", ".join(preset_keys())
        raise NoSuchPreset(
            _("There is no preset %(key)s. There are: %(known)s.", key=key, known=known)
        )
    return load_yaml((_PRESETS / f"{key}.yaml").read_text(encoding="utf-8"))


def _without_empty(value: Any) -> Any:  # noqa: ANN401 - any JSON value
    if isinstance(value, dict):
        kept = ((name, _without_empty(part)) for name, part in value.items())
        return {name: part for name, part in kept if part not in (None, "", [], {})}
    if isinstance(value, list):
        return [_without_empty(part) for part in value]
    return value


def _validated(document: str) -> ProgramDefinition:
    try:
        # Strict: "20" is not 20, and 20.0 is not either.
        return ProgramDefinition.model_validate_json(document, strict=True)
    except ValidationError as error:
        raise DefinitionError(_lines_of(error.errors())) from error


def _sentence_of(error: yaml.MarkedYAMLError) -> str:
    mark = error.problem_mark
    where = f"line {mark.line + 1}, column {mark.column + 1}" if mark else "the file"
    return f"{where}: {error.problem or error}"


_PATTERNS: Final = {
    r"^[a-z][a-z0-9-]{0,59}$": (
        "use lower case letters, digits and hyphens, starting with a letter"
    ),
    r"^[a-z]{2,3}(_[A-Z]{2})?$": "use the code of a language, like de or pt_BR",
    r"^(\*\.)?[a-z0-9-]+(\.[a-z0-9-]+)*$": (
        "use a domain in lower case, like acme.test, or *.acme.test for all below it"
    ),
    "^[A-Z]{3}$": "use the three capital letters of a currency, like USD",
    "^[A-Z]{2}$": "use the two capital letters of a country, like DE",
    r"^[0-9]{4}-[0-9]{2}(-[0-9]{2})?$": "use a month or a day, like 2026-07",
    "^(0[1-9]|1[0-2])-(0[1-9]|1[0-9]|2[0-8])$": (
        "use a month and a day that every year has, like 07-15"
    ),
}
_REMEDIES: Final = {
    "missing": "is missing: add it",
    "less_than_equal": "must be at most {le}",
    "greater_than_equal": "must be at least {ge}",
    "greater_than": "must be more than {gt}",
    "enum": "use {expected}",
    "literal_error": "use {expected}",
    "int_type": "must be a whole number, without quotes",
    "string_type": "must be text: put it in quotes",
    "bool_type": "must be true or false",
    "tuple_type": "must be a list: start each entry with a hyphen",
    "dict_type": "must be names with values below each other",
    "model_type": "must be names with values below each other",
    "too_short": "needs at least {min_length} of them",
    "string_too_short": "must not be empty",
    "string_too_long": "must be at most {max_length} characters long",
    "value_error": "{error}",
    "date_type": "use a day, like 2026-01-15",
    "date_parsing": "use a day, like 2026-01-15",
    "date_from_datetime_parsing": "use a day, like 2026-01-15",
}


def _lines_of(errors: list[ErrorDetails]) -> list[str]:
    # A list whose entries are wrong is also called too short; that would mislead.
    broken = {
        error["loc"][:depth] for error in errors for depth in range(len(error["loc"]))
    }
    return [
        _line_of(error)
        for error in errors
        if error["type"] != "too_short" or error["loc"] not in broken
    ]


def _line_of(error: ErrorDetails) -> str:
    path = ".".join(str(part) for part in error["loc"]) or "the program"
    return f"{path}: {_remedy_for(error)}"


def _remedy_for(error: ErrorDetails) -> str:
    context = error.get("ctx", {})
    if error["type"] == "extra_forbidden":
        close = get_close_matches(str(error["loc"][-1]), _known_names(), n=1)
        guess = f"did you mean {close[0]}?" if close else "remove it"
        return f"is not known here: {guess}"
    if error["type"] == "string_pattern_mismatch":
        return _PATTERNS.get(
            context["pattern"], "use an address, like https://acme.test"
        )
    remedy = _REMEDIES.get(error["type"], error["msg"]).format(**context)
    return remedy + _example_of(error)


def _example_of(error: ErrorDetails) -> str:
    """Return what a rate below nothing would do to a sale; empty for other errors."""
    given, name = error["input"], error["loc"][-1] if error["loc"] else ""
    if error["type"] != "greater_than_equal" or not isinstance(given, int):
        return ""
    if name == "rate_bps" or "rate_bps_by_tier" in error["loc"]:
        return f": a sale of {BPS_PER_WHOLE} would earn {given}"
    if name in ("each_minor", "flat_minor"):
        return f": a sale would earn {given}"
    return ""


def _known_names() -> list[str]:
    schema = ProgramDefinition.model_json_schema()
    parts = [schema, *schema["$defs"].values()]
    return sorted({name for part in parts for name in part.get("properties", ())})
