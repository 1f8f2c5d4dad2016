"""Two people at the same moment, on a database of their own that really commits."""

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import timedelta
from threading import Barrier

import flask_migrate
import psycopg
import pytest
from flask import Flask
from sqlalchemy import Engine, create_engine, func, select
from sqlalchemy.engine import make_url
from sqlalchemy.orm import Session
from sqlalchemy.pool import NullPool

from portal import jobs
from portal.app import create_app
from portal.applications import queries, service
from portal.applications.models import Application, ApplicationStatus
from portal.config import Settings
from portal.enrollments.models import Enrollment
from portal.kit.errors import Conflict
from portal.programs.models import ProgramVersion
from tests.factories import base_factory
from tests.factories.applications import ApplicationFactory
from tests.factories.base_factory import NOW
from tests.factories.people import UserFactory
from tests.factories.programs import ProgramVersionFactory

NAME = "applications_races"


@pytest.fixture(scope="module")
def engine(app: Flask, settings: Settings) -> Iterator[Engine]:
    owner = settings.database_owner_url.replace("+psycopg", "", 1)
    with psycopg.connect(owner, autocommit=True) as connection:
        connection.execute(f"CREATE DATABASE {NAME}")
    own = replace(
        settings,
        database_url=_named(settings.database_url),
        database_owner_url=_named(settings.database_owner_url),
    )
    with create_app(own).app_context():
        flask_migrate.upgrade()
    jobs.bind(app)  # as it was
    engine = create_engine(own.database_url, poolclass=NullPool)
    yield engine
    engine.dispose()
    with psycopg.connect(owner, autocommit=True) as connection:
        connection.execute(f"DROP DATABASE {NAME} WITH (FORCE)")


def _named(url: str) -> str:
    changed = make_url(url).set(database=NAME)
    return changed.render_as_string(hide_password=False)


def at_once(engine: Engine, *calls: Callable[[Session], object]) -> list[object]:
    """Run each call in a transaction of its own, all at the same moment."""
    barrier = Barrier(len(calls))

    def run(call: Callable[[Session], object]) -> object:
        with Session(engine) as session:
            barrier.wait(timeout=10)
            try:
                found = call(session)
                session.commit()
            except Conflict as refusal:
                return refusal
            return found

    with ThreadPoolExecutor(len(calls)) as pool:
        return list(pool.map(run, calls))


def count(engine: Engine, model: type) -> int:
    with Session(engine) as session:
        return session.scalar(select(func.count()).select_from(model)) or 0


def test_two_windows_that_start_at_once_make_one_draft(engine: Engine) -> None:
    with Session(engine) as session:
        base_factory.bind(session)
        version_id = ProgramVersionFactory.create().id
        session.commit()

    def start(n: int) -> Callable[[Session], None]:
        def call(session: Session) -> None:
            service.start(
                session,
                session.get_one(ProgramVersion, version_id),
                email="mina@hanbit.example",
                country=None,
                remote_address=f"192.0.2.{n}",
                locale="en",
                now=NOW,
            )

        return call

    before = count(engine, Application)

    at_once(engine, *(start(n) for n in range(4)))

    assert count(engine, Application) == before + 1


def test_two_reviewers_at_once_make_one_decision(engine: Engine) -> None:
    with Session(engine) as session:
        base_factory.bind(session)
        application_id = ApplicationFactory.create().id
        reviewers = [UserFactory.create(reviewer=True) for _ in range(2)]
        session.commit()
        ids = [user.id for user in reviewers]

    def approve(n: int) -> Callable[[Session], str]:
        def call(session: Session) -> str:
            application = queries.get(session, application_id, lock=True)
            service.approve(
                session,
                application,
                reviewer=session.get_one(type(reviewers[n]), ids[n]),
                hold_seconds=30,
                now=NOW,
            )
            return "approved"

        return call

    outcomes = at_once(engine, approve(0), approve(1))

    assert outcomes.count("approved") == 1
    assert any(isinstance(o, service.AlreadyDecided) for o in outcomes)


def test_two_workers_at_once_make_one_partner(engine: Engine) -> None:
    with Session(engine) as session:
        base_factory.bind(session)
        application_id = ApplicationFactory.create(approved=True).id
        session.commit()
    before = count(engine, Enrollment)

    def complete(session: Session) -> None:
        application = queries.get(session, application_id, lock=True)
        service.complete_approval(session, application, now=NOW + timedelta(seconds=30))

    at_once(engine, complete, complete, complete)

    assert count(engine, Enrollment) == before + 1
    with Session(engine) as session:
        application = queries.get(session, application_id)
        assert application.status is ApplicationStatus.APPROVED
        assert application.partner_id is not None
