"""Every row of the published tables about payment files, by the row's name."""

import csv
from collections.abc import Callable, Mapping
from datetime import UTC, date, datetime
from io import StringIO
from pathlib import Path
from typing import Any
from xml.etree import ElementTree as ET

import pytest
import yaml

from portal.kit import bank_numbers
from portal.kit.money import Money
from portal.payouts.files import Instruction, Order, Payer, render
from portal.payouts.rules import Details, FileFormat

ROWS: dict[str, list[dict[str, Any]]] = yaml.safe_load(
    Path(__file__).with_name("payment_files.yaml").read_text()
)
CHECKS: Mapping[str, Callable[[str], str]] = {
    function.__name__: function
    for function in (bank_numbers.sepa_iban, bank_numbers.routing_number)
}


def _named(kind: str) -> list[Any]:
    return [pytest.param(row, id=row["row"]) for row in ROWS[kind]]


@pytest.mark.parametrize("row", _named("numbers"))
def test_a_number_is_right_or_refused(row: dict[str, Any]) -> None:
    check, number = CHECKS[row["check"]], row["number"]

    if row["valid"]:
        assert check(number) == number.replace(" ", "")
    else:
        with pytest.raises(ValueError, match="wrong"):
            check(number)


@pytest.mark.parametrize("row", _named("files"))
def test_a_file_says_what_it_holds(row: dict[str, Any]) -> None:
    currency = row["currency"]
    details = (
        Details(iban="NL91ABNA0417164300")
        if currency == "EUR"
        else Details(
            routing_number="021000021",
            account_number="12345678",
            account_type="checking",
        )
    )
    order = Order(
        name="P000001",
        created_at=datetime(2026, 11, 2, tzinfo=UTC),
        pay_on=date(2026, 11, 3),
        payer=Payer(
            name="Acme",
            iban="DE89370400440532013000",
            routing_number="011401533",
            company_id="1234567890",
            bank_name="First Bank",
        ),
        instructions=tuple(
            Instruction(
                end_to_end_id=f"P000001-{number:05d}",
                amount=Money(minor, currency),
                partner="Maru",
                holder="Maru",
                details=details,
                remittance="ACME-2026-000001",
            )
            for number, minor in enumerate(row["amounts"], 1)
        ),
    )
    form = FileFormat(row["format"])

    assert READERS[form](render(order, form).decode()) == row["says"]


def _of_nacha(text: str) -> dict[str, Any]:
    records = text.split("\r\n")[:-1]
    [control] = [one for one in records if one.startswith("9000001")]
    [length] = {len(one) for one in records}
    return {
        "entries": int(control[13:21]),
        "entry_hash": int(control[21:31]),
        "credits": int(control[43:55]),
        "records": len(records),
        "record_length": length,
    }


def _of_xml(text: str) -> dict[str, Any]:
    head = ET.fromstring(text.encode()).find(".//{*}GrpHdr")  # noqa: S314 - our own file
    assert head is not None
    return {name: head.findtext(f"{{*}}{name}") for name in ("NbOfTxs", "CtrlSum")}


def _of_csv(text: str) -> dict[str, Any]:
    rows = list(csv.DictReader(StringIO(text)))
    return {"rows": len(rows), "amounts": [row["Amount"] for row in rows]}


READERS: Mapping[FileFormat, Callable[[str], dict[str, Any]]] = {
    FileFormat.NACHA_CCD: _of_nacha,
    FileFormat.SEPA_03: _of_xml,
    FileFormat.SEPA_09: _of_xml,
    FileFormat.CSV: _of_csv,
}
