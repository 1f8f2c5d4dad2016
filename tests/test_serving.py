import socket
import subprocess
import sys
from pathlib import Path

import psycopg
import pytest

from portal.boot import BootError
from portal.config import Settings
from portal.serving import refuse_taken_port

ROOT = Path(__file__).resolve().parents[1]


def test_a_taken_port_is_named_with_the_way_out() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]

        with pytest.raises(BootError, match=f"Port {port} .* PORTAL_PORT=8100"):
            refuse_taken_port("127.0.0.1", port, "PORTAL_PORT")


def test_a_free_port_is_fine() -> None:
    refuse_taken_port("127.0.0.1", 0, "PORTAL_PORT")


def run(*arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "portal", *arguments],
        cwd=ROOT,
        env={"PATH": "/usr/bin:/bin", **environment},
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )


def test_a_wrong_setting_stops_the_command_with_one_sentence() -> None:
    result = run("programs", "list", PORTAL_PORT="eighty")

    assert result.returncode == 2
    assert result.stderr == (
        "PORTAL_PORT is 'eighty': give a whole number from 1 to 65535.\n"
    )


def test_an_instance_folder_that_cannot_be_used_is_named(tmp_path: Path) -> None:
    blocked = tmp_path / "file"
    blocked.write_text("in the way")
    given = {"PORTAL_SECRET_KEY": "x" * 32, "PORTAL_BADGE_KEYS": "0" * 64}

    database = run("programs", "list", PORTAL_INSTANCE_DIR=str(blocked), **given)
    secret = run("programs", "list", PORTAL_INSTANCE_DIR=str(blocked))

    assert (database.returncode, secret.returncode) == (2, 2)
    assert "The embedded PostgreSQL in" in database.stderr
    assert "DATABASE_URL" in database.stderr
    assert "Name a folder that it may write to" in secret.stderr


def test_a_database_without_tables_and_one_away_are_told_in_a_sentence(
    settings: Settings,
) -> None:
    owner = settings.database_owner_url.replace("+psycopg", "", 1)
    with psycopg.connect(owner, autocommit=True) as connection:
        connection.execute("CREATE DATABASE bare")
    bare = settings.database_url.replace("/postgres?", "/bare?", 1)
    away = "postgresql+psycopg://localhost:1/nothing"

    results = [
        run("programs", "list", DATABASE_URL=url, PORTAL_SECRET_KEY="x" * 32)
        for url in (bare, away)
    ]
    with psycopg.connect(owner, autocommit=True) as connection:
        connection.execute("DROP DATABASE bare WITH (FORCE)")

    assert [result.returncode for result in results] == [2, 2]
    assert results[0].stderr.startswith("The database has no tables yet")
    assert "portal db upgrade" in results[0].stderr
    assert results[1].stderr.startswith("The database does not answer")
    assert not any("Traceback" in result.stderr for result in results)
