from pathlib import Path

import pytest
from flask import Flask
from flask_migrate import Migrate

from portal.config import Settings
from portal.extensions import db
from tests.web.conftest import make_app

REVISION = 'revision = "zz"\ndown_revision = None\n'


@pytest.fixture
def other_migrations(tmp_path: Path) -> Path:
    versions = tmp_path / "versions"
    versions.mkdir()
    (versions / "zz.py").write_text(REVISION)
    return tmp_path


def app_with(database_url: str, migrations: Path) -> Flask:
    app = make_app(SQLALCHEMY_DATABASE_URI=database_url)
    db.init_app(app)
    Migrate(app, db, directory=str(migrations))
    return app


def test_process_answers(web_app: Flask) -> None:
    assert web_app.test_client().get("/healthz").get_json() == {"status": "ok"}


def test_portal_is_ready_when_its_database_is_migrated(app: Flask) -> None:
    response = app.test_client().get("/readyz")

    assert response.get_json() == {"status": "ready"}


def test_portal_is_not_ready_with_another_schema(
    app: Flask, settings: Settings, other_migrations: Path
) -> None:
    del app  # it has migrated the database
    other = app_with(settings.database_url, other_migrations)
    response = other.test_client().get("/readyz")
    with other.app_context():
        db.engine.dispose()

    assert response.status_code == 503
    assert "not migrated" in response.get_json()["reason"]


def test_portal_is_not_ready_without_its_database(other_migrations: Path) -> None:
    nowhere = "postgresql+psycopg://nobody:secret@127.0.0.1:1/none"
    response = app_with(nowhere, other_migrations).test_client().get("/readyz")

    assert response.status_code == 503
    assert response.get_json()["reason"] == "the database does not answer"
    assert "secret" not in response.text
