"""The statement for Excel: a sheet with the summary and a sheet with the lines.

Amounts are numbers and dates are dates; text is text, whatever it begins with.
"""

from collections.abc import Sequence
from datetime import date
from decimal import Decimal
from io import BytesIO

from openpyxl import Workbook
from openpyxl.cell.cell import ILLEGAL_CHARACTERS_RE, Cell, MergedCell
from openpyxl.styles import Alignment, Font
from openpyxl.utils import get_column_letter
from openpyxl.worksheet.worksheet import Worksheet

from portal.kit.currencies import currency_exponent
from portal.kit.money import Money
from portal.statements.documents.summary import (
    correction_sentence,
    payment_sentence,
    summary_rows,
)
from portal.statements.models import Statement
from portal.web.formats import money_plain

Value = str | int | Money | date | None

_HEADERS = (
    "Position",
    "Date",
    "Kind",
    "Customer",
    "What",
    "Why",
    "Base",
    "Rate",
    "Amount",
    "Currency",
    "Commission",
)
_WIDTHS = (9, 12, 12, 30, 32, 70, 14, 12, 14, 10, 32)
_BOLD = Font(bold=True)


def render(statement: Statement, verify_url: str) -> bytes:
    """Return the workbook."""
    book = Workbook()
    book.properties.creator = _clean(statement.issuer_name)
    book.properties.title = f"Commission statement {statement.number}"
    book.properties.created = statement.issued_at.replace(tzinfo=None)
    book.properties.modified = statement.issued_at.replace(tzinfo=None)
    summary = book.worksheets[0]
    summary.title = "Summary"
    _fill_summary(summary, statement, verify_url)
    _fill_lines(book.create_sheet("Lines"), statement)
    buffer = BytesIO()
    book.save(buffer)
    return buffer.getvalue()


def _fill_summary(sheet: Worksheet, statement: Statement, verify_url: str) -> None:
    rows: list[tuple[str, Value]] = [
        ("Statement", statement.number),
        ("Month", statement.period_label),
        ("First day", statement.starts_on),
        ("Last day", statement.ends_on),
        ("Issued on", statement.issued_at.astimezone(statement.zone).date()),
        ("From", statement.issuer_name),
        ("To", f"{statement.partner_name}, {statement.partner_country}"),
        ("Program", statement.program_name),
        ("Currency", statement.currency),
        *((row.label, row.amount) for row in summary_rows(statement)),
        ("Payment", payment_sentence(statement)),
        ("Correction", correction_sentence(statement)),
        ("SHA-256", statement.sha256),
        ("Check at", verify_url),
    ]
    for row, (label, value) in enumerate(rows, 1):
        _put(sheet, row, 1, label).font = _BOLD
        _put(sheet, row, 2, value).alignment = Alignment(horizontal="left")
    sheet.column_dimensions["A"].width = 28
    sheet.column_dimensions["B"].width = 70


def _fill_lines(sheet: Worksheet, statement: Statement) -> None:
    _fill_row(sheet, 1, _HEADERS)
    for column, width in enumerate(_WIDTHS, 1):
        sheet.cell(1, column).font = _BOLD
        sheet.column_dimensions[get_column_letter(column)].width = width
    for row, line in enumerate(statement.lines, 2):
        _fill_row(
            sheet,
            row,
            (
                line.position,
                line.occurred_at.astimezone(statement.zone).date(),
                line.kind.value,
                line.customer,
                line.what,
                line.why,
                statement.money(line.base_minor),
                line.rate,
                statement.money(line.amount_minor),
                statement.currency,
                line.commission_public_id,
            ),
        )
        sheet.cell(row, 6).alignment = Alignment(wrap_text=True, vertical="top")
    sheet.freeze_panes = "A2"


def _fill_row(sheet: Worksheet, row: int, values: Sequence[Value]) -> None:
    for column, value in enumerate(values, 1):
        _put(sheet, row, column, value)


def _put(sheet: Worksheet, row: int, column: int, value: Value) -> Cell | MergedCell:
    """Write one value with its type; text never becomes a formula."""
    cell = sheet.cell(row, column)
    if isinstance(value, Money):
        # The one place where an amount becomes a Decimal: Excel has numbers only.
        cell.value = Decimal(money_plain(value))
        digits = currency_exponent(value.currency)
        cell.number_format = "#,##0" + ("." + "0" * digits if digits else "")
    elif isinstance(value, date):
        cell.value = value
        cell.number_format = "yyyy-mm-dd"
    elif isinstance(value, str):
        cell.value = _clean(value)
        cell.data_type = "s"
        # A text that looks like a formula stays one even when somebody edits it.
        cell.quotePrefix = True
    else:
        cell.value = value
    return cell


def _clean(text: str) -> str:
    return ILLEGAL_CHARACTERS_RE.sub("", text)
