"""34: files that grow when they are opened. Refused before they have grown.

`python -m bench.bench_uploads` prints time and memory of each in its own process.
"""

import tracemalloc
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from portal.kit.uploads import cleaning
from portal.kit.uploads.cleaning import FileRefused, Refusal, cleaned
from tests.factories import files

MB = 1_048_576
BOMBS = {
    "30,000 pixels square": (files.pixel_bomb(), "a.png", Refusal.TOO_MANY_PIXELS),
    "just too many pixels": (
        files.pixel_bomb(6_325), "a.png", Refusal.TOO_MANY_PIXELS
    ),
    "a comment of 60 MB": (files.text_bomb(60), "a.png", Refusal.DAMAGED),
    "a PDF that unpacks to 120 MB": (
        files.pdf_bomb(120), "a.pdf", Refusal.TOO_COMPLEX
    ),
    "too many pages": (files.pdf(301), "a.pdf", Refusal.TOO_MANY_PAGES),
}  # fmt: skip


@contextmanager
def memory() -> Iterator[list[int]]:
    """Note how much memory Python took at the most, in bytes."""
    peak: list[int] = []
    tracemalloc.start()
    try:
        yield peak
    finally:
        peak.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()


@pytest.mark.parametrize("what", BOMBS)
def test_bombs_are_refused_small(what: str) -> None:
    content, name, why = BOMBS[what]
    assert len(content) < MB

    with memory() as peak, pytest.raises(FileRefused) as caught:
        cleaned(content, name)

    assert caught.value.why is why
    assert peak[0] < 80 * MB


@pytest.mark.parametrize(
    ("limit", "why"), [(1, Refusal.TOO_COMPLEX), (10, Refusal.DAMAGED)]
)
def test_without_the_limit_the_pdf_would_have_been_unpacked(
    limit: int, why: Refusal, monkeypatch: pytest.MonkeyPatch
) -> None:
    """3 MB: small, because reading what was unpacked takes longest."""
    monkeypatch.setattr(cleaning, "_LIMITS", {"zlib_maximum_output_length": limit * MB})

    with pytest.raises(FileRefused) as caught:
        cleaned(files.pdf_bomb(3), "a.pdf")

    assert caught.value.why is why


def test_without_the_limit_the_picture_would_be_decoded(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    content, name, _why = BOMBS["just too many pixels"]
    monkeypatch.setattr(cleaning, "MOST_PIXELS", 10**9)

    with pytest.raises(FileRefused) as caught:
        cleaned(content, name)

    # The decoder was reached, and found that there are no such pixels.
    assert caught.value.why is Refusal.DAMAGED
