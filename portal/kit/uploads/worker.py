"""The process that looks into one file: stdin to stdout, with hard limits.

Started by `accepting`. It answers one line of JSON, then the clean content.
"""

import json
import sys
from contextlib import suppress
from importlib import import_module
from typing import BinaryIO, Final

from portal.kit.uploads.cleaning import FileRefused, cleaned

MOST_MEMORY: Final = 768 * 1_048_576
"""Bytes of address space; libraries alone take about 300 MB of it."""
MOST_CPU_SECONDS: Final = 10


def limit_oneself() -> None:
    """Let the kernel stop this process when it takes too much."""
    with suppress(ImportError):  # not on Windows; there the wall clock limits it
        resource = import_module("resource")
        resource.setrlimit(resource.RLIMIT_AS, (MOST_MEMORY, MOST_MEMORY))
        seconds = (MOST_CPU_SECONDS, MOST_CPU_SECONDS)
        resource.setrlimit(resource.RLIMIT_CPU, seconds)


def answer(content: bytes, name: str, out: BinaryIO) -> None:
    """Write what became of one file."""
    try:
        clean = cleaned(content, name)
    except FileRefused as refusal:
        out.write(json.dumps({"refused": refusal.why.value}).encode() + b"\n")
        return
    head = {"media_type": clean.media_type, "sha256": clean.sent_sha256.hex()}
    out.write(json.dumps(head).encode() + b"\n" + clean.content)


if __name__ == "__main__":  # pragma: no cover - a process of its own
    limit_oneself()
    answer(sys.stdin.buffer.read(), sys.argv[1], sys.stdout.buffer)
