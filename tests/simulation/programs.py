"""Small programs and event files that a test changes in one place."""

import json
from collections.abc import Iterable
from typing import Any

from portal.programs.definition import ProgramDefinition
from portal.programs.documents import load_json
from portal.simulation.calculation import PartnerRun, Result, simulate
from portal.simulation.moments import moment_of
from portal.simulation.reading import Reading, read

EMAIL: dict[str, Any] = {
    "key": "email",
    "kind": "email",
    "title": "Confirm your address",
    "blocks": ["join"],
}
STEPS: list[dict[str, Any]] = [
    {
        "key": "you",
        "title": "You",
        "questions": [
            {"key": "company", "label": "Company?", "kind": "short_text"},
            {"key": "country", "label": "Country?", "kind": "country"},
        ],
    }
]


def share(rate_bps: int = 2000, **parts: object) -> dict[str, Any]:
    """A rule that pays a share of each sale."""
    return {
        "key": "share",
        "title": "Share",
        "bands": [{"from_value": 0, "rate_bps": rate_bps}],
        **parts,
    }


def program(**parts: object) -> ProgramDefinition:
    """A program that pays 20% of each sale, with parts replaced."""
    return load_json(
        {
            "key": "small",
            "name": "Small Program",
            "summary": "For tests.",
            "currency": "USD",
            "join": {"steps": STEPS},
            "gates": [EMAIL],
            "rules": [share()],
            "attribution": {"window_days": 90},
            "landing_url": "{vendor}/",
            **parts,
        }
    )


def gate(key: str, kind: str, *blocks: str, **parts: object) -> dict[str, Any]:
    """A gate of a program."""
    return {"key": key, "kind": kind, "title": key.title(), "blocks": blocks, **parts}


def lines_of(events: Iterable[dict[str, Any]]) -> list[bytes]:
    """The lines of a file with these events."""
    return [json.dumps(event).encode() for event in events]


def join(
    partner: str = "noor", at: str = "2025-01-01", **parts: object
) -> dict[str, Any]:
    """A partner joins."""
    return {"event": "join", "partner": partner, "at": at, **parts}


def sale(
    key: str, at: str, net: int, *, partner: str | None = "noor", **parts: object
) -> dict[str, Any]:
    """A sale that names its partner; each of its own customer unless said."""
    direct = {"partner": partner} if partner else {}
    return {
        "event": "sale",
        "id": key,
        "customer": f"customer of {key}",
        "at": at,
        "net": net,
        **direct,
        **parts,
    }


def refund(key: str, at: str, net: int, **parts: object) -> dict[str, Any]:
    """Money of a sale goes back."""
    return {"event": "refund", "sale": key, "at": at, "net": net, **parts}


def reading(
    events: Iterable[dict[str, Any]], definition: ProgramDefinition | None = None
) -> Reading:
    """What a file with these events says."""
    return read(lines_of(events), [definition or program()])


def result(
    events: Iterable[dict[str, Any]],
    definition: ProgramDefinition | None = None,
    *,
    until: str | None = None,
) -> Result:
    """What a program comes to for these events."""
    definition = definition or program()
    moment = moment_of(until, definition.zone) if until else None
    return simulate(definition, reading(events, definition).events, until=moment)


def only(
    events: Iterable[dict[str, Any]],
    definition: ProgramDefinition | None = None,
    *,
    until: str | None = None,
) -> PartnerRun:
    """What it comes to for the only partner."""
    (run,) = result(events, definition, until=until).partners
    return run
