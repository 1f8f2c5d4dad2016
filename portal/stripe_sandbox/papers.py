"""An invoice as a PDF file: one page of text, in the font that every reader has."""

from portal.stripe_sandbox.store import Obj
from portal.stripe_sandbox.wording import amount_text, moment_text

_TOP, _LEFT, _LEADING = 780, 60, 18
_CATALOG = b"<< /Type /Catalog /Pages 2 0 R >>"
_PAGES = b"<< /Type /Pages /Kids [3 0 R] /Count 1 >>"
_PAGE = (
    b"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 595 842] /Contents 5 0 R "
    b"/Resources << /Font << /F1 4 0 R >> >> >>"
)
_FONT = (
    b"<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica /Encoding /WinAnsiEncoding >>"
)


def invoice_pdf(invoice: Obj) -> bytes:
    """Return an invoice as a PDF file."""
    lines = invoice["lines"]["data"]
    currency = invoice["currency"]
    rows = [
        f"Invoice {invoice['number']}",
        f"Date: {moment_text(invoice['created'])}",
        f"For: {invoice['customer_name'] or ''} {invoice['customer_email'] or ''}",
        *(f"Tax id: {one['value']}" for one in invoice["customer_tax_ids"]),
        "",
        *(
            f"{row['description']}: {amount_text(row['amount'], currency)}"
            for row in lines
        ),
        "",
        f"Total: {amount_text(invoice['total'], currency)}",
        f"Paid: {amount_text(invoice['amount_paid'], currency)}",
        f"State: {invoice['status']}",
    ]
    return _document(rows)


def _document(rows: list[str]) -> bytes:
    """Return a file with one page; the table at its end says where each part begins."""
    shown = b"".join(b"(%s) Tj T*\n" % _escaped(row) for row in rows)
    text = b"BT /F1 12 Tf %d TL %d %d Td\n%sET" % (_LEADING, _LEFT, _TOP, shown)
    stream = b"<< /Length %d >>\nstream\n%s\nendstream" % (len(text), text)
    file = b"%PDF-1.4\n"
    starts = []
    for number, part in enumerate((_CATALOG, _PAGES, _PAGE, _FONT, stream), start=1):
        starts.append(len(file))
        file += b"%d 0 obj\n%s\nendobj\n" % (number, part)
    table = b"".join(b"%010d 00000 n \n" % start for start in starts)
    count = len(starts) + 1
    return file + (
        b"xref\n0 %d\n0000000000 65535 f \n%strailer\n<< /Size %d /Root 1 0 R >>\n"
        b"startxref\n%d\n%%%%EOF\n" % (count, table, count, len(file))
    )


def _escaped(row: str) -> bytes:
    plain = row.replace("\\", "\\\\").replace("(", "\\(").replace(")", "\\)")
    return plain.replace("−", "-").encode("cp1252", errors="replace")
