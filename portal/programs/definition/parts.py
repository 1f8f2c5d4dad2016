"""What all parts of a definition are made of."""

import re
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, field_validator

from portal.kit.money import BPS_PER_WHOLE

Key = Annotated[str, Field(pattern=r"^[a-z][a-z0-9-]{0,59}$")]
"""A short name for machines: lower case letters, digits, hyphens."""
Sentence = Annotated[str, Field(min_length=1, max_length=500)]
Bps = Annotated[int, Field(ge=0, le=BPS_PER_WHOLE)]
MOST_MINOR = 10**15
"""The largest amount or count that a definition may name; it fits every column."""
Minor = Annotated[int, Field(ge=0, le=MOST_MINOR)]
MilliPoints = Annotated[int, Field(ge=0, le=10_000_000)]
"""Thousandths of a point."""
Country = Annotated[str, Field(pattern="^[A-Z]{2}$")]
"""An ISO 3166 code."""
Currency = Annotated[str, Field(pattern="^[A-Z]{3}$")]
"""An ISO 4217 code."""
MonthDay = Annotated[str, Field(pattern="^(0[1-9]|1[0-2])-(0[1-9]|1[0-9]|2[0-8])$")]
"""A day that every year has, like `07-15`."""
Months = Annotated[int, Field(ge=1, le=600)]


class Part(BaseModel):
    """Every part refuses names it does not know and never changes."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    @field_validator("*")
    @classmethod
    def _text_can_be_stored(cls, value: object) -> object:
        if isinstance(value, str) and not storable(value):
            raise ValueError("contains a control character: remove it")
        return value


_UNSTORABLE = re.compile(
    r"[\x00-\x08\x0b-\x1f\x7f-\x9f\ud800-\udfff\ufeff\ufffe\uffff]"
)


def storable(text: str) -> bool:
    """Tell whether `text` survives YAML and the database as it is.

    Line breaks and tabs do; other control characters and halves of characters
    do not.
    """
    return _UNSTORABLE.search(text) is None


def refuse_repeats(what: str, keys: list[str]) -> None:
    """Refuse keys that occur more than once.

    Raises:
        ValueError: Some do; it names them.
    """
    repeated = sorted({key for key in keys if keys.count(key) > 1})
    if repeated:
        raise ValueError(f"{what} {', '.join(repeated)} occurs more than once")
