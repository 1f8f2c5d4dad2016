"""Questions as a table, one row each.

`option_1` to `option_8` hold the options: for `order` in the right order, for `text`
the accepted answers. `right` names the right options by number, such as `1|3`.
"""

import csv
from collections.abc import Iterator, Mapping
from io import StringIO
from typing import Any

from portal.certification.bank import LETTERS
from portal.certification.imports.found import Found

OPTIONS = tuple(f"option_{n}" for n in range(1, len(LETTERS) + 1))
REQUIRED = ("key", "topic", "text", "option_1")
COLUMNS = (
    "key",
    "topic",
    "difficulty",
    "kind",
    "text",
    "right",
    *OPTIONS,
    "explanation",
)
"""Every column a file may have."""


def read(text: str) -> Found:
    """Return the questions of a CSV file, separated by commas or semicolons."""
    found = Found([], [])
    header = text.partition("\n")[0]
    delimiter = ";" if header.count(";") > header.count(",") else ","
    reader = csv.reader(StringIO(text, newline=""), delimiter=delimiter, strict=True)
    try:
        rows = _rows(reader)
        _, names = next(rows, (1, []))
        names = [name.strip().casefold() for name in names]
        if not _header_fits(names, found):
            return found
        for line, cells in rows:
            if len(cells) > len(names):
                found.refuse(line, "more cells than the first line has columns.")
                continue
            row = dict(zip(names, map(str.strip, cells), strict=False))
            _add(found, line, row)
    except csv.Error as error:
        found.refuse(reader.line_num, f"this is no CSV: {error}.")
    return found


def _rows(reader: Any) -> Iterator[tuple[int, list[str]]]:  # noqa: ANN401 - csv's reader has no public type
    """Yield each row with the line it begins on; quoted cells may span lines."""
    begins = 1
    for cells in reader:
        if any(cell.strip() for cell in cells):
            yield begins, cells
        begins = reader.line_num + 1


def _header_fits(names: list[str], found: Found) -> bool:
    unknown = [name for name in names if name not in COLUMNS]
    missing = [name for name in REQUIRED if name not in names]
    if unknown:
        found.refuse(1, f"unknown columns: {', '.join(unknown)}.")
    if missing:
        found.refuse(1, f"missing columns: {', '.join(missing)}.")
    return not unknown and not missing


def _add(found: Found, line: int, row: Mapping[str, str]) -> None:
    labels = [row.get(name, "") for name in OPTIONS]
    kind = row.get("kind") or "single"
    fields: dict[str, Any] = {
        name: row[name]
        for name in ("key", "topic", "text", "difficulty", "explanation")
        if row.get(name)
    }
    numbers = [part.strip() for part in row.get("right", "").split("|")]
    right = {part for part in numbers if part}
    if not right <= {str(n) for n, label in enumerate(labels, start=1) if label}:
        found.refuse(line, "right: give the numbers of options, such as 1 or 1|3.")
        return
    if kind == "text":
        fields["accepted"] = [label for label in labels if label]
    else:
        fields["options"] = [
            {"label": label, "right": str(n) in right}
            for n, label in enumerate(labels, start=1)
            if label
        ]
    found.add(line, fields | {"kind": kind})
