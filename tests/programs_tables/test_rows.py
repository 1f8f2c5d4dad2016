"""Every row of the published tables that the engine covers, by the row's name."""

from datetime import UTC, date, datetime, time
from pathlib import Path
from typing import Any

import pytest
import yaml

from portal.attribution.rules import Candidate, decide
from portal.commissions.calculation import SaleFact, rate
from portal.kit.clock import add_months
from portal.programs.definition import DealSource
from portal.programs.documents import preset
from portal.programs.rules import milli_points, payout_date
from tests.commissions.facts import definition, key, sale, terms

ROWS: dict[str, list[dict[str, Any]]] = yaml.safe_load(
    Path(__file__).with_name("rows.yaml").read_text()
)


def _named(kind: str) -> list[Any]:
    return [pytest.param(row, id=row["row"]) for row in ROWS[kind]]


def _sales(row: dict[str, Any]) -> list[SaleFact]:
    sales = []
    for line, (customer, day, net, months) in enumerate(row["sales"]):
        first = datetime.combine(day, time(10, 0), tzinfo=UTC)
        for month in range(months):
            moment = add_months(first, month, preset(row["preset"]).zone)
            sales.append(sale(f"{line:02}-{month:02}", moment, net, customer=customer))
    return sales


@pytest.mark.parametrize("row", _named("rating"))
def test_a_row_of_the_published_tables_earns_what_it_says(row: dict[str, Any]) -> None:
    program = definition(based_on=row["preset"], **row.get("with", {}))
    sales = _sales(row)

    lines = rate(sales, [], terms=terms(program, *(s[0] for s in row["sales"])))

    amounts = [line.amount_minor for line in lines]
    if "earns" in row:
        assert amounts == row["earns"]
    if "total" in row:
        assert sum(amounts) == row["total"]
    if "last" in row:
        assert amounts[-1] == row["last"]
    if "lines_with_money" in row:
        assert sum(amount > 0 for amount in amounts) == row["lines_with_money"]
    if "first_clears_on" in row:
        assert lines[0].clears_at is not None
        assert lines[0].clears_at.date() == row["first_clears_on"]
    if "paid_on" in row:
        quarter_end = date(2026, 6, 30)
        assert payout_date(program, quarter_end) == row["paid_on"]


@pytest.mark.parametrize("row", _named("attribution"))
def test_a_row_of_the_published_tables_credits_the_click_it_says(
    row: dict[str, Any],
) -> None:
    candidates = [
        Candidate(
            click_id=key(str(number)),
            link_id=key("link"),
            enrollment_id=key("enrollment"),
            clicked_at=clicked.replace(tzinfo=UTC),
        )
        for number, clicked in enumerate(row["clicks"])
    ]

    decision = decide(
        candidates,
        window_days=row["window_days"],
        converted_at=row["converted"].replace(tzinfo=UTC),
    )

    expected = None if row["wins"] is None else candidates[row["wins"]]
    assert decision.winner == expected


@pytest.mark.parametrize("row", _named("points"))
def test_a_row_of_the_published_tables_brings_the_points_it_says(
    row: dict[str, Any],
) -> None:
    tiers = preset("hubspot-solutions-partner").tiers
    assert tiers is not None

    points = sum(
        milli_points(
            tiers, net, "USD", source=DealSource(source), country=row.get("country")
        )
        for source, net in row["parts"]
    )

    assert points == row["milli_points"]
