"""Rows of the published tables that the engine rates, each by the row's name."""

from datetime import UTC, date, datetime, time
from pathlib import Path
from typing import Any

import pytest
import yaml

from portal.commissions.calculation import (
    CustomerFact,
    RatedLine,
    RefundFact,
    SaleFact,
    Terms,
    rate,
)
from portal.enrollments.rules import Interval, effective_history
from portal.kit.clock import add_months
from portal.programs.definition import ProgramDefinition, Trigger, WhileUnmet
from portal.tiers.facts import ItemFact, TierInputs
from tests.commissions.facts import definition, key, refund, sale

ROWS: list[dict[str, Any]] = yaml.safe_load(
    Path(__file__).with_name("engine.yaml").read_text()
)


def moment(day: date, hour: int = 10) -> datetime:
    return datetime.combine(day, time(hour), tzinfo=UTC)


def facts_of(row: dict[str, Any], program: ProgramDefinition) -> list[SaleFact]:
    facts = []
    for line, given in enumerate(row["facts"]):
        repeats = given.get("months", given.get("count", 1))
        for number in range(repeats):
            months = number if "months" in given else 0
            customer = given["customer"]
            facts.append(
                sale(
                    f"{line:02}-{number:04}",
                    add_months(moment(given["day"]), months, program.zone),
                    given["net"],
                    customer=f"{number}" if customer == "each" else customer,
                    items=tuple(ItemFact(**item) for item in given.get("items", ())),
                    trigger=Trigger(given.get("kind", "sale")),
                )
            )
    return facts


def program_of(row: dict[str, Any]) -> ProgramDefinition:
    program = definition(based_on=row["preset"], **row.get("with", {}))
    gates = tuple(
        gate.model_copy(update={"sales_while_unmet": WhileUnmet.HELD})
        if gate.key in row.get("held", ())
        else gate
        for gate in program.gates
    )
    return program.model_copy(update={"gates": gates})


def rated(row: dict[str, Any]) -> list[RatedLine]:
    program = program_of(row)
    facts = facts_of(row, program)
    refunds: list[RefundFact] = [
        refund(f"r{number}", facts[back["of"]], moment(back["day"]), back["net"])
        for number, back in enumerate(row.get("refunds", ()))
    ]
    left, unmanaged = row.get("left", {}), row.get("unmanaged", {})
    customers = {
        key(name): CustomerFact(
            left_at=moment(left[name]) if name in left else None,
            unmanaged_from=moment(unmanaged[name]) if name in unmanaged else None,
        )
        for name in {*left, *unmanaged}
    }
    joined_at = moment(row.get("joined", date(2024, 1, 1)), 0)
    met = row.get("met")
    history = {gate: [Interval(moment(day, 0))] for gate, day in (met or {}).items()}
    terms = Terms(definition=program, number=1)
    return rate(
        facts,
        refunds,
        terms={fact.customer_id: terms for fact in facts},
        gates=program.gates if met else (),
        gate_history=effective_history(
            program.gates, history, joined_at=joined_at, zone=program.zone
        ),
        customers=customers,
        tier_inputs=TierInputs(joined_at=joined_at),
    )


@pytest.mark.parametrize("row", [pytest.param(row, id=row["row"]) for row in ROWS])
def test_a_row_of_the_published_tables_earns_what_it_says(row: dict[str, Any]) -> None:
    lines = rated(row)

    amounts = [line.amount_minor for line in lines]
    found: dict[str, object] = {
        "earns": amounts,
        "total": sum(amounts),
        "lines_with_money": sum(amount > 0 for amount in amounts),
        "last_outcome": lines[-1].trace["outcome"],
        "clears_on": lines[0].clears_at and lines[0].clears_at.date(),
    }
    expected = {name: row[name] for name in found if name in row}
    assert expected
    assert {name: found[name] for name in expected} == expected
