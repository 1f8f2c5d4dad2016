"""What a form says about one question, and what the page shows of it.

Pages know options by their place in the attempt's own order, never by their keys: in
a bank, the key of the right one is often the first.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Protocol

from flask_babel import gettext as _

from portal.certification.models import AttemptQuestion
from portal.certification.rules import QuestionKind
from portal.kit.errors import Invalid


class Form(Protocol):
    """What is needed of a submitted form."""

    def get(self, key: str, default: str) -> str:
        """Return the first value of that name."""

    def getlist(self, key: str) -> list[str]:
        """Return every value of that name."""


@dataclass(frozen=True, slots=True)
class Shown:
    """What stands in the form of a question.

    Attributes:
        chosen: Which options are ticked, counted from 1.
        places: For each option, counted from 1, the place it was given.
        text: What was typed.
    """

    chosen: frozenset[str] = frozenset()
    places: Mapping[str, str] = field(default_factory=dict)
    text: str = ""


def saved(asked: AttemptQuestion) -> Shown:
    """Return what was saved for a question."""
    numbers = {key: str(n) for n, key in enumerate(asked.option_order, start=1)}
    if asked.question.kind is QuestionKind.TEXT:
        return Shown(text="".join(asked.answer))
    if asked.question.kind is QuestionKind.ORDER:
        places = {numbers[key]: str(n) for n, key in enumerate(asked.answer, start=1)}
        return Shown(places=places)
    return Shown(chosen=frozenset(numbers[key] for key in asked.answer))


def typed(asked: AttemptQuestion, form: Form) -> Shown:
    """Return what stands in a submitted form, right or wrong."""
    numbers = [str(n) for n in range(1, len(asked.option_order) + 1)]
    return Shown(
        chosen=frozenset(form.getlist("answer")),
        places={n: form.get(f"place-{n}", "").strip() for n in numbers},
        text=form.get("answer", ""),
    )


def given(asked: AttemptQuestion, shown: Shown) -> list[str]:
    """Return the answer in a form as keys of options, or as the text typed.

    Raises:
        Invalid: It names what was not offered, or one place twice.
    """
    if asked.question.kind is QuestionKind.TEXT:
        return [shown.text]
    keys = {str(n): key for n, key in enumerate(asked.option_order, start=1)}
    if asked.question.kind is not QuestionKind.ORDER:
        if not shown.chosen <= set(keys):
            raise Invalid(_("Choose among the answers shown."), field="answer")
        return [keys[number] for number in sorted(shown.chosen)]
    by_place = {place: keys[n] for n, place in shown.places.items() if place}
    if not set(by_place) <= set(keys):
        raise Invalid(_("Choose among the places shown."), field="answer")
    if len(by_place) < sum(map(bool, shown.places.values())):
        raise Invalid(_("Give each line a place of its own."), field="answer")
    return [by_place[place] for place in sorted(by_place)]
