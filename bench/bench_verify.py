"""`portal verify` of a million statement lines, in full and of recent rows only.

PYTHONPATH=. .venv/bin/python bench/bench_verify.py [--lines 1000000]

One month is closed by the portal itself, for one partner. Its statement is then copied
for 2,000 partners and many months: with commissions, entries, postings, seals, hashes,
numbers and openings that are right, filled in by `COPY`. What is verified is what a
portal of that size holds; that it is right is checked by the run itself, and a wrong
amount in one of the lines has to be found. Prints wall seconds, the CPU seconds of this
process, and its memory at the highest.
"""

import argparse
import json
import resource
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from time import perf_counter, process_time
from typing import Any

import flask_migrate
import psycopg
from sqlalchemy import create_engine, select, text
from sqlalchemy.orm import Session, selectinload

from portal.app import create_app
from portal.commissions.models import Commission
from portal.config import Settings
from portal.enrollments.models import Enrollment
from portal.extensions import db
from portal.kit.db import Base, snapshot
from portal.kit.ids import new_id
from portal.kit.memory import spare_the_collector
from portal.ledger import sealing
from portal.ledger.models import JournalEntry, Posting
from portal.partners.models import Partner
from portal.statements.documents.data import sha256_of, statement_data
from portal.statements.models import Period, Statement, StatementLine
from portal.statements.rules import number_of
from portal.verification.service import verify
from tests.commissions.story import Story
from tests.factories import base_factory
from tests.postgres import throwaway_server
from tests.statements.books import a_period, at, close

LIMIT_SECONDS = 60
LINES_EACH = 50
PARTNERS = 2_000
Row = dict[str, Any]


def row_of(thing: Base) -> Row:
    columns = type(thing).__table__.columns
    return {column.key: getattr(thing, column.key) for column in columns}


def as_text(value: object) -> object:
    return json.dumps(value) if isinstance(value, dict | list) else value


class Copy:
    """Rows on their way into a table."""

    def __init__(self, connection: psycopg.Connection, model: type[Base]) -> None:
        self.columns = [column.key for column in model.__table__.columns]
        self.table = model.__tablename__
        self.connection = connection
        self.rows: list[list[object]] = []

    def add(self, row: Row) -> None:
        self.rows.append([as_text(row[name]) for name in self.columns])

    def write(self) -> None:
        names = ", ".join(f'"{name}"' for name in self.columns)
        statement = f"COPY {self.table} ({names}) FROM STDIN"
        with self.connection.cursor().copy(statement) as copy:
            for row in self.rows:
                copy.write_row(row)
        self.rows.clear()


def model_month(session: Session) -> Statement:
    """Have the portal close a month of one partner."""
    base_factory.bind(session)
    story = Story(session)
    customer = story.credited(first_seen_at=at("2026-01-02"))
    for number in range(LINES_EACH):
        story.sale(customer, at("2026-01-10") + timedelta(minutes=number), 10_000)
    story.recompute()
    [issued] = close(session, a_period(session, story.version.program_id, "2026-01"))
    session.commit()
    return session.scalars(
        select(Statement)
        .where(Statement.id == issued.id)
        .options(selectinload(Statement.lines))
    ).one()


def labels(count: int) -> Iterator[str]:
    for number in range(count):
        yield f"{2026 + (number + 1) // 12}-{(number + 1) % 12 + 1:02}"


def fill(session: Session, url: str, months: int) -> int:  # noqa: C901 - nested loops
    """Write the copies; return how many lines there are in all."""
    first = model_month(session)
    lines = sorted(first.lines, key=lambda line: line.position)
    by_id = {row.id: row_of(row) for row in session.scalars(select(Commission))}
    enrollment = row_of(session.get_one(Enrollment, first.enrollment_id))
    partner = row_of(session.get_one(Partner, first.partner_id))
    period = row_of(session.get_one(Period, first.period_id))
    entry = session.scalars(
        select(JournalEntry).options(selectinload(JournalEntry.postings))
    ).one()
    model_line = [row_of(line) for line in lines]
    key = first.number.rpartition("-")[0].rpartition("-")[0]
    count = 1
    with psycopg.connect(url) as connection:
        for (table,) in connection.execute(
            "SELECT tablename FROM pg_tables WHERE schemaname = 'public'"
        ).fetchall():
            connection.execute(f"ALTER TABLE {table} DISABLE TRIGGER ALL")
        copies = {
            model: Copy(connection, model)
            for model in (
                Partner,
                Enrollment,
                Period,
                Statement,
                StatementLine,
                Commission,
                JournalEntry,
                Posting,
            )
        }
        members = []
        for _ in range(PARTNERS):
            members.append((new_id(), new_id()))
            copies[Partner].add(partner | {"id": members[-1][0]})
            copies[Enrollment].add(
                enrollment | {"id": members[-1][1], "partner_id": members[-1][0]}
            )
        closing = dict.fromkeys(members, 0)
        for label in labels(months):
            period_id = new_id()
            copies[Period].add(period | {"id": period_id, "label": label})
            for member in members:
                count += 1
                partner_id, enrollment_id = member
                statement = Statement(
                    **row_of(first)
                    | {
                        "id": new_id(),
                        "period_id": period_id,
                        "partner_id": partner_id,
                        "enrollment_id": enrollment_id,
                        "count": count,
                        "number": number_of(key, label, count),
                        "period_label": label,
                        "opening_minor": closing[member],
                        "closing_minor": closing[member] + first.closing_minor,
                    }
                )
                closing[member] = statement.closing_minor
                new_lines = []
                for row in model_line:
                    commission_id = new_id()
                    copies[Commission].add(
                        by_id[row["commission_id"]]
                        | {
                            "id": commission_id,
                            "key": f"{by_id[row['commission_id']]['key']}{label}",
                            "partner_id": partner_id,
                            "enrollment_id": enrollment_id,
                            "period_label": label,
                        }
                    )
                    new = row | {
                        "id": new_id(),
                        "statement_id": statement.id,
                        "commission_id": commission_id,
                    }
                    copies[StatementLine].add(new)
                    new_lines.append(StatementLine(**new))
                statement.lines = new_lines
                statement.sha256 = sha256_of(statement_data(statement))
                copies[Statement].add(row_of(statement))
                entry_id = new_id()
                copies[JournalEntry].add(
                    row_of(entry) | {"id": entry_id, "key": f"statement:{statement.id}"}
                )
                for posting in entry.postings:
                    copies[Posting].add(
                        row_of(posting)
                        | {
                            "id": new_id(),
                            "entry_id": entry_id,
                            "partner_id": partner_id,
                        }
                    )
            for copy in copies.values():
                copy.write()
        connection.execute("UPDATE statement_counters SET last_count = %s", [count])
        for (table,) in connection.execute(
            "SELECT tablename FROM pg_tables WHERE schemaname = 'public'"
        ).fetchall():
            connection.execute(f"ALTER TABLE {table} ENABLE TRIGGER ALL")
        for table, trigger in connection.execute(
            "SELECT tgrelid::regclass::text, tgname FROM pg_trigger"
            " WHERE NOT tgisinternal AND tgrelid::regclass::text !~ 'procrastinate'"
        ).fetchall():
            connection.execute(f"ALTER TABLE {table} ENABLE ALWAYS TRIGGER {trigger}")
        connection.commit()
        connection.autocommit = True
        connection.execute("VACUUM ANALYZE")
    done = 1
    while done:
        done = sealing.seal(session, now=first.issued_at)
        session.commit()
    return count * LINES_EACH


@dataclass
class Timing:
    wall: float
    cpu: float


def timed(
    session: Session, now: datetime, since: datetime | None
) -> tuple[int, Timing]:
    wall, cpu = perf_counter(), process_time()
    with snapshot(session) as reading:
        found = verify(reading, now, since=since)
    for one in found[:5]:
        print("  found:", one)
    return len(found), Timing(perf_counter() - wall, process_time() - cpu)


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--lines", type=int, default=1_000_000)
    lines = parser.parse_args().lines
    with throwaway_server() as server:
        settings = Settings(
            secret_key="0" * 32,
            database_url=server.app_url,
            database_owner_url=server.owner_url,
        )
        app = create_app(settings)
        with app.app_context():
            flask_migrate.upgrade()
            engine = db.engine
        url = server.owner_url.replace("+psycopg", "", 1)
        with Session(engine) as session:
            began = perf_counter()
            count = fill(session, url, max(1, lines // (PARTNERS * LINES_EACH)))
            session.expunge_all()
            print(f"{count:,} lines filled in {perf_counter() - began:.0f} s")
            before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
            now = datetime(2027, 1, 1, tzinfo=UTC)
            spare_the_collector()  # as `portal verify` does
            wrong, full = timed(session, now, None)
            _none, recent = timed(session, now, now - timedelta(hours=1))
            after = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        owner = create_engine(server.owner_url)
        with Session(owner) as session:
            session.execute(text("ALTER TABLE statement_lines DISABLE TRIGGER ALL"))
            session.execute(
                text(
                    "UPDATE statement_lines SET amount_minor = amount_minor + 1"
                    " WHERE id = (SELECT id FROM statement_lines ORDER BY id LIMIT 1)"
                )
            )
            session.commit()
            caught, _time = timed(session, now, None)
        owner.dispose()
        engine.dispose()
    print(
        f"full: {full.wall:.1f} s ({full.cpu:.1f} s of this process), recent only: "
        f"{recent.wall:.1f} s; memory {after / 1024:.0f} MB, before the check "
        f"{before / 1024:.0f} MB"
    )
    print(f"limit {LIMIT_SECONDS} s for 1,000,000 lines")
    if wrong or not caught:
        print(f"false alarms: {wrong}; the planted mistake was found: {bool(caught)}")
    sys.exit(bool(wrong) or not caught or full.wall > LIMIT_SECONDS)


if __name__ == "__main__":
    main()
