"""A certificate on paper, set by typst.

Identical input gives identical bytes: the only date in the file is that of issue.
After a process has compiled once it must not fork.
"""

import json
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from threading import Lock
from typing import cast

import typst
from babel.dates import format_date

from portal.certification.documents.qr import qr_svg
from portal.certification.models import Certificate

_TEMPLATE = Path(__file__).with_name("certificate.typ")
_one_at_a_time = Lock()


@cache
def _compiler(*, with_system_fonts: bool) -> typst.Compiler:
    """Return a compiler, its fonts read once: those inside typst, and the system's."""
    fonts = typst.Fonts(include_system_fonts=with_system_fonts)
    return typst.Compiler(input=_TEMPLATE, font_paths=fonts)


def render(certificate: Certificate, issuer: str, address: str) -> bytes:
    """Return the PDF.

    Args:
        certificate: The certificate with its certification and partner.
        issuer: The vendor's name.
        address: The public page that says what it is worth.
    """
    content = json.dumps(
        {
            "title": certificate.certification.title,
            "summary": certificate.certification.summary,
            "holder": certificate.holder_name,
            "partner": certificate.partner.name,
            "issuer": issuer,
            "number": certificate.number,
            "issued": _day(certificate.issued_at),
            "expires": _day(certificate.expires_at),
            "address": address,
            "qr": qr_svg(address).decode(),
        },
        ensure_ascii=False,
    )
    timestamp = int(certificate.issued_at.timestamp())
    with _one_at_a_time:
        try:
            pdf = _compiler(with_system_fonts=False).compile(
                format="pdf",
                sys_inputs={"data": content},
                pdf_standards=["a-2a", "ua-1"],
                timestamp=timestamp,
            )
        except typst.TypstError:
            # The standards refuse a script for which there is no font. A file with
            # the fonts of this machine, and without the standards, is better than none.
            pdf = _compiler(with_system_fonts=True).compile(
                format="pdf", sys_inputs={"data": content}, timestamp=timestamp
            )
    return cast("bytes", pdf)  # a list only for formats with one file per page


def _day(moment: datetime) -> str:
    return format_date(moment.astimezone(UTC), "d MMMM y", locale="en")
