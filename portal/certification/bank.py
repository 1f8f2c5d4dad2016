"""Question banks as YAML: read, checked, and brought into the database."""

from functools import cache
from pathlib import Path
from typing import Annotated, Self
from uuid import UUID

import yaml
from pydantic import BaseModel, ConfigDict, Field, model_validator
from sqlalchemy import select
from sqlalchemy.orm import Session

from portal.certification.models import (
    AnswerKey,
    Certification,
    Question,
    QuestionKind,
)
from portal.kit.ids import new_id

FOLDER = Path(__file__).parent / "banks"

_Key = Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9-]{0,59}$")]


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class BankOption(_Part):
    """One option; `right` when it belongs to the answer."""

    label: str = Field(min_length=1, max_length=500)
    right: bool = False


class BankQuestion(_Part):
    """One question with its answer."""

    key: _Key
    topic: str = Field(min_length=1, max_length=60)
    kind: QuestionKind = QuestionKind.SINGLE
    text: str = Field(min_length=1, max_length=1_000)
    options: tuple[BankOption, ...] = Field(min_length=2, max_length=8)
    explanation: str = ""

    @model_validator(mode="after")
    def _has_an_answer(self) -> Self:
        right = sum(option.right for option in self.options)
        if right == 0 or (self.kind is QuestionKind.SINGLE and right != 1):
            raise ValueError(f"question {self.key}: mark the right options")
        return self


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
    questions: tuple[BankQuestion, ...]

    @model_validator(mode="after")
    def _is_large_enough(self) -> Self:
        keys = [question.key for question in self.questions]
        if len(set(keys)) != len(keys):
            raise ValueError("each question needs a key of its own")
        if len(keys) < self.question_count:
            raise ValueError("the bank holds fewer questions than one attempt asks")
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
            _add(session, certification.id, question)
    return certification


def _add(session: Session, certification_id: UUID, question: BankQuestion) -> None:
    letters = "abcdefgh"
    row = Question(
        id=new_id(),
        certification_id=certification_id,
        key=question.key,
        topic=question.topic,
        kind=question.kind,
        text=question.text,
        options=[
            {"key": letters[i], "label": option.label}
            for i, option in enumerate(question.options)
        ],
    )
    session.add(row)
    session.flush()  # The answer key names it.
    session.add(
        AnswerKey(
            question_id=row.id,
            right=[letters[i] for i, o in enumerate(question.options) if o.right],
            explanation=question.explanation,
        )
    )
