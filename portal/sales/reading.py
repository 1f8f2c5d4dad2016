"""Taking values out of Stripe's objects, and refusing what is no such value. Pure."""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

Obj = Mapping[str, Any]

MOST = 10**18
"""The largest number that is believed, up or down: eight sums of it fit into a bigint,
and what is larger is no amount that anybody paid."""

_CURRENCY_LENGTH = 3
_COUNTRY_LENGTH = 2


class Unreadable(ValueError):
    """An object lacks what it always has, or holds something else there."""


def text(obj: Obj, name: str) -> str:
    """Return a text that is always there.

    Raises:
        Unreadable: It is not.
    """
    value = obj.get(name)
    if not isinstance(value, str) or not value:
        raise Unreadable(f"has no {name}")
    return value


def words(value: object) -> str | None:
    """Return a text; none if it is empty, or no text."""
    return value if isinstance(value, str) and value else None


def whole(obj: Obj, name: str) -> int:
    """Return a whole number, up to `MOST` in either direction.

    Raises:
        Unreadable: It is none, or larger.
    """
    value = obj.get(name)
    if not isinstance(value, int) or isinstance(value, bool):
        raise Unreadable(f"has {value!r} as {name}, which is no amount")
    if abs(value) > MOST:
        raise Unreadable(f"has more than {MOST} as {name}, which is no amount")
    return value


def positive(obj: Obj, name: str) -> int:
    """Return a whole number that is not negative.

    Raises:
        Unreadable: It is none.
    """
    value = whole(obj, name)
    if value < 0:
        raise Unreadable(f"has {value} as {name}")
    return value


def currency(obj: Obj) -> str:
    """Return an object's currency in upper case.

    Raises:
        Unreadable: It has none.
    """
    value = text(obj, "currency").upper()
    if len(value) != _CURRENCY_LENGTH or not value.isalpha():
        raise Unreadable(f"has {value!r} as currency")
    return value


def moment(obj: Obj, name: str) -> datetime:
    """Return a moment, which Stripe gives in seconds.

    Raises:
        Unreadable: It is none.
    """
    return datetime.fromtimestamp(whole(obj, name), UTC)


def country(address: object) -> str | None:
    """Return the country of an address, an ISO 3166 code of two letters.

    An address that names none, or names it otherwise, says nothing.
    """
    value = words(address.get("country")) if isinstance(address, dict) else None
    if value is None or len(value) != _COUNTRY_LENGTH or not value.isascii():
        return None
    return value.upper() if value.isalpha() else None


def id_of(value: object) -> str | None:
    """Return the id of an object that is named or, expanded, written out."""
    if isinstance(value, dict):
        value = value.get("id")
    return words(value)


def ids(*values: object) -> tuple[str, ...]:
    """Return the ids among `values`, each once, in order."""
    found = [key for value in values if (key := id_of(value))]
    return tuple(dict.fromkeys(found))
