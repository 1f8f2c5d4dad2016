"""CSV that a spreadsheet cannot take for a formula.

Text that a spreadsheet would run gets an apostrophe in front. Numbers and amounts are
ours and stay numbers; dates are ISO.
"""

import csv
import re
from collections.abc import Iterable, Iterator, Sequence
from datetime import date
from io import StringIO

from portal.kit.money import Money
from portal.web.formats import money_plain

Cell = str | int | Money | date | None

BYTE_ORDER_MARK = "\ufeff"
"""In front of a file, it makes older versions of Excel read UTF-8."""

_INVISIBLE = r"\s\x00-\x1f\x7f\u00ad\u200b-\u200f\u2028-\u202e\u2060-\u2069\ufeff"
_DANGEROUS_START = re.compile(
    rf"[{_INVISIBLE}]*[=+\-@\uff1d\uff0b\uff0d\uff20\u2212\ufe62\ufe63\ufe66\ufe6b]"
    r"|[\t\r\n\x00]"
)
# A spreadsheet that splits at other separators than we write makes new cells.
_DANGEROUS_AFTER_SPLIT = re.compile(
    rf"([;|\t\r\n\"][{_INVISIBLE}]*)([=+\-@\uff1d\uff0b\uff0d\uff20])"
)


def safe_text(text: str) -> str:
    """Return `text` so that no spreadsheet runs it."""
    text = _DANGEROUS_AFTER_SPLIT.sub(r"\1'\2", text)
    return f"'{text}" if _DANGEROUS_START.match(text) else text


def safe_cell(value: Cell) -> str:
    """Return one cell: text made safe, amounts exact, dates ISO, nothing empty."""
    if value is None:
        return ""
    if isinstance(value, Money):
        return money_plain(value)
    if isinstance(value, date):
        return value.isoformat()
    if isinstance(value, int):
        return str(int(value))
    return safe_text(value)


def csv_lines(header: Sequence[str], rows: Iterable[Sequence[Cell]]) -> Iterator[str]:
    """Yield the file line by line, so that a long one needs no memory."""
    yield _line(header)
    for row in rows:
        yield _line(row)


def csv_text(header: Sequence[str], rows: Iterable[Sequence[Cell]]) -> str:
    """Return the whole file."""
    return "".join(csv_lines(header, rows))


def _line(row: Sequence[Cell]) -> str:
    buffer = StringIO(newline="")
    csv.writer(buffer, lineterminator="\r\n").writerow([safe_cell(c) for c in row])
    return buffer.getvalue()
