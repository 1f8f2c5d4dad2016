from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from portal.kit.currencies import minor_per_major
from portal.programs.definition import Blocks, Evidence, Tiers
from portal.programs.documents import preset
from portal.programs.rules import (
    gates_that_block,
    level_for,
    milli_points,
    payout_date,
    sources_for,
    weakest_evidence,
)
from tests.programs.definitions import HUBSPOT, MONDAY


@pytest.mark.parametrize(
    ("key", "period_end", "paid_on"),
    [
        (HUBSPOT, date(2026, 6, 30), date(2026, 8, 14)),
        (HUBSPOT, date(2026, 4, 30), date(2026, 8, 14)),
        (HUBSPOT, date(2026, 12, 31), date(2027, 2, 14)),
        (MONDAY, date(2026, 1, 31), date(2026, 2, 15)),
        (MONDAY, date(2024, 2, 29), date(2024, 3, 15)),
    ],
)
def test_a_statement_is_paid_so_many_days_after_its_month_or_quarter(
    key: str, period_end: date, paid_on: date
) -> None:
    assert payout_date(preset(key), period_end) == paid_on


@given(
    day=st.dates(date(2020, 1, 1), date(2040, 12, 31)),
    key=st.sampled_from([HUBSPOT, MONDAY]),
)
def test_nothing_is_paid_before_its_period_ends(day: date, key: str) -> None:
    assert payout_date(preset(key), day) > day


def tiers_of(key: str) -> Tiers:
    tiers = preset(key).tiers
    assert tiers
    return tiers


@pytest.mark.parametrize(
    ("customers", "level"),
    [(-1, "starter"), (0, "starter"), (5, "starter"), (6, "growth"), (31, "champion")],
)
def test_exactly_the_threshold_is_enough(customers: int, level: str) -> None:
    assert level_for(tiers_of(MONDAY), customers).key == level


@pytest.mark.parametrize(
    ("net_minor", "currency", "expected"),
    [
        (1_000_00, "USD", 50_000),
        (650_00, "USD", 32_500),
        (1_99, "USD", 99),
        (14_400, "JPY", 5_000),
    ],
)
def test_points_are_counted_in_thousandths(
    net_minor: int, currency: str, expected: int
) -> None:
    assert milli_points(tiers_of(HUBSPOT), net_minor, currency) == expected


def test_minor_units_follow_the_currency() -> None:
    assert [minor_per_major(code) for code in ("USD", "JPY", "KWD", "CLF")] == [
        100,
        1,
        1000,
        10_000,
    ]


def test_gates_are_found_by_what_they_block() -> None:
    blocking = gates_that_block(preset(HUBSPOT), Blocks.LINK, Blocks.PAYOUT)

    assert [gate.key for gate in blocking] == ["agreement", "certification"]


def test_sources_of_a_part_include_those_of_its_parts() -> None:
    found = sources_for(preset(HUBSPOT), "fee")

    assert [source.path for source in found] == [
        "fee",
        "fee.minor_by_tier",
        "fee.grace_days",
    ]
    assert weakest_evidence(found) is Evidence.ASSUMED
    assert weakest_evidence(found[:1]) is Evidence.PUBLISHED
    assert weakest_evidence([]) is None


def test_more_than_the_threshold_may_be_needed() -> None:
    tiers = preset(MONDAY).tiers
    assert tiers is not None
    strict = tiers.model_copy(update={"limit": "more_than"})

    assert [level_for(strict, value).key for value in (6, 7)] == ["starter", "growth"]


def test_without_knowing_more_no_further_condition_is_met() -> None:
    tiers = preset("monday-partner").tiers
    assert tiers is not None

    assert level_for(tiers, 30_000_000).key == "member"
    assert level_for(tiers, 30_000_000, bool).key == "gold"


def test_without_points_nothing_is_worth_any() -> None:
    tiers = preset(MONDAY).tiers
    assert tiers is not None

    assert milli_points(tiers, 100_000, "USD") == 0
