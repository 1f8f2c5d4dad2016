"""Stored definitions and traces take the names that the engine uses now.

Bands begin at a value, not always at an amount; the hold has parts; points are counted
by what the partner did. What was published or frozen keeps its meaning: only names move.
"""

import json
from typing import Any

import sqlalchemy as sa
from alembic import op

revision = "0015"
down_revision = "0014"
branch_labels = None
depends_on = None

_NAMES_IN_BANDS = {
    "from_minor": "from_value",
    "to_minor": "to_value",
    "part_minor": "part",
}
_SOURCES = {"hold_days": "hold.days", "tiers.milli_points_per_100": "tiers.points"}


def upgrade() -> None:
    _rewrite("program_versions", "definition_json", _definition, ("append_only",))
    _rewrite("commissions", "trace", _trace, ("frozen",))


def _rewrite(table: str, column: str, change: Any, triggers: tuple[str, ...]) -> None:  # noqa: ANN401 - a function on JSON values
    """Change one JSON column of every row, with the guards of the table put aside."""
    connection = op.get_bind()
    for trigger in triggers:
        op.execute(f"ALTER TABLE {table} DISABLE TRIGGER {trigger}")
    rows = connection.execute(sa.text(f"SELECT id, {column} FROM {table}")).all()  # noqa: S608 - our own names
    for key, document in rows:
        connection.execute(
            sa.text(
                f"UPDATE {table} SET {column} = CAST(:new AS jsonb) WHERE id = :id"  # noqa: S608 - our own names
            ),
            {"new": json.dumps(change(document)), "id": key},
        )
    for trigger in triggers:
        op.execute(f"ALTER TABLE {table} ENABLE ALWAYS TRIGGER {trigger}")


def _definition(old: dict[str, Any]) -> dict[str, Any]:
    if "hold_days" not in old:
        return old
    new = {name: part for name, part in old.items() if name != "hold_days"}
    new["hold"] = {"days": old["hold_days"]}
    tiers = old.get("tiers")
    if tiers:
        per_100 = tiers.pop("milli_points_per_100", 0)
        if per_100:
            tiers["points"] = {"milli_per_100": {"sourced": per_100}}
    for rule in new["rules"]:
        rule["bands"] = [_renamed(band) for band in rule["bands"]]
    for source in new.get("sources", ()):
        source["path"] = _SOURCES.get(source["path"], source["path"])
    return new


def _trace(old: dict[str, Any]) -> dict[str, Any]:
    if "before_minor" not in old:
        return old
    window = old["window"]
    return {
        **{
            name: part
            for name, part in old.items()
            if name not in {"before_minor", "after_minor"}
        },
        "pays_for": "sale",
        "step": old["after_minor"] - old["before_minor"],
        "window": {**window, "per": "partner", "months": None},
        "before_value": old["before_minor"],
        "after_value": old["after_minor"],
        "picked": None,
        "multiplier_bps": None,
        "over_cap_minor": 0,
        "rounding_per": "window",
        "left_at": None,
        "bands": [
            {**_renamed(band), "each_minor": None, "flat_minor": None}
            for band in old["bands"]
        ],
    }


def _renamed(band: dict[str, Any]) -> dict[str, Any]:
    return {_NAMES_IN_BANDS.get(name, name): value for name, value in band.items()}


def downgrade() -> None:
    """Refuse: the older portal cannot say what newer definitions say."""
    raise RuntimeError("restore the backup that was made before this upgrade")
