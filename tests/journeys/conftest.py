import os
from collections.abc import Iterator
from datetime import UTC, datetime
from itertools import count

import flask_migrate
import pytest

from portal.app import create_app
from portal.config import Settings
from portal.extensions import db
from portal.kit.postgres import EmbeddedPostgres
from tests.journeys import steps
from tests.journeys.world import MakeDatabase, World, copy_database, named, opened

START = datetime(2026, 3, 2, 9, tzinfo=UTC)

_numbers = count(1)


@pytest.fixture(scope="session")
def schema(server: EmbeddedPostgres) -> str:
    """A database with the tables and nothing in them, to be copied."""
    name = copy_database(server, f"journeys_schema_{next(_numbers)}", "template1")
    settings = Settings(
        secret_key="0123456789abcdef0123456789abcdef",
        database_url=named(server.app_url, name),
        database_owner_url=named(server.owner_url, name),
    )
    app = create_app(settings)
    with app.app_context():
        flask_migrate.upgrade(revision=os.environ.get("TEST_REVISION", "head"))
        db.engine.dispose()
    return name


@pytest.fixture(scope="session")
def new_database(server: EmbeddedPostgres, schema: str) -> MakeDatabase:
    """Make a database of one's own, by default with the empty tables."""

    def new(template: str = schema) -> str:
        return copy_database(server, f"journey_{next(_numbers)}", template)

    return new


@pytest.fixture
def world(server: EmbeddedPostgres, new_database: MakeDatabase) -> Iterator[World]:
    """An installation with its staff and both preset programs."""
    with opened(server, new_database(), start=START, mail_hold_seconds=30) as world:
        steps.install(world)
        yield world
