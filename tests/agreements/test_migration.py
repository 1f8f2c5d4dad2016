"""What was accepted before signatures were kept is carried over."""

import json
from collections.abc import Iterator
from importlib import util
from types import ModuleType

import pytest
from alembic.migration import MigrationContext
from alembic.operations import Operations
from flask import Flask
from sqlalchemy import Connection, create_engine, text

from portal.app import ROOT
from portal.config import Settings
from portal.kit.ids import new_id
from portal.programs.agreements import text_sha256
from tests.agreements.signing import OLD_TEXT, definition_with

DAY = "2026-01-05 10:00+00"
BEFORE = """
INSERT INTO users
  (id, email, name, role, password_hash, locale, is_active, created_at)
VALUES (:user, 'mina@fern.example', 'Mina Park', 'partner_owner', '', 'en', true, :day);
INSERT INTO partners (id, name, country, website, created_at)
VALUES (:partner, 'Blue Fern', 'DE', '', :day);
INSERT INTO programs (id, key, created_at) VALUES (:program, 'p', :day);
INSERT INTO program_versions
  (id, program_id, number, definition_json, effective_from, published_at)
VALUES (:version, :program, 1, CAST(:definition AS jsonb), :day, :day);
INSERT INTO enrollments (id, partner_id, program_id, version_id, status, joined_at)
VALUES (:enrollment, :partner, :program, :version, 'active', :day);
INSERT INTO agreement_acceptances (id, enrollment_id, version, text_sha256,
  accepted_by_id, accepted_at, remote_address)
VALUES (:acceptance, :enrollment, '2026-01', :sha256, :user, :day, '192.0.2.1')
"""


@pytest.fixture
def revision() -> ModuleType:
    file = ROOT / "migrations" / "versions" / "20261122_0018_agreements.py"
    spec = util.spec_from_file_location("agreements_revision", file)
    assert spec is not None
    assert spec.loader is not None
    module = util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture
def owner(app: Flask, settings: Settings) -> Iterator[Connection]:
    """A connection that may change tables; everything is rolled back."""
    del app
    engine = create_engine(settings.database_owner_url)
    with engine.connect() as connection:
        outer = connection.begin()
        with Operations.context(MigrationContext.configure(connection)):
            yield connection
        outer.rollback()
    engine.dispose()


def accepted(connection: Connection, sha256: str) -> str:
    """Write an acceptance into the table of before; return its id."""
    keys = {name: new_id() for name in ("user", "partner", "program", "version")}
    keys |= {"enrollment": new_id(), "acceptance": new_id()}
    values = keys | {
        "definition": json.dumps(definition_with("2026-01")),
        "sha256": sha256,
        "day": DAY,
    }
    for statement in BEFORE.split(";"):
        connection.execute(text(statement), values)
    return str(keys["acceptance"])


def test_an_acceptance_becomes_a_signature_with_its_text(
    owner: Connection, revision: ModuleType
) -> None:
    revision.downgrade()
    key = accepted(owner, text_sha256(OLD_TEXT))

    revision.upgrade()

    row = owner.execute(
        text(
            "SELECT s.*, t.text FROM agreement_signatures AS s "
            "JOIN agreement_texts AS t ON t.sha256 = s.text_sha256 WHERE s.id = :id"
        ),
        {"id": key},
    ).one()
    assert row.text == OLD_TEXT
    assert (row.signer_name, row.partner_name) == ("Mina Park", "Blue Fern")
    assert (row.title, row.version) == ("Partner terms", "2026-01")
    assert row.remote_address == "192.0.2.1"
    assert row.signed_at.isoformat().startswith("2026-01-05T10:00:00")

    revision.downgrade()
    assert owner.scalar(text("SELECT id FROM agreement_acceptances")) is not None


def test_a_lost_text_stops_the_upgrade(owner: Connection, revision: ModuleType) -> None:
    revision.downgrade()
    accepted(owner, "0" * 64)

    with pytest.raises(RuntimeError, match="find its text"):
        revision.upgrade()
