"""A session as the owner of the tables, for what the portal itself cannot do."""

from collections.abc import Iterator

import pytest
from flask import Flask
from sqlalchemy import Engine, create_engine
from sqlalchemy.orm import Session

from portal.config import Settings
from tests.factories import base_factory


@pytest.fixture(scope="session")
def owner_engine(app: Flask, settings: Settings) -> Iterator[Engine]:
    """One for all tests, because it remembers how to write each statement."""
    del app  # it has made the tables
    engine = create_engine(settings.database_owner_url)
    yield engine
    engine.dispose()


@pytest.fixture
def owner_session(owner_engine: Engine) -> Iterator[Session]:
    """Like `session`, but for the role that migrates; it is rolled back as well."""
    with owner_engine.connect() as connection:
        outer = connection.begin()
        with Session(connection, join_transaction_mode="create_savepoint") as session:
            base_factory.bind(session)
            yield session
        outer.rollback()
