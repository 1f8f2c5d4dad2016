"""Databases of somebody's own, copied from one that the migrations have built."""

import os
from collections.abc import Callable
from itertools import count
from urllib.parse import urlsplit

import flask_migrate
import psycopg
import pytest

from portal import jobs
from portal.app import create_app
from portal.config import Settings
from portal.extensions import db
from portal.kit.postgres import EmbeddedPostgres

MakeDatabase = Callable[..., str]

_numbers = count(1)


def named(url: str, database: str) -> str:
    """Return a server's address with another database's name."""
    parts = urlsplit(url)
    return parts._replace(path=f"/{database}").geturl()


def copy_database(server: EmbeddedPostgres, name: str, template: str) -> str:
    """Make a database as another is now; nobody may be connected to that one."""
    owner = server.owner_url.replace("+psycopg", "", 1)
    with psycopg.connect(owner, autocommit=True) as connection:
        connection.execute(f'CREATE DATABASE "{name}" TEMPLATE "{template}"')
    return name


@pytest.fixture(scope="session")
def schema(server: EmbeddedPostgres) -> str:
    """A database with the tables and nothing in them, to be copied."""
    name = copy_database(server, f"schema_{next(_numbers)}", "template1")
    settings = Settings(
        secret_key="0123456789abcdef0123456789abcdef",
        database_url=named(server.app_url, name),
        database_owner_url=named(server.owner_url, name),
    )
    before = list(jobs._bound)
    with create_app(settings).app_context():
        flask_migrate.upgrade(revision=os.environ.get("TEST_REVISION", "head"))
        db.engine.dispose()
    if before:
        jobs.bind(before[0])
    return name


@pytest.fixture(scope="session")
def new_database(server: EmbeddedPostgres, schema: str) -> MakeDatabase:
    """Make a database of one's own, by default with the empty tables."""

    def new(template: str = schema) -> str:
        return copy_database(server, f"own_{next(_numbers)}", template)

    return new
