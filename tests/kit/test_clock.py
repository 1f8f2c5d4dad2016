from datetime import UTC, date, datetime
from zoneinfo import ZoneInfo

from portal.kit.clock import add_months, day_start, month_start, utc_now

BERLIN = ZoneInfo("Europe/Berlin")


def test_now_is_aware_and_in_utc() -> None:
    assert utc_now().tzinfo is UTC


def test_a_month_later_is_clamped_to_the_end_of_the_month() -> None:
    leap_day = datetime(2024, 2, 29, 12, tzinfo=UTC)

    assert add_months(leap_day, 36, ZoneInfo("UTC")) == datetime(
        2027, 2, 28, 12, tzinfo=UTC
    )


def test_a_month_later_is_the_same_time_on_the_wall() -> None:
    winter = datetime(2026, 3, 1, 9, tzinfo=BERLIN)

    assert add_months(winter, 1, BERLIN).astimezone(BERLIN).hour == 9


def test_a_month_begins_at_midnight_of_its_own_time_zone() -> None:
    assert month_start(date(2026, 7, 15), BERLIN) == datetime(
        2026, 6, 30, 22, tzinfo=UTC
    )


def test_a_day_begins_at_midnight_of_its_own_time_zone() -> None:
    assert day_start(date(2026, 7, 15), BERLIN) == datetime(2026, 7, 14, 22, tzinfo=UTC)
