"""Opening a closed month again, while nothing of it is paid.

Nothing that was issued changes: each statement of the month gets one that takes it
back line by line, with a number of its own and an entry of its own in the books. The
next close issues new ones, which say which they replace.
"""

from collections.abc import Iterator, Sequence
from datetime import datetime
from operator import attrgetter
from typing import Any

from flask_babel import gettext as _
from sqlalchemy import select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session, selectinload

from portal.accounts.models import User
from portal.audit import service as audit
from portal.commissions import service as commissions
from portal.enrollments import queries as enrollments
from portal.kit.copying import copy_in
from portal.kit.db import violates
from portal.kit.errors import Conflict, Invalid
from portal.kit.ids import new_id
from portal.statements import emails, queries
from portal.statements.documents.data import sha256_of, statement_data
from portal.statements.models import (
    ONE_REOPENING,
    Period,
    PeriodReopening,
    PeriodStatus,
    Statement,
    StatementLine,
)
from portal.statements.rules import Payment, number_of
from portal.statements.service.close import amounts, book, take_numbers
from portal.statements.service.proposals import SecondPersonNeeded

_NAMED = 3
"""How many partners a refusal names."""


class NotClosed(Conflict):
    """The month is not closed, so there is nothing to reopen."""

    code = "month_not_closed"


class LaterMonthBegun(Conflict):
    """A later month is closed, being closed, or proposed to be."""

    code = "later_month_begun"


class PaidAlready(Conflict):
    """Something of the month was paid; the message says to whom."""

    code = "month_paid_already"


class AlreadyAsked(Conflict):
    """Somebody asked for it; a second person has to confirm it."""

    code = "reopening_already_asked"


def ask_to_reopen(
    session: Session,
    period: Period,
    *,
    reason: str,
    four_eyes: bool,
    actor: User,
    now: datetime,
) -> PeriodReopening:
    """Write down why a month should be opened again.

    Without four eyes the caller confirms it in the same transaction.

    Args:
        session: The session that holds the open transaction.
        period: The month, locked by the caller.
        reason: Why, for colleagues and for the audit log.
        four_eyes: Whether a second person has to confirm it.
        actor: Who asks.
        now: The moment.

    Raises:
        Invalid: There is no reason.
        NotClosed, LaterMonthBegun, PaidAlready: It cannot be reopened.
        AlreadyAsked: Somebody did.
    """
    if not reason.strip():
        raise Invalid(_("Say why, in a sentence."), field="reason")
    queries.lock_from(session, period)
    require_reopenable(session, period)
    asked = PeriodReopening(
        id=new_id(),
        period_id=period.id,
        turn=period.turn,
        reason=reason.strip(),
        four_eyes=four_eyes,
        asked_by_id=actor.id,
        asked_at=now,
        closed_at=period.closed_at,
        closed_by_id=period.closed_by_id,
    )
    try:
        with session.begin_nested():
            session.add(asked)
    except IntegrityError as error:
        if not violates(error, ONE_REOPENING):
            raise
        raise AlreadyAsked(
            _("Somebody asked to reopen %(label)s already.", label=period.label)
        ) from error
    _record(session, "period.reopening_asked", period, asked, actor=actor, now=now)
    return asked


def drop_reopening(
    session: Session, period: Period, *, actor: User, now: datetime
) -> None:
    """Leave the month closed after all. `period` is locked.

    Raises:
        NoSuchReopening: Nobody asked, or it is done.
    """
    asked = queries.asked_for(session, period)
    asked.dropped_by_id, asked.dropped_at = actor.id, now
    _record(session, "period.reopening_dropped", period, asked, actor=actor, now=now)


def reopen(session: Session, period: Period, *, actor: User, now: datetime) -> int:
    """Take the month's statements back and open it; return how many.

    The caller has made sure that no payout is under way; see
    `portal.payouts.service.reopen_month`, which is what pages call.

    Args:
        session: The session that holds the open transaction.
        period: The month, locked by the caller.
        actor: Who confirms it.
        now: The moment.

    Raises:
        NoSuchReopening: Nobody asked for it.
        SecondPersonNeeded: The actor asked, and two people are needed.
        NotClosed, LaterMonthBegun, PaidAlready: It cannot be reopened.
    """
    asked = queries.asked_for(session, period)
    if asked.four_eyes and asked.asked_by_id == actor.id:
        raise SecondPersonNeeded(_("A second person must confirm the reopening."))
    # Who closes locks its month, who pays the enrollment: from here on, nobody does.
    queries.lock_from(session, period)
    members = enrollments.in_program(session, period.program_id)
    enrollments.locked(session, [row.id for row in members])
    require_reopenable(session, period)
    asked.confirmed_by_id, asked.confirmed_at = actor.id, now
    session.flush()  # The database lets no statement be reversed before.
    taken_back = _take_back(session, period, now)
    commissions.thaw(session, queries.commissions_of(session, period), now=now)
    session.flush()  # All statements are reversed before the month opens.
    _open(period)
    session.flush()
    _record(session, "period.reopened", period, asked, actor=actor, now=now)
    emails.send_reversals(session, taken_back, now=now)
    return len(taken_back)


def require_reopenable(session: Session, period: Period) -> None:
    """Refuse to reopen a month that something is built on.

    Decide on it with the month and its enrollments locked.

    Raises:
        NotClosed: It is not closed.
        LaterMonthBegun: A later month is closed, being closed, or proposed to be.
        PaidAlready: A partner was paid since, or got back what the month kept back.
    """
    if period.status is not PeriodStatus.CLOSED:
        raise NotClosed(_("%(label)s is not closed.", label=period.label))
    later = queries.begun_after(session, period)
    if later is not None:
        raise LaterMonthBegun(
            _(
                "%(later)s is closed or about to be, so %(label)s stays closed. "
                "Correct it by an adjustment.",
                later=later.label,
                label=period.label,
            )
        )
    paid = queries.paid_since(session, period) or queries.released_from(session, period)
    if paid:
        raise PaidAlready(
            _(
                "%(names)s was paid since %(label)s was closed, so it stays closed. "
                "Correct it by an adjustment.",
                names=", ".join(paid[:_NAMED]),
                label=period.label,
            )
        )


def _take_back(session: Session, period: Period, now: datetime) -> list[Statement]:
    former = session.scalars(
        select(Statement)
        .where(Statement.period_id == period.id, queries.statements_stand())
        .options(selectinload(Statement.lines))
        .order_by(Statement.count)
    ).all()
    first = take_numbers(session, period, len(former))
    left = queries.left_before(session, former)
    reversals = []
    rows: list[tuple[Any, ...]] = []
    for count, statement in enumerate(former, first):
        lines = [_reversed(line) for line in statement.lines]
        made = _reversal(period, statement, count, now, left.get(statement.id, (0, 0)))
        made.sha256 = sha256_of(statement_data(made, enumerate(lines, 1)))
        reversals.append(made)
        rows += _rows(made, lines)
    session.add_all(reversals)
    copy_in(session, StatementLine, ("statement_id", "position", *_STORED), rows)
    book(session, reversals, occurred_at=period.ends_at)
    return reversals


def _reversal(
    period: Period,
    statement: Statement,
    count: int,
    now: datetime,
    left: tuple[int, int],
) -> Statement:
    """Return the statement that takes another one back; its lines follow."""
    advance, untaxed = left
    return Statement(
        id=new_id(),
        period_id=period.id,
        program_id=statement.program_id,
        enrollment_id=statement.enrollment_id,
        partner_id=statement.partner_id,
        count=count,
        number=number_of(period.program.key, period.label, count),
        period_label=statement.period_label,
        starts_on=statement.starts_on,
        ends_on=statement.ends_on,
        time_zone=statement.time_zone,
        issuer_name=statement.issuer_name,
        partner_name=statement.partner_name,
        partner_country=statement.partner_country,
        program_name=statement.program_name,
        currency=statement.currency,
        advance_minor=advance,
        untaxed_minor=untaxed,
        line_count=statement.line_count,
        payment=Payment.NOTHING,
        payment_gate="",
        pays_on=None,
        issued_at=now,
        turn=statement.turn,
        reverses_id=statement.id,
        refers_to=statement.number,
        **amounts(statement.totals.taken_back),
    )


def _reversed(line: StatementLine) -> StatementLine:
    """Return the line that takes another one back; it is not added to the session."""
    return StatementLine(
        id=new_id(),
        kind=line.kind,
        occurred_at=line.occurred_at,
        customer=line.customer,
        what=line.what,
        why=f"Takes back line {line.position}.",
        trace={},
        base_minor=-line.base_minor,
        rate=line.rate,
        amount_minor=-line.amount_minor,
        release_on=line.release_on,
        turn=line.turn,
        reverses_id=line.id,
    )


_STORED = (
    "id",
    "kind",
    "occurred_at",
    "customer",
    "what",
    "why",
    "trace",
    "base_minor",
    "rate",
    "amount_minor",
    "release_on",
    "turn",
    "reverses_id",
)


def _rows(
    statement: Statement, lines: Sequence[StatementLine]
) -> Iterator[tuple[Any, ...]]:
    stored = attrgetter(*_STORED)
    for position, line in enumerate(lines, 1):
        yield (statement.id, position, *stored(line))


def _open(period: Period) -> None:
    period.move_to(PeriodStatus.OPEN)
    period.turn += 1
    period.close_began_at = period.closed_at = period.closed_by_id = None
    period.acknowledged, period.four_eyes = {}, False
    period.proposed_by_id = period.proposed_at = None
    period.proposed_figures = ""


def _record(
    session: Session,
    action: str,
    period: Period,
    asked: PeriodReopening,
    *,
    actor: User,
    now: datetime,
) -> None:
    audit.record(
        session,
        action,
        period.id,
        actor=actor,
        at=now,
        month=period.label,
        why=asked.reason,
        turn=asked.turn,
    )
