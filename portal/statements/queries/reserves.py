"""What was held back and is not released yet."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from uuid import UUID

from sqlalchemy import String, cast, func, literal, select
from sqlalchemy.orm import Session

from portal.kit.clock import day_start
from portal.kit.money import Money
from portal.ledger.models import JournalEntry
from portal.statements.models import Statement, StatementLine
from portal.statements.queries.contents import RELEASE_KEYS
from portal.statements.queries.standing import lines_stand
from portal.statements.rules import LineKind

_ONE_DAY = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class Held:
    """A part of one statement's earnings that is paid out later.

    Attributes:
        line: The line that holds it back.
        statement: The statement it stands on.
        on: The day of its release.
    """

    line: StatementLine
    statement: Statement
    on: date

    @property
    def key(self) -> str:
        """The key of the entry that releases it."""
        return f"{RELEASE_KEYS[:-1]}{self.line.id}"

    @property
    def description(self) -> str:
        """What statements call the release."""
        return f"Release of what {self.statement.number} kept back"

    @property
    def amount(self) -> Money:
        """How much, above zero."""
        return self.statement.money(-self.line.amount_minor)

    @property
    def released_at(self) -> datetime:
        """The instant from which on it is owed."""
        return day_start(self.on, self.statement.zone)


def held(
    session: Session,
    *,
    before: datetime,
    enrollment_ids: Sequence[UUID] | None = None,
) -> list[Held]:
    """Return what is to be released and is not yet, the first to be released first.

    Args:
        session: The session to read from.
        before: Only what is owed again before this instant.
        enrollment_ids: Only of these; none: of everybody.
    """
    query = (
        select(StatementLine, Statement)
        .join(Statement, Statement.id == StatementLine.statement_id)
        .outerjoin(
            JournalEntry,
            JournalEntry.key
            == func.concat(literal(RELEASE_KEYS[:-1]), cast(StatementLine.id, String)),
        )
        .where(
            StatementLine.kind == LineKind.HOLDBACK,
            lines_stand(),
            JournalEntry.id.is_(None),
            # No zone is a day ahead of UTC; the exact instant is compared below.
            StatementLine.release_on <= before.date() + _ONE_DAY,
        )
        .order_by(StatementLine.release_on, StatementLine.id)
    )
    if enrollment_ids is not None:
        query = query.where(Statement.enrollment_id.in_(enrollment_ids))
    found = [
        Held(line, statement, line.release_on)
        for line, statement in session.execute(query)
        if line.release_on is not None
    ]
    return [row for row in found if row.released_at < before]
