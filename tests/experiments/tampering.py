"""Random changes by somebody who may do everything, and whether they are found.

A superuser with every trigger off edits, deletes, adds or swaps one row; a change that
a constraint still refuses does not count. It is found when `portal verify` names the
row, what the row belongs to, or what is left behind by a row that is gone: its
postings and seal, its lines, or the statement after the gap.
"""

import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.orm import Session

from portal.kit.ids import new_id, public_id
from portal.ledger.models import LedgerAccount
from portal.verification.service import verify
from tests.payouts.paying import NOW

COLUMNS: dict[str, Sequence[str]] = {
    "ledger_journal_entries": ("key", "description", "occurred_at", "recorded_at"),
    "ledger_postings": (
        ["entry_id", "account", "partner_id", "program_id", "amount_minor", "currency"]
    ),
    "ledger_seals": ("seq", "entry_id", "seal"),
    "statements": [
        "number",
        "count",
        "partner_id",
        "period_label",
        "starts_on",
        "ends_on",
        "issuer_name",
        "partner_name",
        "program_name",
        "currency",
        "opening_minor",
        "earned_minor",
        "payouts_minor",
        "closing_minor",
        "line_count",
        "payment_gate",
        "pays_on",
        "issued_at",
        "sha256",
    ],
    "statement_lines": [
        "statement_id",
        "position",
        "commission_id",
        "occurred_at",
        "customer",
        "what",
        "why",
        "trace",
        "base_minor",
        "rate",
        "amount_minor",
    ],
    "commissions": ("amount_minor", "base_minor", "occurred_at", "trace"),
    "payouts": ("amount_minor", "currency", "reference", "paid_on", "partner_id"),
    "payout_batch_rows": ("amount_minor", "currency", "partner_id"),
}
"""What may be changed, by table: all that says how much, whose, when and why."""

KEY = {"ledger_seals": "seq"}
ONLY = {
    "commissions": "frozen_at IS NOT NULL",
    "payout_batch_rows": "status IN ('sent', 'paid')",
}
NEW_VALUES: dict[str, dict[str, str]] = {
    "ledger_journal_entries": {"key": "key || 'x'"},
    "ledger_postings": {},
    "ledger_seals": {"seq": "seq + 1000", "entry_id": "gen_random_uuid()"},
    "statements": {
        "number": "number || 'x'",
        "count": "count + 1000",
        "sha256": "md5(sha256) || md5(number)",
        "period_id": "gen_random_uuid()",
    },
    "statement_lines": {
        "position": "position + 1000",
        "commission_id": "CASE WHEN kind <> 'payout' THEN gen_random_uuid() END",
        "posting_id": "CASE WHEN kind = 'payout' THEN gen_random_uuid() END",
    },
    "commissions": {"key": "key || 'x'"},
    "payouts": {"reference": "reference || 'x'", "form_id": "gen_random_uuid()"},
    "payout_batch_rows": {
        "position": "position + 1000",
        "end_to_end_id": "end_to_end_id || 'x'",
    },
}
SWAPPED = {
    "ledger_journal_entries": "key",
    "ledger_postings": "amount_minor",
    "ledger_seals": "entry_id",
    "statements": "number",
    "statement_lines": "position",
    "commissions": "amount_minor",
}
VERBS = ("edit", "delete", "insert", "reorder")

NAMES = {
    "ledger_journal_entries": "SELECT key FROM ledger_journal_entries WHERE id = :id",
    "ledger_postings": (
        "SELECT e.key FROM ledger_postings p JOIN ledger_journal_entries e"
        " ON e.id = p.entry_id WHERE p.id = :id"
    ),
    "ledger_seals": (
        "SELECT e.key FROM ledger_seals s JOIN ledger_journal_entries e"
        " ON e.id = s.entry_id WHERE s.seq = :id"
    ),
    "statements": "SELECT number FROM statements WHERE id = :id",
    "statement_lines": (
        "SELECT s.number FROM statement_lines l JOIN statements s"
        " ON s.id = l.statement_id WHERE l.id = :id"
    ),
    "payout_batch_rows": "SELECT end_to_end_id FROM payout_batch_rows WHERE id = :id",
}
"""How the row is called in the answers, before and after."""


@dataclass(frozen=True, slots=True)
class Tamper:
    """One change, and by which names it may be reported."""

    verb: str
    table: str
    what: str
    names: frozenset[str]
    found: tuple[str, ...]
    """What was reported, a row each."""

    @property
    def is_named(self) -> bool:
        return bool(self.names & set(self.found))


def switch_walls_off(session: Session) -> None:
    """Do what only a superuser can, for good."""
    for table in COLUMNS:
        session.execute(text(f"ALTER TABLE {table} DISABLE TRIGGER ALL"))
    session.commit()


def tamper(session: Session, rng: random.Random) -> Tamper:
    """Change one thing that no constraint refuses, look, and take it back."""
    while True:
        verb = rng.choice(VERBS)
        table = rng.choice(list(SWAPPED if verb == "reorder" else COLUMNS))
        try:
            names, what = _change(session, rng, verb, table)
        except DBAPIError:
            session.rollback()
            continue
        if not what:
            session.rollback()
            continue
        session.expire_all()
        found = [
            one.row for one in verify(session, NOW) if one.invariant != "walls-stand"
        ]
        session.rollback()
        return Tamper(verb, table, what, frozenset(names), tuple(found))


def _change(
    session: Session, rng: random.Random, verb: str, table: str
) -> tuple[set[str], str]:
    key = KEY.get(table, "id")
    where = ONLY.get(table, "true")
    ids = session.scalars(
        text(f"SELECT {key} FROM {table} WHERE {where} ORDER BY {key}")  # noqa: S608
    ).all()
    row = rng.choice(ids)
    names = _names(session, table, row)
    if verb == "edit":
        what = _edit(session, rng, table, row)
    elif verb == "delete":
        what = "deleted"
        session.execute(text(f"DELETE FROM {table} WHERE {key} = :id"), {"id": row})  # noqa: S608
    elif verb == "insert":
        what = "inserted"
        row = _insert(session, table, row)
    else:
        other = rng.choice(ids)
        names |= _names(session, table, other)
        what = _swap(session, table, row, other)
        names |= _names(session, table, other)
    return names | _names(session, table, row), what


def _edit(session: Session, rng: random.Random, table: str, row: object) -> str:
    column = rng.choice(list(COLUMNS[table]))
    key = KEY.get(table, "id")
    before = session.scalar(
        text(f"SELECT {column} FROM {table} WHERE {key} = :id"),  # noqa: S608
        {"id": row},
    )
    after = _other(rng, column, before)
    if after is None:
        return ""
    cast = "CAST(:new AS jsonb)" if column == "trace" else ":new"
    session.execute(
        text(f"UPDATE {table} SET {column} = {cast} WHERE {key} = :id"),  # noqa: S608
        {"new": after, "id": row},
    )
    return f"{column}: {before} -> {after}"


def _other(rng: random.Random, column: str, value: Any) -> object:  # noqa: ANN401 - any column
    """Return another value that fits the column; none where there is none."""
    by_column: dict[str, object] = {
        "account": rng.choice([one.value for one in LedgerAccount if one != value]),
        "currency": "EUR",
        "trace": '{"because": "I say so"}',
    }
    by_type: list[tuple[type, Callable[[], object]]] = [
        (UUID, new_id),
        (int, lambda: value + rng.choice([-1, 1]) * rng.randint(1, 10_000)),
        (str, lambda: value[:-1] + "~" if len(value) in (7, 64) else f"{value}~"),
        (datetime, lambda: value + timedelta(seconds=rng.randint(1, 10_000))),
        (date, lambda: value + timedelta(days=rng.randint(2, 30))),
    ]
    if column in by_column:
        return by_column[column]
    makers = [make for kind, make in by_type if isinstance(value, kind)]
    return makers[0]() if makers else None


def _insert(session: Session, table: str, row: object) -> object:
    """Add a copy of a row, with other values where two cannot be the same."""
    key = KEY.get(table, "id")
    columns = session.scalars(
        text(
            "SELECT column_name::text FROM information_schema.columns"
            " WHERE table_name = :table"
        ),
        {"table": table},
    ).all()
    new = {"id": "gen_random_uuid()", **NEW_VALUES[table]}
    values = ", ".join(new.get(column, column) for column in columns)
    added: object = session.scalar(
        text(
            f"INSERT INTO {table} ({', '.join(columns)}) SELECT {values} FROM {table}"  # noqa: S608
            f" WHERE {key} = :id RETURNING {key}"
        ),
        {"id": row},
    )
    return added


def _swap(session: Session, table: str, one: object, other: object) -> str:
    key, column = KEY.get(table, "id"), SWAPPED[table]
    read = text(f"SELECT {column} FROM {table} WHERE {key} = :id")  # noqa: S608
    write = text(f"UPDATE {table} SET {column} = :new WHERE {key} = :id")  # noqa: S608
    first, second = (session.scalar(read, {"id": row}) for row in (one, other))
    if first == second:
        return ""
    between = {int: 999_999, str: "between"}.get(type(first), new_id())
    for row, value in ((one, between), (other, first), (one, second)):
        session.execute(write, {"new": value, "id": row})
    return f"{column}: {first} <-> {second}"


def _names(session: Session, table: str, row: Any) -> set[str]:  # noqa: ANN401 - a key
    """Return by which names an answer may call a row."""
    said = session.scalars(text(NAMES[table]), {"id": row}) if table in NAMES else ()
    names = {str(name) for name in said if name}
    if table == "ledger_postings":
        names.add(f"posting {row}")
    elif table == "ledger_journal_entries":
        of_it = text(
            "SELECT 'posting ' || id FROM ledger_postings WHERE entry_id = :id"
            " UNION SELECT 'seal ' || seq FROM ledger_seals WHERE entry_id = :id"
        )
        names |= set(session.scalars(of_it, {"id": row}))
    elif table == "ledger_seals":
        names.add(f"seal {row}")
    elif table == "statements":
        lines = session.scalars(
            text("SELECT id FROM statement_lines WHERE statement_id = :id"), {"id": row}
        )
        names |= {f"statement:{row}", *(f"line {line}" for line in lines)}
        # Of one that is gone, what is left is the gap in front of the next.
        after = text(
            "SELECT b.number FROM statements a JOIN statements b"
            " ON b.program_id = a.program_id AND b.count > a.count"
            " WHERE a.id = :id ORDER BY b.count LIMIT 1"
        )
        names |= set(session.scalars(after, {"id": row}))
    elif table == "statement_lines":
        commission = session.scalar(
            text("SELECT commission_id FROM statement_lines WHERE id = :id"),
            {"id": row},
        )
        names |= {f"line {row}"}
        names |= {public_id("com", commission)} if commission else set()
    elif table == "commissions":
        names.add(public_id("com", row))
    elif table in ("payouts", "payout_batch_rows"):
        names |= {public_id("pay", row), f"payout:{row}"}
    return names
