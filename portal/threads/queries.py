"""What pages read about threads. Those for partners take the partner's id."""

from collections.abc import Sequence
from dataclasses import dataclass
from uuid import UUID

from flask_babel import gettext as _
from sqlalchemy import and_, func, select
from sqlalchemy.orm import Session, joinedload, selectinload

from portal.adjustments.models import Adjustment, AdjustmentStatus
from portal.kit.errors import NotFound
from portal.statements.models import Statement, StatementLine
from portal.statements.queries import lines_stand
from portal.threads.models import (
    Thread,
    ThreadAdjustment,
    ThreadMessage,
    ThreadStatus,
)
from portal.web.pagination import Page, PageRequest

_PARTS = (
    joinedload(Thread.statement),
    joinedload(Thread.line),
    joinedload(Thread.resolved_by),
)


class NoSuchThread(NotFound):
    """There is no such thread, or it is another partner's."""

    code = "thread_not_found"


class NoSuchLine(NotFound):
    """The statement has no such line."""

    code = "statement_line_not_found"


@dataclass(frozen=True, slots=True)
class Change:
    """An adjustment that a thread led to.

    Attributes:
        adjustment: What changes the balance.
        statement: The statement that shows it; none until the next close.
    """

    adjustment: Adjustment
    statement: Statement | None

    @property
    def is_told(self) -> bool:
        """Whether the partner may know of it: a proposal is not decided yet."""
        return self.adjustment.status is AdjustmentStatus.APPROVED


def get(
    session: Session,
    thread_id: UUID,
    *,
    partner_id: UUID | None = None,
    lock: bool = False,
) -> Thread:
    """Return a thread with its statement, line and messages.

    Args:
        session: The session to read from.
        thread_id: Which one.
        partner_id: Whose it must be; partner views always pass it.
        lock: Hold the row until the transaction ends; pass it before writing.

    Raises:
        NoSuchThread: There is none, or it is another partner's.
    """
    query = (
        select(Thread)
        .join(Thread.statement)
        .where(Thread.id == thread_id)
        .options(
            *_PARTS,
            selectinload(Thread.messages).joinedload(ThreadMessage.author),
        )
    )
    if partner_id is not None:
        query = query.where(Statement.partner_id == partner_id)
    if lock:
        query = query.with_for_update(of=Thread).execution_options(
            populate_existing=True
        )
    found = session.scalar(query)
    if found is None:
        raise NoSuchThread(_("There is no such question."))
    return found


def line(statement: Statement, position: int) -> StatementLine:
    """Return one line of a statement that was loaded with its lines.

    Raises:
        NoSuchLine: It has none at this position.
    """
    found = next((row for row in statement.lines if row.position == position), None)
    if found is None:
        raise NoSuchLine(_("The statement has no such line."))
    return found


def unresolved(
    session: Session, statement_id: UUID, position: int | None
) -> Thread | None:
    """Return the thread about a line, or the statement, that goes on."""
    return session.scalar(
        select(Thread).where(
            Thread.statement_id == statement_id,
            func.coalesce(Thread.position, 0) == (position or 0),
            Thread.status != ThreadStatus.RESOLVED,
        )
    )


def of_form(session: Session, statement_id: UUID, form_id: UUID) -> Thread | None:
    """Return what a rendered form asked about a statement, if it was sent."""
    return session.scalar(
        select(Thread).where(
            Thread.statement_id == statement_id, Thread.form_id == form_id
        )
    )


def message_of_form(
    session: Session, thread_id: UUID, form_id: UUID
) -> ThreadMessage | None:
    """Return what a rendered form wrote into a thread, if it was sent."""
    return session.scalar(
        select(ThreadMessage).where(
            ThreadMessage.thread_id == thread_id, ThreadMessage.form_id == form_id
        )
    )


def statement_and_position(
    session: Session, commission_id: UUID, partner_id: UUID
) -> tuple[UUID, int]:
    """Return where a partner's commission is stated.

    Raises:
        NoSuchLine: It is on no statement yet, or is another partner's.
    """
    found = session.execute(
        select(StatementLine.statement_id, StatementLine.position)
        .join(Statement, Statement.id == StatementLine.statement_id)
        .where(
            StatementLine.commission_id == commission_id,
            lines_stand(),
            Statement.partner_id == partner_id,
        )
    ).one_or_none()
    if found is None:
        raise NoSuchLine(_("No statement shows this yet. Ask once it is on one."))
    return found.statement_id, found.position


def open_count(session: Session, partner_id: UUID) -> int:
    """Return how many questions of a partner wait for finance."""
    return (
        session.scalar(
            select(func.count())
            .select_from(Thread)
            .join(Thread.statement)
            .where(
                Statement.partner_id == partner_id, Thread.status == ThreadStatus.OPEN
            )
        )
        or 0
    )


def of_partner(session: Session, partner_id: UUID, asked: PageRequest) -> Page[Thread]:
    """Return one page of a partner's threads, the last one spoken in first."""
    query = (
        select(Thread)
        .join(Thread.statement)
        .where(Statement.partner_id == partner_id)
        .options(*_PARTS)
    )
    rows = session.scalars(asked.limit(query, Thread.spoke_at, Thread.id)).all()
    return asked.page(rows, key=lambda row: (row.spoke_at, row.id))


def page(
    session: Session, asked: PageRequest, *, status: ThreadStatus | None = None
) -> Page[Thread]:
    """Return one page of all threads, the last one spoken in first."""
    query = select(Thread).options(*_PARTS)
    if status:
        query = query.where(Thread.status == status)
    rows = session.scalars(asked.limit(query, Thread.spoke_at, Thread.id)).all()
    return asked.page(rows, key=lambda row: (row.spoke_at, row.id))


def waiting(session: Session, limit: int) -> tuple[Sequence[Thread], int]:
    """Return the threads that wait for finance, the longest first, and how many."""
    rows = session.execute(
        select(Thread, func.count().over())
        .where(Thread.status == ThreadStatus.OPEN)
        .options(*_PARTS)
        .order_by(Thread.spoke_at, Thread.id)
        .limit(limit)
    ).all()
    return [row[0] for row in rows], int(rows[0][1]) if rows else 0


def changes(session: Session, thread_id: UUID) -> list[Change]:
    """Return the adjustments that a thread led to, oldest first."""
    rows = session.execute(
        select(Adjustment, Statement)
        .join(ThreadAdjustment, ThreadAdjustment.adjustment_id == Adjustment.id)
        .outerjoin(
            StatementLine,
            and_(StatementLine.adjustment_id == Adjustment.id, lines_stand()),
        )
        .outerjoin(Statement, Statement.id == StatementLine.statement_id)
        .where(ThreadAdjustment.thread_id == thread_id)
        .order_by(Adjustment.proposed_at, Adjustment.id)
    )
    return [Change(adjustment, statement) for adjustment, statement in rows]


def behind(session: Session, adjustment_id: UUID) -> Thread | None:
    """Return the thread that led to an adjustment, if one did."""
    return session.scalar(
        select(Thread)
        .join(ThreadAdjustment, ThreadAdjustment.thread_id == Thread.id)
        .where(ThreadAdjustment.adjustment_id == adjustment_id)
        .options(*_PARTS)
    )
