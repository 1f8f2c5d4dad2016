"""JSON as the standard library reads and writes it, several times as fast."""

import json
from typing import Any

import orjson

_ZEROS = bytes.maketrans(b"123456789", b"0" * 9)
_MAY_BE_LONG = b"0" * 19
"""With `_ZEROS`: the digits of what may be an integer of more than 64 bits."""
_STRICT = orjson.OPT_PASSTHROUGH_DATETIME | orjson.OPT_PASSTHROUGH_DATACLASS


def written(value: Any) -> str:  # noqa: ANN401 - whatever JSON can hold
    """Return `value` as JSON text.

    Raises:
        TypeError: It holds what JSON cannot, such as an instant.
    """
    try:
        return orjson.dumps(value, option=_STRICT).decode()
    except TypeError:
        # An integer of more than 64 bits or a key that is not text is JSON all the
        # same; what is not is named by the standard library.
        return json.dumps(value)


def canonical(value: Any) -> bytes:  # noqa: ANN401 - whatever JSON can hold
    """Return the one way to write `value` down, which holds no fractions.

    Keys are sorted, there are no spaces, and nothing is escaped that need not be.

    Raises:
        TypeError: It holds what JSON cannot, such as an instant.
    """
    try:
        return orjson.dumps(value, option=_STRICT | orjson.OPT_SORT_KEYS)
    except TypeError:
        text = json.dumps(
            value, ensure_ascii=False, sort_keys=True, separators=(",", ":")
        )
        return text.encode()


def read(text: bytes) -> Any:  # noqa: ANN401 - whatever JSON can hold
    """Return the value of JSON text.

    Raises:
        ValueError: It is not JSON.
    """
    if _MAY_BE_LONG in text.translate(_ZEROS):
        return json.loads(text)
    return orjson.loads(text)
