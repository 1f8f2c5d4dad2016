"""The close of a month: begin, one chunk after the other, finish.

It can be killed anywhere and taken up again: each step is one transaction, and doing
a step again changes nothing. Everything that is written carries the moment at which
the close began, so that an interrupted close ends in the same books as another.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import fields
from datetime import datetime
from itertools import chain
from operator import attrgetter
from typing import Any
from uuid import UUID

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from portal import jobs
from portal.accounts.models import User
from portal.audit import service as audit
from portal.commissions import service as commissions
from portal.enrollments import queries as enrollments
from portal.enrollments.rules import unmet
from portal.kit.copying import copy_in
from portal.kit.ids import new_id
from portal.ledger import service as ledger
from portal.ledger.models import LedgerAccount
from portal.programs import queries as programs
from portal.programs.definition import Blocks
from portal.statements import emails, queries
from portal.statements.documents.data import sha256_of, statement_data
from portal.statements.models import (
    CloseChunk,
    Period,
    PeriodStatus,
    Statement,
    StatementCounter,
    StatementLine,
)
from portal.statements.policy import Carried
from portal.statements.rules import Totals, number_of
from portal.statements.service.checks import check
from portal.statements.service.drafts import Draft, DraftLine, draft_of
from portal.statements.service.proposals import (
    answered,
    confirmed,
    notes_in_words,
)
from portal.statements.service.reserves import release
from portal.statements.service.taxes import taxes

CLOSE_CHUNK = "statements.close_chunk"
FINISH_CLOSE = "statements.finish_close"
_CHUNK_SIZE = 50
"""How many enrollments are closed together; all that they sold is in memory then."""
_STATED = tuple(field.name for field in fields(DraftLine))
_stated = attrgetter(*_STATED)


def begin_close(
    session: Session,
    period: Period,
    *,
    actor: User | None,
    issuer_name: str,
    acknowledged: Mapping[str, str],
    withholds_us_tax: bool = False,
    four_eyes: bool = False,
    now: datetime,
    chunk_size: int = _CHUNK_SIZE,
) -> None:
    """Cut the month off and queue the work.

    Args:
        session: The session that holds the open transaction.
        period: The month, locked by the caller.
        actor: Who closes; none for the command line.
        issuer_name: The vendor's name, as the statements print it.
        acknowledged: A note for each warning, by the key of its check.
        withholds_us_tax: Whether the vendor withholds what US rules ask for.
        four_eyes: Whether somebody else must have proposed it; the notes are theirs.
        now: The moment printed on the statements.
        chunk_size: How many enrollments one transaction handles.

    Raises:
        PeriodTransition: It is being closed, or is closed, already.
        NotReadyToClose: A check stops it.
        WarningsUnanswered: A warning has no note.
        NotProposed, SecondPersonNeeded, FiguresChanged: See `proposals.confirmed`.
    """
    if four_eyes and period.status is PeriodStatus.OPEN:
        acknowledged = confirmed(
            session, period, actor=actor, withholds_us_tax=withholds_us_tax
        )
    period.move_to(PeriodStatus.CLOSING)
    period.close_began_at = now
    period.closed_by_id = actor.id if actor else None
    period.withholds_us_tax = withholds_us_tax
    period.four_eyes = four_eyes
    checks = check(session, period, now, withholds_us_tax=withholds_us_tax)
    period.acknowledged = answered(checks, acknowledged)
    period.issuer_name = issuer_name
    members = [row.id for row in enrollments.in_program(session, period.program_id)]
    parts = [
        members[start : start + chunk_size]
        for start in range(0, len(members), chunk_size)
    ]
    # A month that was reopened has the parts of its former close already.
    for number, part in enumerate(parts, queries.last_chunk(session, period.id) + 1):
        session.add(
            CloseChunk(
                period_id=period.id,
                number=number,
                enrollment_ids=[str(key) for key in part],
            )
        )
        jobs.defer(
            session, CLOSE_CHUNK, {"period_id": str(period.id), "number": number}
        )
    if not parts:
        jobs.defer(session, FINISH_CLOSE, {"period_id": str(period.id)})
    audit.record(
        session,
        "period.close_began",
        period.id,
        actor=actor,
        at=now,
        month=period.label,
        acknowledged=notes_in_words(period.acknowledged),
    )


def close_chunk(session: Session, period_id: UUID, number: int) -> int:
    """Write the statements of one chunk; return how many.

    A chunk that is done, or that another worker has in hand, is left alone.
    """
    chunk = session.scalar(
        select(CloseChunk)
        .where(
            CloseChunk.period_id == period_id,
            CloseChunk.number == number,
            CloseChunk.done_at.is_(None),
        )
        .with_for_update(skip_locked=True)
    )
    if chunk is None:
        return 0
    period = queries.period(session, period_id)
    began_at = period.close_began_at
    if began_at is None:
        raise RuntimeError(f"chunk {number} of {period.label}, which is open")
    drafts = _drafts(session, period, [UUID(key) for key in chunk.enrollment_ids])
    # From here on, chunks of one close wait for each other: they share the counter
    # of numbers, and the last one must know that it is the last.
    queries.period(session, period_id, lock=True)
    needed = [draft for draft in drafts if draft.is_needed]
    first = take_numbers(session, period, len(needed))
    former = queries.replaced_by(session, period) if period.turn > 1 else {}
    issued = [
        _issue(draft, count, began_at, former.get(draft.enrollment.id, ""))
        for count, draft in enumerate(needed, first)
    ]
    session.add_all(issued)
    copy_in(
        session,
        StatementLine,
        ("id", "statement_id", "position", "turn", *_STATED),
        chain.from_iterable(map(_lines, issued, needed)),
    )
    book(session, issued, occurred_at=period.ends_at)
    chunk.done_at = began_at
    session.flush()  # The count below must see this chunk as done.
    if _chunks_left(session, period_id) == 0:
        jobs.defer(session, FINISH_CLOSE, {"period_id": str(period_id)})
    return len(needed)


def finish_close(session: Session, period_id: UUID, *, now: datetime) -> None:
    """Call the month closed and tell the partners, once every chunk is done."""
    period = queries.period(session, period_id, lock=True)
    # A job that comes late finds it closed, or by then even open again.
    if period.status is not PeriodStatus.CLOSING or _chunks_left(session, period_id):
        return
    period.move_to(PeriodStatus.CLOSED)
    period.closed_at = now
    statements = queries.of_period(session, period_id)
    emails.send_statements(session, statements, now=now)
    audit.record(
        session,
        "period.closed",
        period.id,
        actor=period.closed_by,
        at=now,
        month=period.label,
        statements=len(statements),
    )


def _chunks_left(session: Session, period_id: UUID) -> int:
    return (
        session.scalar(
            select(func.count()).where(
                CloseChunk.period_id == period_id, CloseChunk.done_at.is_(None)
            )
        )
        or 0
    )


def _drafts(
    session: Session, period: Period, enrollment_ids: Sequence[UUID]
) -> list[Draft]:
    """Rate some enrollments anew, freeze what cleared, and put it into words."""
    definition = programs.current_version(
        session, period.program_id, period.ends_at
    ).definition
    began_at = period.close_began_at or period.ends_at
    members = enrollments.locked(session, enrollment_ids)
    keys = [member.id for member in members]
    release(session, keys, before=period.ends_at, now=began_at)
    frozen = commissions.settle(
        session,
        members,
        until=period.ends_at,
        period_label=period.label,
        now=began_at,
    )
    sources = queries.sources_of(
        session, chain.from_iterable(frozen.lines.values()), frozen.references
    )
    adjusted = queries.adjustments_waiting(session, keys, until=period.close_began_at)
    partners = [member.partner_id for member in members]
    moved = queries.movements_waiting(
        session, partners, period.program_id, period.ends_at
    )
    gates = enrollments.checklists(session, members, now=began_at)
    begun = queries.carried(session, keys)
    decided = taxes(
        session,
        members,
        period,
        definition,
        gates=gates,
        withholds_us_tax=period.withholds_us_tax,
    )
    return [
        draft_of(
            member,
            period,
            definition=definition,
            carried=begun.get(member.id, Carried()),
            commissions=frozen.lines[member.id],
            sources=sources,
            adjustments=adjusted.get(member.id, ()),
            movements=moved.get(member.partner_id, ()),
            tax=decided[member.id],
            unmet=unmet(gates[member.id], Blocks.PAYOUT),
        )
        for member in members
    ]


def take_numbers(session: Session, period: Period, how_many: int) -> int:
    """Take the next numbers of the program; return the first.

    The counter's row stays locked until the transaction ends: if it is rolled back,
    the numbers go to whoever comes next.
    """
    counter = session.scalar(
        select(StatementCounter)
        .where(StatementCounter.program_id == period.program_id)
        .with_for_update()
        .execution_options(populate_existing=True)
    )
    if counter is None:
        # No race: every close of the program holds the lock of its period, and
        # only one period of a program can be closing.
        counter = StatementCounter(program_id=period.program_id, last_count=0)
        session.add(counter)
    first = counter.last_count + 1
    counter.last_count += how_many
    return first


def _issue(draft: Draft, count: int, issued_at: datetime, replaces: str) -> Statement:
    """Return one statement; its lines follow, see `_lines`."""
    totals, period, enrollment = draft.totals, draft.period, draft.enrollment
    statement = Statement(
        id=new_id(),
        period_id=period.id,
        program_id=period.program_id,
        enrollment_id=enrollment.id,
        partner_id=enrollment.partner_id,
        count=count,
        number=number_of(period.program.key, period.label, count),
        period_label=period.label,
        starts_on=period.first_day,
        ends_on=period.last_day,
        time_zone=period.time_zone,
        issuer_name=period.issuer_name,
        partner_name=enrollment.partner.name,
        partner_country=enrollment.partner.country,
        program_name=draft.program_name,
        currency=draft.currency,
        advance_minor=draft.advance,
        untaxed_minor=draft.untaxed,
        line_count=len(draft.lines),
        payment=draft.plan.payment,
        payment_gate=draft.plan.gate,
        pays_on=draft.plan.pays_on,
        issued_at=issued_at,
        turn=period.turn,
        refers_to=replaces,
        **amounts(totals),
    )
    data = statement_data(statement, enumerate(draft.lines, 1))
    statement.sha256 = sha256_of(data)
    return statement


def _lines(statement: Statement, draft: Draft) -> Iterator[tuple[Any, ...]]:
    """Yield the rows of a statement's lines."""
    key = statement.id
    for position, line in enumerate(draft.lines, 1):
        yield (new_id(), key, position, statement.turn, *_stated(line))


def amounts(totals: Totals) -> dict[str, int]:
    """Return the parts of a statement by the columns that hold them."""
    return {
        "opening_minor": totals.opening,
        "earned_minor": totals.earned,
        "reversals_minor": totals.reversals,
        "adjustments_minor": totals.adjustments,
        "holdback_minor": totals.holdback,
        "releases_minor": totals.releases,
        "withholding_minor": totals.withholding,
        "fees_minor": totals.fees,
        "payouts_minor": totals.payouts,
        "closing_minor": totals.closing,
    }


def book(
    session: Session, statements: Sequence[Statement], *, occurred_at: datetime
) -> None:
    """Owe the partners what statements add; payouts are in the books already."""
    bookings = [
        ledger.Booking(
            key=f"statement:{statement.id}",
            lines=lines,
            occurred_at=occurred_at,
            now=statement.issued_at,
            description=f"Statement {statement.number}",
        )
        for statement in statements
        if (lines := _lines_of(statement))
    ]
    if bookings:
        ledger.book_all(session, bookings)


def _lines_of(statement: Statement) -> list[ledger.Line]:
    parts = (
        (statement.earned_minor, LedgerAccount.COMMISSION_EXPENSE),
        (statement.reversals_minor, LedgerAccount.COMMISSION_EXPENSE),
        (statement.adjustments_minor, LedgerAccount.COMMISSION_EXPENSE),
        (statement.holdback_minor, LedgerAccount.HOLDBACK),
        (-statement.withholding_minor, LedgerAccount.WITHHELD_TAX),
    )
    whose = (statement.partner_id, statement.program_id)
    lines = []
    for minor, against in parts:
        if minor:
            amount = statement.money(minor)
            lines += [
                ledger.Line(LedgerAccount.PARTNER_PAYABLE, amount, *whose),
                ledger.Line(against, -amount, *whose),
            ]
    return lines
