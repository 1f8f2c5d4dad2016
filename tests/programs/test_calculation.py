import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from portal.kit.money import Money
from portal.programs.calculation import MONTHS, banded, can_estimate, estimate
from portal.programs.definition import ProgramDefinition
from portal.programs.documents import dump_json, preset
from tests.programs.definitions import HUBSPOT, MONDAY, PLAN_2, changed, with_rule


def usd(minor: int) -> Money:
    return Money(minor, "USD")


@pytest.mark.parametrize(
    ("total", "marginal", "whole"),
    [
        (-1, 0, 0),
        (0, 0, 0),
        (49_999_99, 2_500_00, 2_500_00),
        (50_000_00, 2_500_00, 3_500_00),
        (100_000_00, 6_000_00, 10_000_00),
        (175_000_00, 13_500_00, 17_500_00),
    ],
)
def test_edges_of_the_bands(total: int, marginal: int, whole: int) -> None:
    by_slice = with_rule(bands=PLAN_2, mode="marginal").rules[0]
    by_total = with_rule(bands=PLAN_2, mode="whole").rules[0]

    assert banded(by_slice, total) == marginal
    assert banded(by_total, total) == whole


def test_a_flat_share_earns_on_every_payment_of_the_year() -> None:
    result = estimate(preset(HUBSPOT), customers_per_month=1, price_minor=100_00)

    assert result.sales == usd(78 * 100_00)  # 1 + 2 + ... + 12 payments
    assert result.earned == usd(78 * 20_00)
    assert result.fees == usd(12 * 35_00)
    assert [month.customers for month in result.months] == list(range(1, MONTHS + 1))


def test_a_customer_keeps_the_rate_of_the_tier_of_its_first_payment() -> None:
    # 5 customers at 25%, the 6th at 50%; a new quarter begins at 25% again.
    result = estimate(preset(MONDAY), customers_per_month=6, price_minor=100_00)

    first_month = 5 * 25_00 + 50_00
    second_month = first_month + 6 * 50_00
    assert [month.earned.minor for month in result.months[:2]] == [
        first_month,
        second_month,
    ]
    tiers = [month.tier for month in result.months[:4]]
    assert tiers == ["Growth", "Growth", "Leader", "Growth"]
    assert result.fees is None


def test_a_rate_by_todays_tier_rises_for_older_customers_too() -> None:
    rule = dump_json(preset(MONDAY))["rules"][0] | {"tier_at": "sale"}
    definition = changed(MONDAY, rules=[rule])

    result = estimate(definition, customers_per_month=6, price_minor=100_00)

    # In month 2 the six of month 1 pay first, while the tier is Growth.
    assert result.months[1].earned == usd(12 * 50_00)


@pytest.mark.parametrize(
    ("window", "counted_in_month_2", "starts_anew_in_month_4"),
    [("month", 2, True), ("quarter", 3, True), ("year", 3, False)],
)
def test_bands_count_within_their_window(
    window: str, counted_in_month_2: int, *, starts_anew_in_month_4: bool
) -> None:
    price = 2_666_67
    definition = with_rule(
        window=window,
        bands=[
            {"from_value": 0, "rate_bps": 1000},
            {"from_value": 2_000_00, "rate_bps": 3000},
        ],
    )

    result = estimate(definition, customers_per_month=1, price_minor=price)

    rule = definition.rules[0]
    earned = [month.earned.minor for month in result.months]
    assert earned[0] == banded(rule, price) == 400_00
    before = 0 if window == "month" else earned[0]
    assert earned[1] == banded(rule, counted_in_month_2 * price) - before
    assert (earned[3] == banded(rule, 4 * price)) is starts_anew_in_month_4


def test_a_rule_ends_with_its_duration() -> None:
    once = with_rule(duration_months=1)
    for_life = with_rule(duration_months=None)

    assert estimate(once, customers_per_month=1, price_minor=100_00).earned == usd(
        12 * 10_00
    )
    assert estimate(for_life, customers_per_month=1, price_minor=100_00).earned == usd(
        78 * 10_00
    )


def test_a_fee_begins_after_its_trial() -> None:
    fee = dump_json(preset(HUBSPOT))["fee"] | {"trial_days": 60}

    result = estimate(
        changed(HUBSPOT, fee=fee), customers_per_month=1, price_minor=1_00
    )

    assert result.fees == usd(10 * 35_00)


def test_a_yearly_fee_is_paid_once() -> None:
    fee = dump_json(preset(HUBSPOT))["fee"] | {"interval": "year"}

    result = estimate(
        changed(HUBSPOT, fee=fee), customers_per_month=1, price_minor=1_00
    )

    assert result.fees == usd(35_00)


def by_sales(metric: str, window: str) -> ProgramDefinition:
    tiers: dict[str, object] = {
        "metric": metric,
        "window": window,
        "levels": [
            {"key": "low", "name": "Low", "from_value": 0},
            {"key": "high", "name": "High", "from_value": 300_00},
        ],
    }
    if metric == "points":
        tiers["points"] = {"milli_per_100": {"sourced": 10_000}}
    return changed(HUBSPOT, tiers=tiers)


@pytest.mark.parametrize(
    ("metric", "window", "high_months"),
    [
        ("net_sales", "month", 10),
        ("net_sales", "quarter", 11),
        ("net_sales", "life", 11),
        ("points", "year", 11),
        ("points", "rolling_12_months", 11),
    ],
)
def test_tiers_follow_their_metric_and_window(
    metric: str, window: str, high_months: int
) -> None:
    result = estimate(
        by_sales(metric, window), customers_per_month=1, price_minor=100_00
    )

    assert [month.tier for month in result.months].count("High") == high_months


def test_without_tiers_there_is_no_tier() -> None:
    result = estimate(
        changed(HUBSPOT, tiers=None), customers_per_month=1, price_minor=100_00
    )

    assert {month.tier for month in result.months} == {None}


@settings(max_examples=40, deadline=None)
@given(
    price=st.integers(1, 10**8),
    customers=st.integers(1, 5),
    window=st.sampled_from(["sale", "month", "quarter", "year"]),
    mode=st.sampled_from(["marginal", "whole"]),
)
def test_the_months_add_up_to_the_year(
    price: int, customers: int, window: str, mode: str
) -> None:
    definition = with_rule(bands=PLAN_2, window=window, mode=mode)

    result = estimate(definition, customers_per_month=customers, price_minor=price)

    assert sum(month.earned.minor for month in result.months) == result.earned.minor
    assert result.sales.minor == 78 * customers * price
    if window == "year":
        assert result.earned.minor == banded(definition.rules[0], result.sales.minor)


@pytest.mark.parametrize(
    ("rule", "is_followed"),
    [
        ({}, True),
        ({"window": "quarter", "bands": PLAN_2, "mode": "whole"}, True),
        ({"when": {"customer_from": "2023-04-01"}, "hold": {"days": 60}}, True),
        ({"when": {"sale": "first"}}, False),
        ({"when": {"customer_before": "2023-04-01"}}, False),
        ({"window": "life"}, False),
        ({"pays_for": "lead"}, False),
        ({"bands": [{"from_value": 0, "flat_minor": 5_00}]}, False),
        ({"bands": [{"from_value": 0, "rate_bps": 1, "mode": "whole"}]}, False),
        ({"caps": [{"per": "month", "most_minor": 1}]}, False),
    ],
)
def test_only_plain_rules_are_estimated(
    rule: dict[str, object], *, is_followed: bool
) -> None:
    assert can_estimate(with_rule(**rule)) is is_followed


@pytest.mark.parametrize(
    ("parts", "is_followed"),
    [
        ({"budget": {"per": "life", "most_minor": 1}}, False),
        ({"payout": {"draw": {"minor": 1}}}, False),
        ({"tiers": None}, True),
        ({"rules": [], "rewards": dump_json(preset("trello-gold"))["rewards"]}, False),
    ],
)
def test_only_plain_programs_are_estimated(
    parts: dict[str, object], *, is_followed: bool
) -> None:
    assert can_estimate(changed("blank", **parts)) is is_followed


@pytest.mark.parametrize(
    ("parts", "is_followed"),
    [
        ({}, True),
        ({"window": "year", "demote": {"when": "never"}}, True),
        ({"demote": {"when": "never"}}, False),
        ({"counts_from": "next_sale"}, False),
    ],
)
def test_only_plain_tiers_are_estimated(
    parts: dict[str, object], *, is_followed: bool
) -> None:
    tiers = dump_json(preset(MONDAY))["tiers"] | parts

    assert can_estimate(changed(MONDAY, tiers=tiers)) is is_followed
