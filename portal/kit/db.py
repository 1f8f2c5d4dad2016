"""What every model shares, and the one place that commits."""

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from datetime import UTC, datetime
from enum import StrEnum
from typing import Any, ClassVar

from sqlalchemy import DateTime, Dialect, Engine, Enum, MetaData, text
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import DeclarativeBase, Session
from sqlalchemy.types import TypeDecorator


class UtcDateTime(TypeDecorator[datetime]):
    """An instant: naive values are refused, and what comes back is in UTC."""

    impl = DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(
        self, value: datetime | None, dialect: Dialect
    ) -> datetime | None:
        """Refuse a naive value on its way to the database."""
        del dialect
        if value is not None and value.tzinfo is None:
            raise ValueError(f"naive datetime {value!r}")
        return value

    def process_result_value(
        self, value: datetime | None, dialect: Dialect
    ) -> datetime | None:
        """Give the connection's time zone no say in what comes back."""
        del dialect
        # The portal's own connections are in UTC already.
        if value is None or value.tzinfo is UTC:
            return value
        return value.astimezone(UTC)


class Base(DeclarativeBase):
    """Base of all models.

    Constraint names are fixed so that migrations can drop them by name. Enums are
    stored as their value in a text column, so that a new member needs no lock on
    the table. A `dict` or `list` is JSONB.
    """

    metadata = MetaData(
        naming_convention={
            "ix": "ix_%(table_name)s_%(column_0_N_name)s",
            "uq": "uq_%(table_name)s_%(column_0_N_name)s",
            "ck": "ck_%(table_name)s_%(constraint_name)s",
            "fk": "fk_%(table_name)s_%(column_0_N_name)s_%(referred_table_name)s",
            "pk": "pk_%(table_name)s",
        }
    )
    type_annotation_map: ClassVar[dict[Any, Any]] = {
        datetime: UtcDateTime,
        dict[str, Any]: JSONB,
        list[Any]: JSONB,
        StrEnum: Enum(
            StrEnum,
            native_enum=False,
            create_constraint=False,
            length=40,
            validate_strings=True,
            values_callable=lambda members: [member.value for member in members],
        ),
    }


def violates(error: IntegrityError, constraint: str) -> bool:
    """Tell whether `error` is about this constraint or unique index and no other."""
    diagnosis = getattr(error.orig, "diag", None)
    return getattr(diagnosis, "constraint_name", None) == constraint


_transaction_open = ContextVar("transaction_open", default=False)


@contextmanager
def transaction(session: Session) -> Iterator[Session]:
    """Commit when the block ends, roll back when it raises.

    Opened by the edge, once per use case, around everything that must happen
    together. Nothing else in the portal commits, and no network call belongs inside.

    Raises:
        RuntimeError: A transaction is already open: one use case called another.
    """
    if _transaction_open.get():
        raise RuntimeError("transaction() does not nest; only the edge opens one")
    token = _transaction_open.set(True)
    try:
        yield session
        session.commit()
    except BaseException:
        session.rollback()
        raise
    finally:
        _transaction_open.reset(token)


@contextmanager
def snapshot(session: Session) -> Iterator[Session]:
    """Read as of one moment, for as long as it takes; nothing is kept.

    Opened by the edge. Without it, each statement sees what was committed before that
    statement, and two sums that belong together may not fit. A session that somebody
    bound to a connection of their own reads inside that one's transaction.
    """
    session.rollback()
    if isinstance(session.get_bind(), Engine):
        session.connection(execution_options={"isolation_level": "REPEATABLE READ"})
    session.execute(text("SET LOCAL statement_timeout = 0"))
    try:
        yield session
    finally:
        session.rollback()


def refuse_inside_transaction() -> None:
    """Stop a network call that would hold locks, or outlive a rollback.

    Every adapter to the outside world calls this first.

    Raises:
        RuntimeError: A transaction is open.
    """
    if _transaction_open.get():
        raise RuntimeError("no network inside transaction()")
