"""A session as the owner of the tables, for what the portal itself cannot do."""

from collections.abc import Iterator

import pytest
from flask import Flask
from sqlalchemy import create_engine
from sqlalchemy.orm import Session

from portal.config import Settings
from tests.factories import base_factory


@pytest.fixture
def owner_session(app: Flask, settings: Settings) -> Iterator[Session]:
    """Like `session`, but for the role that migrates; it is rolled back as well."""
    del app
    engine = create_engine(settings.database_owner_url)
    with engine.connect() as connection:
        outer = connection.begin()
        with Session(connection, join_transaction_mode="create_savepoint") as session:
            base_factory.bind(session)
            yield session
        outer.rollback()
    engine.dispose()
