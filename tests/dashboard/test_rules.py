from datetime import date, timedelta

import pytest

from portal.dashboard.rules import (
    PartOfDay,
    add_up,
    months_to_chart,
    part_of_day,
    urgency,
)
from portal.kit.money import Money
from tests.factories.base_factory import NOW


@pytest.mark.parametrize(
    ("hour", "part"),
    [
        (0, PartOfDay.MORNING),
        (11, PartOfDay.MORNING),
        (12, PartOfDay.AFTERNOON),
        (17, PartOfDay.AFTERNOON),
        (18, PartOfDay.EVENING),
        (23, PartOfDay.EVENING),
    ],
)
def test_the_greeting_follows_the_clock(hour: int, part: PartOfDay) -> None:
    assert part_of_day(hour) is part


def test_the_chart_ends_with_this_month() -> None:
    months = months_to_chart({"2026-01"}, date(2026, 2, 14))

    assert months[0] == date(2025, 3, 1)
    assert months[-1] == date(2026, 2, 1)
    assert len(months) == 12


def test_without_data_in_a_year_the_chart_ends_with_the_last_month_that_has_some() -> (
    None
):
    months = months_to_chart({"2024-05", "2024-12"}, date(2026, 11, 2))

    assert months[-1] == date(2024, 12, 1)
    assert months[0] == date(2024, 1, 1)


def test_an_empty_chart_shows_the_last_twelve_months() -> None:
    assert months_to_chart(set(), date(2026, 1, 31))[0] == date(2025, 2, 1)


def test_currencies_are_never_mixed() -> None:
    sums: dict[str, list[Money]] = {}

    for amount in (Money(1, "USD"), Money(5, "EUR"), Money(2, "USD")):
        add_up(sums, "all", amount)

    assert sums == {"all": [Money(3, "USD"), Money(5, "EUR")]}


def test_what_is_overdue_comes_first_then_what_is_due_next() -> None:
    day = timedelta(days=1)
    due_soon = urgency(NOW + day, NOW - 9 * day, now=NOW)
    overdue = urgency(NOW - day, NOW - 2 * day, now=NOW)
    waits_long = urgency(None, NOW - 5 * day, now=NOW)

    assert sorted([due_soon, waits_long, overdue]) == [overdue, waits_long, due_soon]
