"""Each file is read back with a tool that is not ours, and says what is stored."""

import csv
import hashlib
import json
from collections.abc import Iterator
from datetime import datetime, time
from decimal import Decimal
from io import BytesIO, StringIO
from typing import Any, cast

import pytest
from openpyxl import load_workbook
from pypdf import PdfReader
from sqlalchemy.orm import Session

from portal.kit.ids import new_id
from portal.kit.money import Money
from portal.statements import documents
from portal.statements.documents.as_pdf import page_data
from portal.statements.documents.summary import payment_sentence
from portal.statements.models import Statement, StatementLine
from portal.statements.rules import LineKind, Payment
from portal.web.formats import money_plain
from tests.commissions.story import Story
from tests.statements.books import a_month, a_period, at, close, rename
from tests.statements.test_close import below_zero

EVIL = '=HYPERLINK("https://evil.example","pay") #read("/etc/passwd") [x] $y$ \\'
BASE = "https://partners.acme.test/"


@pytest.fixture
def statement(session: Session) -> Statement:
    """A statement with a refund, a payout, and a company name that wants to run."""
    story = Story(session)
    rename(story, EVIL)
    period = below_zero(story)
    [found] = close(session, period, notes={"negative_balances": "known"})
    return found


def money_cells(statement: Statement) -> list[str]:
    return [money_plain(statement.money(line.amount_minor)) for line in statement.lines]


def metadata_of(pdf: bytes) -> str:
    """The standards that a file says it keeps are among its metadata."""
    root = cast("Any", PdfReader(BytesIO(pdf)).root_object)
    return str(root["/Metadata"].get_data().decode())


def pdf_text(content: bytes) -> str:
    pages = [page.extract_text() for page in PdfReader(BytesIO(content)).pages]
    return "\n".join(pages)


class TestPdf:
    def test_it_says_every_amount_date_and_reason(self, statement: Statement) -> None:
        text = " ".join(pdf_text(documents.render(statement, "pdf", BASE)).split())

        data = page_data(statement, "")
        for line in data["lines"]:
            for part in ("date", "amount", "what", "why"):
                assert " ".join(line[part].split()) in text
        for row in data["summary"]:
            assert f"{row['label']} {row['amount']}" in text
        assert statement.sha256 in text
        assert statement.number in text
        assert "page 1 of 1" in text

    def test_text_of_people_is_text(self, statement: Statement) -> None:
        text = pdf_text(documents.render(statement, "pdf", BASE))

        assert "".join(EVIL.split()) in "".join(text.split())

    @pytest.mark.parametrize(
        "name", ["한빛 디지털", "شركة نور للاستشارات"], ids=["Korean", "Arabic"]
    )
    def test_a_name_in_korean_or_arabic_keeps_the_standards(
        self, session: Session, name: str
    ) -> None:
        # The standards refuse a letter for which there is no font.
        story = Story(session)
        rename(story, name)
        [statement] = close(session, a_month(story))

        pdf = documents.render(statement, "pdf", BASE)

        assert "pdfaid:part" in metadata_of(pdf)
        assert "pdfuaid:part" in metadata_of(pdf)
        assert statement.sha256 in pdf_text(pdf)

    def test_a_name_in_a_script_without_a_font_of_ours_gives_a_file(
        self, session: Session
    ) -> None:
        story = Story(session)
        rename(story, "กรุงเทพ Digital")
        [statement] = close(session, a_month(story))

        pdf = documents.render(statement, "pdf", BASE)

        assert "Digital" in pdf_text(pdf)
        assert statement.sha256 in pdf_text(pdf)
        assert "pdfaid:part" not in metadata_of(pdf)

    def test_the_same_statement_gives_the_same_bytes(
        self, statement: Statement
    ) -> None:
        assert documents.render(statement, "pdf", BASE) == documents.render(
            statement, "pdf", BASE
        )

    def test_it_is_tagged_and_says_which_standards_it_keeps(
        self, statement: Statement
    ) -> None:
        pdf = documents.render(statement, "pdf", BASE)

        reader, metadata = PdfReader(BytesIO(pdf)), metadata_of(pdf)
        assert cast("Any", reader.root_object)["/MarkInfo"]["/Marked"]
        assert "pdfuaid:part" in metadata
        assert "pdfaid:part" in metadata
        assert reader.metadata is not None
        assert reader.metadata.title == f"Commission statement {statement.number}"

    def test_a_long_one_repeats_its_header_and_counts_its_pages(
        self, statement: Statement
    ) -> None:
        line = statement.lines[0]
        long = _like(statement)
        long.lines = [_line(line, position) for position in range(1, 81)]

        reader = PdfReader(BytesIO(documents.render(long, "pdf", BASE)))

        texts = [page.extract_text() for page in reader.pages]
        assert len(texts) > 2
        assert all("Amount" in text for text in texts)
        assert f"page {len(texts)} of {len(texts)}" in texts[-1]

    def test_a_statement_without_lines_says_so(self, session: Session) -> None:
        january = a_month(Story(session))
        close(session, january)
        [empty] = close(session, a_period(session, january.program_id, "2026-02"))

        assert "Nothing was earned" in pdf_text(documents.render(empty, "pdf", BASE))


def _like(statement: Statement) -> Statement:
    columns = Statement.__table__.columns
    values = {column.key: getattr(statement, column.key) for column in columns}
    return Statement(**values)


def _line(line: StatementLine, position: int) -> StatementLine:
    columns = StatementLine.__table__.columns
    values = {column.key: getattr(line, column.key) for column in columns}
    return StatementLine(**values | {"position": position, "id": new_id()})


class TestCsv:
    def rows(self, statement: Statement) -> list[dict[str, str]]:
        content = documents.render(statement, "csv", BASE).decode("utf-8-sig")
        return list(csv.DictReader(StringIO(content)))

    def test_its_amounts_add_up_to_the_closing(self, statement: Statement) -> None:
        *rows, last = self.rows(statement)

        assert [row["amount"] for row in rows[1:]] == money_cells(statement)
        assert sum(Decimal(row["amount"]) for row in rows) == Decimal(last["amount"])
        assert last["kind"] == "closing_balance"

    def test_no_cell_begins_like_a_formula(self, statement: Statement) -> None:
        for row in self.rows(statement):
            for name, cell in row.items():
                if name not in ("amount", "base"):
                    assert not cell.startswith(("=", "+", "-", "@")), name


class TestXlsx:
    def test_amounts_are_numbers_and_dates_are_dates(
        self, statement: Statement
    ) -> None:
        book = load_workbook(BytesIO(documents.render(statement, "xlsx", BASE)))

        header, *rows = book["Lines"].iter_rows(values_only=True)
        amount, day = header.index("Amount"), header.index("Date")
        for row, line in zip(rows, statement.lines, strict=True):
            assert Decimal(str(row[amount])) * 100 == line.amount_minor
            assert isinstance(row[day], datetime)
            assert row[day] == datetime.combine(line.occurred_at, time())

    def test_no_cell_is_a_formula(self, statement: Statement) -> None:
        book = load_workbook(BytesIO(documents.render(statement, "xlsx", BASE)))

        cells = [cell for sheet in book for row in sheet.iter_rows() for cell in row]
        assert any(str(cell.value).startswith("=HYPERLINK") for cell in cells)
        assert all(cell.data_type != "f" for cell in cells)

    def test_control_characters_are_left_out(self, session: Session) -> None:
        story = Story(session)
        rename(story, "Bell\x07 Ltd")
        [statement] = close(session, a_month(story))

        book = load_workbook(BytesIO(documents.render(statement, "xlsx", BASE)))

        values = [row[1] for row in book["Summary"].iter_rows(values_only=True)]
        assert "Bell Ltd, DE" in values

    def test_a_currency_without_decimals_has_none(self, statement: Statement) -> None:
        yen = _like(statement)
        yen.currency = "JPY"
        yen.lines = []

        book = load_workbook(BytesIO(documents.render(yen, "xlsx", BASE)))

        closing = next(
            row[1]
            for row in book["Summary"].iter_rows()
            if row[0].value == "Closing balance"
        )
        assert closing.value == statement.closing_minor
        assert closing.number_format == "#,##0"


class TestJson:
    def test_anyone_can_compute_the_hash(self, statement: Statement) -> None:
        content = json.loads(documents.render(statement, "json", BASE))

        text = json.dumps(
            content["statement"],
            ensure_ascii=False,
            sort_keys=True,
            separators=(",", ":"),
        )
        assert hashlib.sha256(text.encode()).hexdigest() == statement.sha256
        assert content["sha256"] == statement.sha256
        assert content["verify_url"] == (
            f"https://partners.acme.test/verify/statement/{statement.sha256}"
        )

    def test_its_parts_add_up(self, statement: Statement) -> None:
        said = json.loads(documents.render(statement, "json", BASE))["statement"]

        lines = sum(line["amount_minor"] for line in said["lines"])
        summary = said["summary"]
        assert summary["opening_minor"] + lines == summary["closing_minor"]


def generated(session: Session) -> Iterator[Statement]:
    for net in (1, 2, 3, 99, 12_345, 99_999_999):
        story = Story(session)
        customer = story.credited(first_seen_at=at("2026-01-02"))
        for day in ("2026-01-03", "2026-01-17"):
            story.sale(customer, at(day), net)
        story.recompute()
        yield close(session, a_period(session, story.version.program_id, "2026-01"))[0]


def test_the_four_files_agree_to_the_cent(session: Session) -> None:
    for statement in generated(session):
        files = {
            fmt: documents.render(statement, fmt, BASE) for fmt in documents.FORMATS
        }
        expected = [line.amount_minor for line in statement.lines]

        rows = list(csv.DictReader(StringIO(files["csv"].decode("utf-8-sig"))))[1:-1]
        assert [int(Decimal(row["amount"]) * 100) for row in rows] == expected
        sheet = load_workbook(BytesIO(files["xlsx"]))["Lines"]
        cells = [row[8] for row in sheet.iter_rows(min_row=2, values_only=True)]
        assert [int(Decimal(str(cell)) * 100) for cell in cells] == expected
        said = json.loads(files["json"])["statement"]["lines"]
        assert [line["amount_minor"] for line in said] == expected
        text = pdf_text(files["pdf"])
        for line in page_data(statement, "")["lines"]:
            assert line["amount"] in text
        assert documents.filename(statement, "pdf") == f"{statement.number}.pdf"


@pytest.mark.parametrize("payment", Payment)
def test_every_payment_has_a_sentence(statement: Statement, payment: Payment) -> None:
    like = _like(statement)
    like.payment, like.pays_on = payment, None
    like.payment_gate = "Tax form"
    if payment is Payment.DUE:
        like.pays_on = at("2026-03-15").date()

    assert payment_sentence(like).endswith(".")


def test_the_counts_of_a_statement_are_by_kind(statement: Statement) -> None:
    assert statement.counts[LineKind.PAYOUT] == 1
    assert statement.counts[LineKind.EARNED] == 0
    assert statement.closing == Money(-12_000, "USD")
