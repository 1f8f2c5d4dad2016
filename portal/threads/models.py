"""Threads: what a partner asks about a statement, and what finance answers."""

from collections.abc import Mapping
from datetime import datetime
from enum import StrEnum
from types import MappingProxyType
from uuid import UUID

from flask_babel import gettext as _
from sqlalchemy import (
    CheckConstraint,
    ForeignKey,
    ForeignKeyConstraint,
    Index,
    UniqueConstraint,
    text,
)
from sqlalchemy.orm import Mapped, mapped_column, relationship

from portal.accounts.models import User
from portal.kit.db import Base
from portal.kit.errors import Conflict
from portal.kit.ids import new_id, public_id
from portal.statements.models import Statement, StatementLine

ONE_OPEN_THREAD = "uq_threads_one_open"


class ThreadStatus(StrEnum):
    """Whose turn it is."""

    OPEN = "open"
    """The partner waits for finance."""
    ANSWERED = "answered"
    """Finance answered; the partner can ask on, or say that it is settled."""
    RESOLVED = "resolved"


_S = ThreadStatus

TRANSITIONS: Mapping[ThreadStatus, frozenset[ThreadStatus]] = MappingProxyType(
    {
        _S.OPEN: frozenset({_S.ANSWERED, _S.RESOLVED}),
        _S.ANSWERED: frozenset({_S.OPEN, _S.RESOLVED}),
        _S.RESOLVED: frozenset({_S.OPEN}),
    }
)
"""Every move a thread can make. What is resolved opens when the partner writes on."""


class ThreadTransition(Conflict):
    """The thread cannot move from where it is to where it was sent."""

    code = "thread_transition"


class Thread(Base):
    """A conversation of a partner with finance about a statement or one line of it."""

    __tablename__ = "threads"
    __table_args__ = (
        ForeignKeyConstraint(
            ["statement_id", "position"],
            ["statement_lines.statement_id", "statement_lines.position"],
            name="fk_threads_line",
        ),
        UniqueConstraint("statement_id", "form_id"),
        CheckConstraint(
            "(status = 'resolved') = (resolved_at IS NOT NULL)",
            name="resolved_at_a_moment",
        ),
        CheckConstraint(
            "(resolved_at IS NULL) = (resolved_by_id IS NULL)",
            name="resolved_by_somebody",
        ),
        Index(
            ONE_OPEN_THREAD,
            "statement_id",
            text("coalesce(position, 0)"),
            unique=True,
            postgresql_where=text("status <> 'resolved'"),
        ),
        Index("ix_threads_page", "spoke_at", "id"),
    )

    id: Mapped[UUID] = mapped_column(primary_key=True, default=new_id)
    statement_id: Mapped[UUID] = mapped_column(ForeignKey("statements.id"))
    position: Mapped[int | None]
    """Of the line that it is about; none for the statement as a whole."""
    form_id: Mapped[UUID]
    """Names the rendered form that asked."""
    status: Mapped[ThreadStatus] = mapped_column(default=ThreadStatus.OPEN)
    asked_at: Mapped[datetime]
    spoke_at: Mapped[datetime]
    """When the last message was written."""
    resolved_at: Mapped[datetime | None]
    resolved_by_id: Mapped[UUID | None] = mapped_column(ForeignKey("users.id"))

    statement: Mapped[Statement] = relationship(lazy="raise")
    line: Mapped[StatementLine | None] = relationship(
        lazy="raise",
        viewonly=True,
        primaryjoin=(
            "and_(foreign(Thread.statement_id) == StatementLine.statement_id,"
            " foreign(Thread.position) == StatementLine.position)"
        ),
    )
    resolved_by: Mapped[User | None] = relationship(lazy="raise")
    messages: Mapped[list["ThreadMessage"]] = relationship(
        lazy="raise", order_by="(ThreadMessage.written_at, ThreadMessage.id)"
    )

    @property
    def public_id(self) -> str:
        """The id that people and programs see."""
        return public_id("thr", self.id)

    def move_to(
        self, status: ThreadStatus, *, actor: User | None = None, now: datetime
    ) -> None:
        """Change the status; `actor` is who resolves it.

        Raises:
            ThreadTransition: `TRANSITIONS` does not allow the move.
        """
        if status not in TRANSITIONS[self.status]:
            raise ThreadTransition(
                _(
                    "This question is %(status)s already. Load the page again.",
                    status=self.status,
                )
            )
        self.status = status
        is_resolved = status is ThreadStatus.RESOLVED
        self.resolved_at = now if is_resolved else None
        self.resolved_by_id = actor.id if is_resolved and actor else None


class ThreadMessage(Base):
    """What one person wrote. It is never changed."""

    __tablename__ = "thread_messages"
    __table_args__ = (
        UniqueConstraint("thread_id", "form_id"),
        CheckConstraint("text <> ''", name="says_something"),
    )

    id: Mapped[UUID] = mapped_column(primary_key=True, default=new_id)
    thread_id: Mapped[UUID] = mapped_column(ForeignKey("threads.id"))
    form_id: Mapped[UUID]
    """Names the rendered form that sent it."""
    author_id: Mapped[UUID] = mapped_column(ForeignKey("users.id"))
    from_staff: Mapped[bool]
    """Whether finance wrote it; a person may leave the staff later."""
    text: Mapped[str]
    written_at: Mapped[datetime]

    author: Mapped[User] = relationship(lazy="raise")


class ThreadAdjustment(Base):
    """An adjustment by hand that a thread led to."""

    __tablename__ = "thread_adjustments"

    adjustment_id: Mapped[UUID] = mapped_column(
        ForeignKey("adjustments.id"), primary_key=True
    )
    thread_id: Mapped[UUID] = mapped_column(ForeignKey("threads.id"), index=True)
