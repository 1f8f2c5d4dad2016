"""What the form macros need, and how a refusal gets to its field."""

from collections.abc import Iterable, Mapping
from itertools import chain
from typing import Any
from uuid import UUID

from flask import Flask, g
from flask_babel.speaklater import LazyString
from wtforms import Field, Form, SelectChoice  # type: ignore[attr-defined]  # old stubs

from portal.kit.errors import Invalid
from portal.kit.ids import new_id


def choices(pairs: Iterable[tuple[str, str | LazyString]]) -> list[Any]:
    """Return (value, label) pairs as the choices of a select or of radios.

    WTForms warns about tuples, and reads a mapping with lazy labels as groups.
    """
    return [SelectChoice(value=value, label=label) for value, label in pairs]


def blame(form: Form, refusal: Invalid) -> None:
    """Put a service's refusal next to the field it is about, or above the form."""
    field = form._fields.get(refusal.field)
    if field is None:
        form.form_errors.append(refusal.message)
    else:
        field.errors = [*field.errors, refusal.message]


def error_texts(field: Field) -> list[str]:
    """Return the messages of a field, those of its parts included."""
    errors = field.errors
    if isinstance(errors, Mapping):
        return [str(text) for text in chain.from_iterable(errors.values())]
    return [str(text) for text in errors]


def field_attributes(
    field: Field, hint: str | None, width: str | None, attributes: Mapping[str, str]
) -> dict[str, str]:
    """Return the attributes that tie an input to its hint and its errors."""
    described = [
        f"{field.id}-{part}"
        for part, present in (("hint", hint), ("error", field.errors))
        if present
    ]
    extra = {"aria-describedby": " ".join(described)} if described else {}
    if field.errors:
        extra["aria-invalid"] = "true"
    if width:
        extra["class"] = f"w-{width}"
    return {**extra, **attributes}


def new_form_id() -> str:
    """Return the id that makes one rendered form count once; field `form_id`."""
    return str(new_id())


def form_id_of(formdata: Mapping[str, str]) -> UUID:
    """Return the id of the rendered form; a fresh one if it carries none."""
    try:
        return UUID(formdata.get("form_id", ""))
    except ValueError:
        return new_id()


def unique_id(prefix: str) -> str:
    """Return an element id that no other part of this page has."""
    count: int = g.get("web_unique_ids", 0) + 1
    g.web_unique_ids = count
    return f"{prefix}-{count}"


def register(app: Flask) -> None:
    """Give the macros what they call."""
    app.jinja_env.globals.update(
        error_texts=error_texts,
        field_attributes=field_attributes,
        new_form_id=new_form_id,
        unique_id=unique_id,
    )
