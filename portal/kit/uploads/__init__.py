"""Files that strangers send: told by their content, and made harmless.

`accept` is what a view calls. It refuses what it can refuse at a glance and leaves the
rest to a process of its own, which may be stopped.
"""

from portal.kit.uploads.accepting import accept
from portal.kit.uploads.cleaning import (
    ENDINGS,
    MOST_BYTES,
    CleanFile,
    FileRefused,
    Refusal,
)
from portal.kit.uploads.names import shown_name

__all__ = [
    "ENDINGS",
    "MOST_BYTES",
    "CleanFile",
    "FileRefused",
    "Refusal",
    "accept",
    "shown_name",
]
