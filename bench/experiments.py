"""The experiments about money at full size; each prints its figures and its control.

PYTHONPATH=. .venv/bin/python bench/experiments.py [NAME ...]

Without names all are run: tampering, killing, payouts, order, replay, rounding,
rendering, any-order. The tests do a small share of each. Exits with 1 if one does not
hold.
"""

import argparse
import json
import os
import random
import subprocess
import sys
from collections import Counter
from collections.abc import Callable
from itertools import count
from pathlib import Path
from tempfile import TemporaryDirectory
from time import perf_counter

import flask_migrate
from sqlalchemy import create_engine
from sqlalchemy.orm import Session

from portal.app import create_app
from portal.config import Settings
from portal.extensions import db
from portal.kit.money import Money, split
from portal.kit.postgres import EmbeddedPostgres
from portal.ledger import sealing
from portal.verification.service import verify
from tests.databases import copy_database, named
from tests.experiments.closing import dump, kill_after, prepare, run, session_on, stable
from tests.experiments.rendering import any_statement, differences
from tests.experiments.replaying import tell
from tests.experiments.tampering import switch_walls_off, tamper
from tests.experiments.test_racing import request_payouts, request_unlocked
from tests.experiments.world import fill
from tests.payouts.paying import NOW
from tests.postgres import throwaway_server
from tests.statements.books import at
from tests.webhooks.feed import busy_account, feed
from tests.webhooks.feed import dump as dump_sales

ROOT = Path(__file__).resolve().parents[1]
TAMPERS = CLEAN = 100
KILLS = 200
REQUESTS, CONNECTIONS = 1_000, 50
EVENTS, ORDERS = 10_000, 20
SPLITS = 1_000_000
STATEMENTS = 1_000
EXAMPLES, STEPS = 500, 50

_numbers = count(1)


class Bench:
    """A server with a migrated database to copy."""

    def __init__(self, server: EmbeddedPostgres) -> None:
        self.server = server
        self.schema = copy_database(server, "schema", "template1")
        settings = Settings(
            secret_key="0" * 32,
            database_url=named(server.app_url, self.schema),
            database_owner_url=named(server.owner_url, self.schema),
        )
        with create_app(settings).app_context():
            flask_migrate.upgrade()
            db.engine.dispose()

    def copy(self, template: str = "") -> str:
        return copy_database(
            self.server, f"own_{next(_numbers)}", template or self.schema
        )


def tampering(bench: Bench) -> bool:
    name = bench.copy()
    engine = create_engine(named(bench.server.owner_url, name))
    missed: list[object] = []
    kinds: Counter[str] = Counter()
    with Session(engine) as session:
        fill(session)
        switch_walls_off(session)
        for seed in range(TAMPERS):
            done = tamper(session, random.Random(seed))
            kinds[done.verb] += 1
            if not done.is_named:
                missed.append(done)
    engine.dispose()
    alarms = 0
    for _ in range(CLEAN):
        engine = create_engine(named(bench.server.app_url, bench.copy()))
        with Session(engine) as session:
            fill(session)
            alarms += bool(verify(session, NOW))
        engine.dispose()
    for one in missed:
        print("  missed:", one)
    print(f"{TAMPERS - len(missed)} of {TAMPERS} found and named, {dict(kinds)}")
    print(f"control: {alarms} false alarms on {CLEAN} clean databases")
    return not missed and not alarms


def killing(bench: Bench) -> bool:
    template = bench.copy()
    with session_on(named(bench.server.app_url, template)) as session:
        period_id = prepare(session)

    def look(url: str) -> str:
        with session_on(url) as session:
            sealing.seal(session, now=at("2026-02-01"))
            return dump(session) + repr(verify(session, at("2026-02-01")))

    url = named(bench.server.app_url, bench.copy(template))
    began = perf_counter()
    run(url, period_id)
    takes = perf_counter() - began
    expected = look(url)
    if not expected.endswith("[]"):
        print("  the uninterrupted close is not sound")
        return False
    landed = bad = tries = 0
    rng = random.Random(0)
    with stable() as forks:
        while landed < KILLS and tries < 5 * KILLS:
            tries += 1
            url = named(bench.server.app_url, bench.copy(template))
            pid = forks.start(url, period_id)
            kill_after(pid, rng.uniform(0, takes))
            landed += forks.wait()
            run(url, period_id)
            bad += look(url) != expected
    print(f"{landed} of {tries} kills landed inside, {bad} ended differently")
    return not bad and landed >= KILLS


def payouts(bench: Bench) -> bool:
    engine = create_engine(
        named(bench.server.app_url, bench.copy()), pool_size=CONNECTIONS
    )
    began = perf_counter()
    outcomes = request_payouts(engine, requests=REQUESTS, connections=CONNECTIONS)
    took = perf_counter() - began
    unlocked = request_unlocked(engine, connections=CONNECTIONS)
    engine.dispose()
    print(
        f"{REQUESTS} requests on {CONNECTIONS} connections: {outcomes['paid']} paid, "
        f"{outcomes['rows']} rows, {took:.1f} s; control without the lock: {unlocked}"
    )
    return outcomes["paid"] == outcomes["rows"] == 1 and unlocked > 1


def order(bench: Bench) -> bool:
    events: list[dict[str, object]] = []
    for number in count():
        if len(events) >= EVENTS:
            break
        events += busy_account(seed=f"busy {number}")
    engine = create_engine(named(bench.server.app_url, bench.copy()))
    dumps = Counter[bytes]()
    for seed in range(ORDERS):
        rng = random.Random(seed)
        shuffled = events + rng.sample(events, len(events) // 2)
        rng.shuffle(shuffled)
        with Session(engine) as session:
            feed(session, shuffled if seed else events)
            dumps[dump_sales(session)] += 1
            session.rollback()
    engine.dispose()
    print(
        f"{len(events)} events, half of them twice, {ORDERS} orders: "
        f"{len(dumps)} different dump"
    )
    return len(dumps) == 1


def replay(bench: Bench) -> bool:
    def told(chance: int) -> bytes:
        name = bench.copy()
        settings = Settings(
            secret_key="0" * 32,
            database_url=named(bench.server.app_url, name),
            database_owner_url=named(bench.server.owner_url, name),
        )
        with TemporaryDirectory() as folder:
            return tell(settings, Path(folder) / "stripe.json", chance=chance)

    first, again, other = told(14), told(14), told(15)
    statements, lines, books = json.loads(first)
    print(
        f"{len(statements)} statements, {len(lines)} lines, {len(books)} postings, "
        f"told twice: {'the same' if first == again else 'NOT the same'}; "
        f"control, other customers: {'the same' if first == other else 'not the same'}"
    )
    return first == again != other


def rounding(_bench: Bench) -> bool:
    rng, wrong, naive = random.Random(0), 0, 0
    for _ in range(SPLITS):
        minor = rng.randint(0, 10**9)
        weights = [rng.randint(1, 1_000) for _ in range(rng.randint(1, 6))]
        parts = split(Money(minor, "USD"), weights)
        wrong += sum(part.minor for part in parts) != minor
        whole = sum(weights)
        naive += sum(minor * weight // whole for weight in weights) != minor
    print(f"{SPLITS:,} splits: {wrong} lose a unit; control, rounded down: {naive:,}")
    return wrong == 0 and naive > 0


def rendering(_bench: Bench) -> bool:
    rng, wrong = random.Random(0), 0
    for _ in range(STATEMENTS):
        found = differences(any_statement(rng))
        wrong += bool(found)
        if found:
            print("  differs:", found)
    print(f"{STATEMENTS} statements in four files: {wrong} differ")
    return wrong == 0


def any_order(_bench: Bench) -> bool:
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "tests/experiments/test_any_order.py"],
        cwd=ROOT,
        env=os.environ
        | {"EXPERIMENT_EXAMPLES": str(EXAMPLES), "EXPERIMENT_STEPS": str(STEPS)},
        check=False,
    )
    print(f"{EXAMPLES} examples of {STEPS} steps: exit code {done.returncode}")
    return done.returncode == 0


EXPERIMENTS: dict[str, Callable[[Bench], bool]] = {
    "tampering": tampering,
    "killing": killing,
    "payouts": payouts,
    "order": order,
    "replay": replay,
    "rounding": rounding,
    "rendering": rendering,
    "any-order": any_order,
}


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("names", nargs="*", choices=[*EXPERIMENTS, []])
    names = parser.parse_args().names or list(EXPERIMENTS)
    failed = []
    with throwaway_server() as server:
        bench = Bench(server)
        for name in names:
            began = perf_counter()
            print(f"== {name}", flush=True)
            if not EXPERIMENTS[name](bench):
                failed.append(name)
            print(f"   {perf_counter() - began:.0f} s", flush=True)
    print(f"does not hold: {', '.join(failed)}" if failed else "all hold")
    sys.exit(bool(failed))


if __name__ == "__main__":
    main()
