import pytest
from sqlalchemy import func, select
from sqlalchemy.orm import Session

from portal.certification import bank
from portal.certification.models import AnswerKey, Question

GOOD = """
key: tiny
title: Tiny
summary: A tiny exam.
question_count: 1
pass_percent: 50
minutes: 5
attempts_allowed: 1
wait_hours: 1
valid_months: 1
questions:
- key: one
  topic: A
  text: What is right?
  options: [{label: this, right: true}, {label: that}]
"""


def test_the_banks_that_ship_are_sound() -> None:
    assert bank.shipped_keys() == ["solutions-partner"]
    assert len(bank.shipped("solutions-partner").questions) == 24


def test_installing_twice_adds_nothing(session: Session) -> None:
    for _ in range(2):
        bank.install(session, bank.shipped("solutions-partner"))

    count = select(func.count())
    assert session.scalar(count.select_from(Question)) == 24
    assert session.scalar(count.select_from(AnswerKey)) == 24


@pytest.mark.parametrize(
    ("change", "complaint"),
    [
        (("right: true", "right: false"), "mark the right options"),
        (("{label: that}", "{label: that, right: true}"), "mark the right options"),
        (("question_count: 1", "question_count: 2"), "fewer questions"),
        (("minutes: 5", "minutes: 0"), "minutes"),
        (("title: Tiny", "name: Tiny"), "title"),
        (("questions:", "topic_counts: {A: 2}\nquestions:"), "add up"),
        (("questions:", "topic_counts: {B: 1}\nquestions:"), "topic B: 0 of 1"),
        (("  text: What", "  accepted: [this]\n  text: What"), "of kind text"),
    ],
)
def test_a_wrong_bank_is_refused_with_the_reason(
    change: tuple[str, str], complaint: str
) -> None:
    assert bank.read_bank(GOOD).key == "tiny"

    with pytest.raises(ValueError, match=complaint):
        bank.read_bank(GOOD.replace(*change))


def test_two_questions_of_one_key_are_refused() -> None:
    with pytest.raises(ValueError, match="key of its own"):
        bank.read_bank(GOOD + GOOD.partition("questions:\n")[2])
