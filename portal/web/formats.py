"""How amounts, numbers and moments look to people.

Filters ending in `_text` give plain text for e-mails, attributes and titles; the
others give HTML that survives text of either direction around it.
"""

from copy import copy
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from functools import lru_cache

import flask_babel
from babel import Locale
from babel.dates import format_skeleton, format_timedelta
from babel.numbers import (
    format_decimal,
    get_currency_symbol,
    get_decimal_symbol,
    get_group_symbol,
)
from flask import Flask
from markupsafe import Markup

from portal.kit.clock import utc_now
from portal.kit.currencies import currency_exponent
from portal.kit.money import Money

MINUS = "\u2212"
_NO_BREAK_SPACE = "\u00a0"
_WITHOUT_MARKS = dict.fromkeys((0x061C, 0x200E, 0x200F))
"""Marks of direction in CLDR's patterns; whoever shows an amount isolates it."""


def money_plain(money: Money) -> str:
    """Return the exact amount for machines, such as `-1330.40`."""
    exponent = currency_exponent(money.currency)
    sign = "-" if money.minor < 0 else ""
    digits = str(abs(money.minor)).rjust(exponent + 1, "0")
    if exponent == 0:
        return sign + digits
    return f"{sign}{digits[:-exponent]}.{digits[-exponent:]}"


def format_money(
    money: Money, locale: Locale | str, *, trim_zeros: bool = False
) -> str:
    """Return the amount for people, such as `$1,330.40` or `−$13.50`.

    With `trim_zeros`, `$1,330.00` is `$1,330`: for the axis of a chart.
    """
    exponent = shown = currency_exponent(money.currency)
    if trim_zeros and money.minor % 10**exponent == 0:
        shown = 0
    look = _look_of(locale, money.currency, shown)
    digits = str(abs(money.minor)).rjust(exponent + 1, "0")
    whole = len(digits) - exponent
    before, after = look.frames[money.minor < 0]
    fraction = look.point + digits[whole:] if shown else ""
    return before + look.grouped(digits[:whole]) + fraction + after


@dataclass(frozen=True, slots=True)
class _Look:
    """How a language writes amounts of a currency.

    Attributes:
        frames: What stands before and after the digits, from zero up and below it.
        point: What stands before the fraction.
        comma: What stands between groups of digits.
        group: How many digits the last group has.
        groups: How many the groups before it have.
    """

    frames: tuple[tuple[str, str], tuple[str, str]]
    point: str
    comma: str
    group: int
    groups: int

    def grouped(self, digits: str) -> str:
        """Return whole digits with something between their groups."""
        end = len(digits) - self.group
        if end <= 0:
            return digits
        parts = [digits[end:]]
        while end > 0:
            parts.append(digits[max(end - self.groups, 0) : end])
            end -= self.groups
        return self.comma.join(reversed(parts))


@lru_cache(maxsize=1_000)
def _look_of(locale: Locale | str, currency: str, exponent: int) -> _Look:
    """Read the pattern of a language, which takes a hundred times as long as its use.

    Args:
        locale: The language.
        currency: The currency.
        exponent: How many digits its fraction shows.
    """
    locale = Locale.parse(locale)
    pattern = copy(locale.currency_formats["standard"])
    pattern.frac_prec = (exponent, exponent)
    if get_currency_symbol(currency, locale=locale)[-1:].isalpha():
        pattern.prefix = tuple(_spaced(part) for part in pattern.prefix)
    point = get_decimal_symbol(locale)
    one = f"1{point}{'0' * exponent}" if exponent else "1"

    def frame(amount: int) -> tuple[str, str]:
        text: str = pattern.apply(
            Decimal(amount), locale, currency=currency, currency_digits=False
        )
        before, _one, after = (
            text.translate(_WITHOUT_MARKS).replace("-", MINUS).partition(one)
        )
        return before, after

    group, groups = pattern.grouping
    return _Look((frame(1), frame(-1)), point, get_group_symbol(locale), group, groups)


def _spaced(prefix: str) -> str:
    """Keep a currency code and the first digit apart: KWD 1.500."""
    return prefix + _NO_BREAK_SPACE if prefix.endswith("¤") else prefix


def _locale() -> Locale:
    return flask_babel.get_locale() or Locale("en")


def money_text(money: Money) -> str:
    """Return the amount in the language of the request."""
    return format_money(money, _locale())


def money_axis(money: Money) -> str:
    """Return the amount for the axis of a chart: no decimals where they are zero."""
    return format_money(money, _locale(), trim_zeros=True)


def money_html(money: Money) -> Markup:
    """Return the amount so that text around it cannot reorder its parts."""
    return Markup('<bdi dir="ltr" class="num">{}</bdi>').format(money_text(money))


def number(value: int) -> str:
    """Return a whole number with separators."""
    return str(format_decimal(value, locale=_locale())).replace("-", MINUS)


def percent_bps(bps: int) -> str:
    """Return basis points as a percentage: 2000 is `20%`, 1250 is `12.5%`."""
    return format_percent_bps(bps, _locale())


def format_percent_bps(bps: int, locale: Locale | str) -> str:
    """Return basis points as a percentage in a language of the caller's choice."""
    locale = Locale.parse(locale)
    pattern = copy(locale.percent_formats[None])
    pattern.frac_prec = (0, 2)
    text: str = pattern.apply(Decimal(bps).scaleb(-4), locale)
    return text.replace("-", MINUS)


def date_text(value: date | datetime) -> str:
    """Return a day, in the person's time zone when it is an instant."""
    return str(flask_babel.format_date(value, "medium"))


def datetime_text(value: datetime) -> str:
    """Return day and time in the person's time zone."""
    frame = str(_locale().datetime_formats["medium"])
    time = str(flask_babel.format_time(value, "short"))
    return frame.replace("{0}", time).replace("{1}", date_text(value))


def month(value: date | datetime) -> str:
    """Return the month, such as `October 2026`."""
    if isinstance(value, datetime):
        value = value.astimezone(flask_babel.get_timezone())
    return str(format_skeleton("yMMMM", value, locale=_locale()))


def relative_text(value: datetime, now: datetime | None = None) -> str:
    """Return how long ago, or in how long, such as `2 hr. ago`."""
    gap = value - (now or utc_now())
    return str(
        format_timedelta(gap, add_direction=True, format="short", locale=_locale())
    )


def _time_element(machine: str, text: str, title: str = "") -> Markup:
    if title:
        markup = Markup('<time datetime="{}" title="{}">{}</time>')
        return markup.format(machine, title, text)
    return Markup('<time datetime="{}">{}</time>').format(machine, text)


def date_html(value: date | datetime) -> Markup:
    """Return a day that programs can read too."""
    return _time_element(value.isoformat(), date_text(value))


def datetime_html(value: datetime) -> Markup:
    """Return day and time that programs can read too."""
    return _time_element(value.isoformat(), datetime_text(value))


def relative_html(value: datetime, now: datetime | None = None) -> Markup:
    """Return how long ago, with the exact time on hover."""
    return _time_element(
        value.isoformat(), relative_text(value, now), datetime_text(value)
    )


def register(app: Flask) -> None:
    """Give templates the filters."""
    app.jinja_env.filters.update(
        date=date_html,
        date_text=date_text,
        datetime=datetime_html,
        datetime_text=datetime_text,
        money=money_html,
        money_plain=money_plain,
        money_text=money_text,
        month=month,
        number=number,
        percent_bps=percent_bps,
        relative=relative_html,
        relative_text=relative_text,
    )
    app.jinja_env.globals["currency_exponent"] = currency_exponent
