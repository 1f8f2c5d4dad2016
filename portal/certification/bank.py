"""Question banks as YAML: read, checked, and brought into the database."""

from collections import Counter
from functools import cache
from pathlib import Path
from typing import Annotated, Self
from uuid import UUID

import yaml
from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    StringConstraints,
    model_validator,
)
from sqlalchemy import select
from sqlalchemy.orm import Session

from portal.certification import rules
from portal.certification.models import (
    AnswerKey,
    Certification,
    Difficulty,
    Question,
)
from portal.certification.rules import QuestionKind
from portal.kit.ids import new_id

FOLDER = Path(__file__).parent / "banks"
LETTERS = "abcdefgh"
"""Keys of options. Pages never show them: in a bank the right ones often come first."""
_FEWEST_OPTIONS = 2

_Key = Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9-]{0,59}$")]
_Accepted = Annotated[
    str, StringConstraints(strip_whitespace=True, min_length=1, max_length=200)
]


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class BankOption(_Part):
    """One option; `right` when it belongs to the answer."""

    label: str = Field(min_length=1, max_length=500)
    right: bool = False


class BankQuestion(_Part):
    """One question with its answer.

    The options of a question of kind `order` stand in the right order. A question of
    kind `text` has no options; `accepted` holds the answers that count.
    """

    key: _Key
    topic: str = Field(min_length=1, max_length=60)
    difficulty: Difficulty = Difficulty.MEDIUM
    kind: QuestionKind = QuestionKind.SINGLE
    text: str = Field(min_length=1, max_length=1_000)
    options: tuple[BankOption, ...] = Field(default=(), max_length=len(LETTERS))
    accepted: tuple[_Accepted, ...] = Field(default=(), max_length=20)
    explanation: str = Field(default="", max_length=1_000)

    @model_validator(mode="after")
    def _has_an_answer(self) -> Self:
        marked = sum(option.right for option in self.options)
        labels = {rules.normalised(option.label) for option in self.options}
        problem = ""
        if self.kind is QuestionKind.TEXT:
            if self.options or not self.accepted:
                problem = "give the accepted answers, and no options"
        elif self.accepted:
            problem = "accepted answers are for questions of kind text"
        elif len(self.options) < _FEWEST_OPTIONS or len(labels) < len(self.options):
            problem = "give two options or more, each with another text"
        elif self.kind is QuestionKind.ORDER:
            if marked:
                problem = "give the options in the right order, and mark none"
        elif marked == 0 or (self.kind is QuestionKind.SINGLE and marked != 1):
            problem = "mark the right options"
        if problem:
            raise ValueError(f"question {self.key}: {problem}")
        return self

    @property
    def option_rows(self) -> list[dict[str, str]]:
        """The options as they are stored, without the answer."""
        return [
            {"key": letter, "label": option.label}
            for letter, option in zip(LETTERS, self.options, strict=False)
        ]

    @property
    def right(self) -> list[str]:
        """The answer as it is stored."""
        if self.kind is QuestionKind.TEXT:
            return list(self.accepted)
        return [
            letter
            for letter, option in zip(LETTERS, self.options, strict=False)
            if option.right or self.kind is QuestionKind.ORDER
        ]


class Bank(_Part):
    """An exam and its questions."""

    key: _Key
    title: str
    summary: str
    question_count: int = Field(ge=1, le=100)
    pass_percent: int = Field(ge=1, le=100)
    minutes: int = Field(ge=1, le=480)
    attempts_allowed: int = Field(ge=1, le=20)
    wait_hours: int = Field(ge=0, le=720)
    valid_months: int = Field(ge=1, le=120)
    renewal_days: int = Field(default=rules.RENEWAL_DAYS, ge=0, le=365)
    topic_counts: dict[str, Annotated[int, Field(ge=1)]] = Field(default_factory=dict)
    questions: tuple[BankQuestion, ...]

    @model_validator(mode="after")
    def _is_large_enough(self) -> Self:
        keys = [question.key for question in self.questions]
        if len(set(keys)) != len(keys):
            raise ValueError("each question needs a key of its own")
        if len(keys) < self.question_count:
            raise ValueError("the bank holds fewer questions than one attempt asks")
        counts = self.topic_counts
        if counts and sum(counts.values()) != self.question_count:
            raise ValueError("topic_counts must add up to question_count")
        there = Counter(question.topic for question in self.questions)
        for topic, wanted in counts.items():
            if there[topic] < wanted:
                raise ValueError(f"topic {topic}: {there[topic]} of {wanted} questions")
        return self


def read_bank(text: str) -> Bank:
    """Return the bank written in `text`.

    Raises:
        ValueError: It is not a bank; the message names the part.
    """
    return Bank.model_validate(yaml.safe_load(text))


@cache
def shipped(key: str) -> Bank:
    """Return a bank that comes with the portal."""
    return read_bank((FOLDER / f"{key}.yaml").read_text(encoding="utf-8"))


def shipped_keys() -> list[str]:
    """Return the keys of the banks that come with the portal."""
    return sorted(path.stem for path in FOLDER.glob("*.yaml"))


def install(session: Session, bank: Bank) -> Certification:
    """Bring a bank into the database; what is there already stays as it is.

    Questions are told apart by their key. A changed question is a new one with a
    new key: what somebody was asked once is never rewritten.
    """
    certification = session.scalar(
        select(Certification).where(Certification.key == bank.key)
    )
    if certification is None:
        settings = bank.model_dump(exclude={"questions"})
        certification = Certification(id=new_id(), **settings)
        session.add(certification)
        session.flush()  # The questions below name it.
    known = set(
        session.scalars(
            select(Question.key).where(Question.certification_id == certification.id)
        )
    )
    for question in bank.questions:
        if question.key not in known:
            add(session, certification.id, question)
    return certification


def add(session: Session, certification_id: UUID, question: BankQuestion) -> None:
    """Bring one new question, with its answer, into the bank of an exam."""
    row = Question(
        id=new_id(),
        certification_id=certification_id,
        key=question.key,
        topic=question.topic,
        difficulty=question.difficulty,
        kind=question.kind,
        text=question.text,
        options=question.option_rows,
    )
    session.add(row)
    session.flush()  # The answer key names it.
    session.add(
        AnswerKey(
            question_id=row.id, right=question.right, explanation=question.explanation
        )
    )
