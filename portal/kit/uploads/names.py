"""What a file that somebody sent is called."""

import re
import unicodedata
from urllib.parse import unquote

LONGEST_NAME = 100
"""In characters, with the ending."""

_CATEGORIES_OF_TRICKS = frozenset({"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"})
"""Control characters, marks of direction, halves of characters, line ends."""
_NOT_IN_NAMES = re.compile(r'[/\\:*?"<>|;%]')


def shown_name(sent: str, ending: str) -> str:
    """Return the name under which a file is shown and given out.

    Args:
        sent: The name that came with it; anybody can write anything there.
        ending: The ending of its true kind, such as `pdf`.
    """
    name = unquote(sent).replace("\\", "/").rpartition("/")[2]
    name = unicodedata.normalize("NFC", name)
    name = "".join(
        letter
        for letter in name
        if unicodedata.category(letter) not in _CATEGORIES_OF_TRICKS
    )
    name = _NOT_IN_NAMES.sub("", name).strip(". ")
    stem = name.rpartition(".")[0] or name
    stem = " ".join(stem.split())[: LONGEST_NAME - len(ending) - 1].strip(". ")
    return f"{stem or 'file'}.{ending}"
