"""One open attempt at a time, over fifty real connections."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from threading import Barrier
from uuid import UUID

import flask_migrate
import psycopg
import pytest
from flask import Flask
from sqlalchemy import Engine, create_engine, func, select
from sqlalchemy.engine import make_url
from sqlalchemy.orm import Session
from sqlalchemy.pool import NullPool

from portal import jobs
from portal.accounts.models import User
from portal.app import create_app
from portal.certification import bank, queries, service
from portal.certification.models import ONE_OPEN_ATTEMPT, Attempt
from portal.config import Settings
from tests.factories import base_factory
from tests.factories.base_factory import NOW
from tests.factories.certification import EXAM, learner

NAME = "certification_races"


def _named(url: str) -> str:
    changed = make_url(url).set(database=NAME)
    return changed.render_as_string(hide_password=False)


@pytest.fixture(scope="module")
def own(settings: Settings) -> Iterator[Settings]:
    """A database of its own, which takes what the test leaves with it."""
    owner = settings.database_owner_url.replace("+psycopg", "", 1)
    with psycopg.connect(owner, autocommit=True) as connection:
        connection.execute(f"CREATE DATABASE {NAME}")
    yield replace(
        settings,
        database_url=_named(settings.database_url),
        database_owner_url=_named(settings.database_owner_url),
    )
    with psycopg.connect(owner, autocommit=True) as connection:
        connection.execute(f"DROP DATABASE {NAME} WITH (FORCE)")


@pytest.fixture(scope="module")
def engine(app: Flask, own: Settings) -> Iterator[Engine]:
    with create_app(own).app_context():
        flask_migrate.upgrade()
    jobs.bind(app)  # as it was
    engine = create_engine(own.database_url, poolclass=NullPool)
    yield engine
    engine.dispose()


def attempts_after(engine: Engine, starts: int) -> int:
    """Let one person start an exam so many times at the same moment."""
    with Session(engine) as session, session.begin():
        base_factory.bind(session)
        bank.install(session, bank.shipped(EXAM))
        user, enrollment = learner()
        session.flush()
        user_id, partner_id = user.id, enrollment.partner_id
    barrier = Barrier(starts)

    def start(_number: int) -> None:
        _start(engine, barrier, user_id, partner_id)

    with ThreadPoolExecutor(starts) as pool:
        list(pool.map(start, range(starts)))
    with Session(engine) as session:
        count = select(func.count()).where(Attempt.user_id == user_id)
        return session.scalar(count) or 0


def _start(engine: Engine, barrier: Barrier, user_id: UUID, partner_id: UUID) -> None:
    with Session(engine) as session:
        user, exam = session.get_one(User, user_id), queries.by_key(session, EXAM)
        barrier.wait(timeout=60)
        try:
            service.start(session, exam, user=user, partner_id=partner_id, now=NOW)
            session.commit()
        except service.AttemptIsOpen:
            session.rollback()


def test_fifty_starts_at_once_open_one_attempt(engine: Engine) -> None:
    assert attempts_after(engine, 50) == 1


def test_without_the_unique_index_each_start_opens_one(
    engine: Engine, own: Settings
) -> None:
    """What the test above would see if nothing stood in the way."""
    owner = own.database_owner_url.replace("+psycopg", "", 1)
    with psycopg.connect(owner, autocommit=True) as connection:
        connection.execute(f"DROP INDEX {ONE_OPEN_ATTEMPT}")

    assert attempts_after(engine, 5) == 5
