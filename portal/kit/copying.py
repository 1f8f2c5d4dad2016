"""Many rows at once, written with COPY.

Rows become text here and not value by value in the driver, which takes several times
as long: a close writes a million rows and more.
"""

from collections.abc import Callable, Iterable, Sequence
from datetime import date, datetime
from itertools import islice
from typing import Any, cast

from psycopg import Connection, sql
from sqlalchemy import Boolean, Date, Integer, Table, Uuid
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Session
from sqlalchemy.types import TypeEngine

from portal.kit import json_text
from portal.kit.db import Base, UtcDateTime

Writer = Callable[[Any], str]
"""Writes a value of a column down as COPY reads it."""

_AT_ONCE = 500
"""How many rows are in memory as text together."""
_NULL = r"\N"
_ESCAPES = str.maketrans({"\\": r"\\", "\t": r"\t", "\n": r"\n", "\r": r"\r"})


def copy_in(
    session: Session,
    model: type[Base],
    names: Sequence[str],
    rows: Iterable[Sequence[Any]],
) -> None:
    """Write many rows with COPY, in the session's transaction.

    It costs a fraction of as many inserts. Triggers and constraints speak as for
    inserts; defaults of the model do not.

    Args:
        session: The session that holds the open transaction.
        model: Which table.
        names: Its columns.
        rows: Their values, in the order of `names`.

    Raises:
        ValueError: An instant without a time zone.
    """
    waiting = iter(rows)
    part = list(islice(waiting, _AT_ONCE))
    if not part:
        return
    session.flush()  # What the rows point to must be there.
    table = cast("Table", model.__table__)
    writers = [_writer(table.c[name].type) for name in names]
    statement = sql.SQL("COPY {} ({}) FROM STDIN").format(
        sql.Identifier(table.name), sql.SQL(", ").join(map(sql.Identifier, names))
    )
    driver = session.connection().connection.driver_connection
    with (
        cast("Connection[Any]", driver).cursor() as cursor,
        cursor.copy(statement) as copy,
    ):
        while part:
            copy.write("".join([_line(writers, row) for row in part]))
            part = list(islice(waiting, _AT_ONCE))


def _line(writers: Sequence[Writer], row: Sequence[Any]) -> str:
    values = [
        _NULL if value is None else write(value)
        for write, value in zip(writers, row, strict=True)
    ]
    return "\t".join(values) + "\n"


def _writer(kind: TypeEngine[Any]) -> Writer:
    """Return what writes the values of a column, an enum's among them, as text."""
    for known, writer in _WRITERS.items():
        if isinstance(kind, known):
            return writer
    return _text


def _text(value: str) -> str:
    return value.translate(_ESCAPES)


def _json(value: object) -> str:
    # JSON has no tab or line end of its own: it escapes them.
    return json_text.written(value).replace("\\", "\\\\")


def _instant(value: datetime) -> str:
    if value.tzinfo is None:
        raise ValueError(f"naive datetime {value!r}")
    return value.isoformat()


def _day(value: date) -> str:
    return value.isoformat()


def _uuid(value: Any) -> str:  # noqa: ANN401 - see Writer
    return cast("str", value.hex)


def _whole(value: int) -> str:
    return str(int(value))


_WRITERS: dict[type[TypeEngine[Any]], Writer] = {
    Uuid: _uuid,
    UtcDateTime: _instant,
    Date: _day,
    JSONB: _json,
    Boolean: _whole,
    Integer: _whole,
}
