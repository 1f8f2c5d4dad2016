"""What changed between two texts, word by word. Pure.

The texts are Markdown. They are compared paragraph by paragraph, and word by word
inside a paragraph that stayed but reads otherwise. White space counts for nothing, so
that lines that were only broken anew have not changed. Marks such as `**` are shown as
they are in a changed paragraph: a link that leads elsewhere is a change too.
"""

import re
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from difflib import SequenceMatcher
from enum import StrEnum

_BEGINS_ANEW = re.compile(r"\s*(?:#{1,6}|[-*+]|\d{1,9}[.)]|>)\s")
_HEADING = re.compile(r"#{1,6}(?:\s+|$)")
_LIKENESS = 400
"""From so many common words in 1000 on, two paragraphs are the same one, reworded."""
_MOST_PAIRS = 2_500
"""Beyond so many pairs to compare, old paragraphs go and new ones come."""


class Mark(StrEnum):
    """What became of some words."""

    SAME = "same"
    ADDED = "added"
    REMOVED = "removed"


@dataclass(frozen=True, slots=True)
class Words:
    """Words in a row with the same fate."""

    mark: Mark
    text: str


@dataclass(frozen=True, slots=True)
class Paragraph:
    """One paragraph, heading or entry of a list, old and new in one.

    Attributes:
        words: Its words in the order of reading, the removed ones before the added.
        is_heading: Whether it stands above others.
    """

    words: tuple[Words, ...]
    is_heading: bool = False

    @property
    def is_changed(self) -> bool:
        """Whether it differs between the two texts."""
        return any(words.mark is not Mark.SAME for words in self.words)


@dataclass(frozen=True, slots=True)
class Passage:
    """Paragraphs to read in a row, and how many unchanged ones come before them."""

    skipped: int
    paragraphs: tuple[Paragraph, ...]


def reworded(before: str, after: str) -> list[Paragraph]:
    """Return both texts as one, in which words are kept, added or removed."""
    return list(_compared(_paragraphs(before), _paragraphs(after)))


def passages(before: str, after: str) -> list[Passage]:
    """Return the changed paragraphs, each with the one before it.

    The one before says where one is. Nothing for texts that say the same.
    """
    found = reworded(before, after)
    shown = {
        index
        for place, paragraph in enumerate(found)
        if paragraph.is_changed
        for index in (place - 1, place)
        if index >= 0
    }
    rows: list[Passage] = []
    end = 0
    for index in sorted(shown):
        if rows and index == end:
            rows[-1] = Passage(rows[-1].skipped, (*rows[-1].paragraphs, found[index]))
        else:
            rows.append(Passage(index - end, (found[index],)))
        end = index + 1
    return rows


def _paragraphs(text: str) -> list[str]:
    """Return the paragraphs, headings and entries of lists, each on one line."""
    found: list[list[str]] = [[]]
    for line in text.splitlines():
        if not line.strip() or _BEGINS_ANEW.match(line):
            found.append([])
        found[-1] += line.split()
        if _HEADING.match(line):
            found.append([])
    return [" ".join(words) for words in found if words]


def _compared(before: Sequence[str], after: Sequence[str]) -> Iterator[Paragraph]:
    matcher = SequenceMatcher(None, before, after, autojunk=False)
    for tag, old_from, old_to, new_from, new_to in matcher.get_opcodes():
        if tag == "equal":
            for text in after[new_from:new_to]:
                yield _whole(text, Mark.SAME)
        else:
            yield from _replaced(before[old_from:old_to], after[new_from:new_to])


def _replaced(before: Sequence[str], after: Sequence[str]) -> Iterator[Paragraph]:
    """Pair paragraphs that are alike; the others went or came."""
    old_at = new_at = 0
    for old, new in _pairs(before, after):
        yield from (_whole(text, Mark.REMOVED) for text in before[old_at:old])
        yield from (_whole(text, Mark.ADDED) for text in after[new_at:new])
        yield _blended(before[old], after[new])
        old_at, new_at = old + 1, new + 1
    yield from (_whole(text, Mark.REMOVED) for text in before[old_at:])
    yield from (_whole(text, Mark.ADDED) for text in after[new_at:])


def _pairs(before: Sequence[str], after: Sequence[str]) -> list[tuple[int, int]]:
    """Return the places of like paragraphs so that the likeness in all is largest."""
    if len(before) * len(after) > _MOST_PAIRS:
        return []
    old = [Counter(text.split()) for text in before]
    new = [Counter(text.split()) for text in after]
    # best[i][j]: the largest likeness of what is left from i and j on.
    best = [[0] * (len(new) + 1) for _ in range(len(old) + 1)]
    alike = [[_likeness(one, other) for other in new] for one in old]
    for i in reversed(range(len(old))):
        for j in reversed(range(len(new))):
            best[i][j] = max(
                alike[i][j] + best[i + 1][j + 1], best[i + 1][j], best[i][j + 1]
            )
    found, i, j = [], 0, 0
    while i < len(old) and j < len(new):
        if best[i][j] == best[i + 1][j]:
            i += 1
        elif best[i][j] == best[i][j + 1]:
            j += 1
        else:
            found.append((i, j))
            i, j = i + 1, j + 1
    return found


def _likeness(one: Counter[str], other: Counter[str]) -> int:
    share = 2_000 * (one & other).total() // (one.total() + other.total())
    return share if share >= _LIKENESS else 0


def _whole(text: str, mark: Mark) -> Paragraph:
    return _paragraph([Words(mark, text)], is_heading=bool(_HEADING.match(text)))


def _blended(before: str, after: str) -> Paragraph:
    """Return two like paragraphs as one, word by word."""
    old, new = before.split(), after.split()
    found: list[Words] = []
    # Frequent words are no anchors: a long paragraph is compared in no time.
    matcher = SequenceMatcher(None, old, new)
    for tag, old_from, old_to, new_from, new_to in matcher.get_opcodes():
        if tag == "equal":
            found.append(Words(Mark.SAME, " ".join(new[new_from:new_to])))
            continue
        if old_from < old_to:
            found.append(Words(Mark.REMOVED, " ".join(old[old_from:old_to])))
        if new_from < new_to:
            found.append(Words(Mark.ADDED, " ".join(new[new_from:new_to])))
    return _paragraph(found, is_heading=bool(_HEADING.match(after)))


def _paragraph(words: list[Words], *, is_heading: bool) -> Paragraph:
    """Take the marks of a heading away where all of it stayed a heading."""
    first, *rest = words
    if is_heading and (first.mark is Mark.SAME or not rest):
        text = _HEADING.sub("", first.text)
        bare = [Words(first.mark, text), *rest] if text else rest
        words = bare or words
    return Paragraph(tuple(words), is_heading)
