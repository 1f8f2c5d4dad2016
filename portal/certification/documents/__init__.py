"""A certificate as files: the paper to print, and the code that leads to its page."""

from portal.certification.documents.as_pdf import render
from portal.certification.documents.qr import qr_svg

__all__ = ["qr_svg", "render"]
