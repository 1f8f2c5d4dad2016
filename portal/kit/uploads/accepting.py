"""Cleaning in a process of its own, which is stopped when it takes too much."""

import json
import logging
import subprocess
import sys
from pathlib import Path
from typing import Final

from portal.kit.uploads.cleaning import CleanFile, FileRefused, Refusal, glance

_log = logging.getLogger(__name__)

_ROOT: Final = Path(__file__).resolve().parents[3]
"""Where the package lies, installed or not."""
_MOST_LOGGED: Final = 500
MOST_SECONDS: Final = 20
"""By the wall; the process's own limits are in `worker`."""


def accept(content: bytes, name: str) -> CleanFile:
    """Return the harmless form of a file that somebody sent.

    Takes a fraction of a second, and at most `MOST_SECONDS`; call it outside of any
    transaction.

    Raises:
        FileRefused: It is not taken; one that takes too much time or memory is
            `too_complex`.
    """
    glance(content, name)
    try:
        done = subprocess.run(  # noqa: S603 - our own module, nothing of the sender's
            [sys.executable, "-m", "portal.kit.uploads.worker", _ending(name)],
            cwd=_ROOT,
            input=content,
            capture_output=True,
            timeout=MOST_SECONDS,
            check=True,
        )
        head, _line_end, clean = done.stdout.partition(b"\n")
        answer = json.loads(head)
    except (subprocess.SubprocessError, ValueError) as error:
        # Also how a process that cannot start at all is noticed.
        said = getattr(error, "stderr", None) or b""
        _log.warning("gave up on a file: %s %s", error, said[-_MOST_LOGGED:])
        raise FileRefused(Refusal.TOO_COMPLEX) from error
    if "refused" in answer:
        raise FileRefused(Refusal(answer["refused"]))
    return CleanFile(answer["media_type"], clean, bytes.fromhex(answer["sha256"]))


def _ending(name: str) -> str:
    return "file." + name.rpartition(".")[2].lower()
