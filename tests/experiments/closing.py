"""A close in a process of its own, which somebody kills.

Run as a program it reads lines of `url period point` and does the close of each in a
fork, so that what takes long, importing the portal, is done once. At a `point` that
is not `-` the fork kills itself, as `kill -9` would.
"""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from uuid import UUID

from sqlalchemy import create_engine, text
from sqlalchemy.orm import Session

from portal import app as _portal  # noqa: F401 - every model and task
from portal.statements import queries, service
from tests.commissions.story import Story, a_version
from tests.factories import base_factory
from tests.statements.books import a_period, at, begin

ROOT = Path(__file__).resolve().parents[2]
PARTNERS = 6
CHUNK = 2
CHUNKS = PARTNERS // CHUNK
POINTS = (
    *(
        f"chunk {n} {when}"
        for n in range(1, CHUNKS + 1)
        for when in ("written", "done")
    ),
    "finish written",
    "finish done",
)
"""Every moment between two steps: written and not committed, and committed."""


def prepare(session: Session) -> UUID:
    """Write a month with refunds and begin its close; return the period."""
    base_factory.bind(session)
    version = a_version()
    for number in range(PARTNERS):
        story = Story(session, version)
        customer = story.credited(first_seen_at=at("2026-01-02"))
        for day in range(10, 14):
            sale = story.sale(customer, at(f"2026-01-{day}"), 10_000 + number * 777)
        story.refund(sale, at("2026-01-20"), 5_000)
        story.recompute()
    period = a_period(session, version.program_id, "2026-01")
    begin(session, period, chunk_size=CHUNK)
    session.commit()
    return period.id


def run(url: str, period_id: UUID, stop_at: str = "-") -> None:
    """Do what is left of the close; die at `stop_at`."""

    def reach(point: str) -> None:
        if point == stop_at:
            os.kill(os.getpid(), signal.SIGKILL)

    with session_on(url) as session:
        for chunk in queries.chunks(session, period_id):
            service.close_chunk(session, period_id, chunk.number)
            session.flush()
            reach(f"chunk {chunk.number} written")
            session.commit()
            reach(f"chunk {chunk.number} done")
        period = queries.period(session, period_id)
        service.finish_close(session, period_id, now=period.ends_at)
        session.flush()
        reach("finish written")
        session.commit()
        reach("finish done")


@contextmanager
def session_on(url: str) -> Iterator[Session]:
    """Open a session on a database, and leave no connection behind."""
    engine = create_engine(url)
    try:
        with Session(engine) as session:
            yield session
    finally:
        engine.dispose()


def dump(session: Session) -> str:
    """Return what the close made, without keys that are drawn by chance."""
    tables = [
        "SELECT status, acknowledged FROM periods",
        (
            "SELECT number, partner_name, opening_minor, earned_minor, reversals_minor,"
            " closing_minor, line_count, payment, issued_at FROM statements"
        ),
        (
            "SELECT s.number, position, kind, l.occurred_at, customer, what, why, rate,"
            " base_minor, amount_minor FROM statement_lines l"
            " JOIN statements s ON s.id = l.statement_id"
        ),
        (
            "SELECT s.number, e.occurred_at, e.recorded_at, account, amount_minor,"
            " p.currency FROM ledger_postings p"
            " JOIN ledger_journal_entries e ON e.id = p.entry_id"
            " JOIN statements s ON e.key = 'statement:' || s.id"
        ),
        "SELECT count(*) FROM ledger_journal_entries",
        "SELECT last_count FROM statement_counters",
        "SELECT number, done_at FROM close_chunks",
        'SELECT "to", template FROM outbox_emails',
    ]
    return json.dumps(
        [
            sorted(repr(tuple(row)) for row in session.execute(text(query)))
            for query in tables
        ]
    )


@dataclass
class Stable:
    """The program that forks a close for each line."""

    process: subprocess.Popen[str]

    def start(self, url: str, period_id: UUID, point: str = "-") -> int:
        """Begin a close; return the id of its process."""
        self._say(f"{url}\t{period_id}\t{point}")
        return int(self._hear())

    def wait(self) -> bool:
        """Wait for the close; tell whether it was killed."""
        return self._hear() != "0"

    def _say(self, line: str) -> None:
        if self.process.stdin is None:
            raise RuntimeError("no way to speak to the program")
        self.process.stdin.write(f"{line}\n")
        self.process.stdin.flush()

    def _hear(self) -> str:
        if self.process.stdout is None:
            raise RuntimeError("no way to hear the program")
        return self.process.stdout.readline().strip()


@contextmanager
def stable() -> Iterator[Stable]:
    process = subprocess.Popen(
        [sys.executable, "-m", "tests.experiments.closing"],
        cwd=ROOT,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        yield Stable(process)
    finally:
        process.communicate()


def kill_after(pid: int, seconds: float) -> None:
    """Kill a process after some time, unless it has ended by then."""
    time.sleep(seconds)
    with suppress(ProcessLookupError):
        os.kill(pid, signal.SIGKILL)


def main() -> None:
    for line in sys.stdin:
        url, period_id, point = line.rstrip("\n").split("\t")
        pid = os.fork()
        if pid == 0:
            run(url, UUID(period_id), point)
            os._exit(0)
        print(pid, flush=True)  # noqa: T201 - to whoever started this
        _pid, status = os.waitpid(pid, 0)
        print(status, flush=True)  # noqa: T201 - to whoever started this


if __name__ == "__main__":
    main()
