"""What a reopened month took back, and what stands in its place."""

from collections.abc import Sequence
from uuid import UUID

from flask_babel import gettext as _
from sqlalchemy import and_, func, select
from sqlalchemy.orm import Session, aliased, joinedload

from portal.kit.errors import NotFound
from portal.ledger.models import JournalEntry, LedgerAccount, Posting
from portal.statements.models import (
    Period,
    PeriodReopening,
    PeriodStatus,
    Statement,
    StatementLine,
)
from portal.statements.queries.contents import PAYOUT_KEYS, RELEASE_KEYS
from portal.statements.queries.standing import statements_stand


class NoSuchReopening(NotFound):
    """Nobody wants the month to be reopened."""

    code = "reopening_not_found"


def reopenings(session: Session, period_id: UUID) -> Sequence[PeriodReopening]:
    """Return when a month was reopened, or should be; the latest first."""
    return session.scalars(
        select(PeriodReopening)
        .where(
            PeriodReopening.period_id == period_id,
            PeriodReopening.dropped_at.is_(None),
        )
        .options(
            joinedload(PeriodReopening.asked_by),
            joinedload(PeriodReopening.confirmed_by),
        )
        .order_by(PeriodReopening.turn.desc())
    ).all()


def asked_for(session: Session, period: Period) -> PeriodReopening:
    """Return the reopening that waits for a second person.

    Raises:
        NoSuchReopening: Nobody asked for one.
    """
    found = session.scalar(
        select(PeriodReopening).where(
            PeriodReopening.period_id == period.id,
            PeriodReopening.turn == period.turn,
            PeriodReopening.confirmed_at.is_(None),
            PeriodReopening.dropped_at.is_(None),
        )
    )
    if found is None:
        raise NoSuchReopening(_("Nobody asked to reopen this month."))
    return found


def begun_after(session: Session, period: Period) -> Period | None:
    """Return the first later month of the program that is not simply open."""
    return session.scalar(
        select(Period)
        .where(
            Period.program_id == period.program_id,
            Period.starts_at > period.starts_at,
            (Period.status != PeriodStatus.OPEN) | Period.proposed_by_id.is_not(None),
        )
        .order_by(Period.starts_at)
        .limit(1)
    )


def lock_from(session: Session, period: Period) -> None:
    """Lock a month and all later ones, so that none of them begins to close."""
    session.scalars(
        select(Period.id)
        .where(
            Period.program_id == period.program_id,
            Period.starts_at >= period.starts_at,
        )
        .order_by(Period.starts_at)
        .with_for_update()
    ).all()


def paid_since(session: Session, period: Period) -> list[str]:
    """Return who was paid since a month began to close, by name.

    A payout that came back as a whole is none.
    """
    rows = session.execute(
        select(Statement.partner_name)
        .join(
            Posting,
            and_(
                Posting.partner_id == Statement.partner_id,
                Posting.program_id == Statement.program_id,
            ),
        )
        .join(JournalEntry, JournalEntry.id == Posting.entry_id)
        .where(
            Statement.period_id == period.id,
            statements_stand(),
            Posting.account == LedgerAccount.PARTNER_PAYABLE,
            JournalEntry.key.like(PAYOUT_KEYS),
            JournalEntry.recorded_at >= period.close_began_at,
        )
        .group_by(Statement.id)
        .having(func.sum(Posting.amount_minor) != 0)
        .order_by(Statement.partner_name)
    )
    return [name for (name,) in rows]


def released_from(session: Session, period: Period) -> list[str]:
    """Return whose money, kept back by a month, was released already, by name."""
    key = func.concat(RELEASE_KEYS[:-1], StatementLine.id)
    rows = session.scalars(
        select(Statement.partner_name)
        .join(StatementLine, StatementLine.statement_id == Statement.id)
        .join(JournalEntry, JournalEntry.key == key)
        .where(Statement.period_id == period.id)
        .order_by(Statement.partner_name)
    )
    return list(rows)


def left_before(
    session: Session, statements: Sequence[Statement]
) -> dict[UUID, tuple[int, int]]:
    """Return the advance and the untaxed amount that each statement began with.

    They are what the statement before left; by the id of the statement.
    """
    wanted, before = aliased(Statement), aliased(Statement)
    rows = session.execute(
        select(wanted.id, before.advance_minor, before.untaxed_minor)
        .join(before, before.enrollment_id == wanted.enrollment_id)
        .where(
            wanted.id.in_([row.id for row in statements]), before.count < wanted.count
        )
        .order_by(wanted.id, before.count)  # the last one wins
    )
    return {key: (advance, untaxed) for key, advance, untaxed in rows}


def replaced_by(session: Session, period: Period) -> dict[UUID, str]:
    """Return the number of the statement that a new one replaces, by enrollment."""
    rows = session.execute(
        select(Statement.enrollment_id, Statement.number)
        .where(Statement.period_id == period.id, Statement.reverses_id.is_(None))
        .order_by(Statement.turn)  # the last one wins
    )
    return {key: number for key, number in rows}  # noqa: C416 - mypy reads rows, not dict()


def commissions_of(session: Session, period: Period) -> list[UUID]:
    """Return the commissions that the month's statements have just reversed."""
    rows = session.scalars(
        select(StatementLine.commission_id)
        .join(Statement, Statement.id == StatementLine.statement_id)
        .where(Statement.period_id == period.id, Statement.turn == period.turn)
    )
    return [key for key in rows if key is not None]
