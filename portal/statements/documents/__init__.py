"""A statement as a file. All formats come from the same stored rows."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType

from portal.statements.documents import as_csv, as_json, as_pdf, as_xlsx
from portal.statements.models import Statement


@dataclass(frozen=True, slots=True)
class Format:
    """A kind of file: its media type and what makes its bytes."""

    mimetype: str
    render: Callable[[Statement, str], bytes]


FORMATS: Mapping[str, Format] = MappingProxyType(
    {
        "pdf": Format("application/pdf", as_pdf.render),
        "csv": Format("text/csv; charset=utf-8", as_csv.render),
        "xlsx": Format(
            "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
            as_xlsx.render,
        ),
        "json": Format("application/json", as_json.render),
    }
)
"""By the end of the file's name."""


def render(statement: Statement, fmt: str, base_url: str) -> bytes:
    """Return the statement as a file.

    Args:
        statement: The statement with its lines.
        fmt: A key of `FORMATS`.
        base_url: The portal's address, for the page that checks the hash.
    """
    return FORMATS[fmt].render(statement, verify_url(statement, base_url))


def verify_url(statement: Statement, base_url: str) -> str:
    """Return the public page that says whether the statement is real."""
    return f"{base_url.rstrip('/')}/verify/statement/{statement.sha256}"


def filename(statement: Statement, fmt: str) -> str:
    """Return the name of the file, such as `ACME-2026-000042.pdf`."""
    return f"{statement.number}.{fmt}"
