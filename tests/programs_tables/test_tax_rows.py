"""Rows of the published tables about tax and days, each by the row's name."""

from collections.abc import Callable, Mapping
from datetime import date
from pathlib import Path
from typing import Any

import pytest
import yaml

from portal.kit.money import Money
from portal.tax import rules
from portal.tax.calculation import VatParty, self_bill, statement_due_on, withheld
from portal.tax.rules import FormFacts, FormKind, Place

ROWS: dict[str, list[dict[str, Any]]] = yaml.safe_load(
    Path(__file__).with_name("tax.yaml").read_text()
)


def _named(kind: str) -> list[Any]:
    return [pytest.param(row, id=row["row"]) for row in ROWS[kind]]


@pytest.mark.parametrize("row", _named("withholding"))
def test_a_row_of_the_published_tables_withholds_what_it_says(
    row: dict[str, Any],
) -> None:
    payable = Money(*row["payable"])
    form = FormFacts(
        kind=FormKind(row["form"]["kind"]),
        signed_on=row["form"]["signed_on"],
        place=Place(row["form"]["place"]),
    )

    decision = rules.withholding(form, is_us_person=False, on=row["paid_on"])
    tax = withheld(payable, decision.rate_bps)

    assert (decision.kind, decision.rate_bps) == (row["kind"], row["rate_bps"])
    assert tax.minor == row["withheld"]
    assert (payable - tax).minor == row["paid"]


@pytest.mark.parametrize("row", _named("self_bill"))
def test_a_row_of_the_published_tables_bills_what_it_says(row: dict[str, Any]) -> None:
    bill = self_bill(
        Money(*row["net"]),
        supplier=VatParty(**row["supplier"]),
        customer=VatParty(**row["customer"]),
        rate_bps=row["rate_bps"],
    )

    assert bill.vat.minor == row["vat"]
    assert bill.total.minor == row["total"]
    assert list(bill.words) == row["words"]


def w8ben_valid_until(signed_on: date) -> date | None:
    return rules.valid_until(FormKind.W8BEN, signed_on)


DAYS: Mapping[str, Callable[[date], date | None]] = {
    function.__name__: function for function in (statement_due_on, w8ben_valid_until)
}


@pytest.mark.parametrize("row", _named("days"))
def test_a_row_of_the_published_tables_falls_on_the_day_it_says(
    row: dict[str, Any],
) -> None:
    assert DAYS[row["call"]](row["day"]) == row["gives"]
