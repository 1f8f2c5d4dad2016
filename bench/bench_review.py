"""Approving and paging with 50,000 applications in the queue.

.venv/bin/python bench/bench_review.py [--applications 50000] [--rounds 60]

The applications are written with COPY into a throwaway database. Every figure is of a
whole request to the portal in this process, with the database in a process beside it
and a signed-in reviewer; each request is a new one, as a browser sends it.
"""

import argparse
import json
import os
import platform
import sys
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from statistics import median, quantiles
from tempfile import TemporaryDirectory
from time import perf_counter
from uuid import UUID

import flask_migrate
import psycopg
from flask import Flask
from flask.testing import FlaskClient

from portal.accounts.models import User, UserSession
from portal.accounts.permissions import Role
from portal.accounts.tokens import token_hash
from portal.app import create_app
from portal.applications.likeness import fingerprints
from portal.applications.rules import domain_of
from portal.config import Settings
from portal.extensions import db
from portal.kit import postgres
from portal.kit.clock import utc_now
from portal.kit.db import transaction
from portal.kit.ids import new_id, new_token, public_id
from portal.programs import service as programs
from portal.programs.documents import preset

LIMIT_MS = 150
COLUMNS = (
    "id", "reference", "program_id", "version_id", "email", "email_domain", "locale",
    "status", "answers", "answers_version", "answer_marks", "code_tries",
    "decision_note", "submitted_at", "answer_by", "created_at", "updated_at",
)  # fmt: skip


def seed(url: str, program: UUID, version: UUID, many: int) -> list[UUID]:
    """Write the applications; return their ids, the one due first at the front."""
    now = utc_now()
    ids = [new_id() for _ in range(many)]
    with psycopg.connect(url) as connection, connection.cursor() as cursor:
        with cursor.copy(
            f"COPY applications ({', '.join(COLUMNS)}) FROM STDIN"
        ) as copy:
            for n, key in enumerate(ids):
                email = f"mina@company{n // 2}.example"  # every company applies twice
                sent = now - timedelta(minutes=many - n)
                copy.write_row(
                    (
                        key, f"APP-{n:06d}", program, version, f"{n}{email}",
                        domain_of(email), "en", "submitted",
                        json.dumps({"company": f"Company {n}", "country": "KR"}), 0,
                        "{}", 0, "", sent, sent + timedelta(days=5), sent, sent,
                    )
                )  # fmt: skip
        with cursor.copy(
            "COPY application_fingerprints (application_id, kind, digest) FROM STDIN"
        ) as copy:
            for n, key in enumerate(ids):
                for kind, digest in fingerprints(f"{n // 3}@box.example", {}):
                    copy.write_row((key, kind.value, digest))
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute("VACUUM ANALYZE applications")
        connection.execute("VACUUM ANALYZE application_fingerprints")
    return ids


def signed_in(app: Flask) -> FlaskClient:
    """Return the browser of a reviewer."""
    now, token = utc_now(), new_token()
    with app.app_context(), transaction(db.session()) as session:
        user = User(
            id=new_id(), email="dana@vendor.example", name="Dana",
            role=Role.REVIEWER, created_at=now,
        )  # fmt: skip
        session.add(user)
        session.flush()
        session.add(
            UserSession(
                user_id=user.id,
                token_sha256=token_hash(token),
                created_at=now,
                last_seen_at=now,
                expires_at=now + timedelta(hours=9),
            )
        )
    client = app.test_client()
    with client.session_transaction() as cookie:
        cookie["_user_id"] = token
        cookie["_fresh"] = True
    return client


def measure(name: str, rounds: int, act: Callable[[int], int], expected: int) -> float:
    """Print median and p95 of an act in milliseconds; return the p95."""
    times = []
    for n in range(rounds):
        begun = perf_counter()
        status = act(n)
        times.append((perf_counter() - begun) * 1000)
        if status != expected:
            sys.exit(f"{name}: answered {status}")
    p95 = quantiles(times, n=20)[-1]
    print(f"{name:<34} median {median(times):7.1f} ms   p95 {p95:7.1f} ms")
    return p95


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--applications", type=int, default=50_000)
    parser.add_argument("--rounds", type=int, default=60)
    asked = parser.parse_args()
    print(f"{platform.machine()}, {os.cpu_count()} cores, {platform.system()}")
    with TemporaryDirectory() as folder:
        server = postgres.start(Path(folder, "postgres"), when_done="stop")
        app = create_app(
            Settings(
                secret_key="0123456789abcdef0123456789abcdef",  # noqa: S106 - of a throwaway
                base_url="http://localhost",
                database_url=server.app_url,
                database_owner_url=server.owner_url,
                testing=True,
            )
        )
        app.config["WTF_CSRF_ENABLED"] = False
        with app.app_context():
            flask_migrate.upgrade()
            now = utc_now()
            with transaction(db.session()) as session:
                version = programs.publish(
                    session,
                    preset("hubspot-solutions-partner"),
                    actor=None,
                    effective_from=now,
                    now=now,
                )
                session.flush()
                keys = version.program_id, version.id
        owner = server.owner_url.replace("+psycopg", "", 1)
        ids = seed(owner, *keys, asked.applications)
        is_slow = run(signed_in(app), ids, asked.rounds)
    sys.exit(is_slow)


def run(client: FlaskClient, ids: list[UUID], rounds: int) -> bool:
    """Print the figures; tell whether an approval takes longer than it may."""
    queue = "/admin/applications"
    client.get(queue)  # templates are compiled now
    measure("queue page", rounds, lambda _: client.get(queue).status_code, 200)
    measure(
        "one application, deep in the queue",
        rounds,
        lambda n: client.get(f"{queue}/{public_id('app', ids[-n - 1])}").status_code,
        200,
    )
    p95 = measure(
        "approve",
        rounds,
        lambda n: (
            client.post(f"{queue}/{public_id('app', ids[n])}/approve").status_code
        ),
        303,
    )
    print(f"limit for the p95 of approve: {LIMIT_MS} ms")
    return p95 > LIMIT_MS


if __name__ == "__main__":
    main()
