"""Questions from a file into the bank of an exam, all of them or none."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from types import MappingProxyType

from flask_babel import gettext as _
from sqlalchemy import select
from sqlalchemy.orm import Session

from portal.accounts.models import User
from portal.audit import service as audit
from portal.certification import bank
from portal.certification.bank import BankQuestion
from portal.certification.imports import as_csv, as_gift
from portal.certification.imports.found import Found, Problem
from portal.certification.models import AnswerKey, Certification, Question
from portal.kit.errors import Conflict

__all__ = ["FORMATS", "NotImportable", "Plan", "Problem", "decoded", "plan", "take_in"]

FORMATS: Mapping[str, Callable[[str], Found]] = MappingProxyType(
    {"csv": as_csv.read, "gift": as_gift.read}
)
"""What reads a file, by the name of its format."""


class NotImportable(Conflict):
    """The file has problems, or changed between the trial and the import."""

    code = "not_importable"


@dataclass(frozen=True, slots=True)
class Plan:
    """What an import would do.

    Attributes:
        new: The questions that would come in.
        known: How many are in the bank already, word for word.
        problems: What stands in the way; with any, nothing comes in.
    """

    new: tuple[BankQuestion, ...]
    known: int
    problems: tuple[Problem, ...]


def decoded(content: bytes) -> str:
    """Return a file as text.

    Raises:
        ValueError: It is not UTF-8.
    """
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = content[: error.start].count(b"\n") + 1
        raise ValueError(f"Line {line}: save the file as UTF-8 text.") from error


def plan(session: Session, certification: Certification, text: str, fmt: str) -> Plan:
    """Say what bringing a file into the bank of an exam would do.

    Args:
        session: The session; nothing is written.
        certification: The exam.
        text: The file.
        fmt: A key of `FORMATS`.
    """
    found = FORMATS[fmt](text)
    there = _bank(session, certification)
    problems = list(found.problems)
    new: dict[str, BankQuestion] = {}
    known = 0
    for line, question in found.questions:
        complaint = _complaint(certification, question, new, there)
        if complaint:
            problems.append(Problem(line, complaint))
        elif question.key in there:
            known += 1
        else:
            new[question.key] = question
    if not found.questions and not problems:
        problems.append(Problem(1, "There is no question in this file."))
    problems.sort(key=lambda problem: problem.line)
    return Plan(tuple(new.values()), known, tuple(problems))


def take_in(
    session: Session,
    certification: Certification,
    planned: Plan,
    *,
    actor: User | None,
    now: datetime,
) -> None:
    """Bring the new questions of a plan into the bank.

    Args:
        session: The session that holds the open transaction.
        certification: The exam.
        planned: The plan, made in the same transaction.
        actor: Who imports; none on the command line.
        now: When.

    Raises:
        NotImportable: The plan has problems.
    """
    if planned.problems:
        raise NotImportable(_("The file has problems, so nothing was brought in."))
    for question in planned.new:
        bank.add(session, certification.id, question)
    if planned.new:
        audit.record(
            session,
            "certification.questions_imported",
            certification.id,
            actor=actor,
            at=now,
            new=len(planned.new),
            known=planned.known,
        )


def _complaint(
    certification: Certification,
    question: BankQuestion,
    new: Mapping[str, BankQuestion],
    there: Mapping[str, tuple[object, ...]],
) -> str:
    key, topic = question.key, question.topic
    if key in new:
        return f"the key {key} stands twice in this file."
    if key in there and there[key] != _content(question):
        return (
            f"the bank has another question with the key {key}. "
            "Give the changed question a new key."
        )
    counts = certification.topic_counts
    if counts and topic not in counts:
        topics = ", ".join(sorted(counts))
        return f"the exam asks nothing of the topic {topic}. Its topics: {topics}."
    return ""


def _bank(
    session: Session, certification: Certification
) -> dict[str, tuple[object, ...]]:
    rows = session.execute(
        select(Question, AnswerKey.right)
        .join(AnswerKey, AnswerKey.question_id == Question.id)
        .where(Question.certification_id == certification.id)
    )
    return {
        row.key: (row.kind, row.text, row.options, right if row.options else ())
        for row, right in rows
    }


def _content(question: BankQuestion) -> tuple[object, ...]:
    rows = question.option_rows
    return (question.kind, question.text, rows, question.right if rows else ())
