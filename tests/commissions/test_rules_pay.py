"""What a rule counts and pays: bands, measures, windows, bases, rounding. By hand."""

import pytest

from tests.commissions.facts import (
    amounts,
    bands,
    item,
    months,
    rated,
    refund,
    rule,
    sale,
)


class TestBands:
    def test_each_band_may_apply_in_its_own_way(self) -> None:
        """Half rate below half the quota, then all at 10%, then 20% on what is more."""
        steps = [
            {"from_value": 0, "rate_bps": 500},
            {"from_value": 1_650_000, "rate_bps": 1_000, "mode": "whole"},
            {"from_value": 3_300_000, "rate_bps": 2_000},
        ]
        sales = [
            sale("a", "2026-03-01", 1_600_000),
            sale("b", "2026-03-02", 50_000),
            sale("c", "2026-03-03", 1_700_000),
        ]

        lines = rated(sales, rule(window="month", bands=steps))

        # 5% of 16,000; 10% of 16,500 less that; 10% of 33,000 and 20% of 500.
        assert amounts(lines) == [80_000, 85_000, 175_000]

    def test_exactly_on_a_limit_is_in_the_band_or_below_as_declared(self) -> None:
        steps = bands((0, 1_000), (10_000, 2_000))
        on_it = [sale("a", "2026-03-01", 10_000)]

        within = rated(on_it, rule(mode="whole", bands=steps))
        below = rated(on_it, rule(mode="whole", bands=steps, limit="more_than"))
        above = rated(
            [sale("a", "2026-03-01", 10_001)],
            rule(mode="whole", bands=steps, limit="more_than"),
        )

        assert (amounts(within), amounts(below), amounts(above)) == (
            [2_000],
            [1_000],
            [2_000],
        )

    def test_items_are_paid_one_by_one_and_a_refund_in_full_takes_one_back(
        self,
    ) -> None:
        slabs = [
            {"from_value": 0, "each_minor": 1_000},
            {"from_value": 2, "each_minor": 1_500},
        ]
        sales = [sale(name, "2026-03-01", 100, customer=name) for name in "abc"]

        lines = rated(
            sales,
            rule(window="month", measure="items", bands=slabs),
            refunds=[
                refund("r1", sales[0], "2026-03-02", 40),
                refund("r2", sales[0], "2026-03-03", 60),
            ],
        )

        assert amounts(lines) == [1_000, 1_000, 1_500, 0, -1_500]

    def test_units_are_paid_for_each_seat(self) -> None:
        seats = [sale("a", "2026-03-01", 25_000, items=(item(25_000, units=25),))]

        lines = rated(
            seats,
            rule(measure="units", bands=[{"from_value": 0, "each_minor": 1_000}]),
            refunds=[refund("r", seats[0], "2026-03-05", 20_000)],
        )

        assert amounts(lines) == [25_000, -20_000]

    def test_a_flat_band_pays_once_and_goes_back_when_it_is_left(self) -> None:
        steps = [
            {"from_value": 0, "rate_bps": 0},
            {"from_value": 10_000, "flat_minor": 5_000},
        ]
        sales = [sale("a", "2026-03-01", 9_999), sale("b", "2026-03-02", 5_000)]

        lines = rated(
            sales,
            rule(window="month", bands=steps),
            refunds=[refund("r", sales[1], "2026-03-05", 5_000)],
        )

        assert amounts(lines) == [0, 5_000, -5_000]

    def test_margin_is_what_is_left_after_cost_and_never_negative(self) -> None:
        sales = [
            sale("a", "2026-03-01", 10_000, items=(item(10_000, cost_minor=4_000),)),
            sale("b", "2026-03-02", 10_000, items=(item(10_000, cost_minor=12_000),)),
        ]

        assert amounts(rated(sales, rule(measure="margin"))) == [1_200, 0]

    def test_the_number_of_sales_may_pick_the_rate_on_their_amount(self) -> None:
        steps = [
            {"from_value": 0, "rate_bps": 1_000},
            {"from_value": 3, "rate_bps": 2_000},
        ]
        lines = rated(
            months(3),
            rule(window="year", banded_by="items", mode="whole", bands=steps),
        )

        assert amounts(lines) == [1_000, 1_000, 4_000]
        assert lines[2].trace["picked"] == {"by": "items", "value": 3}

    def test_what_lies_above_the_quota_is_multiplied(self) -> None:
        quota = {"above_minor": 100_000, "multiplier_bps": 12_500}
        lines = rated(
            [sale("a", "2026-03-01", 100_000), sale("b", "2026-03-02", 50_000)],
            rule(window="month", bands=bands((0, 600)), accelerator=quota),
        )

        assert amounts(lines) == [6_000, 3_750]
        assert lines[1].trace["multiplier_bps"] == 12_500

    @pytest.mark.parametrize(("needed", "second"), [(150_000, 3_750), (150_001, 3_000)])
    def test_an_accelerator_may_wait_for_the_year_to_date(
        self, needed: int, second: int
    ) -> None:
        quota = {
            "above_minor": 100_000,
            "multiplier_bps": 12_500,
            "needs_year_to_date_minor": needed,
        }
        lines = rated(
            [sale("a", "2026-03-01", 100_000), sale("b", "2026-03-02", 50_000)],
            rule(window="month", bands=bands((0, 600)), accelerator=quota),
        )

        assert amounts(lines) == [6_000, second]
        assert (lines[1].trace["multiplier_bps"] is None) == (second == 3_000)


class TestWindows:
    def test_a_window_may_be_one_customers(self) -> None:
        steps = bands((0, 1_000), (10_000, 2_000))
        sales = [
            sale("a", "2026-03-01", 10_000, customer="one"),
            sale("b", "2026-03-02", 10_000, customer="two"),
            sale("c", "2026-03-03", 10_000, customer="one"),
        ]

        lines = rated(sales, rule(window="life", per="customer", bands=steps))

        assert amounts(lines) == [1_000, 1_000, 2_000]

    def test_a_program_year_begins_on_its_day_in_the_programs_zone(self) -> None:
        steps = bands((0, 1_000), (10_000, 2_000))
        sales = [
            sale("a", "2026-02-28 22:59:59", 10_000),
            sale("b", "2026-02-28 23:00:00", 10_000),
            sale("c", "2026-03-01", 10_000),
        ]
        year = rule(window="program_year", program_year_from="03-01", bands=steps)

        lines = rated(sales, year, time_zone="Europe/Berlin")

        assert amounts(lines) == [1_000, 1_000, 2_000]
        assert [line.trace["window"]["label"] for line in lines] == [
            "2025-03-01",
            "2026-03-01",
            "2026-03-01",
        ]

    def test_the_last_months_pick_the_rate_of_a_sale_and_it_keeps_it(self) -> None:
        steps = bands((0, 1_000), (20_000, 2_000))
        sales = [
            sale("a", "2026-01-10", 10_000),
            sale("b", "2026-03-09", 10_000),
            sale("c", "2026-05-10", 10_000),
        ]
        back = [refund("r", sales[0], "2026-06-01", 5_000)]

        lines = rated(
            sales,
            rule(window="rolling", rolling_months=2, mode="whole", bands=steps),
            refunds=[*back, refund("r2", sales[1], "2026-06-02", 10_000)],
        )

        # On 9 March January's sale still counts; on 10 May nothing else does.
        assert amounts(lines) == [1_000, 2_000, 1_000, -500, -2_000]

    def test_a_refund_within_the_months_lowers_what_picks_the_rate(self) -> None:
        steps = bands((0, 1_000), (20_000, 2_000))
        sales = [sale("a", "2026-01-10", 10_000), sale("b", "2026-02-09", 10_000)]

        lines = rated(
            sales,
            rule(window="rolling", rolling_months=2, mode="whole", bands=steps),
            refunds=[refund("r", sales[0], "2026-01-20", 1)],
        )

        assert amounts(lines) == [1_000, 0, 1_000]


class TestBase:
    @pytest.mark.parametrize(
        ("base", "expected"),
        [
            (None, 2_000),
            ({"discount": "before"}, 2_200),
            ({"tax": "with"}, 2_380),
            ({"discount": "before", "tax": "with"}, 2_580),
        ],
    )
    def test_discount_and_tax_count_as_declared(
        self, base: dict[str, str] | None, expected: int
    ) -> None:
        sold = sale(
            "a",
            "2026-03-01",
            10_000,
            items=(item(10_000, discount_minor=1_000, tax_minor=1_900),),
        )

        lines = rated(
            [sold],
            rule(base=base),
            refunds=[refund("r", sold, "2026-03-02", 10_000)],
        )

        assert amounts(lines) == [expected, -expected]


THIRDS = [sale(name, "2026-03-01", 33, customer=name) for name in "abc"]


class TestRounding:
    def test_a_window_carries_fractions_from_sale_to_sale(self) -> None:
        lines = rated(THIRDS, rule(window="month", bands=bands((0, 1_000))))

        assert amounts(lines) == [3, 4, 3]

    def test_per_sale_each_is_rounded_on_its_own(self) -> None:
        lines = rated(
            THIRDS,
            rule(window="month", bands=bands((0, 1_000)), rounding_per="sale"),
            refunds=[
                refund("r1", THIRDS[0], "2026-04-01", 11),
                refund("r2", THIRDS[0], "2026-04-02", 22),
            ],
        )

        assert amounts(lines) == [3, 3, 3, -1, -2]


def test_the_largest_amounts_are_exact() -> None:
    huge = 9 * 10**15
    sold = [sale("a", "2026-03-01", huge), sale("b", "2026-03-02", huge - 1)]

    lines = rated(sold, rule(window="life", bands=bands((0, 1_234), (10**15, 3_333))))

    assert sum(amounts(lines)) == (
        (10**15 * 1_234 + (2 * huge - 1 - 10**15) * 3_333 + 5_000) // 10_000
    )
