"""Amounts and points as people read them, in the reader's language."""

from babel.numbers import format_decimal
from flask_babel import get_locale

from portal.kit.money import Money
from portal.web.formats import money_text


def locale() -> str:
    """Return the reader's language; English outside a request."""
    return str(get_locale() or "en")


def money(minor: int, currency: str) -> str:
    """Return an amount for people."""
    return money_text(Money(minor, currency))


def points(milli_points: int) -> str:
    """Return thousandths of points for people, such as 312.5."""
    text = f"{milli_points // 1000}.{milli_points % 1000:03}"
    return format_decimal(text, format="#,##0.###", locale=locale())
