"""The database of a test run: a throwaway server, its schema built by migrations."""

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psycopg

from portal.kit import postgres
from portal.kit.postgres import EmbeddedPostgres


@contextmanager
def throwaway_server() -> Iterator[EmbeddedPostgres]:
    """Start a server that lives as long as the block; durability is off."""
    with tempfile.TemporaryDirectory(prefix="gatehouse-test-") as folder:
        server = postgres.start(Path(folder, "postgres"), when_done="stop")
        owner = server.owner_url.replace("+psycopg", "", 1)
        with psycopg.connect(owner, autocommit=True) as connection:
            connection.execute("ALTER SYSTEM SET fsync = off")
            connection.execute("ALTER SYSTEM SET synchronous_commit = off")
            connection.execute("ALTER SYSTEM SET full_page_writes = off")
            connection.execute("SELECT pg_reload_conf()")
        try:
            yield server
        finally:
            server.stop()
