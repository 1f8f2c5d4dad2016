"""Which statements and lines stand: those that no later one took back."""

from sqlalchemy import ColumnElement, and_, exists, select
from sqlalchemy.orm import aliased

from portal.statements.models import Statement, StatementLine


def statements_stand() -> ColumnElement[bool]:
    """Return the condition that a statement is neither reversed nor a reversal."""
    back = aliased(Statement)
    return and_(
        Statement.reverses_id.is_(None),
        ~exists(select(back.id).where(back.reverses_id == Statement.id)),
    )


def lines_stand() -> ColumnElement[bool]:
    """Return the condition that a line is neither reversed nor reverses another."""
    back = aliased(StatementLine)
    return and_(
        StatementLine.reverses_id.is_(None),
        ~exists(select(back.id).where(back.reverses_id == StatementLine.id)),
    )
