"""Jobs: in the transaction of their change, run by a real worker, never lost."""

import asyncio
import json
from collections.abc import Callable, Coroutine, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import Any, TypeVar

import flask_migrate
import pytest
from flask import Flask, current_app
from procrastinate import PsycopgConnector
from sqlalchemy import text
from sqlalchemy.orm import Session

from portal import jobs, serving
from portal.app import create_app
from portal.config import Settings
from portal.extensions import db
from tests.postgres import throwaway_server

T = TypeVar("T")

RAN: list[str] = []


@jobs.task("tests.note", attempts=2)
def note(word: str) -> None:
    RAN.append(f"{word} in {current_app.name}")
    if word == "break":
        raise RuntimeError("as asked")


def waiting(session: Session) -> list[dict[str, str]]:
    rows = session.execute(
        text("SELECT args FROM procrastinate_jobs WHERE task_name = 'tests.note'")
    )
    return [dict(row.args) for row in rows]


class TestDefer:
    def test_a_job_is_written_with_the_change_it_belongs_to(
        self, session: Session
    ) -> None:
        savepoint = session.begin_nested()
        jobs.defer(session, "tests.note", {"word": "lost"})
        savepoint.rollback()
        jobs.defer(session, "tests.note", {"word": "kept"})

        assert waiting(session) == [{"word": "kept"}]

    def test_a_job_of_an_unknown_task_is_a_bug(self, session: Session) -> None:
        with pytest.raises(KeyError):
            jobs.defer(session, "tests.nobody")

    def test_while_one_waits_another_is_not_added(self, session: Session) -> None:
        for word in ("first", "second"):
            jobs.defer(session, "tests.note", {"word": word}, queueing_lock="one")

        assert waiting(session) == [{"word": "first"}]


@pytest.fixture(scope="module")
def worker_app(app: Flask) -> Iterator[Flask]:
    """An app on a database of its own, where things really commit."""
    with throwaway_server() as server:
        settings = Settings(
            secret_key="0123456789abcdef0123456789abcdef",
            database_url=server.app_url,
            database_owner_url=server.owner_url,
            testing=True,
        )
        own = create_app(replace(settings))
        with own.app_context():
            flask_migrate.upgrade()
        yield own
        with own.app_context():
            db.engine.dispose()
    jobs.bind(app)


def on_its_own(work: Callable[[], Coroutine[Any, Any, T]]) -> T:
    """Run in a thread: a browser of other tests may keep a loop in this one."""
    with ThreadPoolExecutor(1) as pool:
        return pool.submit(lambda: asyncio.run(work())).result()


def run_worker(app: Flask) -> None:
    on_its_own(lambda: serving.work(app, wait=False))


class TestWorker:
    def queue(self, app: Flask, word: str) -> None:
        with app.app_context(), db.session.begin():
            jobs.defer(db.session(), "tests.note", {"word": word})

    def states(self, app: Flask) -> list[str]:
        with app.app_context():
            rows = db.session.execute(
                text("SELECT status::text FROM procrastinate_jobs ORDER BY id")
            )
            return [row.status for row in rows]

    def test_a_job_runs_inside_the_app(self, worker_app: Flask) -> None:
        self.queue(worker_app, "hello")

        run_worker(worker_app)

        assert "hello in portal" in RAN
        assert self.states(worker_app)[0] == "succeeded"

    def test_a_job_that_breaks_is_tried_again_later(self, worker_app: Flask) -> None:
        self.queue(worker_app, "break")

        run_worker(worker_app)

        assert self.states(worker_app)[-1] == "todo"

    def test_a_job_that_waits_runs_after_the_change_that_found_it_waiting(
        self, worker_app: Flask
    ) -> None:
        fetch = text("SELECT (procrastinate_fetch_job_v2(NULL, NULL)).args")
        words = {"first": {"word": "first"}, "second": {"word": "second"}}

        def defer(session: Session, word: str) -> None:
            jobs.defer(session, "tests.note", words[word], queueing_lock="one")

        with worker_app.app_context():
            engine = db.engine
            with Session(engine) as first, first.begin():
                first.execute(text("DELETE FROM procrastinate_jobs"))
                defer(first, "first")
            with Session(engine) as late, Session(engine) as worker:
                defer(late, "second")
                assert worker.execute(fetch).scalar() is None
                late.commit()
                assert worker.execute(fetch).scalar() == words["first"]
                # It has begun, so it may not see what comes now.
                worker.commit()
                defer(late, "second")
                late.commit()
                assert worker.execute(fetch).scalar() == words["second"]
                worker.execute(text("DELETE FROM procrastinate_jobs"))
                worker.commit()

    def test_what_a_killed_worker_had_in_hand_is_queued_again(
        self, worker_app: Flask
    ) -> None:
        with worker_app.app_context(), db.session.begin():
            dead = db.session.execute(
                text(
                    "INSERT INTO procrastinate_workers (last_heartbeat)"
                    " VALUES (now() - interval '1 hour') RETURNING id"
                )
            ).scalar_one()
            db.session.execute(
                text(
                    "INSERT INTO procrastinate_jobs"
                    " (task_name, queue_name, status, args, worker_id, attempts)"
                    " VALUES ('tests.note', 'default', 'doing', CAST(:args AS jsonb),"
                    " :worker, 0)"
                ),
                {"args": json.dumps({"word": "orphan"}), "worker": dead},
            )

        run_worker(worker_app)

        assert "orphan in portal" in RAN

    def test_without_stalled_jobs_the_sweep_does_nothing(
        self, worker_app: Flask
    ) -> None:
        async def sweep() -> int:
            settings = worker_app.extensions["portal.settings"]
            conninfo = settings.database_url.replace("+psycopg", "", 1)
            runner = jobs.registry.with_connector(PsycopgConnector(conninfo=conninfo))
            async with runner.open_async():
                return await jobs.retry_stalled_jobs(runner)

        assert on_its_own(sweep) == 0


def test_a_periodic_task_is_one_that_can_be_run_by_hand() -> None:
    assert "certification.close_overdue" in jobs.TASKS
