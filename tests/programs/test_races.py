"""Two people publish at once, over two real connections."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import replace
from threading import Barrier

import flask_migrate
import pytest
from flask import Flask
from sqlalchemy import Engine, create_engine, select
from sqlalchemy.orm import Session

from portal import jobs
from portal.app import create_app
from portal.config import Settings
from portal.programs import service
from portal.programs.models import Program, ProgramVersion
from tests.factories.base_factory import NOW
from tests.postgres import throwaway_server
from tests.programs.definitions import changed

ROUNDS = 10


@pytest.fixture(scope="module")
def engine(app: Flask, settings: Settings) -> Iterator[Engine]:
    with ExitStack() as stack:
        server = stack.enter_context(throwaway_server())
        own = replace(
            settings, database_url=server.app_url, database_owner_url=server.owner_url
        )
        other = create_app(own)
        jobs.bind(app)
        with other.app_context():
            flask_migrate.upgrade()
        engine = create_engine(server.app_url)
        stack.callback(engine.dispose)
        yield engine


def race(engine: Engine, key: str, based_on: int | None) -> tuple[int, list[int]]:
    """Two people edit version 1 and publish; who got through, and what is there."""
    with Session(engine) as session, session.begin():
        service.publish(
            session, changed(key=key), actor=None, effective_from=NOW, now=NOW
        )
    barrier = Barrier(2)

    def publish(name: str) -> bool:
        barrier.wait(timeout=10)
        try:
            with Session(engine) as session, session.begin():
                service.publish(
                    session,
                    changed(key=key, name=name),
                    actor=None,
                    effective_from=NOW,
                    now=NOW,
                    based_on=based_on,
                )
        except service.PublishedMeanwhile:
            return False
        return True

    with ThreadPoolExecutor(2) as pool:
        published = sum(pool.map(publish, ["Dana's", "Lee's"]))
    with Session(engine) as session:
        numbers = select(ProgramVersion.number).join(Program).where(Program.key == key)
        return published, sorted(session.scalars(numbers))


def test_one_of_two_who_edit_the_same_version_is_refused(engine: Engine) -> None:
    for round_ in range(ROUNDS):
        assert race(engine, f"careful-{round_}", based_on=1) == (1, [1, 2])


def test_who_does_not_say_what_was_edited_overwrites_unseen(engine: Engine) -> None:
    assert race(engine, "careless", based_on=None) == (2, [1, 2, 3])
