"""Small definitions that a test changes in one place."""

from portal.programs.definition import ProgramDefinition
from portal.programs.documents import dump_json, load_json, preset

MONDAY = "monday-affiliate"
HUBSPOT = "hubspot-solutions-partner"


def changed(base: str = MONDAY, /, **parts: object) -> ProgramDefinition:
    """A preset with top-level parts replaced; none removes a part."""
    return load_json({**dump_json(preset(base)), **parts})


def with_rule(**parts: object) -> ProgramDefinition:
    """A program with one rule, one band of 10% unless `parts` say otherwise."""
    rule: dict[str, object] = {"key": "share", "title": "Share", **parts}
    if "bands" not in rule and "rate_bps_by_tier" not in rule:
        rule["bands"] = [{"from_value": 0, "rate_bps": 1000}]
    return changed(HUBSPOT, rules=[rule])


def with_flaw() -> ProgramDefinition:
    """A program with one flaw: a mark on a part that it does not have."""
    source = {"path": "rules.nothing", "evidence": "assumed", "note": "A guess."}
    return changed(sources=[source])


PLAN_2 = [
    {"from_value": 0, "rate_bps": 500},
    {"from_value": 50_000_00, "rate_bps": 700},
    {"from_value": 100_000_00, "rate_bps": 1000},
]
"""Plan 2 of the worked examples: 5, 7 and 10% from 0, 50,000 and 100,000."""
