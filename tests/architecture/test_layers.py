"""What import-linter cannot see: foreign keys are dependencies too."""

import tomllib
from pathlib import Path

from flask import Flask
from sqlalchemy import ForeignKey

from portal.kit.db import Base

PYPROJECT = Path(__file__).resolve().parents[2] / "pyproject.toml"
CONTRACTS = tomllib.loads(PYPROJECT.read_text())["tool"]["importlinter"]["contracts"]
DEPTH = {
    package.strip(" ()"): depth
    for depth, layer in enumerate(CONTRACTS[0]["layers"])
    for package in layer.split("|")
}


def package_of(table_name: str) -> str:
    mapper = next(
        mapper
        for mapper in Base.registry.mappers
        if getattr(mapper.local_table, "name", None) == table_name
    )
    return str(mapper.class_.__module__.split(".")[1])


def foreign_keys() -> list[ForeignKey]:
    return [key for t in Base.metadata.tables.values() for key in t.foreign_keys]


def test_foreign_keys_point_down_or_stay_home(app: Flask) -> None:
    del app
    upward = [
        f"{here} -> {there}"
        for key in foreign_keys()
        if (here := package_of(key.parent.table.name))
        != (there := package_of(key.column.table.name))
        and DEPTH[here] >= DEPTH[there]
    ]

    assert foreign_keys()
    assert upward == []


def test_foreign_keys_have_an_explicit_name(app: Flask) -> None:
    del app
    unnamed = [
        str(key.parent)
        for key in foreign_keys()
        if key.constraint is None or not str(key.constraint.name).startswith("fk_")
    ]

    assert unnamed == []
