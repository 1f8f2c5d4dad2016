"""Statements against their lines, their neighbours, the books and their hash."""

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from itertools import chain, groupby, pairwise
from types import MappingProxyType
from typing import Any, NamedTuple, Protocol
from uuid import UUID

from sqlalchemy import ARRAY, Uuid, and_, any_, func, literal, or_, select
from sqlalchemy.orm import Session, aliased

from portal.commissions.models import Commission
from portal.kit.ids import public_id
from portal.ledger.models import JournalEntry, LedgerAccount, Posting
from portal.statements.documents.data import sha256_of, statement_data
from portal.statements.models import Statement, StatementCounter, StatementLine
from portal.statements.queries import RELEASE_KEYS, lines_stand
from portal.statements.rules import LineKind, number_of, totals_of
from portal.verification.findings import Found, Scope

STATEMENT_KEYS = "statement:%"
_AT_ONCE = 25
"""How many statements are in memory together."""


class Line(NamedTuple):
    """A line of a statement as plain values, the columns that a statement shows."""

    statement_id: UUID
    position: int
    kind: LineKind
    commission_id: UUID | None
    occurred_at: datetime
    customer: str
    what: str
    why: str
    trace: dict[str, Any]
    base_minor: int
    rate: str
    amount_minor: int

    @property
    def commission_public_id(self) -> str:
        """The id of the commission that people see; empty where there is none."""
        return public_id("com", self.commission_id) if self.commission_id else ""


class OfStatement(Protocol):
    """A check of one statement with its lines."""

    def __call__(self, statement: Statement, lines: Sequence[Line]) -> Iterator[str]:
        """Yield what is wrong with it."""


def adds_up(statement: Statement, lines: Sequence[Line]) -> Iterator[str]:
    """I4: opening and lines give the parts, the parts the closing."""
    amounts = ((line.kind, line.amount_minor) for line in lines)
    if totals_of(statement.opening_minor, amounts) != statement.totals:
        yield "its parts are not what its lines add up to"
    if statement.totals.closing != statement.closing_minor:
        yield "its closing is not what its parts add up to"
    positions = [line.position for line in lines]
    if positions != list(range(1, statement.line_count + 1)):
        yield f"has not the {statement.line_count} lines it says"


def hash_holds(statement: Statement, lines: Sequence[Line]) -> Iterator[str]:
    """I11: the stored lines still give the hash that was issued."""
    data = statement_data(statement, ((line.position, line) for line in lines))
    if sha256_of(data) != statement.sha256:
        yield "does not have the hash that was issued"


OF_EACH: Mapping[str, OfStatement] = MappingProxyType(
    {"statements-add-up": adds_up, "hashes-hold": hash_holds}
)
"""What reads every line, done in one pass: reading them is what takes time."""


def check_each(session: Session, scope: Scope) -> Iterator[tuple[str, str, str]]:
    """Yield the check, the number and the problem of each statement that is wrong."""
    for part in _parts(session, scope):
        lines = _lines_of(session, [statement.id for statement in part])
        for statement in part:
            for name, check in OF_EACH.items():
                for problem in check(statement, lines[statement.id]):
                    yield name, statement.number, problem


def _parts(session: Session, scope: Scope) -> Iterator[list[Statement]]:
    """Yield the statements by enrollment and month, a few at a time.

    They are copies outside the session: as they are stored, whatever the session has.
    """
    names = [column.key for column in Statement.__table__.columns]
    rows = session.execute(
        select(*(getattr(Statement, name) for name in names))
        .where(scope.covers(Statement.issued_at))
        .order_by(Statement.enrollment_id, Statement.count)
        .execution_options(yield_per=_AT_ONCE)
    )
    for part in rows.partitions():
        yield [Statement(**row._mapping) for row in part]  # noqa: SLF001 - its name is meant for use


def _lines_of(session: Session, keys: Sequence[UUID]) -> dict[UUID, list[Line]]:
    """Return the lines of statements, in their order, as plain values."""
    found: dict[UUID, list[Line]] = {key: [] for key in keys}
    rows = session.execute(
        select(*(getattr(StatementLine, name) for name in Line._fields))
        .where(StatementLine.statement_id == any_(literal(keys, ARRAY(Uuid))))
        .order_by(StatementLine.statement_id, StatementLine.position)
    )
    for line in map(Line._make, rows):
        found[line.statement_id].append(line)
    return found


def lines_have_a_statement(session: Session, _scope: Scope) -> Found:
    """I4: no line whose statement is gone."""
    rows = session.scalars(
        select(StatementLine.id)
        .outerjoin(Statement, Statement.id == StatementLine.statement_id)
        .where(Statement.id.is_(None))
        .order_by(StatementLine.id)
    )
    for line_id in rows:
        yield f"line {line_id}", "is of a statement that is gone"


def lines_have_a_commission(session: Session, _scope: Scope) -> Found:
    """I5, from the other side: what a line states was really earned."""
    rows = session.execute(
        select(StatementLine.commission_id, StatementLine.position)
        .outerjoin(Commission, Commission.id == StatementLine.commission_id)
        .where(StatementLine.commission_id.is_not(None), Commission.id.is_(None))
        .order_by(StatementLine.id)
    )
    for commission_id, position in rows:
        if commission_id is not None:  # the query says so too, but not to mypy
            yield public_id("com", commission_id), f"is gone, and is line {position}"


def connect(session: Session, scope: Scope) -> Found:
    """I4: a statement opens with what the one before closed with."""
    touched = select(Statement.enrollment_id).where(scope.covers(Statement.issued_at))
    rows = session.execute(
        select(
            Statement.enrollment_id,
            Statement.number,
            Statement.opening_minor,
            Statement.closing_minor,
        )
        .where(Statement.enrollment_id.in_(touched))
        .order_by(Statement.enrollment_id, Statement.count)
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


def are_booked(session: Session, scope: Scope) -> Found:
    """I4: the books owe the partner what the statement adds."""
    # An entry carries the moment of its statement: the same bound fits both.
    booked = _payable_by_key(session, STATEMENT_KEYS, scope)
    for statement in chain.from_iterable(_parts(session, scope)):
        payable = booked.pop(f"statement:{statement.id}", 0)
        if payable != statement.totals.booked:
            yield (
                statement.number,
                f"states {statement.totals.booked}, the books say {payable}",
            )
    for key in booked:
        yield key, "is booked without a statement"


def releases_are_booked(session: Session, scope: Scope) -> Found:
    """What was held back is released once, whole and not before its day."""
    booked = _payable_by_key(session, RELEASE_KEYS, Scope(scope.now))
    released_at = dict(
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
        day = released_at[key].astimezone(statement.zone).date() if released else None
        if day and day != line.release_on:
            yield statement.number, f"is released on {day}, not on {line.release_on}"
    for key in booked:
        yield key, "is booked and nothing was kept back"


def _payable_by_key(session: Session, pattern: str, scope: Scope) -> dict[str, int]:
    """Return what entries with such a key put to the partners' accounts."""
    rows = session.execute(
        select(JournalEntry.key, func.sum(Posting.amount_minor))
        .join(Posting, Posting.entry_id == JournalEntry.id)
        .where(
            JournalEntry.key.like(pattern),
            Posting.account == LedgerAccount.PARTNER_PAYABLE,
            scope.covers(JournalEntry.recorded_at),
        )
        .group_by(JournalEntry.key)
        .order_by(JournalEntry.key)
    )
    return {key: int(total) for key, total in rows}


def lines_match_commissions(session: Session, scope: Scope) -> Found:
    """I5: a frozen commission is on exactly one statement that stands, as it is.

    That none is on two is a unique constraint in each turn, and over all turns
    `stated_once`.
    """
    differs = {
        "amount": StatementLine.amount_minor != Commission.amount_minor,
        "base": StatementLine.base_minor != Commission.base_minor,
        "day": StatementLine.occurred_at != Commission.occurred_at,
        "trace": StatementLine.trace != Commission.trace,
    }
    is_frozen = Commission.frozen_at.is_not(None)
    rows = session.execute(
        select(
            Commission.id,
            is_frozen,
            StatementLine.id.is_not(None),
            Commission.amount_minor,
            StatementLine.amount_minor,
            *differs.values(),
        )
        .outerjoin(
            StatementLine,
            and_(StatementLine.commission_id == Commission.id, lines_stand()),
        )
        .where(
            scope.covers(Commission.frozen_at),
            or_(is_frozen != StatementLine.id.is_not(None), *differs.values()),
        )
        .order_by(Commission.id)
    )
    for commission_id, frozen, stated, amount, on_line, *flags in rows:
        if frozen != stated:
            problem = (
                f"is {'frozen' if frozen else 'not frozen'} and on "
                f"{'one statement' if stated else 'no statement'}"
            )
        elif flags[0]:
            problem = f"is {amount}, its line says {on_line}"
        else:
            words = [name for name, flag in zip(differs, flags, strict=True) if flag]
            problem = f"differs from its line in {', '.join(words)}"
        yield public_id("com", commission_id), problem


def stated_once(session: Session, _scope: Scope) -> Found:
    """I5: what a reopened month states anew stands on no second statement.

    Without a reopened month the unique constraints say so.
    """
    sources = (
        StatementLine.commission_id,
        StatementLine.posting_id,
        StatementLine.adjustment_id,
    )
    again = aliased(StatementLine)
    for source in sources:
        column = source.key
        rows = session.execute(
            select(source, func.count())
            .where(
                source.in_(select(getattr(again, column)).where(again.turn > 1)),
                lines_stand(),
            )
            .group_by(source)
            .having(func.count() > 1)
            .order_by(source)
        )
        for key, count in rows:
            yield f"{column} {key}", f"stands on {count} statements"


def numbers_have_no_gaps(session: Session, _scope: Scope) -> Found:
    """The statements of a program are numbered 1, 2, 3, up to its counter."""
    counters = {
        row.program_id: row.last_count
        for row in session.scalars(select(StatementCounter))
    }
    rows = session.execute(
        select(
            Statement.program_id,
            Statement.count.label("place"),
            Statement.number,
            Statement.period_label,
        ).order_by(Statement.program_id, Statement.count)
    )
    for program_id, group in groupby(rows, key=lambda row: row.program_id):
        statements = list(group)
        for expected, statement in enumerate(statements, 1):
            if statement.place != expected:
                yield statement.number, f"should have the count {expected}"
                break
        for statement in statements:
            key = statement.number.rpartition("-")[0].rpartition("-")[0]
            if statement.number != number_of(
                key, statement.period_label, statement.place
            ):
                yield statement.number, f"is the {statement.place}th of its program"
        last = counters.pop(program_id, 0)
        if last != statements[-1].place:
            yield statements[-1].number, f"is the last, the counter stands at {last}"
    for program_id, last in counters.items():
        if last:
            yield public_id("pgm", program_id), f"counts {last} statements, has none"
