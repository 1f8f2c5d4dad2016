"""Changes to the pages and questions of a form, as their documents. Pure.

A form is a list of steps as `FormStep` writes them in JSON. Nothing is changed in
place; every function returns a new list. Whether the result is a form at all is for
the definition to say.
"""

import re
import unicodedata
from collections.abc import Iterator, Sequence
from copy import deepcopy
from typing import Any

from portal.programs.definition import Join

Document = dict[str, Any]
Steps = list[Document]

ALWAYS_ASKED = frozenset({"name", "company", "country"})
"""Questions that stay, as they are: a partner's account is opened from them."""

_LONGEST_KEY = 40


class NoSuchPart(KeyError):
    """There is no page or question of that key."""


def key_for(label: str, taken: Sequence[str], otherwise: str) -> str:
    """Return a key that nothing else has, made from the words people read."""
    plain = unicodedata.normalize("NFKD", label.lower())
    words = re.sub(r"[^a-z0-9]+", "-", "".join(c for c in plain if c.isascii()))
    key = words.strip("-0123456789")[:_LONGEST_KEY].strip("-") or otherwise
    number, found = 2, key
    while found in taken:
        found, number = f"{key}-{number}", number + 1
    return found


def question_of(steps: Steps, key: str) -> tuple[Document, Document]:
    """Return the page a question is on, and the question.

    Raises:
        NoSuchPart: There is none.
    """
    for step in steps:
        for question in step["questions"]:
            if question["key"] == key:
                return step, question
    raise NoSuchPart(key)


def step_of(steps: Steps, key: str) -> Document:
    """Return the page of that key.

    Raises:
        NoSuchPart: There is none.
    """
    for step in steps:
        if step["key"] == key:
            return step
    raise NoSuchPart(key)


def keys_of(steps: Steps) -> list[str]:
    """Return the keys of all questions."""
    return [question["key"] for step in steps for question in step["questions"]]


def with_question(
    steps: Steps, question: Document, *, on: str | None, new_title: str = ""
) -> Steps:
    """Return the form with a question put in, or in place of the one with its key.

    Args:
        steps: The form.
        question: The whole question.
        on: The key of its page; none for a new page at the end.
        new_title: The title of the new page.
    """
    found = deepcopy(steps)
    page = step_of(found, on) if on else None
    if question["key"] in keys_of(found):
        before, old = question_of(found, question["key"])
        if page is before:
            before["questions"][before["questions"].index(old)] = question
            return found
        before["questions"].remove(old)
    if page is None:
        key = key_for(new_title, [step["key"] for step in found], "page")
        page = {"key": key, "title": new_title, "questions": []}
        found.append(page)
    page["questions"].append(question)
    return _without_empty_pages(found)


def without_question(steps: Steps, key: str) -> Steps:
    """Return the form without a question, and without its page if that is empty."""
    found = deepcopy(steps)
    step, question = question_of(found, key)
    step["questions"].remove(question)
    return _without_empty_pages(found)


def retired(steps: Steps, key: str, *, is_retired: bool) -> Steps:
    """Return the form in which a question is not asked any more, or is again."""
    found = deepcopy(steps)
    question_of(found, key)[1]["retired"] = True if is_retired else None
    return found


def moved_question(steps: Steps, key: str, by: int) -> Steps:
    """Return the form with a question one place up (-1) or down (1).

    From the edge of a page it goes on to the next one; at the very edge it stays.
    """
    found = deepcopy(steps)
    step, question = question_of(found, key)
    place, page = step["questions"].index(question), found.index(step)
    if 0 <= place + by < len(step["questions"]):
        step["questions"].insert(place + by, step["questions"].pop(place))
    elif 0 <= page + by < len(found):
        step["questions"].remove(question)
        others = found[page + by]["questions"]
        others.insert(len(others) if by < 0 else 0, question)
    return _without_empty_pages(found)


def moved_step(steps: Steps, key: str, by: int) -> Steps:
    """Return the form with a page one place up (-1) or down (1)."""
    found = deepcopy(steps)
    place = found.index(step_of(found, key))
    if 0 <= place + by < len(found):
        found.insert(place + by, found.pop(place))
    return found


def retitled(steps: Steps, key: str, title: str, in_languages: Document) -> Steps:
    """Return the form with another title of a page."""
    found = deepcopy(steps)
    step_of(found, key).update(title=title, in_languages=in_languages)
    return found


def uses_of(join: Join, key: str) -> list[str]:
    """Return the labels of what depends on a question, so that it cannot go.

    The empty label stands for the rules that look at the score.
    """
    found = [
        question.label
        for question in join.questions
        if question.show_when and question.show_when.question == key
    ]
    scores = {question.key for question in join.questions if question.has_scores}
    if key in scores and join.automatic and join.automatic.uses_scores:
        found.append("")
    return found


def choices_from(lines: str, before: Sequence[Document]) -> list[Document]:
    """Return the answers to choose from: one on each line, its weight behind `=`.

    An answer that was only reworded keeps its key, so that conditions on it hold.

    Args:
        lines: Such as `2 to 10 = 40`.
        before: The answers there were.
    """
    rows = list(_rows(lines))
    labels = {label for label, _score in rows}
    by_label = {choice["label"]: choice for choice in before}

    def was(place: int, label: str) -> Document | None:
        is_as_long = len(rows) == len(before)
        if label in by_label or not is_as_long or before[place]["label"] in labels:
            return by_label.get(label)
        return before[place]

    found: list[Document] = []
    for place, (label, score) in enumerate(rows):
        old = was(place, label)
        taken = [c["key"] for c in found] + [c["key"] for c in before]
        key = old["key"] if old else key_for(label, taken, "answer")
        words = (old or {}).get("in_languages", {})
        found.append(
            {"key": key, "label": label, "score": score, "in_languages": words}
        )
    return found


def lines_from(choices: Sequence[Document]) -> str:
    """Return answers as they are typed."""
    return "\n".join(
        f"{choice['label']} = {choice['score']}"
        if choice.get("score")
        else choice["label"]
        for choice in choices
    )


def _rows(lines: str) -> Iterator[tuple[str, int | None]]:
    for line in lines.splitlines():
        text = " ".join(line.split())
        weighed = re.fullmatch(r"(.+?)\s*=\s*(-?\d{1,4})", text)
        if weighed:
            yield weighed[1], int(weighed[2]) or None
        elif text:
            yield text, None


def _without_empty_pages(steps: Steps) -> Steps:
    return [step for step in steps if step["questions"]]
