"""The month that is not closed yet."""

from dataclasses import dataclass
from uuid import UUID

from sqlalchemy import and_, func, select
from sqlalchemy.dialects.postgresql import distinct_on
from sqlalchemy.orm import Session, joinedload, selectinload

from portal.commissions.models import Commission
from portal.enrollments.models import Enrollment
from portal.kit.money import Money
from portal.statements.models import (
    Period,
    PeriodStatus,
)
from portal.statements.policy import Carried, apply_policy
from portal.statements.queries.contents import adjustments_waiting, kind_from
from portal.statements.queries.issued import carried
from portal.statements.rules import LineKind, Totals, totals_of


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
            kind_from(running.c.starts_at).label("on"),
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
        .group_by(Enrollment.id, running.c.id, "on")
        .order_by(Enrollment.joined_at, Enrollment.id)
    ).all()
    keys = [row.Enrollment.id for row in rows]
    begun = carried(session, keys)
    adjusted = adjustments_waiting(session, keys)
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
    for key, adjustments in adjusted.items():
        lines[key] += [(LineKind.ADJUSTMENT, row.amount_minor) for row in adjustments]
    seen = {row.Enrollment.id: (row.Enrollment, current[row.id]) for row in rows}
    return [
        SoFar(enrollment, month, _totals(enrollment, month, begun.get(key), lines[key]))
        for key, (enrollment, month) in seen.items()
    ]


def _totals(
    enrollment: Enrollment,
    month: Period,
    begun: Carried | None,
    lines: list[tuple[LineKind, int]],
) -> Totals:
    before = begun or Carried()
    return apply_policy(
        enrollment.version.definition,
        totals_of(before.opening, lines),
        before,
        last_day=month.last_day,
        tax=None,  # only the close decides on it
    ).totals
