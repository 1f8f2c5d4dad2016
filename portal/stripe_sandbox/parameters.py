"""Form-encoded parameters: reading them, and holding them against their types.

Stripe's API refuses what it does not know, and so does the sandbox: a parameter
that is spelled wrong must fail in a test, not in production.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qsl

from portal.stripe_sandbox.errors import ApiError, missing
from portal.stripe_sandbox.store import Json

_TYPE_WORDS = {"int": "integer", "bool": "boolean"}


@dataclass(frozen=True, slots=True)
class Shape:
    """What one parameter may be.

    Attributes:
        scalars: The plain types it may have: `int`, `bool`, `str`.
        choices: Literal values it may have.
        fields: Its members, when it is an object with known names.
        required: The members it cannot do without.
        items: What its elements are, when it is a list.
        values: What its values are, when it is an object with free names.
    """

    scalars: frozenset[str] = frozenset()
    choices: frozenset[str] = frozenset()
    fields: Mapping[str, "Shape"] | None = None
    required: frozenset[str] = frozenset()
    items: "Shape | None" = None
    values: "Shape | None" = None


@dataclass(slots=True)
class Node:
    """A value with further values inside, while a form is being read."""

    members: dict[str, "Node | str"] = field(default_factory=dict)


def decode(encoded: str) -> Node:
    """Return the tree behind `a[b][0][c]=x&...`.

    Raises:
        ApiError: A name is used both for a value and for an object.
    """
    root = Node()
    for name, value in parse_qsl(encoded, keep_blank_values=True):
        head, *rest = name.replace("]", "").split("[")
        node, key = root, head
        for step in rest:
            inner = node.members.setdefault(key, Node())
            if isinstance(inner, str):
                raise ApiError(f"Invalid object: {name}", param=head)
            node, key = inner, step or str(len(inner.members))
        node.members[key] = value
    return root


def check(shape: Shape, raw: Node | str, path: str = "") -> Json:
    """Return `raw` as numbers, booleans, strings, lists and objects.

    Raises:
        ApiError: A name is unknown, a required one is missing, or a value is of
            the wrong type.
    """
    if isinstance(raw, str):
        return _scalar(shape, raw, path)
    if shape.fields is not None:
        return _object(shape, shape.fields, raw, path)
    if shape.items is not None:
        items = shape.items
        return [
            check(items, raw.members[key], f"{path}[{key}]")
            for key in sorted(raw.members, key=_position)
        ]
    if shape.values is not None:
        values = shape.values
        return {
            key: check(values, value, f"{path}[{key}]")
            for key, value in raw.members.items()
        }
    raise ApiError(f"Invalid string: {path}", param=path)


def _position(key: str) -> int:
    if not key.isdigit():
        raise ApiError("Invalid array", param=key)
    return int(key)


def _object(
    shape: Shape, fields: Mapping[str, Shape], raw: Node, path: str
) -> dict[str, Any]:
    def name_of(key: str) -> str:
        return f"{path}[{key}]" if path else key

    unknown = [name_of(key) for key in raw.members if key not in fields]
    if unknown:
        plural = "s" if len(unknown) > 1 else ""
        raise ApiError(
            f"Received unknown parameter{plural}: {', '.join(unknown)}",
            code="parameter_unknown",
            param=unknown[0],
        )
    for key in sorted(shape.required):
        if key not in raw.members:
            raise missing(name_of(key))
    return {
        key: check(fields[key], value, name_of(key))
        for key, value in raw.members.items()
    }


def _scalar(shape: Shape, raw: str, path: str) -> Json:
    if raw in shape.choices:
        return raw
    if not raw:
        raise ApiError(
            f"You passed an empty string for '{path}'. We assume empty values are an "
            f"attempt to unset a parameter; however '{path}' cannot be unset.",
            code="parameter_invalid_empty",
            param=path,
        )
    if "int" in shape.scalars and raw.removeprefix("-").isdigit():
        return int(raw)
    if "bool" in shape.scalars and raw in {"true", "false"}:
        return raw == "true"
    if "str" in shape.scalars:
        return raw
    raise _wrong(shape, raw, path)


def _wrong(shape: Shape, raw: str, path: str) -> ApiError:
    for scalar, words in _TYPE_WORDS.items():
        if scalar in shape.scalars:
            return ApiError(
                f"Invalid {words}: {raw}",
                code=f"parameter_invalid_{words}",
                param=path,
            )
    if shape.choices:
        known = ", ".join(sorted(shape.choices - {""}))
        return ApiError(f"Invalid {path}: must be one of {known}", param=path)
    words = "array" if shape.items is not None else "object"
    return ApiError(f"Invalid {words}", param=path)


def unsupported(parameters: Mapping[str, Any], supported: frozenset[str]) -> str | None:
    """Return the first parameter that Stripe knows and the sandbox does not.

    Args:
        parameters: What `check` returned.
        supported: Names without positions, such as `line_items.price_data.currency`;
            a name covers everything inside it.
    """
    return next((p for p in _leaves(parameters, "") if not _covers(supported, p)), None)


def _covers(supported: frozenset[str], path: str) -> bool:
    steps = path.split(".")
    return any(".".join(steps[:n]) in supported for n in range(1, len(steps) + 1))


def _leaves(value: Json, path: str) -> Iterator[str]:
    if isinstance(value, dict) and value:
        for key, inner in value.items():
            yield from _leaves(inner, f"{path}.{key}" if path else key)
    elif isinstance(value, list) and value:
        for inner in value:
            yield from _leaves(inner, path)
    elif path:
        yield path
