"""A signed agreement as a file."""

from portal.agreements.documents.as_pdf import render
from portal.agreements.models import AgreementSignature

__all__ = ["MIMETYPE", "filename", "render"]

MIMETYPE = "application/pdf"


def filename(signature: AgreementSignature) -> str:
    """Return the name of the file, such as `agreement-2026-07-blue-fern.pdf`."""
    partner = "-".join(signature.partner_name.lower().split())
    return f"agreement-{signature.version}-{partner}.pdf"
