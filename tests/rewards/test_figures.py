"""What the formulas say where the tables say nothing, above all about zero."""

from datetime import date
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from portal.programs import economics, growth, prices, screening
from tests.rewards.facts import at

rates = st.fractions(0, 1, max_denominator=10**6)


@pytest.mark.parametrize("churn", [Fraction(0), Fraction(-1, 10)])
def test_where_nobody_leaves_no_lifetime_is_defined(churn: Fraction) -> None:
    assert economics.lifetime_months(churn) is None
    assert economics.value_by_churn(100, 8000, churn) is None


@pytest.mark.parametrize("customers", [0, -1])
def test_without_customers_none_of_them_cost_anything(customers: int) -> None:
    assert economics.cost_per_customer(100, customers) is None


def test_what_is_not_defined_stays_so() -> None:
    one = Fraction(1)

    assert economics.value_to_cost(None, one) is None
    assert economics.value_to_cost(one, None) is None
    assert economics.value_to_cost(one, Fraction(0)) is None
    assert economics.is_healthy(None) is None
    assert economics.payback_months(None, 100, 8000) is None
    assert economics.payback_months(one, 0, 8000) is None
    assert economics.payback_months(one, 100, 0) is None


def test_exactly_four_times_is_not_above_four() -> None:
    assert economics.is_healthy(Fraction(4)) is False
    assert economics.is_healthy(Fraction(401, 100)) is True
    assert economics.is_healthy(Fraction(3), above=2) is True


def test_halving_churn_doubles_the_value() -> None:
    once = economics.value_by_churn(50_000, 8000, Fraction(3, 100))
    half = economics.value_by_churn(50_000, 8000, Fraction(3, 200))

    assert once is not None
    assert half == 2 * once


@pytest.mark.parametrize(
    ("quarterly", "monthly"),
    [
        (Fraction(0), Fraction(0)),
        (Fraction(1), Fraction(1)),
        (Fraction(7, 8), Fraction(1, 2)),
        (Fraction(271, 1000), Fraction(1, 10)),
        (Fraction(-1, 100), None),
        (Fraction(101, 100), None),
    ],
)
def test_the_churn_of_a_month_is_exact_where_the_root_is(
    quarterly: Fraction, monthly: Fraction | None
) -> None:
    assert economics.monthly_churn(quarterly) == monthly


@given(rates)
def test_three_months_of_churn_make_the_quarter_again(quarterly: Fraction) -> None:
    monthly = economics.monthly_churn(quarterly)

    assert monthly is not None
    half = Fraction(1, 2 * 10**9)
    low, high = max(1 - monthly - half, Fraction(0)), 1 - monthly + half
    assert low**3 <= 1 - quarterly <= high**3


def test_a_rate_of_nothing_makes_a_click_worth_nothing() -> None:
    assert prices.highest_bid(900_000, 1000, 0, 800) == 0


def test_cost_per_lead_is_not_defined_without_leads() -> None:
    assert prices.cost_per_lead(500, 0) is None


@pytest.mark.parametrize(
    ("bids", "paid"),
    [
        ([], []),
        ([100], [25]),
        ([50, 100], [25, 55]),
        ([100, 98, 50], [100, 55, 25]),
        ([100, 100, 50], [100, 100, 25]),
        ([100, 24], [25, 0]),
    ],
)
def test_everybody_pays_a_step_more_than_the_next_and_never_more_than_the_bid(
    bids: list[int], paid: list[int]
) -> None:
    assert prices.second_prices(bids, step_minor=5, least_minor=25) == paid


@given(st.lists(st.integers(0, 1000), max_size=8), st.integers(0, 50))
def test_nobody_pays_more_than_the_bid(bids: list[int], least: int) -> None:
    paid = prices.second_prices(bids, step_minor=5, least_minor=least)

    assert all(price <= bid for price, bid in zip(paid, bids, strict=True))


@pytest.mark.parametrize(
    ("seeds", "factor", "limit"),
    [
        (1000, Fraction(0), 0),
        (0, Fraction(2), 0),
        (1000, Fraction(1), None),
        (1000, Fraction(3, 2), None),
    ],
)
def test_growth_has_a_limit_only_below_one(
    seeds: int, factor: Fraction, limit: int | None
) -> None:
    assert growth.people_brought_at_most(seeds, factor) == limit


@given(
    st.integers(0, 1000),
    st.fractions(0, Fraction(99, 100), max_denominator=100),
    st.integers(0, 20),
)
def test_what_comes_in_some_rounds_stays_under_the_limit(
    seeds: int, factor: Fraction, rounds: int
) -> None:
    limit = growth.people_brought_at_most(seeds, factor)

    assert limit is not None
    assert growth.people_brought(seeds, factor, rounds) <= limit
    assert growth.people_brought(seeds, factor, 0) == 0


@pytest.mark.parametrize(
    ("confirmed", "billed"),
    [
        (date(2025, 10, 12), date(2025, 10, 13)),
        (date(2025, 10, 13), date(2025, 10, 20)),
        (date(2025, 10, 19), date(2025, 10, 20)),
    ],
)
def test_each_monday_bills_the_week_before(confirmed: date, billed: date) -> None:
    assert screening.billed_on(confirmed) == billed


def test_who_leaves_at_the_last_moment_was_there_all_the_time() -> None:
    end = screening.screened_at(at("2025-10-01"), 14)

    assert screening.stays_until(None, end)
    assert screening.stays_until(end, end)
    assert not screening.stays_until(at("2025-10-14T23:59:59"), end)


def test_a_lead_is_not_returned_before_it_came() -> None:
    day = at("2026-01-10")

    assert screening.may_be_returned(day, day, 7)
    assert not screening.may_be_returned(day, at("2026-01-09"), 7)
