from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import ColumnElement, and_, func, or_, select
from sqlalchemy.dialects.postgresql import distinct_on
from sqlalchemy.orm import Session, joinedload, selectinload

from portal.commissions.models import Commission
from portal.enrollments.models import Enrollment
from portal.kit.errors import NotFound
from portal.kit.money import Money
from portal.ledger.models import JournalEntry, LedgerAccount, Posting
from portal.partners.models import Partner
from portal.programs.models import Program
from portal.statements.models import (
    CloseChunk,
    Period,
    PeriodStatus,
    Statement,
    StatementLine,
)
from portal.statements.rules import LineKind, Totals, totals_of
from portal.web.pagination import Page, PageRequest

PAYOUT_KEYS = "payout:%"
"""Keys of the entries that pay a partner; `portal.payouts` books them."""

_UNPOSTED_KINDS = tuple(kind for kind in LineKind if kind is not LineKind.PAYOUT)


class NoSuchPeriod(NotFound):
    """The program has no such month."""

    code = "period_not_found"


class NoSuchStatement(NotFound):
    """There is no such statement, or it is another partner's."""

    code = "statement_not_found"


@dataclass(frozen=True, slots=True)
class PeriodView:
    """A period for the list, with the sums of its statements.

    Attributes:
        period: The period with its program.
        statements: How many statements it has.
        currency: Their currency; none without statements.
        totals: Their sums.
    """

    period: Period
    statements: int
    currency: str | None
    totals: Totals

    def money(self, minor: int) -> Money:
        """Return an amount in the currency of the statements."""
        return Money(minor, self.currency or "")


@dataclass(frozen=True, slots=True)
class StatementView:
    """A statement with what has been paid of its closing balance since."""

    statement: Statement
    paid_minor: int

    @property
    def state(self) -> str:
        """The word for where it stands: final, paid or in part."""
        closing = self.statement.closing_minor
        if closing > 0 and self.paid_minor >= closing:
            return "paid"
        return "final"


@dataclass(frozen=True, slots=True)
class SoFar:
    """What a partner's enrollment came to in the running month, until now.

    Attributes:
        enrollment: The enrollment with its partner and version.
        period: The earliest month that is not closed.
        totals: What its statement would say now.
    """

    enrollment: Enrollment
    period: Period
    totals: Totals

    def money(self, minor: int) -> Money:
        """Return an amount in the currency of the program."""
        return Money(minor, self.enrollment.version.definition.currency)


@dataclass(frozen=True, slots=True)
class PaymentMade:
    """A payout to a partner as the books know it."""

    entry: JournalEntry
    posting: Posting
    statement_id: UUID | None
    """The statement that shows it; none until the next close."""


def period(session: Session, period_id: UUID, *, lock: bool = False) -> Period:
    """Return one period with its program and who closed it.

    Args:
        session: The session to read from.
        period_id: Which one.
        lock: Hold the row until the transaction ends; pass it before closing.

    Raises:
        NoSuchPeriod: There is none.
    """
    return _one_period(session, Period.id == period_id, lock=lock)


def period_labelled(
    session: Session, program_id: UUID, label: str, *, lock: bool = False
) -> Period:
    """Return the period of a month.

    Raises:
        NoSuchPeriod: The program has no such month.
    """
    wanted = and_(Period.program_id == program_id, Period.label == label)
    return _one_period(session, wanted, lock=lock)


def _one_period(session: Session, wanted: ColumnElement[bool], *, lock: bool) -> Period:
    query = (
        select(Period)
        .where(wanted)
        .options(joinedload(Period.program), joinedload(Period.closed_by))
    )
    if lock:
        query = query.with_for_update(of=Period).execution_options(
            populate_existing=True
        )
    found = session.scalar(query)
    if found is None:
        raise NoSuchPeriod("There is no such month.")
    return found


def periods_of(session: Session, program_id: UUID) -> Sequence[Period]:
    """Return the periods of a program, oldest first."""
    return session.scalars(
        select(Period).where(Period.program_id == program_id).order_by(Period.starts_at)
    ).all()


def period_before(session: Session, period: Period) -> Period | None:
    """Return the month before, if the program has it."""
    return session.scalar(
        select(Period)
        .where(
            Period.program_id == period.program_id,
            Period.starts_at < period.starts_at,
        )
        .order_by(Period.starts_at.desc())
        .limit(1)
    )


def unclosed_before(session: Session, period: Period) -> Sequence[Period]:
    """Return the earlier months that are not closed, oldest first."""
    return session.scalars(
        select(Period)
        .where(
            Period.program_id == period.program_id,
            Period.starts_at < period.starts_at,
            Period.status != PeriodStatus.CLOSED,
        )
        .order_by(Period.starts_at)
    ).all()


def period_views(
    session: Session, *, program_id: UUID | None = None
) -> list[PeriodView]:
    """Return the periods with the sums of their statements, newest first."""
    query = (
        select(Period, func.count(Statement.id), func.min(Statement.currency), *_sums())
        .outerjoin(Statement, Statement.period_id == Period.id)
        .join(Program, Program.id == Period.program_id)
        .options(joinedload(Period.program), joinedload(Period.closed_by))
        .group_by(Period.id, Program.key)
        .order_by(Period.starts_at.desc(), Program.key)
    )
    if program_id is not None:
        query = query.where(Period.program_id == program_id)
    return [
        PeriodView(period, count, currency, _totals(sums))
        for period, count, currency, *sums in session.execute(query)
    ]


_PARTS = (
    Statement.opening_minor,
    Statement.earned_minor,
    Statement.reversals_minor,
    Statement.adjustments_minor,
    Statement.holdback_minor,
    Statement.releases_minor,
    Statement.withholding_minor,
    Statement.fees_minor,
    Statement.payouts_minor,
)


def _sums() -> list[Any]:
    return [func.coalesce(func.sum(part), 0) for part in _PARTS]


def _totals(sums: Sequence[int]) -> Totals:
    names = (part.key.removesuffix("_minor") for part in _PARTS)
    return Totals(**{name: int(value) for name, value in zip(names, sums, strict=True)})


def totals_of_period(session: Session, period_id: UUID) -> Totals:
    """Return the sums of the statements of a period."""
    row = session.execute(
        select(*_sums()).where(Statement.period_id == period_id)
    ).one()
    return _totals(row)


def chunks(session: Session, period_id: UUID) -> Sequence[CloseChunk]:
    """Return the parts of a close, in order."""
    return session.scalars(
        select(CloseChunk)
        .where(CloseChunk.period_id == period_id)
        .order_by(CloseChunk.number)
    ).all()


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
        raise NoSuchStatement("There is no such statement.")
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
        .order_by(Statement.period_label.desc(), Statement.number)
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
        .order_by(Statement.period_label.desc(), Statement.issued_at.desc())
        .limit(1)
    )
    return _views(session, [found])[0] if found else None


def of_period(session: Session, period_id: UUID) -> Sequence[Statement]:
    """Return the statements of a period, by number."""
    return session.scalars(
        select(Statement)
        .where(Statement.period_id == period_id)
        .order_by(Statement.count)
    ).all()


def page(
    session: Session,
    asked: PageRequest,
    *,
    search: str = "",
    label: str = "",
    partner_id: UUID | None = None,
) -> Page[StatementView]:
    """Return one page of all statements, newest first.

    Args:
        session: The session to read from.
        asked: Which page.
        search: A part of the partner's name or of the number.
        label: Only this month.
        partner_id: Only this partner's.
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
    if partner_id:
        query = query.where(Statement.partner_id == partner_id)
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
    partners = {partner_id for partner_id, _ in pairs}
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
    shown = dict(
        session.execute(
            select(
                Statement.id,
                func.sum(Statement.payouts_minor).over(
                    partition_by=Statement.enrollment_id,
                    order_by=Statement.period_label,
                ),
            ).where(Statement.partner_id.in_(partners))
        ).all()
    )
    return [
        StatementView(
            row,
            in_all.get((row.partner_id, row.program_id), 0) - int(shown[row.id]),
        )
        for row in statements
    ]


def openings(session: Session, enrollment_ids: Sequence[UUID]) -> dict[UUID, int]:
    """Return the closing balance of each enrollment's latest statement.

    An enrollment without a statement is missing: it begins with nothing.
    """
    rows = session.execute(
        select(Statement.enrollment_id, Statement.closing_minor)
        .where(Statement.enrollment_id.in_(enrollment_ids))
        .ext(distinct_on(Statement.enrollment_id))
        .order_by(Statement.enrollment_id, Statement.period_label.desc())
    )
    return dict(rows.all())


def closings_in(session: Session, period_id: UUID) -> dict[UUID, Statement]:
    """Return the statements of a period by enrollment."""
    return {row.enrollment_id: row for row in of_period(session, period_id)}


def projected(
    session: Session, enrollment_ids: Sequence[UUID], until: datetime
) -> dict[UUID, dict[LineKind, int]]:
    """Return what cleared before `until` and is on no statement, by enrollment."""
    rows = session.execute(
        select(
            Commission.enrollment_id, Commission.kind, func.sum(Commission.amount_minor)
        )
        .where(
            Commission.enrollment_id.in_(enrollment_ids),
            Commission.frozen_at.is_(None),
            Commission.clears_at < until,
        )
        .group_by(Commission.enrollment_id, Commission.kind)
    )
    found: dict[UUID, dict[LineKind, int]] = {}
    for enrollment_id, kind, total in rows:
        found.setdefault(enrollment_id, {})[LineKind(kind)] = int(total)
    return found


def unfrozen(
    session: Session, enrollment_id: UUID, until: datetime
) -> Sequence[Commission]:
    """Return the lines that cleared before `until` and are on no statement."""
    return session.scalars(
        select(Commission)
        .where(
            Commission.enrollment_id == enrollment_id,
            Commission.frozen_at.is_(None),
            Commission.clears_at < until,
        )
        .options(*_SOURCES)
        .order_by(Commission.occurred_at, Commission.id)
    ).all()


_SOURCES = (
    joinedload(Commission.customer),
    joinedload(Commission.sale),
    joinedload(Commission.refund),
)


def with_sources(session: Session, ids: Sequence[UUID]) -> Sequence[Commission]:
    """Return commissions with their customer, sale and refund, oldest first."""
    return session.scalars(
        select(Commission)
        .where(Commission.id.in_(ids))
        .options(*_SOURCES)
        .order_by(Commission.occurred_at, Commission.id)
    ).all()


def payouts_made(
    session: Session, partner_ids: Sequence[UUID], program_id: UUID
) -> list[PaymentMade]:
    """Return what partners were paid in a program, oldest first."""
    rows = session.execute(
        select(Posting, JournalEntry, StatementLine.statement_id)
        .join(JournalEntry, JournalEntry.id == Posting.entry_id)
        .outerjoin(StatementLine, StatementLine.posting_id == Posting.id)
        .where(
            Posting.account == LedgerAccount.PARTNER_PAYABLE,
            Posting.partner_id.in_(partner_ids),
            Posting.program_id == program_id,
            JournalEntry.key.like(PAYOUT_KEYS),
        )
        .order_by(JournalEntry.occurred_at, Posting.id)
    )
    return [
        PaymentMade(entry, posting, statement_id)
        for posting, entry, statement_id in rows
    ]


def payouts_waiting(
    session: Session, partner_ids: Sequence[UUID], program_id: UUID, until: datetime
) -> dict[UUID, list[PaymentMade]]:
    """Return the payouts before `until` that no statement shows yet, by partner."""
    found: dict[UUID, list[PaymentMade]] = {}
    for payment in payouts_made(session, partner_ids, program_id):
        partner_id = payment.posting.partner_id
        if (
            partner_id is not None
            and payment.statement_id is None
            and payment.entry.occurred_at < until
        ):
            found.setdefault(partner_id, []).append(payment)
    return found


def so_far(session: Session, partner_id: UUID) -> list[SoFar]:
    """Return what the statements of a partner's running months would say now.

    Takes the same number of statements whatever the number of programs.
    """
    running = (
        select(Period)
        .where(Period.status != PeriodStatus.CLOSED)
        .ext(distinct_on(Period.program_id))
        .order_by(Period.program_id, Period.starts_at)
        .subquery()
    )
    rows = session.execute(
        select(
            Enrollment,
            running.c.id,
            Commission.kind,
            func.sum(Commission.amount_minor),
        )
        .join(running, running.c.program_id == Enrollment.program_id)
        .outerjoin(
            Commission,
            and_(
                Commission.enrollment_id == Enrollment.id,
                Commission.frozen_at.is_(None),
                Commission.clears_at < running.c.ends_at,
            ),
        )
        .where(Enrollment.partner_id == partner_id)
        .options(selectinload(Enrollment.version), selectinload(Enrollment.partner))
        .group_by(Enrollment.id, running.c.id, Commission.kind)
        .order_by(Enrollment.joined_at, Enrollment.id)
    ).all()
    begun = openings(session, [row.Enrollment.id for row in rows])
    current = {
        row.id: row
        for row in session.scalars(
            select(Period)
            .where(Period.id.in_({row.id for row in rows}))
            .options(joinedload(Period.program))
        )
    }
    lines: dict[UUID, list[tuple[LineKind, int]]] = {}
    for enrollment, _period_id, kind, total in rows:
        kept = lines.setdefault(enrollment.id, [])
        if kind is not None:
            kept.append((LineKind(kind), int(total)))
    seen = {row.Enrollment.id: (row.Enrollment, current[row.id]) for row in rows}
    return [
        SoFar(enrollment, month, totals_of(begun.get(key, 0), lines[key]))
        for key, (enrollment, month) in seen.items()
    ]


def partner_names(session: Session, partner_ids: Sequence[UUID]) -> dict[UUID, str]:
    """Return the names of partners."""
    rows = session.execute(
        select(Partner.id, Partner.name).where(Partner.id.in_(partner_ids))
    )
    return dict(rows.all())


def labels(session: Session) -> Sequence[str]:
    """Return the months that have statements, newest first."""
    return session.scalars(
        select(Statement.period_label)
        .distinct()
        .order_by(Statement.period_label.desc())
    ).all()
