"""A simulation comes to what the database comes to on the same events."""

from datetime import timedelta
from random import Random
from typing import Any

import pytest
from sqlalchemy.orm import Session

from portal.commissions.models import Commission
from portal.programs.documents import dump_json, load_json
from portal.sales.models import Sale, SaleLine
from tests.commissions.facts import bands, rule
from tests.commissions.story import LONG_AGO, Story, a_version
from tests.factories.base_factory import NOW
from tests.simulation.programs import only

STEPS = bands((0, 500), (50_000, 1_000), (200_000, 2_000))
PROGRAMS: dict[str, dict[str, Any]] = {
    "marginal by month": {"rules": [rule(window="month", bands=STEPS)]},
    "whole by customer": {
        "rules": [rule(window="life", per="customer", mode="whole", bands=STEPS)]
    },
    "rolling": {
        "rules": [rule(window="rolling", rolling_months=2, mode="whole", bands=STEPS)]
    },
    "by product, capped": {
        "rules": [
            rule(
                key="pro",
                when={"products": ["pro"]},
                caps=[{"per": "month", "most_minor": 9_000}],
            ),
            rule(
                key="seats",
                measure="units",
                bands=[{"from_value": 0, "each_minor": 99}],
            ),
        ]
    },
    "highest of two, held": {
        "rules": [
            rule(key="a", duration_months=2),
            rule(key="b", bands=bands((0, 900))),
        ],
        "combine": "highest",
        "hold": {"days": 20, "to_month_end": True},
    },
    "by level": {"based_on": "monday-affiliate"},
}
"""Rules of every kind of window, measure and combination."""


def of_database(lines: list[Commission]) -> list[tuple[str, int, int, object]]:
    return [
        (line.rule_key, line.base_minor, line.amount_minor, line.clears_at)
        for line in lines
    ]


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("name", PROGRAMS)
def test_a_simulation_equals_the_database(
    session: Session, name: str, seed: int
) -> None:
    chance = Random(seed)  # noqa: S311 - a repeatable story, no secret
    story = Story(session, a_version(**PROGRAMS[name]))
    events = _play(story, chance)
    story.recompute()
    definition = load_json(dump_json(story.version.definition))

    run = only(events, definition)

    simulated = sorted(
        (line.rule_key, line.base_minor, line.amount_minor, line.clears_at)
        for line in run.lines
    )
    assert simulated == sorted(of_database(story.lines()))
    assert any(line.amount_minor for line in run.lines)


def _play(story: Story, chance: Random) -> list[dict[str, Any]]:
    """Let customers buy and get money back; return the same as events."""
    events: list[dict[str, Any]] = [
        {"event": "join", "partner": "noor", "at": _text(LONG_AGO)}
    ]
    events += [
        {
            "event": "gate_met",
            "partner": "noor",
            "gate": gate.key,
            "at": _text(LONG_AGO),
        }
        for gate in story.version.definition.gates
        if gate.kind in {"certification", "fee", "confirmation"}
    ]
    for customer in [story.credited() for _number in range(3)]:
        for _number in range(4):
            when = NOW - timedelta(hours=chance.randrange(1, 24 * 300))
            net, part = chance.randrange(100, 90_000), chance.randrange(1, 90)
            sold = story.sale(customer, when, net)
            _lines(story, sold, part)
            events.append(
                {
                    "event": "sale",
                    "id": sold.external_id,
                    "partner": "noor",
                    "customer": customer.external_id,
                    "at": _text(when),
                    "items": [
                        {"product": "pro", "units": 2, "net": part},
                        {"units": 1, "net": net - part},
                    ],
                }
            )
            if chance.random() < 0.5:
                later = when + timedelta(hours=chance.randrange(1, 500))
                given = story.refund(sold, later, chance.randrange(1, net + 1))
                story.session.refresh(given)
                events.append(
                    {
                        "event": "refund",
                        "sale": sold.external_id,
                        "net": given.net_minor,
                        "at": _text(later),
                    }
                )
    chance.shuffle(events)
    return events


def _lines(story: Story, sold: Sale, part: int) -> None:
    for position, (product, units, net, tax) in enumerate(
        [("pro", 2, part, 0), (None, 1, sold.net_minor - part, sold.tax_minor)]
    ):
        story.session.add(
            SaleLine(
                sale_id=sold.id,
                position=position,
                product=product,
                description="",
                units=units,
                net_minor=net,
                discount_minor=0,
                tax_minor=tax,
            )
        )
    story.session.flush()


def _text(moment: Any) -> str:  # noqa: ANN401 - a moment
    return str(moment.isoformat())
