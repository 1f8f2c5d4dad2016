"""Cleaning in a process of its own, which is stopped when it takes too much."""

import json
import subprocess
import sys
from typing import Final

from portal.kit.uploads.cleaning import CleanFile, FileRefused, Refusal, glance

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
            [sys.executable, "-I", "-m", "portal.kit.uploads.worker", _ending(name)],
            input=content,
            capture_output=True,
            timeout=MOST_SECONDS,
            check=True,
        )
        head, _line_end, clean = done.stdout.partition(b"\n")
        answer = json.loads(head)
    except (subprocess.SubprocessError, ValueError) as error:
        raise FileRefused(Refusal.TOO_COMPLEX) from error
    if "refused" in answer:
        raise FileRefused(Refusal(answer["refused"]))
    return CleanFile(answer["media_type"], clean, bytes.fromhex(answer["sha256"]))


def _ending(name: str) -> str:
    return "file." + name.rpartition(".")[2].lower()
