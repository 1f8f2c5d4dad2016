"""Issued statements."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from uuid import UUID

from flask_babel import gettext as _
from sqlalchemy import func, or_, select
from sqlalchemy.dialects.postgresql import distinct_on
from sqlalchemy.orm import Session, joinedload, selectinload

from portal.kit.errors import NotFound
from portal.ledger.models import JournalEntry, LedgerAccount, Posting
from portal.statements.models import Statement, StatementLine
from portal.statements.policy import Carried
from portal.statements.queries.contents import PAYOUT_KEYS
from portal.statements.queries.standing import lines_stand, statements_stand
from portal.web.pagination import Page, PageRequest

_AT_ONCE = 50
"""How many statements are in memory together with their lines."""


class NoSuchStatement(NotFound):
    """There is no such statement, or it is another partner's."""

    code = "statement_not_found"


@dataclass(frozen=True, slots=True)
class StatementView:
    """A statement with what has been paid of its closing balance since."""

    statement: Statement
    paid_minor: int
    reversed_by: str = ""
    """The number of the statement that takes it back; empty otherwise."""

    @property
    def state(self) -> str:
        """The word for where it stands: final, paid, reversed or a reversal."""
        if self.reversed_by:
            return "reversed"
        if self.statement.reverses_id:
            return "reversal"
        closing = self.statement.closing_minor
        if closing > 0 and self.paid_minor >= closing:
            return "paid"
        return "final"


def get(
    session: Session, statement_id: UUID, *, partner_id: UUID | None = None
) -> StatementView:
    """Return one statement with its lines and what was paid of it.

    Args:
        session: The session to read from.
        statement_id: Which one.
        partner_id: Whose it must be; partner views always pass it.

    Raises:
        NoSuchStatement: There is none, or it is another partner's.
    """
    query = (
        select(Statement)
        .where(Statement.id == statement_id)
        .options(selectinload(Statement.lines), joinedload(Statement.period))
    )
    if partner_id is not None:
        query = query.where(Statement.partner_id == partner_id)
    found = session.scalar(query)
    if found is None:
        raise NoSuchStatement(_("There is no such statement."))
    return _views(session, [found])[0]


def get_for_partner(
    session: Session, statement_id: UUID, partner_id: UUID
) -> StatementView:
    """Return one statement of a partner.

    Raises:
        NoSuchStatement: There is none, or it is another partner's.
    """
    return get(session, statement_id, partner_id=partner_id)


def by_sha256(session: Session, sha256: str) -> Statement | None:
    """Return the statement with that hash, if one was issued."""
    return session.scalar(
        select(Statement).where(Statement.sha256 == sha256.strip().lower())
    )


def of_partner(
    session: Session, partner_id: UUID, *, year: int | None = None
) -> list[StatementView]:
    """Return a partner's statements, newest first."""
    query = (
        select(Statement)
        .where(Statement.partner_id == partner_id)
        .order_by(
            Statement.period_label.desc(), Statement.program_id, Statement.count.desc()
        )
    )
    if year is not None:
        query = query.where(Statement.period_label.like(f"{year:04d}-%"))
    return _views(session, session.scalars(query).all())


def years_of_partner(session: Session, partner_id: UUID) -> list[int]:
    """Return the years for which the partner has statements, newest first."""
    year = func.substr(Statement.period_label, 1, 4)
    rows = session.scalars(
        select(year).where(Statement.partner_id == partner_id).distinct()
    )
    return sorted((int(row) for row in rows), reverse=True)


def latest_of_partner(session: Session, partner_id: UUID) -> StatementView | None:
    """Return the newest statement of a partner, if there is one."""
    found = session.scalar(
        select(Statement)
        .where(Statement.partner_id == partner_id)
        .where(statements_stand())
        .order_by(Statement.period_label.desc(), Statement.issued_at.desc())
        .limit(1)
    )
    return _views(session, [found])[0] if found else None


def of_period(session: Session, period_id: UUID) -> Sequence[Statement]:
    """Return the statements of a period that stand, by number."""
    return session.scalars(
        select(Statement)
        .where(Statement.period_id == period_id, statements_stand())
        .order_by(Statement.count)
    ).all()


def with_lines(session: Session, period_id: UUID) -> Iterator[Statement]:
    """Yield the statements of a period that stand, with lines, a few at a time."""
    yield from session.scalars(
        select(Statement)
        .where(Statement.period_id == period_id, statements_stand())
        .options(selectinload(Statement.lines))
        .order_by(Statement.count)
        .execution_options(yield_per=_AT_ONCE)
    )


def stating(session: Session, adjustment_id: UUID) -> Statement | None:
    """Return the statement that shows an adjustment, if one does yet."""
    return session.scalar(
        select(Statement)
        .join(StatementLine, StatementLine.statement_id == Statement.id)
        .where(StatementLine.adjustment_id == adjustment_id, lines_stand())
    )


def page(
    session: Session,
    asked: PageRequest,
    *,
    search: str = "",
    label: str = "",
) -> Page[StatementView]:
    """Return one page of all statements, newest first.

    Args:
        session: The session to read from.
        asked: Which page.
        search: A part of the partner's name or of the number.
        label: Only this month.
    """
    query = select(Statement)
    if search:
        pattern = f"%{_escaped(search)}%"
        query = query.where(
            or_(
                Statement.partner_name.ilike(pattern, escape="\\"),
                Statement.number.ilike(pattern, escape="\\"),
            )
        )
    if label:
        query = query.where(Statement.period_label == label)
    rows = session.scalars(asked.limit(query, Statement.issued_at, Statement.id)).all()
    return asked.page(
        _views(session, rows),
        key=lambda view: (view.statement.issued_at, view.statement.id),
    )


def _escaped(text: str) -> str:
    return text.replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_")


def _views(session: Session, statements: Sequence[Statement]) -> list[StatementView]:
    """Add what was paid of each; payments count for the oldest balance first.

    A closing balance holds what earlier ones left over, so a statement is paid as
    far as payouts exceed those that it and the ones before it show.
    """
    pairs = {(row.partner_id, row.program_id) for row in statements}
    partners = {partner_id for partner_id, _program_id in pairs}
    paid = session.execute(
        select(Posting.partner_id, Posting.program_id, -func.sum(Posting.amount_minor))
        .join(JournalEntry, JournalEntry.id == Posting.entry_id)
        .where(
            Posting.account == LedgerAccount.PARTNER_PAYABLE,
            Posting.partner_id.in_(partners),
            JournalEntry.key.like(PAYOUT_KEYS),
        )
        .group_by(Posting.partner_id, Posting.program_id)
    )
    in_all = {(partner, program): int(total) for partner, program, total in paid}
    shown: dict[UUID, int] = {}
    reversals: dict[UUID | None, str] = {}
    for key, total, reverses, number in session.execute(
        select(
            Statement.id,
            func.sum(Statement.payouts_minor).over(
                partition_by=Statement.enrollment_id, order_by=Statement.count
            ),
            Statement.reverses_id,
            Statement.number,
        ).where(Statement.partner_id.in_(partners))
    ):
        shown[key] = int(total)
        reversals[reverses] = number
    return [
        StatementView(
            row,
            in_all.get((row.partner_id, row.program_id), 0) - shown[row.id],
            reversals.get(row.id, ""),
        )
        for row in statements
    ]


def carried(session: Session, enrollment_ids: Sequence[UUID]) -> dict[UUID, Carried]:
    """Return what each enrollment's latest statement leaves to the next one.

    An enrollment without a statement is missing: it begins with nothing.
    """
    rows = session.execute(
        select(
            Statement.enrollment_id,
            Statement.closing_minor,
            Statement.advance_minor,
            Statement.untaxed_minor,
        )
        .where(Statement.enrollment_id.in_(enrollment_ids))
        .ext(distinct_on(Statement.enrollment_id))
        .order_by(Statement.enrollment_id, Statement.count.desc())
    )
    return {
        key: Carried(opening=closing, advance=advance, untaxed=untaxed)
        for key, closing, advance, untaxed in rows
    }


def closings_in(session: Session, period_id: UUID) -> dict[UUID, Statement]:
    """Return the statements of a period by enrollment."""
    return {row.enrollment_id: row for row in of_period(session, period_id)}


def labels(session: Session) -> Sequence[str]:
    """Return the months that have statements, newest first."""
    return session.scalars(
        select(Statement.period_label)
        .distinct()
        .order_by(Statement.period_label.desc())
    ).all()
