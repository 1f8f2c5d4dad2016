"""Dates on which something new is settled: screening, weekly bills, returned leads.

Pure. Days are of 24 hours, as everywhere a program counts days from a moment.
"""

from datetime import date, datetime, timedelta

_DAYS_IN_WEEK = 7


def screened_at(began_at: datetime, days: int) -> datetime:
    """Return when a screening of so many days is over."""
    return began_at + timedelta(days=days)


def stays_until(left_at: datetime | None, moment: datetime) -> bool:
    """Tell whether somebody is still there at `moment`.

    Who leaves at that very moment was there all the time.
    """
    return left_at is None or left_at >= moment


def billed_on(confirmed_on: date) -> date:
    """Return the Monday on which what was confirmed on that day is charged.

    Each Monday bills the week before it, Monday to Sunday.
    """
    return confirmed_on + timedelta(days=_DAYS_IN_WEEK - confirmed_on.weekday())


def may_be_returned(delivered_at: datetime, returned_at: datetime, days: int) -> bool:
    """Tell whether a lead comes back in time.

    The last moment of the window is in time.
    """
    return delivered_at <= returned_at <= delivered_at + timedelta(days=days)
