"""Exams, their questions, attempts and certificates.

The right answers lie in a table of their own, which only grading, the import and the
page where staff correct them read: nothing that serves an attempt ever loads them.
"""

from collections.abc import Mapping
from datetime import datetime
from enum import StrEnum
from types import MappingProxyType
from typing import Any
from uuid import UUID

from flask_babel import gettext as _
from sqlalchemy import ForeignKey, Index, UniqueConstraint, text
from sqlalchemy.orm import Mapped, mapped_column, relationship

from portal.accounts.models import User
from portal.certification import rules
from portal.certification.rules import QuestionKind
from portal.kit.db import Base
from portal.kit.errors import Conflict, NotFound
from portal.kit.ids import new_id, public_id
from portal.partners.models import Partner

ONE_OPEN_ATTEMPT = "uq_attempts_open"


class Certification(Base):
    """An exam that a program may demand."""

    __tablename__ = "certifications"

    id: Mapped[UUID] = mapped_column(primary_key=True, default=new_id)
    key: Mapped[str] = mapped_column(unique=True)
    title: Mapped[str]
    summary: Mapped[str]
    question_count: Mapped[int]
    """How many questions one attempt asks."""
    pass_percent: Mapped[int]
    minutes: Mapped[int]
    attempts_allowed: Mapped[int]
    """Failed attempts allowed within 30 days."""
    wait_hours: Mapped[int]
    """Pause after a failed attempt."""
    valid_months: Mapped[int]
    renewal_days: Mapped[int] = mapped_column(default=rules.RENEWAL_DAYS)
    """How long before it expires a certificate can be renewed."""
    topic_counts: Mapped[dict[str, Any]] = mapped_column(default=dict)
    """How many questions of each topic one attempt asks; empty: spread evenly."""


class Difficulty(StrEnum):
    """How hard a question is meant to be."""

    EASY = "easy"
    MEDIUM = "medium"
    HARD = "hard"


class Question(Base):
    """One question of the bank, without its answer."""

    __tablename__ = "questions"
    __table_args__ = (UniqueConstraint("certification_id", "key"),)

    id: Mapped[UUID] = mapped_column(primary_key=True, default=new_id)
    certification_id: Mapped[UUID] = mapped_column(ForeignKey("certifications.id"))
    key: Mapped[str]
    topic: Mapped[str]
    difficulty: Mapped[Difficulty] = mapped_column(default=Difficulty.MEDIUM)
    kind: Mapped[QuestionKind]
    text: Mapped[str]
    options: Mapped[list[Any]]
    """`[{"key": "a", "label": "..."}]`; empty when the answer is typed."""
    retired_at: Mapped[datetime | None]
    """Since when it is drawn no more; a question is never deleted."""

    certification: Mapped[Certification] = relationship(lazy="raise")

    @property
    def public_id(self) -> str:
        """The id that people and programs see."""
        return public_id("qst", self.id)


class AnswerKey(Base):
    """What the right answer to a question is.

    Keys of options: the right ones, or all in the right order. For a typed answer,
    the texts that count.
    """

    __tablename__ = "answer_keys"

    question_id: Mapped[UUID] = mapped_column(
        ForeignKey("questions.id"), primary_key=True
    )
    right: Mapped[list[Any]]
    explanation: Mapped[str] = mapped_column(default="")


class KeyChange(Base):
    """A wrong answer key that was corrected. Written once, never changed."""

    __tablename__ = "answer_key_changes"

    id: Mapped[UUID] = mapped_column(primary_key=True, default=new_id)
    question_id: Mapped[UUID] = mapped_column(ForeignKey("questions.id"), index=True)
    before: Mapped[list[Any]]
    after: Mapped[list[Any]]
    reason: Mapped[str]
    changed_by_id: Mapped[UUID] = mapped_column(ForeignKey("users.id"))
    changed_at: Mapped[datetime]

    changed_by: Mapped[User] = relationship(lazy="raise")


class Regrade(Base):
    """What a corrected key did to one attempt. Written once, never changed."""

    __tablename__ = "attempt_regrades"
    __table_args__ = (UniqueConstraint("key_change_id", "attempt_id"),)

    id: Mapped[UUID] = mapped_column(primary_key=True, default=new_id)
    key_change_id: Mapped[UUID] = mapped_column(ForeignKey("answer_key_changes.id"))
    attempt_id: Mapped[UUID] = mapped_column(ForeignKey("attempts.id"), index=True)
    right_before: Mapped[int]
    right_after: Mapped[int]
    outcome: Mapped[rules.RegradeOutcome]


class ExtraTime(Base):
    """More time for one person, at every exam from the next attempt on."""

    __tablename__ = "exam_extra_times"

    user_id: Mapped[UUID] = mapped_column(ForeignKey("users.id"), primary_key=True)
    percent: Mapped[int]
    granted_by_id: Mapped[UUID] = mapped_column(ForeignKey("users.id"))
    granted_at: Mapped[datetime]

    user: Mapped[User] = relationship(lazy="raise", foreign_keys=[user_id])
    granted_by: Mapped[User] = relationship(lazy="raise", foreign_keys=[granted_by_id])


class AttemptStatus(StrEnum):
    """Where an attempt stands."""

    IN_PROGRESS = "in_progress"
    PASSED = "passed"
    FAILED = "failed"


_S = AttemptStatus

TRANSITIONS: Mapping[AttemptStatus, frozenset[AttemptStatus]] = MappingProxyType(
    {
        _S.IN_PROGRESS: frozenset({_S.PASSED, _S.FAILED}),
        _S.PASSED: frozenset(),
        _S.FAILED: frozenset({_S.PASSED}),
    }
)
"""Every move an attempt can make; failed to passed only when a key was corrected."""


class AttemptTransition(Conflict):
    """The attempt is over and cannot change any more."""

    code = "attempt_transition"


class Attempt(Base):
    """One sitting of one person; at most one is open for each exam."""

    __tablename__ = "attempts"
    __table_args__ = (
        Index(
            ONE_OPEN_ATTEMPT,
            "user_id",
            "certification_id",
            unique=True,
            postgresql_where=text("status = 'in_progress'"),
        ),
        Index("ix_attempts_certification_id", "certification_id"),
    )

    id: Mapped[UUID] = mapped_column(primary_key=True, default=new_id)
    certification_id: Mapped[UUID] = mapped_column(ForeignKey("certifications.id"))
    user_id: Mapped[UUID] = mapped_column(ForeignKey("users.id"))
    partner_id: Mapped[UUID] = mapped_column(ForeignKey("partners.id"), index=True)
    status: Mapped[AttemptStatus] = mapped_column(default=AttemptStatus.IN_PROGRESS)
    started_at: Mapped[datetime]
    deadline_at: Mapped[datetime]
    extra_percent: Mapped[int] = mapped_column(default=0)
    """Extra time that the deadline includes."""
    submitted_at: Mapped[datetime | None]
    right_count: Mapped[int | None]
    question_count: Mapped[int]
    pass_percent: Mapped[int]
    """Of the exam when the attempt began; a later change does not touch it."""
    score_by_topic: Mapped[dict[str, Any]] = mapped_column(default=dict)

    certification: Mapped[Certification] = relationship(lazy="raise")
    user: Mapped[User] = relationship(lazy="raise")
    questions: Mapped[list["AttemptQuestion"]] = relationship(
        lazy="raise", order_by="AttemptQuestion.position"
    )

    @property
    def public_id(self) -> str:
        """The id that people and programs see."""
        return public_id("att", self.id)

    def asked_at(self, position: int) -> "AttemptQuestion":
        """Return the question at a position, counted from 1.

        Raises:
            NotFound: There is none.
        """
        if not 1 <= position <= len(self.questions):
            raise NotFound(_("There is no such question."))
        return self.questions[position - 1]

    def refuse_when_over(self) -> None:
        """Refuse anything that only an open attempt takes.

        Raises:
            AttemptTransition: The attempt is over.
        """
        if self.status is not AttemptStatus.IN_PROGRESS:
            raise AttemptTransition(
                _("This attempt is over; its answers stay as given.")
            )

    def move_to(self, status: AttemptStatus) -> None:
        """Change the status.

        Raises:
            AttemptTransition: `TRANSITIONS` does not allow the move.
        """
        if status not in TRANSITIONS[self.status]:
            raise AttemptTransition(
                _("This attempt is over; its answers stay as given.")
            )
        self.status = status


class AttemptQuestion(Base):
    """One question of one attempt, with what was answered so far."""

    __tablename__ = "attempt_questions"

    attempt_id: Mapped[UUID] = mapped_column(
        ForeignKey("attempts.id"), primary_key=True
    )
    position: Mapped[int] = mapped_column(primary_key=True)
    """From 1 on."""
    question_id: Mapped[UUID] = mapped_column(ForeignKey("questions.id"), index=True)
    option_order: Mapped[list[Any]]
    answer: Mapped[list[Any]] = mapped_column(default=list)
    """Keys of the chosen options, in their order, or the text typed; empty while
    unanswered."""
    version: Mapped[int] = mapped_column(default=0)
    """Counts the saved answers, so that two windows do not overwrite each other."""
    answered_at: Mapped[datetime | None]
    is_right: Mapped[bool | None]
    """As graded; none before that."""

    question: Mapped[Question] = relationship(lazy="raise")

    @property
    def labels(self) -> list[str]:
        """The options in the order of this attempt."""
        labels = {option["key"]: option["label"] for option in self.question.options}
        return [labels[key] for key in self.option_order]


class Certificate(Base):
    """The proof that a person passed."""

    __tablename__ = "certificates"

    id: Mapped[UUID] = mapped_column(primary_key=True, default=new_id)
    number: Mapped[str] = mapped_column(unique=True)
    """Random, so that numbers cannot be guessed; shown on the verification page."""
    certification_id: Mapped[UUID] = mapped_column(ForeignKey("certifications.id"))
    attempt_id: Mapped[UUID] = mapped_column(ForeignKey("attempts.id"), unique=True)
    user_id: Mapped[UUID] = mapped_column(ForeignKey("users.id"), index=True)
    partner_id: Mapped[UUID] = mapped_column(ForeignKey("partners.id"), index=True)
    holder_name: Mapped[str]
    hides_holder: Mapped[bool] = mapped_column(default=False)
    """Whether the public page and the public badge leave the name out."""
    issued_at: Mapped[datetime]
    expires_at: Mapped[datetime]
    revoked_at: Mapped[datetime | None]
    revocation_reason: Mapped[str] = mapped_column(default="")

    certification: Mapped[Certification] = relationship(lazy="raise")
    attempt: Mapped[Attempt] = relationship(lazy="raise")
    partner: Mapped[Partner] = relationship(lazy="raise")

    @property
    def public_id(self) -> str:
        """The id that people and programs see."""
        return public_id("cer", self.id)

    def state(self, now: datetime) -> rules.CertificateState:
        """Return what the certificate is worth at `now`."""
        return rules.certificate_state(
            expires_at=self.expires_at, revoked_at=self.revoked_at, now=now
        )
