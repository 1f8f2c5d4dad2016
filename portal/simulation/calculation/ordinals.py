"""Keys for what a file calls by name.

They are numbered in the order of what happened, so they do not depend on the order of
the lines, and where the portal lets the older of two go first, so does a simulation.
"""

from collections.abc import Iterable
from uuid import UUID


class Ordinals:
    """Keys of one kind of thing, and their names."""

    def __init__(self, names: Iterable[str]) -> None:
        """Number the names; one that comes again keeps its first number."""
        self._keys = {
            name: ordinal(number)
            for number, name in enumerate(dict.fromkeys(names), start=1)
        }
        self._names = {key: name for name, key in self._keys.items()}

    def key(self, name: str) -> UUID:
        """Return the key of `name`."""
        return self._keys[name]

    def name(self, key: UUID) -> str:
        """Return the name behind `key`."""
        return self._names[key]


def ordinal(number: int) -> UUID:
    """Return the key of the thing of that number, counted from 1."""
    return UUID(int=number)
