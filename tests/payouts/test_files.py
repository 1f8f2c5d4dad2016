"""The files, read back with other people's eyes: XML schemas, and the Nacha rules."""

import csv
from dataclasses import replace
from datetime import UTC, date, datetime
from functools import cache
from io import StringIO
from pathlib import Path
from xml.etree import ElementTree as ET

import pytest
import sepaxml
import xmlschema

from portal.kit.money import Money
from portal.payouts.files import (
    Instruction,
    Order,
    Payer,
    extension,
    mimetype,
    render,
)
from portal.payouts.files.nacha import entry_hash
from portal.payouts.rules import Details, FileFormat

PAYER = Payer(
    name="Acmé GmbH",
    iban="DE89370400440532013000",
    routing_number="021000021",
    company_id="1234567890",
    bank_name="First Bank",
)
IBANS = ["NL91ABNA0417164300", "FR1420041010050500013M02606", "NO9386011117947"]
NAMES = ["Hanbit Söhne & Co.", "=cmd|' /C calc'!A0", "A" * 90]


def an_order(*amounts: int, currency: str = "EUR") -> Order:
    return Order(
        name="P000012",
        created_at=datetime(2026, 5, 4, 9, 30, tzinfo=UTC),
        pay_on=date(2026, 5, 5),
        payer=PAYER,
        instructions=tuple(
            Instruction(
                end_to_end_id=f"P000012-{number:05d}",
                amount=Money(minor, currency),
                partner=NAMES[number % 3],
                holder=NAMES[number % 3].replace("=", ""),
                details=Details(
                    iban=IBANS[number % 3], bic="ABNANL2AXXX" if number % 2 else ""
                )
                if currency == "EUR"
                else Details(
                    routing_number="011401533",
                    account_number=f"00{number}456789",
                    account_type="savings" if number % 2 else "checking",
                ),
                remittance="Acme ACME-2026-000042 " + "x" * 200,
            )
            for number, minor in enumerate(amounts)
        ),
    )


@cache
def schema(name: str) -> xmlschema.XMLSchema:
    folder = Path(sepaxml.__file__).parent / "schemas"
    return xmlschema.XMLSchema(str(folder / f"{name}.xsd"))


SEPA = [FileFormat.SEPA_03, FileFormat.SEPA_09]


class TestSepa:
    @pytest.mark.parametrize("bic", ["", "COBADEFFXXX"])
    @pytest.mark.parametrize("form", SEPA)
    def test_it_follows_the_schema_of_iso_20022(
        self, form: FileFormat, bic: str
    ) -> None:
        order = an_order(25_000, 73_158, 1)

        content = render(replace(order, payer=replace(PAYER, bic=bic)), form)

        schema(form.value).validate(content.decode())

    @pytest.mark.parametrize("form", SEPA)
    def test_the_schema_would_see_a_mistake(self, form: FileFormat) -> None:
        """The control: the same check refuses a file that is wrong."""
        content = render(an_order(25_000), form).replace(b"EUR", b"EURO")

        assert not schema(form.value).is_valid(content.decode())

    def test_neither_version_passes_for_the_other(self) -> None:
        older = render(an_order(1), FileFormat.SEPA_03).decode()

        swapped = older.replace(FileFormat.SEPA_03.value, FileFormat.SEPA_09.value)

        assert not schema(FileFormat.SEPA_09.value).is_valid(swapped)

    def test_it_says_what_was_ordered(self) -> None:
        root = ET.fromstring(render(an_order(25_000, 73_158), FileFormat.SEPA_09))  # noqa: S314 - our own file
        texts = {
            path: [
                element.text
                for element in root.iterfind("/".join(f".//{{*}}{path}".split("/")))
            ]
            for path in ("NbOfTxs", "CtrlSum", "EndToEndId", "InstdAmt", "MsgId", "Dt")
        }

        assert texts == {
            "NbOfTxs": ["2", "2"],
            "CtrlSum": ["981.58", "981.58"],
            "EndToEndId": ["P000012-00000", "P000012-00001"],
            "InstdAmt": ["250.00", "731.58"],
            "MsgId": ["P000012"],
            "Dt": ["2026-05-05"],
        }
        names = [element.text for element in root.iterfind(".//{*}Nm")]
        assert names[:3] == ["Acme GmbH", "Acme GmbH", "Hanbit Sohne + Co."]


class TestNacha:
    @pytest.mark.parametrize("entries", [1, 6, 7, 16, 17])
    def test_records_are_94_characters_in_blocks_of_ten(self, entries: int) -> None:
        content = render(an_order(*[1] * entries, currency="USD"), FileFormat.NACHA_CCD)

        records = content.decode("ascii").split("\r\n")
        assert records.pop() == ""
        assert {len(record) for record in records} == {94}
        assert len(records) % 10 == 0
        assert len(records) - (entries + 4) < 10
        assert set("".join(records[entries + 4 :])) <= {"9"}
        assert int(records[entries + 3][7:13]) == len(records) // 10

    def test_its_fields_stand_where_the_rules_put_them(self) -> None:
        order = an_order(123_456, 999, currency="USD")

        head, batch, first, second, end, control, *_ = (
            render(order, FileFormat.NACHA_CCD).decode().split("\r\n")
        )

        assert head[:3] == "101"
        assert head[3:13] == " 021000021"
        assert head[13:23] == "1234567890"
        assert head[23:33] == "2605040930"
        assert head[33:40] == "A094101"
        assert head[40:86] == f"{'FIRST BANK':<23}{'ACME GMBH':<23}"
        assert batch[:4] == "5220"
        assert batch[40:63] == "1234567890CCDPAYOUT    "[:23]
        assert batch[69:75] == "260505"
        assert batch[78:] == "1021000020000001"
        assert (first[:3], second[:3]) == ("622", "632")
        assert first[3:12] == "011401533"
        assert first[12:29] == f"{'000456789':<17}"
        assert first[29:39] == "0000123456"
        assert first[39:54] == f"{'P000012-00000':<15}"
        assert first[54:76] == f"{'HANBIT SOHNE + CO.':<22}"
        assert first[76:] == "  0021000020000001"
        assert end[:4] == "8220"
        assert end[4:10] == "000002"
        assert end[10:20] == f"{2 * 1_140_153:010d}"
        assert end[20:44] == f"{0:012d}{124_455:012d}"
        assert control[:7] == "9000001"
        assert control[13:31] == f"{2:08d}{2 * 1_140_153:010d}"
        assert control[31:55] == f"{0:012d}{124_455:012d}"

    def test_the_entry_hash_keeps_ten_digits(self) -> None:
        one = an_order(1, currency="USD").instructions[0]
        large = replace(one, details=replace(one.details, routing_number="991401533"))
        order = replace(an_order(1), instructions=(large,) * 1_000)

        assert entry_hash(order) == 99_140_153 * 1_000 % 10**10


class TestCsv:
    def test_no_cell_is_run_by_a_spreadsheet(self) -> None:
        content = render(an_order(25_000, 73_158), FileFormat.CSV).decode()

        head, first, second = csv.reader(StringIO(content))
        assert head[0] == "End-to-end id"
        assert first[3:6] == ["250.00", "EUR", "NL91ABNA0417164300"]
        assert second[1].startswith("'=cmd")

    def test_leading_zeros_stay(self) -> None:
        content = render(an_order(1, currency="USD"), FileFormat.CSV).decode()

        assert "011401533,000456789,checking,2026-05-05" in content


def test_each_kind_has_its_name() -> None:
    assert [extension(one) for one in FileFormat] == ["xml", "xml", "txt", "csv"]
    assert mimetype(FileFormat.SEPA_03) == "application/xml"
    assert mimetype(FileFormat.NACHA_CCD).startswith("text/plain")


@pytest.mark.parametrize("form", list(FileFormat))
def test_the_same_order_gives_the_same_bytes(form: FileFormat) -> None:
    order = an_order(1, currency=form.currency or "USD")

    assert render(order, form) == render(order, form)
