"""What pages read about adjustments."""

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from flask_babel import gettext as _
from sqlalchemy import func, select
from sqlalchemy.orm import Session, joinedload

from portal.adjustments.models import Adjustment, AdjustmentStatus
from portal.enrollments.models import Enrollment
from portal.kit.errors import NotFound
from portal.web.pagination import Page, PageRequest

_PEOPLE = (
    joinedload(Adjustment.proposed_by),
    joinedload(Adjustment.decided_by),
    joinedload(Adjustment.enrollment).joinedload(Enrollment.partner),
    joinedload(Adjustment.enrollment).joinedload(Enrollment.version),
)


class NoSuchAdjustment(NotFound):
    """There is no adjustment with this id."""

    code = "no_such_adjustment"


def get(session: Session, adjustment_id: UUID, *, lock: bool = False) -> Adjustment:
    """Return an adjustment with its people, partner and program.

    Raises:
        NoSuchAdjustment: There is none.
    """
    statement = select(Adjustment).where(Adjustment.id == adjustment_id)
    if lock:
        statement = statement.with_for_update().execution_options(
            populate_existing=True
        )
    else:
        statement = statement.options(*_PEOPLE)
    found = session.scalar(statement)
    if found is None:
        raise NoSuchAdjustment(_("There is no such adjustment."))
    return found


def page(
    session: Session, asked: PageRequest, *, status: AdjustmentStatus | None = None
) -> Page[Adjustment]:
    """Return one page of adjustments, newest first."""
    query = select(Adjustment).options(*_PEOPLE)
    if status:
        query = query.where(Adjustment.status == status)
    rows = session.scalars(
        asked.limit(query, Adjustment.proposed_at, Adjustment.id)
    ).all()
    return asked.page(rows, key=lambda row: (row.proposed_at, row.id))


@dataclass(frozen=True, slots=True)
class Waiting:
    """Proposals that nobody decided on."""

    count: int
    since: datetime


def waiting(session: Session) -> Waiting | None:
    """Return how many proposals wait and since when; none where none does."""
    count, since = session.execute(
        select(func.count(), func.min(Adjustment.proposed_at)).where(
            Adjustment.status == AdjustmentStatus.PROPOSED
        )
    ).one()
    return Waiting(count, since) if count else None


def waiting_in(session: Session, program_id: UUID) -> int:
    """Return how many proposals of a program nobody decided on."""
    return (
        session.scalar(
            select(func.count())
            .select_from(Adjustment)
            .join(Enrollment, Enrollment.id == Adjustment.enrollment_id)
            .where(
                Adjustment.status == AdjustmentStatus.PROPOSED,
                Enrollment.program_id == program_id,
            )
        )
        or 0
    )
