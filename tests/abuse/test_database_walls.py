# ruff: noqa: E501, S608 - statements of SQL are what this file is about
"""Forty and more statements against the books: what the database itself refuses.

As the portal's own role, and as a superuser who leaves the triggers alone. What only a
superuser can do, switching a wall off, is found by `portal verify`.
"""

import hashlib
from collections.abc import Iterator

import pytest
from sqlalchemy import Connection, Engine, create_engine, text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.orm import Session

from portal.verification.findings import Scope
from portal.verification.service import verify
from portal.verification.walls import TRIGGERS, walls_stand
from tests.committed import committed
from tests.experiments.world import fill
from tests.payouts.paying import NOW

__all__ = ["committed"]

ENTRY = (
    "(SELECT id FROM ledger_journal_entries WHERE starts_with(key, 'statement:')"
    " ORDER BY id LIMIT 1)"
)
A_NEW_ENTRY = (
    "INSERT INTO ledger_journal_entries (id, key, description, occurred_at,"
    " recorded_at) VALUES ('00000000-0000-7000-8000-000000000001', 'x', '', now(),"
    " now())"
)
POST = (
    "INSERT INTO ledger_postings (id, entry_id, account, partner_id, program_id,"
    " amount_minor, currency) SELECT gen_random_uuid(), {entry}, 'payout_clearing',"
    " partner_id, program_id, {minor}, '{currency}' FROM ledger_postings"
    " WHERE entry_id = " + ENTRY + " LIMIT 1"
)
NEW = "'00000000-0000-7000-8000-000000000001'::uuid"
BOOKS = (
    "ledger_journal_entries",
    "ledger_postings",
    "ledger_seals",
    "statements",
    "statement_lines",
    "payouts",
    "sales",
    "refunds",
    "audit_events",
)
A_LINE = (
    "INSERT INTO statement_lines (id, statement_id, position, kind, commission_id,"
    " posting_id, occurred_at, customer, what, why, trace, base_minor, rate,"
    " amount_minor) SELECT gen_random_uuid(), statement_id, {position}, 'payout', NULL,"
    " (SELECT id FROM ledger_postings WHERE account = 'commission_expense' LIMIT 1),"
    " occurred_at, '', '', '', '{{}}', 0, '', {minor} FROM statement_lines LIMIT 1"
)
A_ROW = (
    "INSERT INTO payout_batch_rows (id, batch_id, position, end_to_end_id, partner_id,"
    " program_id, enrollment_id, account_id, amount_minor, currency, statements, status,"
    " reason) SELECT gen_random_uuid(), batch_id, 99, 'again', partner_id, program_id,"
    " enrollment_id, account_id, {minor}, currency, '[]', 'pending', '' FROM"
    " payout_batch_rows WHERE status = 'pending' LIMIT 1"
)

REWRITES = [
    statement.format(table)
    for table in BOOKS
    for statement in ("DELETE FROM {0}", "TRUNCATE {0} CASCADE")
] + [
    "UPDATE ledger_postings SET amount_minor = amount_minor + 1",
    "UPDATE ledger_postings SET currency = 'EUR'",
    "UPDATE ledger_postings SET partner_id = NULL",
    "UPDATE ledger_journal_entries SET key = key || 'x'",
    "UPDATE ledger_journal_entries SET recorded_at = now()",
    "UPDATE ledger_seals SET seal = repeat('0', 64)",
    "UPDATE statements SET closing_minor = 0",
    "UPDATE statements SET partner_name = 'Me'",
    "UPDATE statement_lines SET amount_minor = 1000000",
    "UPDATE statement_lines SET statement_id = statement_id",
    "UPDATE payouts SET amount_minor = 1",
    "UPDATE sales SET net_minor = net_minor * 2, gross_minor = gross_minor * 2",
    "UPDATE audit_events SET actor_id = NULL",
    "UPDATE commissions SET amount_minor = 1 WHERE frozen_at IS NOT NULL",
    (
        "UPDATE commissions SET frozen_at = NULL, period_label = NULL"
        " WHERE frozen_at IS NOT NULL"
    ),
    "DELETE FROM commissions WHERE frozen_at IS NOT NULL",
    "TRUNCATE commissions CASCADE",
    (
        "UPDATE periods SET status = 'open', closed_at = NULL, close_began_at = NULL"
        " WHERE status = 'closed'"
    ),
    "DELETE FROM periods WHERE status = 'closed'",
    "TRUNCATE periods CASCADE",
    (
        "INSERT INTO ledger_seals SELECT * FROM ledger_seals ON CONFLICT (seq) DO UPDATE"
        " SET seal = 'x'"
    ),
    "MERGE INTO ledger_postings USING (SELECT 1) s ON true WHEN MATCHED THEN DELETE",
    "WITH gone AS (DELETE FROM ledger_postings RETURNING id) SELECT * FROM gone",
]
"""What changes what is written."""

FALSE_ROWS = [
    A_NEW_ENTRY,
    f"{A_NEW_ENTRY}; {POST.format(entry=NEW, minor=5, currency='USD')}",
    (
        f"{A_NEW_ENTRY}; {POST.format(entry=NEW, minor=5, currency='USD')};"
        f" {POST.format(entry=NEW, minor=-5, currency='EUR')}"
    ),
    (
        f"{A_NEW_ENTRY}; {POST.format(entry=NEW, minor=5, currency='USD')};"
        f" {POST.format(entry=NEW, minor=-4, currency='USD')}"
    ),
    POST.format(entry=ENTRY, minor=1, currency="USD"),
    POST.format(entry=ENTRY, minor=1, currency="EUR"),
    POST.format(entry=ENTRY, minor=0, currency="USD"),
    POST.format(entry=ENTRY, minor=2**63, currency="USD"),
    POST.format(entry="gen_random_uuid()", minor=1, currency="USD"),
    POST.format(entry=ENTRY, minor=1, currency="DOLLAR"),
    (
        "INSERT INTO ledger_journal_entries SELECT gen_random_uuid(), key, description,"
        " occurred_at, recorded_at FROM ledger_journal_entries"
    ),
    (
        "INSERT INTO ledger_postings (id, entry_id, account, amount_minor, currency)"
        f" VALUES (gen_random_uuid(), {ENTRY}, 'partner_payable', 1, 'USD')"
    ),
    "INSERT INTO ledger_seals VALUES (0, gen_random_uuid(), 'x', now())",
    (
        "INSERT INTO ledger_seals SELECT seq + 1000, entry_id, seal, sealed_at"
        " FROM ledger_seals"
    ),
    A_LINE.format(position=1, minor=5),
    A_LINE.format(position=99, minor=5),
    A_LINE.format(position=0, minor=5),
    A_ROW.format(minor=5),
    A_ROW.format(minor=0),
    A_ROW.format(minor=-5),
    (
        "UPDATE payout_batches SET status = 'approved', approved_at = now(), file = 'x',"
        " approved_by_id = made_by_id WHERE status = 'draft'"
    ),
    "UPDATE payout_batches SET status = 'approved' WHERE status = 'draft'",
    "UPDATE payout_batches SET status = 'sent' WHERE status = 'draft'",
    (
        "UPDATE adjustments SET status = 'approved', decided_at = now(),"
        " decided_by_id = proposed_by_id"
    ),
    (
        "INSERT INTO payouts SELECT gen_random_uuid(), partner_id, program_id, 0, currency,"
        " paid_on, 'zero', gen_random_uuid(), recorded_by_id, recorded_at FROM payouts"
    ),
    (
        "INSERT INTO payout_freezes (id, reason, findings, frozen_at, thaw_reason)"
        " VALUES (gen_random_uuid(), '', '[]', now(), '')"
    ),
]
"""What adds rows that cannot be true."""

TOOLS = [
    "SET session_replication_role = replica",
    "SET ROLE postgres",
    "ALTER ROLE portal_app SUPERUSER",
    "ALTER TABLE ledger_postings OWNER TO portal_app",
    "ALTER TABLE ledger_postings DISABLE TRIGGER ALL",
    "ALTER TABLE ledger_postings DISABLE TRIGGER balanced",
    "ALTER TABLE statements DISABLE TRIGGER append_only",
    "DROP TRIGGER append_only ON ledger_postings",
    "DROP TRIGGER frozen ON commissions",
    "ALTER TABLE ledger_postings DROP CONSTRAINT ck_ledger_postings_not_zero",
    "ALTER TABLE ledger_postings ALTER currency TYPE text",
    "ALTER TABLE ledger_postings ADD COLUMN more int",
    "DROP TABLE ledger_postings CASCADE",
    "DROP INDEX uq_payout_batch_rows_open",
    "DROP FUNCTION refuse_unbalanced() CASCADE",
    (
        "CREATE OR REPLACE FUNCTION refuse_rewrite() RETURNS trigger LANGUAGE plpgsql AS"
        " 'BEGIN RETURN NULL; END'"
    ),
    "CREATE RULE quiet AS ON INSERT TO ledger_postings DO INSTEAD NOTHING",
    "ALTER SYSTEM SET session_replication_role = replica",
    "COPY ledger_postings TO PROGRAM 'cat'",
    "CREATE TABLE ledger_copy (id int)",
    "UPDATE pg_trigger SET tgenabled = 'D'",
    "UPDATE ledger_seals SET seq = seq",
    "UPDATE payout_batch_rows SET amount_minor = 1",
    "UPDATE payout_batch_rows SET account_id = account_id",
    "UPDATE payout_freezes SET reason = 'nothing'",
    "DELETE FROM payout_freezes",
    "DELETE FROM payout_batch_rows",
    "DELETE FROM statement_counters",
    "DELETE FROM inbox_events",
]
"""What only the portal's role is kept from."""

ATTACKS = REWRITES + FALSE_ROWS
MISTAKES = (None, "42601", "42703", "42804", "42P01", "42883", "42846")
"""What the database never saw; syntax, or a column, type, table or function that does not exist."""


@pytest.fixture(scope="module")
def filled(committed: Engine) -> Engine:
    with Session(committed) as session:
        fill(session)
        assert verify(session, NOW) == []
    return committed


@pytest.fixture(scope="module")
def as_superuser(filled: Engine) -> Iterator[Engine]:
    engine = create_engine(filled.url.set(username="postgres"))
    yield engine
    engine.dispose()


def refused(engine: Engine, statement: str, *, before: str = "SELECT 1") -> bool:
    """Tell whether a statement is refused; one that is not is taken back."""
    with engine.connect() as connection, connection.begin() as open_transaction:
        try:
            connection.execute(text(before))
            connection.exec_driver_sql(statement)
            connection.exec_driver_sql("SET CONSTRAINTS ALL IMMEDIATE")
        except DBAPIError as error:
            if getattr(error.orig, "sqlstate", None) in MISTAKES:
                raise  # A statement that cannot be run at all proves nothing.
            return True
        finally:
            open_transaction.rollback()
    return False


def content(connection: Connection) -> str:
    """Return a hash over every row of the books."""
    tables = [*BOOKS, "commissions", "payout_batch_rows", "payout_batches", "periods"]
    rows = [
        connection.scalar(
            text(f"SELECT md5(string_agg(t::text, '|' ORDER BY t::text)) FROM {name} t")
        )
        for name in tables
    ]
    return hashlib.sha256(repr(rows).encode()).hexdigest()


def test_there_are_enough_attacks() -> None:
    assert len(set(ATTACKS)) >= 40
    assert len(set(ATTACKS + TOOLS)) == len(ATTACKS + TOOLS)


@pytest.mark.parametrize("attack", ATTACKS + TOOLS)
def test_the_portal_itself_is_refused(filled: Engine, attack: str) -> None:
    assert refused(filled, attack)


@pytest.mark.parametrize("attack", ATTACKS)
def test_a_superuser_is_refused_as_well(as_superuser: Engine, attack: str) -> None:
    assert refused(as_superuser, attack)


@pytest.mark.parametrize("attack", REWRITES)
def test_the_mode_for_replicas_switches_nothing_off(
    as_superuser: Engine, attack: str
) -> None:
    mode = "SET LOCAL session_replication_role = replica"

    assert refused(as_superuser, attack, before=mode)


@pytest.mark.parametrize(
    "harmless",
    [
        "SELECT count(*) FROM ledger_postings",
        (
            f"{A_NEW_ENTRY}; {POST.format(entry=NEW, minor=5, currency='USD')};"
            f" {POST.format(entry=NEW, minor=-5, currency='USD')}"
        ),
    ],
    ids=["reading", "a balanced entry"],
)
def test_control_what_is_right_is_let_through(filled: Engine, harmless: str) -> None:
    """The attacks are refused for what they do, not because everything is."""
    with filled.connect() as connection, connection.begin() as open_transaction:
        connection.exec_driver_sql(harmless)
        connection.exec_driver_sql("SET CONSTRAINTS ALL IMMEDIATE")
        open_transaction.rollback()


@pytest.mark.parametrize(
    ("table", "trigger"),
    [(table, name) for table, names in TRIGGERS.items() for name in names],
)
@pytest.mark.parametrize("verb", ["DISABLE TRIGGER", "DROP"])
def test_a_wall_that_was_taken_down_is_found(
    as_superuser: Engine, table: str, trigger: str, verb: str
) -> None:
    statement = (
        f"DROP TRIGGER {trigger} ON {table}"
        if verb == "DROP"
        else f"ALTER TABLE {table} DISABLE TRIGGER {trigger}"
    )
    with as_superuser.connect() as connection, connection.begin() as open_transaction:
        connection.exec_driver_sql(statement)
        found = standing(connection)
        open_transaction.rollback()

    assert found == [(table, f"lacks the trigger {trigger}, or it is switched off")]


def test_a_right_too_many_is_found(as_superuser: Engine) -> None:
    with as_superuser.connect() as connection, connection.begin() as open_transaction:
        connection.exec_driver_sql("GRANT UPDATE ON ledger_postings TO portal_app")
        found = standing(connection)
        open_transaction.rollback()

    assert [row for row, _problem in found] == ["ledger_postings"]


def standing(connection: Connection) -> list[tuple[str, str]]:
    with Session(connection) as session:
        return list(walls_stand(session, Scope(NOW)))


def test_after_all_that_not_a_byte_is_different(
    filled: Engine, as_superuser: Engine
) -> None:
    with as_superuser.connect() as connection:
        before = content(connection)
    for attack in ATTACKS + TOOLS:
        refused(filled, attack)
    with as_superuser.connect() as connection:
        assert content(connection) == before
    with Session(filled) as session:
        assert verify(session, NOW) == []
