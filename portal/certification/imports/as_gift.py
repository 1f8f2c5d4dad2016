"""Questions in GIFT, the text format of Moodle.

Taken: one right answer, several (weights above 0 count as right, all or nothing),
true or false, short answers, and missing words. Refused with their line: matching,
numbers, essays, descriptions, HTML, and answers that are partly right. Feedback to
single answers is left out; general feedback becomes the explanation. A category gives
the topic, a title gives the key.

Own reader: `pygiftparser` has not changed since 2017, `pygiftparserrgmf` is under the
AGPL, and neither says on which line a mistake is.
"""

import hashlib
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from portal.certification.imports.found import Found

NO_TOPIC = "General"

_ESCAPABLE = "~=#{}:\\"
_HIDDEN = {letter: chr(0xE000 + n) for n, letter in enumerate(_ESCAPABLE)}
_SHOWN = str.maketrans({hidden: letter for letter, hidden in _HIDDEN.items()})
_ESCAPE = re.compile(r"\\([~=#{}:\\n])")
_TITLE = re.compile(r"::(.*?)::", re.DOTALL)
_FORMAT = re.compile(r"\s*\[(html|plain|markdown|moodle)\]")
_TRUE_FALSE = re.compile(r"(TRUE|T|FALSE|F)\s*(#.*)?", re.DOTALL)
_ANSWER = re.compile(r"([=~])([^=~]*)")
_WEIGHT = re.compile(r"\s*%(-?\d+(?:\.\d+)?)%")
_CATEGORY = "$CATEGORY:"
_ALL = 100.0


class _NotTakenError(Exception):
    """The block is GIFT, but nothing that an exam here can ask."""


@dataclass(frozen=True, slots=True)
class _Answer:
    label: str
    weight: float | None
    has_equals: bool

    @property
    def counts(self) -> bool:
        return self.has_equals or (self.weight or 0) > 0


def read(text: str) -> Found:
    """Return the questions of a GIFT file."""
    found = Found([], [])
    for line, topic, block in _blocks(text):
        try:
            fields = _question(block)
        except _NotTakenError as problem:
            found.refuse(line, str(problem))
        else:
            found.add(line, fields | {"topic": topic})
    return found


def _blocks(text: str) -> Iterator[tuple[int, str, str]]:
    """Yield each block between empty lines, with its first line and its topic."""
    topic, begins, lines = NO_TOPIC, 0, list[str]()
    for number, line in enumerate([*text.splitlines(), ""], start=1):
        bare = line.strip()
        if bare.startswith("//"):
            continue
        if bare and not bare.startswith(_CATEGORY):
            begins = begins or number
            lines.append(line)
            continue
        if lines:
            yield begins, topic, "\n".join(lines)
            begins, lines = 0, []
        if bare:
            path = bare.removeprefix(_CATEGORY).strip().rstrip("/")
            topic = path.rpartition("/")[2].strip() or NO_TOPIC


def _question(block: str) -> dict[str, Any]:
    hidden = _ESCAPE.sub(
        lambda match: "\n" if match[1] == "n" else _HIDDEN[match[1]], block.strip()
    )
    title = _TITLE.match(hidden)
    rest = hidden[title.end() :] if title else hidden
    markup = _FORMAT.match(rest)
    if markup and markup[1] == "html":
        raise _NotTakenError("HTML is not taken. Write the text plainly.")
    rest = rest[markup.end() :] if markup else rest
    before, opened, inner = rest.partition("{")
    answers, closed, after = inner.partition("}")
    if not opened:
        raise _NotTakenError("this is no question: it has no { answers }.")
    if not closed or "{" in after:
        raise _NotTakenError("give one pair of { } for each question.")
    gap = " _____ " if after.strip() else ""
    text = _plain(f"{before}{gap}{after}")
    answers, _marks, explanation = answers.partition("####")
    return {
        "key": _key(_plain(title[1]) if title else "", text),
        "text": text,
        "explanation": _plain(explanation),
        **_answers(answers.strip()),
    }


def _answers(text: str) -> dict[str, Any]:
    if not text:
        raise _NotTakenError("an essay cannot be graded here.")
    if text.startswith("#"):
        raise _NotTakenError("numbers with a range are not taken. Use a short answer.")
    truth = _TRUE_FALSE.fullmatch(text)
    if truth:
        is_true = truth[1].startswith("T")
        options = [
            {"label": "True", "right": is_true},
            {"label": "False", "right": not is_true},
        ]
        return {"kind": "single", "options": options}
    answers = [_answer(*match.groups()) for match in _ANSWER.finditer(text)]
    if not answers:
        raise _NotTakenError("begin each answer with = or ~.")
    if all(answer.has_equals for answer in answers):
        if any(answer.weight not in {None, _ALL} for answer in answers):
            raise _NotTakenError("answers that are partly right are not taken.")
        return {"kind": "text", "accepted": [answer.label for answer in answers]}
    return _choice(answers)


def _choice(answers: list[_Answer]) -> dict[str, Any]:
    right = [answer for answer in answers if answer.counts]
    marked = [answer for answer in right if answer.has_equals]
    if marked and len(right) > len(marked):
        raise _NotTakenError("answers that are partly right are not taken.")
    whole = len(right) == 1 and (marked or right[0].weight == _ALL)
    return {
        "kind": "single" if whole else "multiple",
        "options": [{"label": a.label, "right": a.counts} for a in answers],
    }


def _answer(sign: str, body: str) -> _Answer:
    weight = _WEIGHT.match(body)
    if weight:
        body = body[weight.end() :]
    label = body.partition("#")[0]
    if "->" in label:
        raise _NotTakenError("matching is not taken. Ask for an order instead.")
    return _Answer(
        label=_plain(label),
        weight=float(weight[1]) if weight else None,
        has_equals=sign == "=",
    )


def _plain(text: str) -> str:
    return " ".join(text.split()).translate(_SHOWN)


def _key(title: str, text: str) -> str:
    slug = re.sub(r"[^a-z0-9]+", "-", title.casefold()).strip("-")[:60].strip("-")
    return slug or f"q-{hashlib.sha256(text.encode()).hexdigest()[:12]}"
