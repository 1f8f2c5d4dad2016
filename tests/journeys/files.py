"""Reading the four files of a statement, each with a reader of its own."""

import csv
import io
import json
from dataclasses import dataclass
from decimal import Decimal

from openpyxl import load_workbook
from pypdf import PdfReader

from tests.journeys.visitor import Visitor


@dataclass(frozen=True)
class Figures:
    """What a file says: the amount of each line, and the closing balance, in cents."""

    lines: tuple[int, ...]
    closing: int


def cents(amount: str | float | Decimal) -> int:
    minor = Decimal(str(amount).replace("−", "-").replace(",", "")) * 100
    assert minor == int(minor)
    return int(minor)


def from_json(body: bytes) -> Figures:
    said = json.loads(body)["statement"]
    lines = tuple(line["amount_minor"] for line in said["lines"])
    return Figures(lines, said["summary"]["closing_minor"])


def from_csv(body: bytes) -> Figures:
    rows = list(csv.DictReader(io.StringIO(body.decode("utf-8-sig"))))
    closing = next(row for row in rows if row["kind"] == "closing_balance")
    lines = tuple(cents(row["amount"]) for row in rows if row["position"])
    return Figures(lines, cents(closing["amount"]))


def from_xlsx(body: bytes) -> Figures:
    book = load_workbook(io.BytesIO(body))
    header, *rows = book["Lines"].iter_rows(values_only=True)
    place = header.index("Amount")
    summary = {row[0]: row[1] for row in book["Summary"].iter_rows(values_only=True)}
    return Figures(
        tuple(cents(str(row[place])) for row in rows),
        cents(str(summary["Closing balance"])),
    )


def text_of_pdf(body: bytes) -> str:
    pages = PdfReader(io.BytesIO(body)).pages
    return " ".join(" ".join(page.extract_text() for page in pages).split())


def download(visitor: Visitor, statement: str, fmt: str) -> bytes:
    """Fetch one file of a statement, by the statement's public id."""
    page = visitor.ask("GET", f"/app/statements/{statement}.{fmt}")
    assert page.status == 200, page.status
    assert "attachment" in page.headers["content-disposition"]
    return page.body
