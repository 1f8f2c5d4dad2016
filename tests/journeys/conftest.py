from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest

from portal.kit.postgres import EmbeddedPostgres
from tests.databases import MakeDatabase
from tests.journeys import steps
from tests.journeys.world import World, opened

START = datetime(2026, 3, 2, 9, tzinfo=UTC)


@pytest.fixture(scope="session")
def installed(server: EmbeddedPostgres, new_database: MakeDatabase) -> str:
    """A database in which the operator has done what one does once, to be copied."""
    name = new_database()
    with opened(server, name, start=START - timedelta(minutes=30)) as world:
        steps.install(world)
    return name


@pytest.fixture
def world(
    server: EmbeddedPostgres, new_database: MakeDatabase, installed: str
) -> Iterator[World]:
    """An installation with its staff and both preset programs."""
    database = new_database(installed)
    with opened(server, database, start=START, mail_hold_seconds=30) as world:
        yield world
