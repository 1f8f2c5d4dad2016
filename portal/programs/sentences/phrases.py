"""The small parts that sentences are put together from, in the reader's language."""

from collections.abc import Callable, Iterable
from datetime import date

import flask_babel
from babel import Locale
from babel.dates import format_date
from babel.lists import format_list

from portal.programs.amounts import locale

gettext: Callable[..., str] = flask_babel.gettext  # typed there as anything
ngettext: Callable[..., str] = flask_babel.ngettext

_A_YEAR = 2026
"""Stands for every year where only a day and a month are shown."""


def all_of(parts: Iterable[str]) -> str:
    """Return the parts as a list, such as "a, b, and c"."""
    return str(format_list(list(parts), locale=locale()))


def any_of(parts: Iterable[str]) -> str:
    """Return the parts as a choice, such as "a, b, or c"."""
    return str(format_list(list(parts), style="or", locale=locale()))


def country_names(codes: Iterable[str]) -> list[str]:
    """Return the names of countries; an unknown code stands for itself."""
    names = Locale.parse(locale()).territories
    return [names.get(code, code) for code in codes]


def each_year(month_day: str) -> str:
    """Return a day that comes back each year, such as "1 March"."""
    month, day = month_day.split("-")
    return in_a_year(date(_A_YEAR, int(month), int(day)))


def in_a_year(day: date) -> str:
    """Return the day and the month of a date."""
    return str(format_date(day, format="d MMMM", locale=locale()))


def on_day(day: date) -> str:
    """Return a date, such as "1 April 2023"."""
    return str(format_date(day, format="d MMMM y", locale=locale()))


def months(count: int) -> str:
    """Return a number of months."""
    return ngettext("%(num)d month", "%(num)d months", count)


def days(count: int) -> str:
    """Return a number of days."""
    return ngettext("%(num)d day", "%(num)d days", count)
