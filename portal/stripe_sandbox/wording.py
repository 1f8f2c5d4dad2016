"""Sums and spans of time in words, as the hosted pages write them."""

from datetime import UTC, datetime

from portal.stripe_sandbox.store import Obj

_WITHOUT_DECIMALS = frozenset(
    {"bif", "clp", "djf", "gnf", "jpy", "kmf", "krw", "mga", "pyg", "rwf", "ugx"}
    | {"vnd", "vuv", "xaf", "xof", "xpf"}
)
_SIGNS = {"usd": "$", "eur": "€", "gbp": "£", "jpy": "¥"}


def amount_text(minor: int, currency: str) -> str:
    """Return a sum such as `$49.00` or `1,200.00 CHF`."""
    sign = "−" if minor < 0 else ""
    if currency in _WITHOUT_DECIMALS:
        figure = f"{abs(minor):,}"
    else:
        figure = f"{abs(minor) // 100:,}.{abs(minor) % 100:02}"
    symbol = _SIGNS.get(currency)
    text = f"{symbol}{figure}" if symbol else f"{figure} {currency.upper()}"
    return sign + text


def interval_text(price: Obj) -> str:
    """Return `every month`, `every 3 months`, or nothing for a single payment."""
    recurring = price["recurring"]
    if recurring is None:
        return ""
    count, unit = recurring["interval_count"], recurring["interval"]
    return f"every {unit}" if count == 1 else f"every {count} {unit}s"


def moment_text(seconds: int | None) -> str:
    """Return an instant such as `4 March 2026, 09:30 UTC`."""
    if seconds is None:
        return "–"
    moment = datetime.fromtimestamp(seconds, UTC)
    return f"{moment.day} {moment:%B %Y, %H:%M} UTC"
