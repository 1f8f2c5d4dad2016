"""Amounts, rates and points as people read them, in the reader's language."""

from babel.numbers import format_currency, format_decimal, format_percent
from flask_babel import get_locale

from portal.programs.rules import minor_per_major


def locale() -> str:
    """Return the reader's language; English outside a request."""
    return str(get_locale() or "en")


def percent(rate_bps: int) -> str:
    """Return a rate for people, such as 12.5%."""
    ratio = f"{rate_bps // 10_000}.{rate_bps % 10_000:04}"
    return format_percent(ratio, format="#,##0.##%", locale=locale())


def money(minor: int, currency: str) -> str:
    """Return an amount for people."""
    return format_currency(_major(minor, currency), currency, locale=locale())


def _major(minor: int, currency: str) -> str:
    unit = minor_per_major(currency)
    digits = len(str(unit)) - 1
    whole, rest = divmod(minor, unit)
    return f"{whole}.{rest:0{digits}}" if digits else str(whole)


def points(milli_points: int) -> str:
    """Return thousandths of points for people, such as 312.5."""
    text = f"{milli_points // 1000}.{milli_points % 1000:03}"
    return format_decimal(text, format="#,##0.###", locale=locale())
