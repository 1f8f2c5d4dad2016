"""What was stored before definitions grew is read as if written today."""

import json
from importlib import util
from types import ModuleType
from typing import Any

import pytest
from alembic.migration import MigrationContext
from alembic.operations import Operations
from flask import Flask
from sqlalchemy import create_engine, text

from portal.app import ROOT
from portal.commissions.calculation import Formats, sentence_of, steps_of
from portal.config import Settings
from portal.kit.ids import new_id
from portal.programs.definition import DealSource
from portal.programs.documents import dump_json, load_json, preset
from tests.commissions.facts import at

FORMATS = Formats(money=lambda minor, currency: f"{minor} {currency}", date=str)
OLD_TRACE: dict[str, Any] = {
    "rule": {"key": "share", "title": "Your share"},
    "version": 1,
    "outcome": "rated",
    "measure": "net_sales",
    "currency": "USD",
    "kind": "sale",
    "base_minor": 1_000,
    "base_currency": "USD",
    "sale_net_minor": 1_000,
    "window": {"kind": "month", "label": "2026-03"},
    "before_minor": 4_000,
    "after_minor": 5_000,
    "mode": "marginal",
    "bands": [
        {"from_minor": 0, "to_minor": None, "rate_bps": 500, "part_minor": 1_000}
    ],
    "tier": None,
    "commission_before_minor": 200,
    "commission_after_minor": 250,
    "amount_minor": 50,
    "rounding": "half_away",
    "month": 1,
    "months": None,
    "earns_until": None,
    "gate": None,
    "gate_opened_at": None,
    "sold_at": "2026-03-02T00:00:00+00:00",
    "occurred_at": "2026-03-02T00:00:00+00:00",
    "clears_at": "2026-03-02T00:00:00+00:00",
    "hold_days": 0,
}


@pytest.fixture
def revision() -> ModuleType:
    file = ROOT / "migrations" / "versions" / "20261122_0015_definitions.py"
    spec = util.spec_from_file_location("definitions", file)
    assert spec is not None
    assert spec.loader is not None
    module = util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def old_definition() -> dict[str, Any]:
    """Return a preset as the first version of the portal stored it."""
    document = dump_json(preset("blank"))
    document["hold_days"] = document.pop("hold")["days"]
    document["tiers"] = {
        "metric": "points",
        "window": "rolling_12_months",
        "milli_points_per_100": 5_000,
        "levels": [{"key": "partner", "name": "Partner", "from_value": 0}],
    }
    document["rules"] = [
        {
            "key": "share",
            "title": "Share",
            "bands": [{"from_minor": 0, "rate_bps": 2_000}],
        }
    ]
    return document


def test_an_upgrade_renames_what_is_stored_and_puts_the_guard_back(
    app: Flask, settings: Settings, revision: ModuleType
) -> None:
    del app
    engine = create_engine(settings.database_owner_url)
    program, version = new_id(), new_id()
    with engine.connect() as connection, connection.begin() as transaction:
        connection.execute(
            text(
                "INSERT INTO programs (id, key, created_at) "
                "VALUES (:id, 'from-before', now())"
            ),
            {"id": program},
        )
        connection.execute(
            text(
                "INSERT INTO program_versions (id, program_id, number, "
                "definition_json, effective_from, published_at) VALUES "
                "(:id, :program, 1, CAST(:definition AS jsonb), :day, :day)"
            ),
            {
                "id": version,
                "program": program,
                "definition": json.dumps(old_definition()),
                "day": at("2026-01-01"),
            },
        )
        with Operations.context(MigrationContext.configure(connection)):
            revision.upgrade()
        stored = connection.execute(
            text("SELECT definition_json FROM program_versions WHERE id = :id"),
            {"id": version},
        ).scalar_one()
        guards = connection.execute(
            text(
                "SELECT tgenabled FROM pg_trigger WHERE tgname = 'append_only' "
                "AND tgrelid = 'program_versions'::regclass"
            )
        ).scalar_one()
        transaction.rollback()
    engine.dispose()

    read = load_json(stored)
    assert read.hold.days == preset("blank").hold.days
    assert read.tiers is not None
    assert read.tiers.points is not None
    assert read.tiers.points.milli_per_100 == {DealSource.SOURCED: 5_000}
    assert read.rules[0].bands[0].from_value == 0
    assert guards in {"A", b"A"}


def test_a_line_from_before_is_still_explained(revision: ModuleType) -> None:
    trace = revision._trace(OLD_TRACE)

    assert sentence_of(trace, FORMATS) == (
        "5% of 1000 USD, your sales of 2026-03 went from 4000 USD to 5000 USD."
    )
    assert steps_of(trace, FORMATS)[-1].figure == "50 USD"
    assert revision._trace(trace) == trace
