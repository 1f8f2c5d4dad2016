"""A certificate as files, the code that leads to its page, and dates to remember."""

from portal.certification.documents.as_calendar import CALENDAR_TYPE, next_attempt
from portal.certification.documents.as_pdf import render
from portal.certification.documents.as_svg import badge_svg
from portal.certification.documents.qr import qr_svg

__all__ = ["CALENDAR_TYPE", "badge_svg", "next_attempt", "qr_svg", "render"]
