"""What makes a Stripe event one that we act on. Pure."""

import json
from typing import Any, NoReturn

_REPLACEMENT = "\N{REPLACEMENT CHARACTER}"
_LARGEST = 2**63
_LIVE_KEYS = ("sk_live_", "rk_live_")


class NotAnEvent(ValueError):
    """Something is no event, or none for this portal; the message says why."""


def is_live(secret_key: str) -> bool:
    """Tell whether a key of Stripe's works with real money."""
    return secret_key.startswith(_LIVE_KEYS)


def checked_event(data: object, *, livemode: bool) -> dict[str, Any]:
    """Return `data` as an event that can be kept.

    Signs that the database cannot hold are replaced.

    Args:
        data: Decoded JSON.
        livemode: Whether the portal works with real money.

    Raises:
        NotAnEvent: It is no event, or not meant for this portal.
    """
    event = _storable(data)
    if not isinstance(event, dict) or event.get("object") != "event":
        raise NotAnEvent("This is not an event.")
    if not str(event.get("id", "")).startswith("evt_") or len(event["id"]) > 255:  # noqa: PLR2004 - Stripe's own limit
        raise NotAnEvent("The event has no id that begins with evt_.")
    if not isinstance(event.get("type"), str) or not event["type"]:
        raise NotAnEvent("The event has no type.")
    created = event.get("created")
    if not isinstance(created, int) or not 0 < created < 2**32:
        raise NotAnEvent("The event does not say when it was created.")
    content = event.get("data")
    about = content.get("object") if isinstance(content, dict) else None
    if not isinstance(about, dict) or not isinstance(about.get("object"), str):
        raise NotAnEvent("The event is about nothing.")
    if event.get("livemode") is not livemode:
        wanted = "real payments" if livemode else "test payments"
        raise NotAnEvent(f"The event is of another mode; this portal takes {wanted}.")
    if event.get("account") is not None:
        raise NotAnEvent("The event is of a connected account.")
    return event


def read_json(text: str) -> object:
    """Return decoded JSON.

    Raises:
        NotAnEvent: It is none.
    """
    try:
        return json.loads(text, parse_constant=_refuse_constant)
    except (ValueError, RecursionError) as error:
        raise NotAnEvent(f"This is not JSON: {error}") from error


def _refuse_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is no number")


def _storable(value: object) -> Any:  # noqa: ANN401 - decoded JSON
    """Replace what JSON may hold and the database may not."""
    if isinstance(value, str):
        text = value.replace("\x00", _REPLACEMENT)
        return text.encode("utf-8", "replace").decode()
    if isinstance(value, dict):
        return {_storable(key): _storable(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_storable(item) for item in value]
    if isinstance(value, float) and not abs(value) < _LARGEST:
        raise NotAnEvent("The event holds a number that is too large.")
    return value
