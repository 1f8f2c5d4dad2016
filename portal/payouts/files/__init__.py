"""What banks read: from one order to the bytes of a file. Pure.

Amounts are whole minor units up to here; each format writes them its own way.
"""

from portal.payouts.files import as_csv, nacha, sepa
from portal.payouts.files.order import Instruction, Order, Payer
from portal.payouts.rules import FileFormat

__all__ = ["Instruction", "Order", "Payer", "extension", "mimetype", "render"]

_EXTENSIONS = {FileFormat.NACHA_CCD: "txt", FileFormat.CSV: "csv"}
_MIMETYPES = {
    FileFormat.NACHA_CCD: "text/plain; charset=us-ascii",
    FileFormat.CSV: "text/csv; charset=utf-8",
}


def render(order: Order, file_format: FileFormat) -> bytes:
    """Return the file of a batch; the same order gives the same bytes."""
    if file_format is FileFormat.NACHA_CCD:
        return nacha.render(order)
    if file_format is FileFormat.CSV:
        return as_csv.render(order)
    return sepa.render(order, file_format)


def extension(file_format: FileFormat) -> str:
    """Return how the file's name ends."""
    return _EXTENSIONS.get(file_format, "xml")


def mimetype(file_format: FileFormat) -> str:
    """Return what the file is."""
    return _MIMETYPES.get(file_format, "application/xml")
