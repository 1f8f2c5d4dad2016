"""JSON as the database's driver writes it: the same values, a dozen times as fast."""

import json
from typing import Any

import orjson

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
