"""The close of one month, from the sales to the books, against reading and writing.

.venv/bin/python bench/bench_close.py [--sales 20000] [--partners 200] [--workers 1 2]

Nothing of the month is rated before: the close rates every sale, writes each
commission, statement and line, and books one entry per statement. The workers are
processes of their own, as on several machines; each takes the next chunk that nobody
has in hand. The floor scans the same sales and writes the same rows of commissions,
lines, statements, entries and postings with COPY, in one process, into tables without
indexes, keys or triggers; it is taken three times, and the one in the middle counts.
Memory is that of the largest worker; the processor's time is that of all workers, and
not of the database. On a busy machine it says more than the clock.

With several numbers of sales it closes a month of each, and prints the time for each
sale: it should stay what it is. `make bench-close` takes a million sales of 10,000
partners, which is the size to aim at and takes long.
"""

import argparse
import resource
import sys
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from multiprocessing import get_context
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory
from time import perf_counter, process_time, sleep
from uuid import UUID

import flask_migrate
import psycopg
from psycopg import sql
from psycopg.types.json import Jsonb

from portal.app import create_app
from portal.config import Settings
from portal.extensions import db
from portal.kit import postgres
from portal.kit.db import transaction
from portal.kit.memory import spare_the_collector
from portal.programs.definition import Hold
from portal.programs.documents import dump_json, preset
from portal.statements import queries, service

LIMIT = 3.0
MONTH_ENDS = datetime(2026, 2, 1, tzinfo=UTC)
CUSTOMERS_EACH = 10
SECRET = "a secret of the benchmark, which is thrown away"  # noqa: S105 - not one

WRITTEN = (
    "commissions",
    "statements",
    "statement_lines",
    "ledger_journal_entries",
    "ledger_postings",
)
FILL = """
INSERT INTO partners (id, name, country, website, created_at)
SELECT md5('partner' || n)::uuid, 'Partner ' || n, 'DE', '', timestamptz '2025-01-01'
FROM generate_series(0, %(partners)s - 1) n;
INSERT INTO enrollments (id, partner_id, program_id, version_id, status, joined_at)
SELECT md5('enrollment' || n)::uuid, md5('partner' || n)::uuid, %(program)s,
       %(version)s, 'active', timestamptz '2025-01-01'
FROM generate_series(0, %(partners)s - 1) n;
INSERT INTO gate_intervals (id, enrollment_id, gate_key, met_from, in_grace, renews,
                            note)
SELECT gen_random_uuid(), e.id, gate, timestamptz '2025-01-01', false, false, ''
FROM enrollments e, unnest(%(gates)s::text[]) gate;
INSERT INTO customers (id, external_id, email, name, first_seen_at)
SELECT md5('customer' || n)::uuid, 'cus_' || n, 'buyer' || n || '@shop.example',
       'Shop ' || n, timestamptz '2025-06-01'
FROM generate_series(0, %(partners)s * %(each)s - 1) n;
INSERT INTO attributions (id, customer_id, program_id, version_id, enrollment_id,
                          weight, of_weight, decided_at, converted_at, decision)
SELECT md5('attribution' || n)::uuid, md5('customer' || n)::uuid, %(program)s,
       %(version)s, md5('enrollment' || n %% %(partners)s)::uuid, 1, 1,
       timestamptz '2025-06-01', timestamptz '2025-06-01', '{}'
FROM generate_series(0, %(partners)s * %(each)s - 1) n;
INSERT INTO sales (id, external_id, customer_id, currency, gross_minor, tax_minor,
                   net_minor, occurred_at, recorded_at, description)
SELECT md5('sale' || n)::uuid, 'in_' || n,
       md5('customer' || n %% (%(partners)s * %(each)s))::uuid, 'USD',
       1000 + n * 7919 %% 90000, 0, 1000 + n * 7919 %% 90000,
       timestamptz '2026-01-01' + n * interval '30 days' / %(sales)s,
       timestamptz '2026-01-31', ''
FROM generate_series(0, %(sales)s::bigint - 1) n
"""


@dataclass(frozen=True, slots=True)
class Month:
    """A database with a month in it that is over and open.

    Attributes:
        url: Of the database, as the role that the portal runs as.
        owner_url: Of the same, as its owner, for psycopg.
        period_id: The month.
        chunks: How many parts its close has.
    """

    url: str
    owner_url: str
    period_id: UUID
    chunks: int


def settings(server: postgres.EmbeddedPostgres) -> Settings:
    return Settings(
        secret_key=SECRET,
        database_url=server.app_url,
        database_owner_url=server.owner_url,
    )


@contextmanager
def month(sales: int, partners: int) -> Iterator[Month]:
    """Start a throwaway server with the month in it, and begin the close."""
    with TemporaryDirectory() as folder:
        server = postgres.start(Path(folder, "postgres"), when_done="stop")
        try:
            app = create_app(settings(server))
            with app.app_context():
                flask_migrate.upgrade()
                owner_url = server.owner_url.replace("+psycopg", "", 1)
                period_id = fill(owner_url, sales, partners)
                with transaction(db.session()) as session:
                    service.begin_close(
                        session,
                        queries.period(session, period_id, lock=True),
                        actor=None,
                        issuer_name="Acme Inc.",
                        acknowledged={},
                        now=MONTH_ENDS,
                    )
                chunks = len(queries.chunks(db.session(), period_id))
                db.session.remove()
                db.engine.dispose()
            yield Month(server.app_url, owner_url, period_id, chunks)
        finally:
            server.stop()


def fill(url: str, sales: int, partners: int) -> UUID:
    """Write a program, its partners, their customers and what these bought."""
    program, version, period = (UUID(int=number) for number in (1, 2, 3))
    plan = preset("monday-affiliate")
    definition = plan.model_copy(update={"hold": Hold()})  # all of it clears at once
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute(
            "INSERT INTO programs (id, key, created_at)"
            " VALUES (%s, 'bench', '2025-01-01')",
            (program,),
        )
        connection.execute(
            "INSERT INTO program_versions (id, program_id, number, definition_json,"
            " effective_from, published_at)"
            " VALUES (%s, %s, 1, %s, '2025-01-01', '2025-01-01')",
            (version, program, Jsonb(dump_json(definition))),
        )
        connection.execute(
            "INSERT INTO periods (id, program_id, label, starts_at, ends_at,"
            " time_zone, status, issuer_name, acknowledged, withholds_us_tax,"
            " four_eyes, proposed_figures) VALUES (%s, %s, '2026-01', '2026-01-01Z',"
            " %s, 'UTC', 'open', '', '{}', false, false, '')",
            (period, program, MONTH_ENDS),
        )
        values = {
            "program": program,
            "version": version,
            "partners": partners,
            "sales": sales,
            "each": CUSTOMERS_EACH,
            "gates": [gate.key for gate in definition.gates],
        }
        for statement in FILL.split(";"):
            connection.execute(statement, values)
        connection.execute("VACUUM ANALYZE")
    return period


def prepare(url: str) -> None:
    """Start a worker's app, as `portal worker` does once."""
    app = create_app(
        Settings(secret_key=SECRET, database_url=url, database_owner_url=url)
    )
    app.app_context().push()
    spare_the_collector()


def work(given: tuple[Month, int, int]) -> tuple[int, float]:
    """Close chunks until none is left; return the memory in MB and the CPU seconds."""
    one, number, workers = given
    begun = process_time()
    # Each begins elsewhere and goes around, so that they seldom meet.
    start = one.chunks * number // workers
    for place in range(one.chunks):
        with transaction(db.session()) as session:
            service.close_chunk(
                session, one.period_id, (start + place) % one.chunks + 1
            )
    memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024
    return memory, process_time() - begun


def close(one: Month, workers: int) -> tuple[float, int, float]:
    """Close the month; return seconds, memory of the largest worker, CPU seconds."""
    context = get_context("spawn")
    with ProcessPoolExecutor(
        workers, mp_context=context, initializer=prepare, initargs=(one.url,)
    ) as pool:
        list(pool.map(sleep, [1] * workers))  # everybody is there
        begun = perf_counter()
        parts = [(one, number, workers) for number in range(workers)]
        done = list(pool.map(work, parts))
        took = perf_counter() - begun
    return took, max(memory for memory, _ in done), sum(busy for _, busy in done)


def floor(one: Month) -> float:
    """Scan the input and copy the output; return the seconds."""
    with (
        TemporaryDirectory() as folder,
        psycopg.connect(one.owner_url) as connection,
        connection.cursor() as cursor,
    ):
        for table in WRITTEN:
            cursor.execute(f"CREATE TABLE floor_{table} (LIKE {table})")
            with (
                Path(folder, table).open("wb") as file,
                cursor.copy(f"COPY {table} TO STDOUT (FORMAT binary)") as copy,
            ):
                file.writelines(copy)
        begun = perf_counter()
        with connection.cursor(name="sold") as sold:
            sold.itersize = 5_000
            sold.execute(
                "SELECT a.enrollment_id, s.* FROM sales s"
                " JOIN attributions a USING (customer_id)"
            )
            for _row in sold:
                pass
        for table in WRITTEN:
            with (
                Path(folder, table).open("rb") as file,
                cursor.copy(f"COPY floor_{table} FROM STDIN (FORMAT binary)") as copy,
            ):
                while part := file.read(1 << 20):
                    copy.write(part)
        took = perf_counter() - begun
        connection.rollback()  # so that it can be done again
        return took


def measure(sales: int, partners: int, workers: int) -> float:
    """Print what the close of one month costs; return its ratio to the floor."""
    with month(sales, partners) as one:
        took, memory, busy = close(one, workers)
        least = median(floor(one) for _ in range(3))
        with psycopg.connect(one.owner_url) as connection:
            counts = {
                table: connection.execute(
                    sql.SQL("SELECT count(*) FROM {}").format(sql.Identifier(table))
                ).fetchone()
                for table in WRITTEN
            }
            left = connection.execute(
                "SELECT count(*) FROM close_chunks WHERE done_at IS NULL"
            ).fetchone()
    if left != (0,) or counts["statement_lines"] != (sales,):
        sys.exit(f"not closed: {left} chunks left, {counts}")
    print(
        f"{sales:>9,} sales of {partners:,} partners, {workers} worker(s): "
        f"{took:.1f} s, {took / sales * 1_000_000:.0f} us a sale "
        f"({busy / sales * 1_000_000:.0f} of the workers' processor), "
        f"floor {least:.2f} s, ratio {took / least:.1f} (aim {LIMIT:.1f}), "
        f"memory {memory} MB"
    )
    return took / least


def main() -> None:
    """Print the figures."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--sales", type=int, nargs="+", default=[20_000])
    parser.add_argument("--partners", type=int, default=200)
    parser.add_argument("--workers", type=int, nargs="+", default=[1, 2])
    asked = parser.parse_args()
    most = max(asked.sales)
    for sales in asked.sales:
        for workers in asked.workers:
            # As many sales for each partner, however many there are.
            measure(sales, max(asked.partners * sales // most, 1), workers)


if __name__ == "__main__":
    main()
