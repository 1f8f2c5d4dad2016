"""The schema is built by the migrations, and agrees with the models."""

from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from flask import Flask
from flask_migrate import Config
from sqlalchemy import create_engine

from portal.app import ROOT
from portal.config import Settings
from portal.kit.db import Base


def test_there_is_one_head() -> None:
    config = Config(str(ROOT / "migrations" / "alembic.ini"))
    config.set_main_option("script_location", str(ROOT / "migrations"))

    assert len(ScriptDirectory.from_config(config).get_heads()) == 1


def test_models_and_migrations_agree(app: Flask, settings: Settings) -> None:
    del app
    engine = create_engine(settings.database_owner_url)
    with engine.connect() as connection:
        context = MigrationContext.configure(
            connection,
            opts={
                "compare_type": True,
                "include_name": lambda name, kind, _: (
                    not (kind == "table" and (name or "").startswith("procrastinate_"))
                ),
            },
        )
        difference = compare_metadata(context, Base.metadata)
    engine.dispose()

    assert difference == []
