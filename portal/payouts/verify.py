"""The invariants of the books, checked on a live database. Reads only.

Each check names the row it found. Those about one sale hold for rules whose window is
the sale itself: there, a sale that is refunded in full earned exactly nothing. Where
the sales of a month count together, the lines of the *month* add up to what is left
of it, and one sale's lines need not cancel out (see `commissions.calculation`).
"""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import groupby, pairwise

from sqlalchemy import ColumnElement, case, cast, func, or_, select
from sqlalchemy.dialects.postgresql import JSONPATH, distinct_on
from sqlalchemy.orm import Session, selectinload

from portal.adjustments.models import Adjustment, AdjustmentStatus
from portal.attribution import queries as attribution
from portal.commissions.models import Commission
from portal.kit.ids import public_id
from portal.ledger import sealing
from portal.ledger.models import JournalEntry, LedgerAccount, Posting
from portal.payments.models import InboxEvent, InboxStatus
from portal.payouts.models import (
    BOOKED,
    BOOKED_BACK,
    ROWS_OF,
    BatchRow,
    Payout,
    PayoutAccount,
    PayoutBatch,
    RowStatus,
)
from portal.programs.models import ProgramVersion
from portal.sales.models import Refund, Sale
from portal.statements.documents.data import sha256_of, statement_data
from portal.statements.models import (
    Period,
    PeriodStatus,
    Statement,
    StatementCounter,
    StatementLine,
)
from portal.statements.queries import PAYOUT_KEYS, RELEASE_KEYS
from portal.statements.rules import LineKind, number_of, totals_of

STATEMENT_KEYS = "statement:%"
_TIME_TO_HANDLE = timedelta(hours=1)


@dataclass(frozen=True, slots=True)
class Finding:
    """A row that breaks an invariant."""

    invariant: str
    row: str
    problem: str


def verify(session: Session, now: datetime) -> list[Finding]:
    """Return every row that breaks an invariant; none in a sound database."""
    return [
        Finding(name, row, problem)
        for name, check in CHECKS.items()
        for row, problem in check(session, now)
    ]


Found = Iterator[tuple[str, str]]
"""Pairs of the row and what is wrong with it."""


def _entries_balance(session: Session, _now: datetime) -> Found:
    rows = session.execute(
        select(JournalEntry.key, Posting.currency, func.sum(Posting.amount_minor))
        .join(Posting, Posting.entry_id == JournalEntry.id)
        .group_by(JournalEntry.key, Posting.currency)
        .having(func.sum(Posting.amount_minor) != 0)
        .order_by(JournalEntry.key)
    )
    for key, currency, total in rows:
        yield key, f"adds up to {total} {currency}, not to 0"


def _books_balance(session: Session, _now: datetime) -> Found:
    rows = session.execute(
        select(Posting.currency, func.sum(Posting.amount_minor))
        .group_by(Posting.currency)
        .having(func.sum(Posting.amount_minor) != 0)
    )
    for currency, total in rows:
        yield currency, f"all postings add up to {total}, not to 0"


def _entries_have_two_sides(session: Session, _now: datetime) -> Found:
    rows = session.execute(
        select(JournalEntry.key, func.count(Posting.id))
        .outerjoin(Posting, Posting.entry_id == JournalEntry.id)
        .group_by(JournalEntry.key)
        .having(func.count(Posting.id) < 2)  # noqa: PLR2004 - debit and credit
        .order_by(JournalEntry.key)
    )
    for key, count in rows:
        yield key, f"has {count} postings, needs two"


def _entries_have_one_currency(session: Session, _now: datetime) -> Found:
    rows = session.execute(
        select(JournalEntry.key)
        .join(Posting, Posting.entry_id == JournalEntry.id)
        .group_by(JournalEntry.key)
        .having(
            or_(
                func.count(Posting.currency.distinct()) != 1,
                func.bool_or(Posting.currency.regexp_match("^[A-Z]{3}$").is_(False)),
            )
        )
        .order_by(JournalEntry.key)
    )
    for (key,) in rows:
        yield key, "mixes currencies, or has a posting without one"


def _statements(session: Session) -> Iterable[Statement]:
    return session.scalars(
        select(Statement)
        .options(selectinload(Statement.lines))
        .order_by(Statement.enrollment_id, Statement.period_label)
        .execution_options(yield_per=200, populate_existing=True)
    )


def _statements_add_up(session: Session, _now: datetime) -> Found:
    for statement in _statements(session):
        lines = [(line.kind, line.amount_minor) for line in statement.lines]
        if totals_of(statement.opening_minor, lines) != statement.totals:
            yield statement.number, "its parts are not what its lines add up to"
        if statement.totals.closing != statement.closing_minor:
            yield statement.number, "its closing is not what its parts add up to"
        positions = [line.position for line in statement.lines]
        if positions != list(range(1, statement.line_count + 1)):
            yield statement.number, f"has not the {statement.line_count} lines it says"


def _statements_connect(session: Session, _now: datetime) -> Found:
    rows = session.execute(
        select(
            Statement.enrollment_id,
            Statement.number,
            Statement.opening_minor,
            Statement.closing_minor,
        ).order_by(Statement.enrollment_id, Statement.period_label)
    ).all()
    for _key, group in groupby(rows, key=lambda row: row.enrollment_id):
        statements = list(group)
        if statements[0].opening_minor != 0:
            yield statements[0].number, "is the first one and opens with a balance"
        for before, after in pairwise(statements):
            if after.opening_minor != before.closing_minor:
                problem = (
                    f"opens with {after.opening_minor}, {before.number} closed "
                    f"with {before.closing_minor}"
                )
                yield after.number, problem


def _statements_are_booked(session: Session, _now: datetime) -> Found:
    booked = dict(_rows(session, STATEMENT_KEYS))
    for statement in _statements(session):
        payable = booked.pop(f"statement:{statement.id}", 0)
        if payable != statement.totals.booked:
            yield (
                statement.number,
                f"states {statement.totals.booked}, the books say {payable}",
            )
    for key in booked:
        yield key, "is booked without a statement"


def _payouts_are_booked(session: Session, _now: datetime) -> Found:
    booked = dict(_rows(session, PAYOUT_KEYS))
    for payout in session.scalars(select(Payout).order_by(Payout.id)):
        payable = booked.pop(f"payout:{payout.id}", 0)
        if payable != -payout.amount_minor:
            yield (
                payout.public_id,
                f"is {payout.amount_minor}, the books say {-payable}",
            )
    for row in session.scalars(select(BatchRow).order_by(BatchRow.id)):
        back = row.status in BOOKED_BACK
        out = booked.pop(f"payout:{row.id}", 0)
        returned = booked.pop(f"payout:{row.id}:return", 0)
        should_be_out = row.amount_minor if back or row.status in BOOKED else 0
        should_be_back = row.amount_minor if back else 0
        if (-out, returned) != (should_be_out, should_be_back):
            problem = f"is {row.status}; the books say {-out} out, {returned} back"
            yield row.end_to_end_id, problem
    for key in booked:
        yield key, "is booked without a payout"


def _rows(session: Session, pattern: str) -> list[tuple[str, int]]:
    rows = session.execute(
        select(JournalEntry.key, func.sum(Posting.amount_minor))
        .join(Posting, Posting.entry_id == JournalEntry.id)
        .where(
            JournalEntry.key.like(pattern),
            Posting.account == LedgerAccount.PARTNER_PAYABLE,
        )
        .group_by(JournalEntry.key)
        .order_by(JournalEntry.key)
    )
    return [(key, int(total)) for key, total in rows]


def _balances_follow(session: Session, _now: datetime) -> Found:
    """The balance in the books is the last closing less what was paid since."""
    latest = (
        select(
            Statement.partner_id,
            Statement.program_id,
            Statement.number,
            Statement.closing_minor,
        )
        .ext(distinct_on(Statement.enrollment_id))
        .order_by(Statement.enrollment_id, Statement.period_label.desc())
        .subquery()
    )
    shown = select(StatementLine.posting_id).where(
        StatementLine.posting_id.is_not(None)
    )
    unshown = case(
        (
            or_(JournalEntry.key.like(PAYOUT_KEYS), JournalEntry.key.like(RELEASE_KEYS))
            & Posting.id.not_in(shown),
            Posting.amount_minor,
        ),
        else_=0,
    )
    rows = session.execute(
        select(
            Posting.partner_id,
            latest.c.number,
            func.coalesce(latest.c.closing_minor, 0),
            func.sum(Posting.amount_minor),
            func.sum(unshown),
        )
        .join(JournalEntry, JournalEntry.id == Posting.entry_id)
        .outerjoin(
            latest,
            (latest.c.partner_id == Posting.partner_id)
            & (latest.c.program_id == Posting.program_id),
        )
        .where(Posting.account == LedgerAccount.PARTNER_PAYABLE)
        .group_by(
            Posting.partner_id,
            Posting.program_id,
            latest.c.number,
            latest.c.closing_minor,
        )
    )
    for partner_id, number, closing, balance, paid_since in rows:
        expected = int(closing) + int(paid_since)
        if int(balance) != expected:
            yield (
                number or public_id("prt", partner_id),
                f"leaves {expected} owed, the books say {int(balance)}",
            )


def _releases_are_booked(session: Session, _now: datetime) -> Found:
    """What was held back is released once, whole and not before its day."""
    booked = dict(_rows(session, RELEASE_KEYS))
    early = dict(
        session.execute(
            select(JournalEntry.key, JournalEntry.occurred_at).where(
                JournalEntry.key.like(RELEASE_KEYS)
            )
        ).all()
    )
    rows = session.execute(
        select(StatementLine, Statement)
        .join(Statement, Statement.id == StatementLine.statement_id)
        .where(StatementLine.kind == LineKind.HOLDBACK)
        .order_by(StatementLine.id)
    )
    for line, statement in rows:
        key = f"release:{line.id}"
        released = booked.pop(key, 0)
        if released not in (0, -line.amount_minor):
            yield (
                statement.number,
                f"keeps back {-line.amount_minor}, the books release {released}",
            )
        day = early[key].astimezone(statement.zone).date() if released else None
        if day and day != line.release_on:
            yield statement.number, f"is released on {day}, not on {line.release_on}"
    for key in booked:
        yield key, "is booked and nothing was kept back"


def _lines_match_commissions(session: Session, _now: datetime) -> Found:
    rows = session.execute(
        select(
            Commission,
            func.count(StatementLine.id),
            func.min(StatementLine.amount_minor),
        )
        .outerjoin(StatementLine, StatementLine.commission_id == Commission.id)
        .group_by(Commission.id)
        .having(
            or_(
                (Commission.frozen_at.is_not(None))
                & (func.count(StatementLine.id) != 1),
                (Commission.frozen_at.is_(None)) & (func.count(StatementLine.id) != 0),
                func.min(StatementLine.amount_minor) != Commission.amount_minor,
            )
        )
        .order_by(Commission.id)
    )
    for commission, count, amount in rows:
        if count == 1 and commission.frozen_at is not None:
            problem = f"is {commission.amount_minor}, its line says {amount}"
        else:
            frozen = "frozen" if commission.frozen_at else "not frozen"
            problem = f"is {frozen} and on {count} statements"
        yield commission.public_id, problem


def _takes_everything_back() -> tuple[ColumnElement[bool], ...]:
    """Return which lines a full refund brings to zero.

    A program may take nothing back, or only for some days, and a cap of many sales
    takes first what went over.
    """
    clawback = ProgramVersion.definition_json["clawback"]
    capped = func.jsonb_path_exists(
        ProgramVersion.definition_json,
        cast('$.rules[*].caps[*] ? (@.per != "sale")', JSONPATH),
    )
    return (
        func.coalesce(clawback["refunds"].as_string(), "full") == "full",
        clawback["refund_days"].as_string().is_(None),
        ~capped,
    )


def _refunded_sales_earned_nothing(session: Session, _now: datetime) -> Found:
    refunded = (
        select(Refund.sale_id)
        .join(Sale, Sale.id == Refund.sale_id)
        .group_by(Refund.sale_id, Sale.gross_minor)
        .having(func.sum(Refund.gross_minor) == Sale.gross_minor)
    )
    rows = session.execute(
        select(Sale.external_id, Commission.rule_key, func.sum(Commission.amount_minor))
        .join(Sale, Sale.id == Commission.sale_id)
        .join(ProgramVersion, ProgramVersion.id == Commission.version_id)
        .where(
            Commission.sale_id.in_(refunded),
            Commission.trace["window"]["kind"].as_string() == "sale",
            *_takes_everything_back(),
        )
        .group_by(Commission.enrollment_id, Sale.external_id, Commission.rule_key)
        .having(func.sum(Commission.amount_minor) != 0)
        .order_by(Sale.external_id)
    )
    for external_id, rule_key, total in rows:
        yield external_id, f"is refunded in full and still earned {total} ({rule_key})"


def _numbers_have_no_gaps(session: Session, _now: datetime) -> Found:
    counters = {
        row.program_id: row.last_count
        for row in session.scalars(select(StatementCounter))
    }
    rows = session.scalars(
        select(Statement).order_by(Statement.program_id, Statement.count)
    )
    for program_id, group in groupby(rows, key=lambda row: row.program_id):
        statements = list(group)
        for expected, statement in enumerate(statements, 1):
            if statement.count != expected:
                yield statement.number, f"should have the count {expected}"
                break
        for statement in statements:
            key = statement.number.rpartition("-")[0].rpartition("-")[0]
            if statement.number != number_of(
                key, statement.period_label, statement.count
            ):
                yield statement.number, f"is the {statement.count}th of its program"
        last = counters.pop(program_id, 0)
        if last != statements[-1].count:
            yield statements[-1].number, f"is the last, the counter stands at {last}"
    for program_id, last in counters.items():
        if last:
            yield public_id("pgm", program_id), f"counts {last} statements, has none"


def _hashes_hold(session: Session, _now: datetime) -> Found:
    for statement in _statements(session):
        if sha256_of(statement_data(statement)) != statement.sha256:
            yield statement.number, "does not have the hash that was issued"


def _batches_hold(session: Session, _now: datetime) -> Found:
    """Rows stand where their batch stands, and a file is what was approved."""
    rows = session.execute(
        select(
            PayoutBatch,
            func.array_agg(BatchRow.status.distinct()),
            func.bool_and(BatchRow.currency == PayoutBatch.currency),
            func.bool_and(PayoutAccount.partner_id == BatchRow.partner_id),
        )
        .join(BatchRow, BatchRow.batch_id == PayoutBatch.id)
        .join(PayoutAccount, PayoutAccount.id == BatchRow.account_id)
        .group_by(PayoutBatch.id)
        .order_by(PayoutBatch.number)
    )
    for batch, statuses, one_currency, own_accounts in rows:
        strange = {RowStatus(status) for status in statuses} - ROWS_OF[batch.status]
        if strange:
            words = ", ".join(sorted(strange))
            yield batch.name, f"is {batch.status} and has rows that are {words}"
        if not one_currency:
            yield batch.name, "mixes currencies"
        if not own_accounts:
            yield batch.name, "pays a partner to the account of another"


def _events_are_settled(session: Session, now: datetime) -> Found:
    """What happened in a closed month is handled, unless it came in just now."""
    closed_until = session.scalar(
        select(func.max(Period.ends_at)).where(Period.status == PeriodStatus.CLOSED)
    )
    if closed_until is None:
        return
    rows = session.scalars(
        select(InboxEvent)
        .where(
            InboxEvent.status.in_([InboxStatus.RECEIVED, InboxStatus.FAILED]),
            InboxEvent.occurred_at < closed_until,
            InboxEvent.received_at < now - _TIME_TO_HANDLE,
        )
        .order_by(InboxEvent.id)
    )
    for event in rows:
        yield event.id, f"is {event.status} and belongs to a closed month"


def _adjustments_are_approved(session: Session, _now: datetime) -> Found:
    rows = session.execute(
        select(Adjustment, StatementLine.amount_minor)
        .join(StatementLine, StatementLine.adjustment_id == Adjustment.id)
        .where(
            or_(
                Adjustment.status != AdjustmentStatus.APPROVED,
                Adjustment.amount_minor != StatementLine.amount_minor,
            )
        )
        .order_by(Adjustment.id)
    )
    for adjustment, stated in rows:
        yield (
            adjustment.public_id,
            (
                f"is {adjustment.status} at {adjustment.amount_minor}, its line says "
                f"{stated}"
            ),
        )


def _chain_holds(session: Session, now: datetime) -> Found:
    yield from sealing.broken(session, now=now)


def _shares_add_up(session: Session, _now: datetime) -> Found:
    for customer_id, _program_id in attribution.uneven(session):
        yield public_id("cus", customer_id), "has shares that are not the whole of it"


CHECKS: dict[str, Callable[[Session, datetime], Found]] = {
    "entries-balance": _entries_balance,
    "books-balance": _books_balance,
    "entries-have-two-sides": _entries_have_two_sides,
    "entries-have-one-currency": _entries_have_one_currency,
    "statements-add-up": _statements_add_up,
    "statements-connect": _statements_connect,
    "statements-are-booked": _statements_are_booked,
    "payouts-are-booked": _payouts_are_booked,
    "batches-hold": _batches_hold,
    "balances-follow": _balances_follow,
    "releases-are-booked": _releases_are_booked,
    "lines-match-commissions": _lines_match_commissions,
    "chain-holds": _chain_holds,
    "adjustments-are-approved": _adjustments_are_approved,
    "shares-add-up": _shares_add_up,
    "refunded-sales-earned-nothing": _refunded_sales_earned_nothing,
    "numbers-have-no-gaps": _numbers_have_no_gaps,
    "hashes-hold": _hashes_hold,
    "events-are-settled": _events_are_settled,
}
"""Every invariant by its name, in the order in which they are checked."""
