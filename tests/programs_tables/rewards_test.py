"""Every row of the published tables about rewards and figures, by the row's name."""

from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, date, datetime, time, timedelta
from fractions import Fraction
from pathlib import Path
from typing import Any

import pytest
import yaml

from portal.kit.money import Rounding, divide
from portal.programs import economics, growth, prices, screening
from portal.programs.definition import Moment, ProgramDefinition
from portal.programs.documents import preset
from portal.rewards.calculation import (
    Bill,
    DueState,
    ReferralFact,
    bills_after,
    percent_off_at,
    rewards_due,
)
from portal.surveys import rules as surveys
from tests.rewards.facts import program, why

ROWS: dict[str, list[dict[str, Any]]] = yaml.safe_load(
    Path(__file__).with_name("rewards.yaml").read_text()
)


def _named(kind: str) -> list[Any]:
    return [pytest.param(row, id=row["row"]) for row in ROWS[kind]]


def _moment(value: Any) -> Any:  # noqa: ANN401 - any value of a table
    """Return noon of a day; other values as they are."""
    if isinstance(value, date) and not isinstance(value, datetime):
        return datetime.combine(value, time(12), tzinfo=UTC)
    return value


def _program(row: dict[str, Any]) -> ProgramDefinition:
    if "preset" not in row:
        return program(*row["rewards"])
    shipped = preset(row["preset"])
    only = row.get("only")
    rewards = tuple(r for r in shipped.rewards if only in (None, r.key))
    return shipped.model_copy(update={"rewards": rewards})


def _facts(row: dict[str, Any]) -> Iterator[ReferralFact]:
    for line, written in enumerate(row["facts"]):
        given = {name: _moment(value) for name, value in written.items()}
        times, apart = given.pop("times", 1), given.pop("days_apart", 0)
        moment, first = Moment(given.pop("moment")), given.pop("at")
        changes = given.pop("seat_changes", ())
        for number in range(times):
            name = f"{line:02}-{number:02}"
            yield ReferralFact(
                id=name,
                moment=moment,
                at=first + timedelta(days=apart * number),
                friend=name,
                seat_changes=tuple((_moment(day), seats) for day, seats in changes),
                **{"referrer": "ann", **given},
            )


@pytest.mark.parametrize("row", _named("rewards"))
def test_a_row_of_the_published_tables_gives_what_it_says(row: dict[str, Any]) -> None:
    as_of = row.get("as_of")
    dues = rewards_due(
        _program(row),
        _facts(row),
        as_of=_moment(as_of) if as_of else None,
    )

    if "dues" in row:
        assert [
            [
                due.state.value,
                due.value,
                due.over_cap,
                due.due_at.date() if due.due_at else None,
            ]
            for due in dues
        ] == row["dues"]
    if "reasons" in row:
        assert [due.trace["reason"] for due in dues] == row["reasons"]
    if "risks" in row:
        assert [due.trace["risk"] for due in dues] == row["risks"]
    for total in ("value", "over_cap", "worth_minor"):
        if total in row:
            assert sum(getattr(due, total) for due in dues) == row[total]
    if "over_cap_dues" in row:
        states = [due.state for due in dues]
        assert states.count(DueState.OVER_CAP) == row["over_cap_dues"]
    assert all(why(due) for due in dues)


@pytest.mark.parametrize("row", _named("bills"))
def test_a_row_of_the_published_tables_leaves_on_a_bill_what_it_says(
    row: dict[str, Any],
) -> None:
    definition = _program(row)
    facts = list(_facts(row))
    bills = [
        Bill(id=str(day), at=_moment(day), amount_minor=amount, months=months)
        for day, amount, months in row["bills"]
    ]

    billed = bills_after(definition, facts, "ann", bills)

    assert [one.percent_bps for one in billed] == row["percent"]
    assert [one.to_pay_minor for one in billed] == row["to_pay"]
    assert row.get("standing_percent", row["percent"]) == [
        percent_off_at(definition, facts, "ann", bill.at) for bill in bills
    ]


def lowest_ceiling(kept: Fraction) -> Fraction | None:
    found = economics.ceiling(kept)
    return found and found[0]


def highest_ceiling(kept: Fraction) -> Fraction | None:
    found = economics.ceiling(kept)
    return found and found[1]


def second_price_of_the_first(bids: list[int], step_minor: int) -> int:
    return prices.second_prices(bids, step_minor=step_minor)[0]


FORMULAS: Mapping[str, Callable[..., Any]] = {
    function.__name__: function
    for function in (
        economics.value_by_lifetime,
        economics.value_by_churn,
        economics.lifetime_months,
        economics.monthly_churn,
        economics.cost_per_customer,
        economics.value_to_cost,
        economics.is_healthy,
        economics.payback_months,
        economics.kept_of_order,
        lowest_ceiling,
        highest_ceiling,
        prices.highest_bid,
        prices.cost_per_lead,
        growth.invites_that_work,
        growth.people_brought,
        growth.people_brought_at_most,
        screening.screened_at,
        screening.billed_on,
        screening.may_be_returned,
        surveys.attitude_of,
        surveys.promoter_score,
        surveys.shown_score,
        second_price_of_the_first,
    )
}


def _argument(written: object, results: list[Any]) -> Any:  # noqa: ANN401 - any argument
    if isinstance(written, dict):
        return [answer for answer, times in written.items() for _ in range(times)]
    if isinstance(written, str) and written.startswith("="):
        return results[int(written[1:])]
    if isinstance(written, str) and "/" in written:
        return Fraction(written)
    return written


def _written_like(text: str, value: Fraction | int) -> str:
    """Return the value with as many digits after the point as the text has."""
    places = len(text.partition(".")[2])
    exact = Fraction(value) * 10**places
    digits = str(divide(exact.numerator, exact.denominator, Rounding.HALF_AWAY))
    return (
        f"{digits[:-places] or '0'}.{digits[-places:].zfill(places)}"
        if places
        else digits
    )


@pytest.mark.parametrize("row", _named("formulas"))
def test_a_row_of_the_published_tables_comes_to_the_figure_it_says(
    row: dict[str, Any],
) -> None:
    results: list[Any] = []
    for call in row["calls"]:
        arguments = [_argument(written, results) for written in call["with"]]

        results.append(FORMULAS[call["call"]](*arguments))

        result, expected = results[-1], call["gives"]
        if isinstance(result, Fraction | int) and isinstance(expected, str):
            result = _written_like(expected, result)
        assert result == expected
