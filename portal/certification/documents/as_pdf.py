"""A certificate on paper, set by typst.

The only date in the file is that of issue.
"""

from datetime import UTC, datetime
from pathlib import Path

from babel.dates import format_date

from portal.certification.documents.qr import qr_svg
from portal.certification.models import Certificate
from portal.web.paper import set_paper

_TEMPLATE = Path(__file__).with_name("certificate.typ")


def render(certificate: Certificate, issuer: str, address: str) -> bytes:
    """Return the PDF.

    Args:
        certificate: The certificate with its certification and partner.
        issuer: The vendor's name.
        address: The public page that says what it is worth.
    """
    data = {
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
    }
    return set_paper(_TEMPLATE, data, dated=certificate.issued_at)


def _day(moment: datetime) -> str:
    return format_date(moment.astimezone(UTC), "d MMMM y", locale="en")
