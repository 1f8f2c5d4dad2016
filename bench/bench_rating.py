"""A million sales of 10,000 partners rated with traces, against reading and writing.

.venv/bin/python bench/bench_rating.py [--sales 1000000] [--partners 10000]

The floor reads the same rows in the same order and writes as many result rows with the
same columns and a trace of the same size, without rating and without turning traces
into JSON. Both run in one process beside one of the database. They take turns over the
same partners, so that a machine that is busy for a while slows both of them; the limit
is three times the floor in the median of the rounds. Memory is that of this process at
its highest; the sales of one partner at a time are in it.
"""

import argparse
import resource
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from itertools import groupby
from operator import itemgetter
from pathlib import Path
from statistics import median, quantiles
from tempfile import TemporaryDirectory
from time import perf_counter, process_time
from typing import Any
from uuid import UUID

import psycopg

from portal.commissions.calculation import RatedLine, SaleFact, Terms, rate
from portal.kit import postgres
from portal.kit.json_text import written
from portal.programs.documents import preset

LIMIT = 3.0
MOST_MB = 500
LATENCY_LIMIT_MS = 50
ROUNDS = 10
TERMS = Terms(definition=preset("monday-affiliate"), number=1)
CUSTOMERS_EACH = 10
Row = tuple[int, UUID, str, UUID, int, datetime]

TABLES = """
CREATE UNLOGGED TABLE sold (partner int, id uuid, reference text, customer uuid,
                            net_minor bigint, occurred_at timestamptz);
CREATE UNLOGGED TABLE lines (partner int, key text, sale_id uuid, customer uuid,
                             amount_minor bigint, clears_at timestamptz, trace jsonb)
"""
FILL = """
INSERT INTO sold
SELECT n %% %(partners)s::bigint, gen_random_uuid(), 'in_' || n,
       md5((n %% (%(partners)s::bigint * %(each)s))::text)::uuid,
       1000 + n * 7919 %% 90000, timestamptz '2026-01-01' + n * interval '7 seconds'
FROM generate_series(1, %(sales)s::bigint) AS n
"""
READ = """
SELECT * FROM sold WHERE partner >= %(since)s AND partner < %(until)s
ORDER BY partner, occurred_at, id
"""
WRITE = "COPY lines FROM STDIN"


@contextmanager
def database(sales: int, partners: int) -> Iterator[str]:
    """Start a throwaway server with the sales in it."""
    with TemporaryDirectory() as folder:
        server = postgres.start(Path(folder, "postgres"), when_done="stop")
        url = server.owner_url.replace("+psycopg", "", 1)
        with psycopg.connect(url, autocommit=True) as connection:
            connection.execute(TABLES)
            connection.execute(
                FILL, {"sales": sales, "partners": partners, "each": CUSTOMERS_EACH}
            )
            connection.execute("CREATE INDEX ON sold (partner, occurred_at, id)")
            connection.execute("VACUUM ANALYZE sold")
        try:
            yield url
        finally:
            server.stop()


def rows(connection: psycopg.Connection[Any], partners: range) -> Iterator[Row]:
    """Stream the sales of some partners, one after the other."""
    with connection.cursor(name="sold") as cursor:
        cursor.itersize = 5_000
        cursor.execute(READ, {"since": partners.start, "until": partners.stop})
        yield from cursor


def rated(rows_of_partner: Iterator[Row]) -> list[RatedLine]:
    sales = [
        SaleFact(
            id=key,
            reference=reference,
            customer_id=customer,
            currency="USD",
            net_minor=net,
            # In UTC, as the portal reads every instant.
            occurred_at=occurred_at.astimezone(UTC),
        )
        for _partner, key, reference, customer, net, occurred_at in rows_of_partner
    ]
    return rate(sales, [], terms=dict.fromkeys({s.customer_id for s in sales}, TERMS))


def run(url: str, partners: range) -> tuple[int, list[float]]:
    """Rate and write; return the number of lines, and how long each partner took."""
    count, latencies = 0, []
    with psycopg.connect(url) as reader, psycopg.connect(url) as writer:
        with writer.cursor().copy(WRITE) as copy:
            for partner, of_partner in groupby(
                rows(reader, partners), key=itemgetter(0)
            ):
                begun = perf_counter()
                lines = rated(of_partner)
                latencies.append(perf_counter() - begun)
                for line in lines:
                    copy.write_row(
                        (
                            partner,
                            line.key,
                            line.sale_id,
                            line.customer_id,
                            line.amount_minor,
                            line.clears_at,
                            written(line.trace),
                        )
                    )
                count += len(lines)
        writer.rollback()
    return count, latencies


def floor(url: str, partners: range, trace: str) -> None:
    """Read the same rows and write as many, without rating."""
    with psycopg.connect(url) as reader, psycopg.connect(url) as writer:
        with writer.cursor().copy(WRITE) as copy:
            for partner, key, _reference, customer, net, occurred_at in rows(
                reader, partners
            ):
                copy.write_row(
                    (
                        partner,
                        f"sale:{key}/first-year",
                        key,
                        customer,
                        net,
                        occurred_at,
                        trace,
                    )
                )
        writer.rollback()


@dataclass(slots=True)
class Measured:
    """What the rounds came to."""

    lines: int = 0
    took: list[float] = field(default_factory=list)
    floors: list[float] = field(default_factory=list)
    took_cpu: float = 0
    floors_cpu: float = 0
    latencies: list[float] = field(default_factory=list)


def measure(url: str, partners: int) -> Measured:
    """Let the floor and rating take turns over all partners."""
    with psycopg.connect(url) as connection:
        some = next(groupby(rows(connection, range(partners)), key=itemgetter(0)))[1]
        trace = written(rated(some)[-1].trace)
    measured = Measured()
    step = -(-partners // ROUNDS)
    for since in range(0, partners, step):
        part = range(since, since + step)
        begun, cpu = perf_counter(), process_time()
        floor(url, part, trace)
        measured.floors.append(perf_counter() - begun)
        measured.floors_cpu += process_time() - cpu
        begun, cpu = perf_counter(), process_time()
        lines, latencies = run(url, part)
        measured.took.append(perf_counter() - begun)
        measured.took_cpu += process_time() - cpu
        measured.lines += lines
        measured.latencies += latencies
        # What was rolled back still fills the disk.
        with psycopg.connect(url) as connection:
            connection.execute("TRUNCATE lines")
    return measured


def main() -> None:
    """Print the ratio, the memory and the latency, each against its limit."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--sales", type=int, default=1_000_000)
    parser.add_argument("--partners", type=int, default=10_000)
    asked = parser.parse_args()
    with database(asked.sales, asked.partners) as url:
        measured = measure(url, asked.partners)
    ratios = [
        took / least for took, least in zip(measured.took, measured.floors, strict=True)
    ]
    ratio = median(ratios)
    memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    p95 = quantiles(measured.latencies, n=20)[-1] * 1000
    print(
        f"{asked.sales:,} sales of {asked.partners:,} partners: {measured.lines:,} "
        f"lines; one process each for rating, the floor and the database"
    )
    print(f"rated in {sum(measured.took):.1f} s, floor {sum(measured.floors):.1f} s")
    print(
        f"of the processor, without the database: {measured.took_cpu:.1f} s and "
        f"{measured.floors_cpu:.1f} s"
    )
    print(
        f"ratio {ratio:.2f} in the median of {len(ratios)} rounds "
        f"({min(ratios):.2f} to {max(ratios):.2f}), limit {LIMIT:.2f}"
    )
    print(f"memory {memory:.0f} MB, limit {MOST_MB} MB")
    print(
        f"one partner again: median {median(measured.latencies) * 1000:.1f} ms, "
        f"p95 {p95:.1f} ms, limit {LATENCY_LIMIT_MS} ms"
    )
    if ratio > LIMIT or memory > MOST_MB or p95 > LATENCY_LIMIT_MS:
        sys.exit("over a limit")


if __name__ == "__main__":
    main()
