from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import ColumnElement, and_, case, func, or_, select
from sqlalchemy.dialects.postgresql import distinct_on
from sqlalchemy.orm import Session, joinedload, selectinload

from portal.commissions.models import Commission
from portal.dashboard.queries.home import held_or_waiting
from portal.enrollments.models import Enrollment, EnrollmentStatus
from portal.fees.models import FeeSubscription
from portal.fees.rules import FeeStatus
from portal.kit.money import Money
from portal.mail.models import MailStatus, OutboxEmail
from portal.payments.models import InboxEvent, InboxStatus
from portal.programs.models import ProgramVersion
from portal.statements.models import Period, PeriodStatus
from portal.statements.rules import month_of

SHOWN = 10
"""How many pieces of work of one kind the inbox lists one by one."""
SLOW_CLOSE = timedelta(hours=1)
"""A close that takes longer has run into something."""


@dataclass(frozen=True, slots=True)
class StuckEvent:
    """A Stripe event that a person should look at."""

    id: str
    type: str
    status: InboxStatus
    received_at: datetime
    note: str
    parked_for: str | None


@dataclass(frozen=True, slots=True)
class FailedMail:
    """A mail that could not be sent."""

    id: UUID
    to: str
    template: str
    queued_at: datetime
    last_error: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Health:
    """How the running month of one program stands.

    Attributes:
        version: The version in force, with its program.
        earned: What this calendar month's sales and refunds come to.
        on_hold: What waits, for its day or for a requirement.
        active_partners: How many partners may earn.
        period: The earliest month that is not closed; none before the first.
    """

    version: ProgramVersion
    earned: Sequence[Money]
    on_hold: Sequence[Money]
    active_partners: int
    period: Period | None


def stuck_events(session: Session) -> tuple[list[StuckEvent], int]:
    """Return the oldest events that failed or wait, and how many there are."""
    rows = session.execute(
        select(
            InboxEvent.id,
            InboxEvent.type,
            InboxEvent.status,
            InboxEvent.received_at,
            InboxEvent.note,
            InboxEvent.parked_for,
            func.count().over(),
        )
        .where(InboxEvent.status.in_((InboxStatus.FAILED, InboxStatus.PARKED)))
        # "failed" sorts before "parked": what broke comes before what waits.
        .order_by(InboxEvent.status, InboxEvent.received_at, InboxEvent.id)
        .limit(SHOWN)
    ).all()
    return [StuckEvent(*row[:-1]) for row in rows], _total(rows)


def failed_mails(session: Session) -> tuple[list[FailedMail], int]:
    """Return the oldest mails that failed for good, and how many there are."""
    rows = session.execute(
        select(
            OutboxEmail.id,
            OutboxEmail.to,
            OutboxEmail.template,
            OutboxEmail.queued_at,
            OutboxEmail.last_error,
            func.count().over(),
        )
        .where(OutboxEmail.status == MailStatus.FAILED)
        .order_by(OutboxEmail.queued_at, OutboxEmail.id)
        .limit(SHOWN)
    ).all()
    return [FailedMail(*row[:-1]) for row in rows], _total(rows)


def fees_past_due(session: Session) -> tuple[list[FeeSubscription], int]:
    """Return the fees whose renewal failed, the longest first, and how many."""
    rows = session.execute(
        select(FeeSubscription, func.count().over())
        .where(FeeSubscription.status == FeeStatus.PAST_DUE)
        .options(
            joinedload(FeeSubscription.enrollment).options(
                joinedload(Enrollment.partner), selectinload(Enrollment.version)
            )
        )
        .order_by(FeeSubscription.current_period_end, FeeSubscription.id)
        .limit(SHOWN)
    ).all()
    return [row[0] for row in rows], _total(rows)


def _total(rows: Sequence[Any]) -> int:
    return int(rows[0][-1]) if rows else 0


def unclosed_periods(session: Session) -> dict[UUID, Period]:
    """Return the earliest month of each program that is not closed, by program."""
    rows = session.scalars(
        select(Period)
        .where(Period.status != PeriodStatus.CLOSED)
        .ext(distinct_on(Period.program_id))
        .order_by(Period.program_id, Period.starts_at)
    )
    return {row.program_id: row for row in rows}


def month_health(
    session: Session,
    versions: Sequence[ProgramVersion],
    periods: dict[UUID, Period],
    *,
    now: datetime,
) -> list[Health]:
    """Return how the running month of every program stands.

    Args:
        session: The session to read from.
        versions: The version in force of each program.
        periods: Each program's earliest month that is not closed.
        now: The moment.
    """
    begins = {
        row.program_id: month_of(now, row.definition.zone).starts_at for row in versions
    }
    sums = _sums(session, begins, now)
    counted = session.execute(
        select(Enrollment.program_id, func.count())
        .where(Enrollment.status == EnrollmentStatus.ACTIVE)
        .group_by(Enrollment.program_id)
    )
    partners = {program_id: count for program_id, count in counted}  # noqa: C416 - mypy reads rows, not dict()
    found = []
    for version in versions:
        nothing = [(0, 0, version.definition.currency)]
        mine = sums.get(version.program_id, nothing)
        found.append(
            Health(
                version=version,
                earned=[Money(earned, currency) for earned, _, currency in mine],
                on_hold=[Money(waiting, currency) for _, waiting, currency in mine],
                active_partners=partners.get(version.program_id, 0),
                period=periods.get(version.program_id),
            )
        )
    return found


def _sums(
    session: Session, begins: dict[UUID, datetime], now: datetime
) -> dict[UUID, list[tuple[int, int, str]]]:
    """Return what was earned this month and what waits, by program."""
    is_new: ColumnElement[bool] = or_(
        False,
        *(
            and_(Commission.program_id == key, Commission.occurred_at >= starts_at)
            for key, starts_at in begins.items()
        ),
    )
    is_waiting = and_(Commission.frozen_at.is_(None), held_or_waiting(now))
    rows = session.execute(
        select(
            Commission.program_id,
            Commission.currency,
            func.coalesce(func.sum(case((is_new, Commission.amount_minor))), 0),
            func.coalesce(func.sum(case((is_waiting, Commission.amount_minor))), 0),
        )
        .where(or_(is_new, is_waiting))
        .group_by(Commission.program_id, Commission.currency)
        .order_by(Commission.program_id, Commission.currency)
    )
    found: dict[UUID, list[tuple[int, int, str]]] = {}
    for program_id, currency, earned, waiting in rows:
        found.setdefault(program_id, []).append((int(earned), int(waiting), currency))
    return found
