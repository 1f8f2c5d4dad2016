"""Months."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from flask_babel import gettext as _
from sqlalchemy import ColumnElement, and_, func, or_, select
from sqlalchemy.orm import Session, joinedload

from portal.kit.errors import NotFound
from portal.kit.money import Money
from portal.programs.models import Program
from portal.statements.models import (
    CloseChunk,
    Period,
    PeriodStatus,
    Statement,
)
from portal.statements.queries.standing import statements_stand
from portal.statements.rules import Totals


class NoSuchPeriod(NotFound):
    """The program has no such month."""

    code = "period_not_found"


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
        .options(
            joinedload(Period.program),
            joinedload(Period.closed_by),
            joinedload(Period.proposed_by),
        )
    )
    if lock:
        query = query.with_for_update(of=Period).execution_options(
            populate_existing=True
        )
    found = session.scalar(query)
    if found is None:
        raise NoSuchPeriod(_("There is no such month."))
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


def period_views(
    session: Session, *, program_id: UUID | None = None
) -> list[PeriodView]:
    """Return the periods with the sums of their statements, newest first."""
    query = (
        select(Period, func.count(Statement.id), func.min(Statement.currency), *_sums())
        .outerjoin(
            Statement, and_(Statement.period_id == Period.id, statements_stand())
        )
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


def chunks(session: Session, period_id: UUID) -> Sequence[CloseChunk]:
    """Return the parts of a close, in order; those of a former turn are not."""
    return session.scalars(
        select(CloseChunk)
        .join(Period, Period.id == CloseChunk.period_id)
        .where(
            CloseChunk.period_id == period_id,
            or_(
                CloseChunk.done_at.is_(None),
                CloseChunk.done_at >= Period.close_began_at,
            ),
        )
        .order_by(CloseChunk.number)
    ).all()


def last_chunk(session: Session, period_id: UUID) -> int:
    """Return the number of the last part of all closes of a month; 0 without any."""
    last = select(func.max(CloseChunk.number)).where(CloseChunk.period_id == period_id)
    return session.scalar(last) or 0
