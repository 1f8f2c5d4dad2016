from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from flask_babel import gettext as _
from sqlalchemy import ColumnElement, Select, and_, case, func, select
from sqlalchemy.orm import Session, joinedload, selectinload

from portal.commissions.models import (
    Commission,
    CommissionKind,
    CommissionState,
    LineRow,
)
from portal.kit.errors import NotFound
from portal.kit.money import Money
from portal.tiers.windows import Span
from portal.web.pagination import Page, PageRequest

_WITH = (
    joinedload(Commission.customer),
    joinedload(Commission.partner),
    joinedload(Commission.sale),
    joinedload(Commission.refund),
    # One version has many lines and a long text, so it is not sent with each.
    selectinload(Commission.version),
)


class NoSuchLine(NotFound):
    """There is no such line, or it is another partner's."""

    code = "commission_not_found"


@dataclass(frozen=True, slots=True, kw_only=True)
class Filters:
    """Which lines are asked for; none stands for all.

    Attributes:
        month: In which month the sale or refund happened.
        state: Where they stand.
        kind: What they do.
        customer_id: Whose sales.
        partner_id: Whose lines.
        program_id: In which program.
    """

    month: Span | None = None
    state: CommissionState | None = None
    kind: CommissionKind | None = None
    customer_id: UUID | None = None
    partner_id: UUID | None = None
    program_id: UUID | None = None

    def conditions(self, now: datetime) -> list[ColumnElement[bool]]:
        """Return the filters as conditions of SQL."""
        wanted: list[ColumnElement[bool]] = []
        if self.month is not None:
            wanted += [
                Commission.occurred_at >= self.month.starts_at,
                Commission.occurred_at < self.month.ends_at,
            ]
        if self.state is not None:
            wanted.append(_in_state(self.state, now))
        if self.kind is not None:
            wanted.append(Commission.kind == self.kind)
        if self.customer_id is not None:
            wanted.append(Commission.customer_id == self.customer_id)
        if self.partner_id is not None:
            wanted.append(Commission.partner_id == self.partner_id)
        if self.program_id is not None:
            wanted.append(Commission.program_id == self.program_id)
        return wanted


EVERYTHING = Filters()


def _in_state(state: CommissionState, now: datetime) -> ColumnElement[bool]:
    is_open = Commission.frozen_at.is_(None)
    return {
        CommissionState.ON_STATEMENT: Commission.frozen_at.is_not(None),
        CommissionState.HELD: and_(is_open, Commission.clears_at.is_(None)),
        CommissionState.ON_HOLD: and_(is_open, Commission.clears_at > now),
        CommissionState.CLEARED: and_(is_open, Commission.clears_at <= now),
    }[state]


@dataclass(frozen=True, slots=True, kw_only=True)
class Totals:
    """What the filtered lines add up to in one currency."""

    lines: int
    earned: Money
    reversals: Money
    adjustments: Money
    net: Money


@dataclass(frozen=True, slots=True, kw_only=True)
class OpenTotals:
    """What is on no statement yet, in one program.

    Attributes:
        program_id: The program.
        held: Waits for a requirement.
        on_hold: Waits for its day.
        cleared: Goes on the next statement.
    """

    program_id: UUID
    held: Money
    on_hold: Money
    cleared: Money


def get(session: Session, commission_id: UUID) -> Commission:
    """Return one line, for staff.

    Raises:
        NoSuchLine: There is none.
    """
    return _one(session, select(Commission).where(Commission.id == commission_id))


def get_for_partner(
    session: Session, commission_id: UUID, partner_id: UUID
) -> Commission:
    """Return one line of the partner.

    Raises:
        NoSuchLine: There is none, or it is another partner's.
    """
    return _one(
        session,
        select(Commission).where(
            Commission.id == commission_id, Commission.partner_id == partner_id
        ),
    )


def _one(session: Session, query: Select[Commission]) -> Commission:
    found = session.scalar(query.options(*_WITH))
    if found is None:
        raise NoSuchLine(_("There is no such line."))
    return found


def of_partner(
    session: Session,
    partner_id: UUID,
    filters: Filters = EVERYTHING,
    *,
    now: datetime,
) -> Sequence[Commission]:
    """Return all lines of the partner that pass the filters, newest first."""
    return session.scalars(
        select(Commission)
        .where(Commission.partner_id == partner_id, *filters.conditions(now))
        .options(*_WITH)
        .order_by(Commission.occurred_at.desc(), Commission.id.desc())
    ).all()


def of_enrollments(
    session: Session, enrollment_ids: Sequence[UUID]
) -> dict[UUID, list[LineRow]]:
    """Return all lines of each enrollment, without anything around them."""
    found: dict[UUID, list[LineRow]] = {key: [] for key in enrollment_ids}
    rows = session.execute(
        select(*(getattr(Commission, name) for name in LineRow._fields))
        .where(Commission.enrollment_id.in_(enrollment_ids))
        .order_by(Commission.occurred_at, Commission.id)
    )
    for row in map(LineRow._make, rows):
        found[row.enrollment_id].append(row)
    return found


def of_sale(
    session: Session, sale_id: UUID, enrollment_id: UUID
) -> Sequence[Commission]:
    """Return every line of one sale: earned, taken back, corrected."""
    return session.scalars(
        select(Commission)
        .where(Commission.sale_id == sale_id, Commission.enrollment_id == enrollment_id)
        .options(*_WITH)
        .order_by(Commission.occurred_at, Commission.id)
    ).all()


def page_of(
    session: Session, filters: Filters, asked: PageRequest, *, now: datetime
) -> Page[Commission]:
    """Return one page of the lines that pass the filters, newest first."""
    query = select(Commission).where(*filters.conditions(now)).options(*_WITH)
    rows = session.scalars(
        asked.limit(query, Commission.occurred_at, Commission.id)
    ).all()
    return asked.page(rows, key=lambda line: (line.occurred_at, line.id))


def totals(session: Session, filters: Filters, *, now: datetime) -> list[Totals]:
    """Return what the lines that pass the filters add up to, by currency."""
    rows = session.execute(
        select(
            Commission.currency,
            func.count(),
            _sum(Commission.kind == CommissionKind.EARNED),
            _sum(Commission.kind == CommissionKind.REVERSAL),
            _sum(Commission.kind == CommissionKind.ADJUSTMENT),
        )
        .where(*filters.conditions(now))
        .group_by(Commission.currency)
        .order_by(Commission.currency)
    )
    return [
        Totals(
            lines=lines,
            earned=Money(int(earned), currency),
            reversals=Money(int(reversals), currency),
            adjustments=Money(int(adjustments), currency),
            net=Money(int(earned + reversals + adjustments), currency),
        )
        for currency, lines, earned, reversals, adjustments in rows
    ]


def open_totals(session: Session, partner_id: UUID, now: datetime) -> list[OpenTotals]:
    """Return what the partner earned that is on no statement yet, by program."""
    rows = session.execute(
        select(
            Commission.program_id,
            Commission.currency,
            *(
                _sum(_in_state(state, now))
                for state in (
                    CommissionState.HELD,
                    CommissionState.ON_HOLD,
                    CommissionState.CLEARED,
                )
            ),
        )
        .where(Commission.partner_id == partner_id, Commission.frozen_at.is_(None))
        .group_by(Commission.program_id, Commission.currency)
        .order_by(Commission.program_id, Commission.currency)
    )
    return [
        OpenTotals(
            program_id=program_id,
            held=Money(int(held), currency),
            on_hold=Money(int(on_hold), currency),
            cleared=Money(int(cleared), currency),
        )
        for program_id, currency, held, on_hold, cleared in rows
    ]


def _sum(condition: ColumnElement[bool]) -> ColumnElement[Any]:
    return func.coalesce(func.sum(case((condition, Commission.amount_minor))), 0)
