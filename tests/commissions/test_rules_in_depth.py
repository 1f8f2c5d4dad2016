"""What a rule can say, each part by an example that is worked out by hand."""

from typing import Any

import pytest

from portal.commissions.calculation import (
    CustomerFact,
    Outcome,
    RatedLine,
    RefundFact,
    SaleFact,
    Terms,
    rate,
)
from portal.enrollments.rules import Interval
from portal.programs.definition import DealSource, Gate, Trigger
from portal.tiers.facts import ItemFact
from tests.commissions.facts import (
    at,
    bands,
    definition,
    key,
    refund,
    rule,
    sale,
    terms,
)


def rated(
    sales: list[SaleFact],
    *rules: dict[str, Any],
    refunds: list[RefundFact] | None = None,
    customers: dict[str, CustomerFact] | None = None,
    **parts: Any,  # noqa: ANN401 - any part of a definition
) -> list[RatedLine]:
    program = definition(rules=list(rules), **parts)
    names = {sold.customer_id for sold in sales}
    return rate(
        sales,
        refunds or [],
        terms={name: Terms(definition=program, number=1) for name in names},
        customers={key(name): fact for name, fact in (customers or {}).items()},
    )


def amounts(lines: list[RatedLine]) -> list[int]:
    return [line.amount_minor for line in lines]


def months(count: int, net: int = 10_000, **more: Any) -> list[SaleFact]:  # noqa: ANN401 - any part
    return [
        sale(f"m{number:02}", f"2026-{number + 1:02}-10", net, **more)
        for number in range(count)
    ]


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


def item(net_minor: int, **more: Any) -> ItemFact:  # noqa: ANN401 - any part of a line
    return ItemFact(net_minor=net_minor, **more)


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


class TestConditions:
    def test_only_the_lines_with_the_product_count(self) -> None:
        mixed = sale(
            "a",
            "2026-03-01",
            10_000,
            items=(item(6_000, product="pro"), item(4_000, product="setup")),
        )
        only = rule(when={"products": ["pro"]})
        but = rule(when={"except_products": ["pro"]})
        back = [refund("r", mixed, "2026-03-02", 5_000)]

        assert amounts(rated([mixed], only, refunds=back)) == [1_200, -600]
        assert amounts(rated([mixed], but, refunds=back)) == [800, -400]

    @pytest.mark.parametrize(
        ("when", "expected"),
        [
            ({"countries": ["DE"]}, [2_000, 0]),
            ({"sources": ["assisted"]}, [0, 2_000]),
            ({"sale": "first"}, [2_000, 0]),
            ({"sale": "renewal"}, [0, 2_000]),
            ({"customer_months": {"to_month": 1}}, [2_000, 0]),
            ({"customer_months": {"from_month": 2}}, [0, 2_000]),
            ({"customer_months": {"from_month": 2, "to_month": 2}}, [0, 2_000]),
            ({"customer_months": {"from_month": 3}}, [0, 0]),
            ({"customer_from": "2026-01-10"}, [2_000, 2_000]),
            ({"customer_from": "2026-01-11"}, [0, 0]),
            ({"customer_before": "2026-01-11"}, [2_000, 2_000]),
            ({"customer_before": "2026-01-10"}, [0, 0]),
            ({"tiers": ["partner"]}, [2_000, 2_000]),
            ({"tiers": ["gold"]}, [0, 0]),
        ],
    )
    def test_a_rule_is_about_the_sales_that_it_says(
        self, when: dict[str, Any], expected: list[int]
    ) -> None:
        sales = [
            sale("a", "2026-01-10", 10_000, country="DE"),
            sale("b", "2026-02-10", 10_000, country="FR", source=DealSource.ASSISTED),
        ]

        lines = rated(sales, rule(when=when))

        assert amounts(lines) == expected
        assert {line.trace["outcome"] for line in lines if not line.amount_minor} <= {
            "no_rule"
        }

    @pytest.mark.parametrize(
        ("unmanaged_from", "expected"),
        [
            (None, [2_000] * 3),
            ("2026-02-01", [2_000, 0, 0]),
            ("2026-03-10", [2_000] * 2 + [0]),
        ],
    )
    def test_from_a_day_on_only_managed_customers_earn(
        self, unmanaged_from: str | None, expected: list[int]
    ) -> None:
        ends = at(unmanaged_from) if unmanaged_from else None

        lines = rated(
            months(3),
            rule(when={"managed_from": "2026-02-01"}),
            customers={"c": CustomerFact(unmanaged_from=ends)},
        )

        assert amounts(lines) == expected

    def test_no_longer_managing_changes_nothing_before_the_day(self) -> None:
        lines = rated(
            months(3),
            rule(when={"managed_from": "2026-04-01"}),
            customers={"c": CustomerFact(unmanaged_from=at("2026-01-01"))},
        )

        assert amounts(lines) == [2_000] * 3

    def test_a_lead_is_paid_at_its_price_and_a_sale_is_not_a_lead(self) -> None:
        facts = [
            sale("lead", "2026-03-01", 4_500, trigger=Trigger.LEAD, customer="l"),
            sale("sale", "2026-03-02", 4_500),
        ]

        lines = rated(
            facts, rule(pays_for="lead", bands=bands((0, 10_000))), hold={"days": 0}
        )

        assert amounts(lines) == [4_500, 0]
        assert lines[1].rule_key == "none"

    def test_a_free_trial_before_the_first_payment_is_in_no_month(self) -> None:
        sales = [sale("trial", "2026-01-01", 0), sale("paid", "2026-02-01", 10_000)]

        lines = rated(sales, rule(when={"customer_months": {"to_month": 1}}))

        assert [line.rule_key for line in lines] == ["none", "share"]


class TestCombination:
    RULES = (
        rule(key="small", bands=bands((0, 1_000))),
        rule(key="large", bands=bands((0, 3_000)), duration_months=1),
        rule(key="same", bands=bands((0, 3_000)), duration_months=1),
    )

    @pytest.mark.parametrize(
        ("combine", "first", "second"),
        [
            (
                "sum",
                {"small": 1_000, "large": 3_000, "same": 3_000},
                {"small": 1_000, "large": 0, "same": 0},
            ),
            ("first_match", {"small": 1_000}, {"small": 1_000}),
            ("highest", {"large": 3_000}, {"small": 1_000}),
        ],
    )
    def test_several_rules_combine_as_declared(
        self, combine: str, first: dict[str, int], second: dict[str, int]
    ) -> None:
        lines = rated(months(2), *self.RULES, combine=combine)

        def of(number: int) -> dict[str, int]:
            return {
                line.rule_key: line.amount_minor
                for line in lines
                if line.sale_id == key(f"m{number:02}")
            }

        assert (of(0), of(1)) == (first, second)

    def test_a_rule_that_is_over_gives_way_to_the_next_that_matches(self) -> None:
        lines = rated(months(2), *reversed(self.RULES), combine="first_match")

        assert [line.rule_key for line in lines] == ["same", "small"]

    def test_where_every_rule_is_over_the_line_says_so(self) -> None:
        lines = rated(months(2), *self.RULES[1:], combine="highest")

        assert [line.trace["outcome"] for line in lines] == ["rated", "duration_over"]

    def test_the_highest_is_compared_on_the_whole_sale_by_what_picks_the_band(
        self,
    ) -> None:
        by_units = rule(
            key="by-units",
            banded_by="units",
            mode="whole",
            bands=[
                {"from_value": 0, "rate_bps": 500},
                {"from_value": 10, "rate_bps": 2_000},
            ],
        )
        sold = sale("a", "2026-03-01", 10_000, items=(item(10_000, units=10),))

        lines = rated([sold], self.RULES[0], by_units, combine="highest")

        assert [(line.rule_key, line.amount_minor) for line in lines] == [
            ("by-units", 2_000)
        ]

    def test_nothing_is_compared_while_a_gate_is_unmet(self) -> None:
        gate = Gate.model_validate(
            {
                "key": "certification",
                "kind": "certification",
                "certification": "exam",
                "title": "Pass the exam",
                "blocks": ["earn"],
            }
        )
        program = definition(rules=[*self.RULES[:2]], combine="highest")

        lines = rate(months(1), [], terms=terms(program), gates=(gate,))

        assert [line.trace["outcome"] for line in lines] == ["forfeited"]


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


class TestCaps:
    def test_what_goes_over_a_cap_is_written_down_and_not_paid(self) -> None:
        lines = rated(months(3), rule(caps=[{"per": "customer", "most_minor": 3_500}]))

        assert amounts(lines) == [2_000, 1_500, 0]
        assert [line.over_cap_minor for line in lines] == [0, 500, 2_000]

    def test_a_refund_takes_first_what_went_over(self) -> None:
        sold = months(2)
        lines = rated(
            sold,
            rule(caps=[{"per": "life", "most_minor": 3_000}]),
            refunds=[
                refund("r1", sold[0], "2026-05-01", 5_000),
                refund("r2", sold[0], "2026-05-02", 5_000),
                refund("r3", sold[1], "2026-05-03", 10_000),
            ],
        )

        assert amounts(lines) == [2_000, 1_000, 0, -1_000, -2_000]

    def test_caps_apply_from_the_narrowest_to_the_widest(self) -> None:
        caps = [
            {"per": "month", "most_minor": 2_500},
            {"per": "sale", "most_minor": 1_500},
        ]
        sales = [sale(name, "2026-03-01", 10_000, customer=name) for name in "ab"]

        lines = rated(sales, rule(caps=caps))

        assert amounts(lines) == [1_500, 1_000]

    @pytest.mark.parametrize(("per", "paid"), [("month", 8), ("life", 8)])
    def test_a_budget_pauses_before_the_item_that_would_go_over(
        self, per: str, paid: int
    ) -> None:
        leads = [
            sale(f"l{n:02}", f"2026-03-{n + 1:02}", 6_000, trigger=Trigger.LEAD)
            for n in range(10)
        ]
        price = rule(
            pays_for="lead",
            bands=bands((0, 10_000)),
            caps=[{"per": "life", "most_minor": 1_000_000}],
            rounding_per="sale",
        )

        lines = rated(
            leads,
            price,
            budget={"per": per, "most_minor": 50_000},
            refunds=[refund("r", leads[9], "2026-04-01", 6_000)],
        )

        assert [line.amount_minor > 0 for line in lines] == [True] * paid + [False] * 3
        assert lines[-1].trace["outcome"] == "over_budget"
        assert lines[-1].clears_at == lines[-1].occurred_at

    def test_a_refund_makes_room_in_the_budget(self) -> None:
        leads = [
            sale(f"l{n:02}", f"2026-03-{n + 1:02}", 6_000, trigger=Trigger.LEAD)
            for n in range(3)
        ]

        lines = rated(
            leads,
            rule(pays_for="lead", bands=bands((0, 10_000))),
            budget={"per": "month", "most_minor": 12_000},
            refunds=[refund("r", leads[0], "2026-03-02 12:00", 6_000)],
        )

        assert amounts(lines) == [6_000, 6_000, -6_000, 6_000]


class TestTime:
    def test_a_hold_may_run_to_the_end_of_the_month(self) -> None:
        lines = rated(
            [sale("a", "2026-03-15", 10_000)],
            rule(hold={"days": 60, "to_month_end": True}),
        )

        assert lines[0].clears_at == at("2026-06-01")

    @pytest.mark.parametrize(
        ("left", "expected"), [("2026-05-31", 0), ("2026-06-01", 2_000), (None, 2_000)]
    )
    def test_who_leaves_before_the_hold_ends_earns_nothing(
        self, left: str | None, expected: int
    ) -> None:
        lines = rated(
            [sale("a", "2026-03-15", 10_000)],
            rule(hold={"days": 60, "to_month_end": True, "while_customer": True}),
            customers={"c": CustomerFact(left_at=at(left) if left else None)},
        )

        assert amounts(lines) == [expected]

    @pytest.mark.parametrize(
        ("left", "expected"), [("2026-12-10", 0), ("2027-01-10", 2_000)]
    )
    def test_all_or_nothing_waits_for_the_whole_time(
        self, left: str, expected: int
    ) -> None:
        lines = rated(
            [sale("a", "2026-01-10", 10_000)],
            rule(all_or_nothing_months=12),
            customers={"c": CustomerFact(left_at=at(left))},
        )

        assert amounts(lines) == [expected]
        assert lines[0].clears_at == at("2027-01-10" if expected else "2026-01-10")

    @pytest.mark.parametrize(
        ("met", "asked", "outcome"),
        [
            ("2025-07-15 23:59", None, Outcome.RATED),
            ("2025-07-16", None, Outcome.PAPERS_LATE),
            (None, None, Outcome.RATED),
            (None, "2025-07-15 23:59", Outcome.RATED),
            (None, "2025-07-16", Outcome.PAPERS_LATE),
        ],
    )
    def test_papers_that_come_too_late_forfeit_the_customers_sales(
        self, met: str | None, asked: str | None, outcome: Outcome
    ) -> None:
        forms = Gate.model_validate(
            {
                "key": "tax-form",
                "kind": "confirmation",
                "title": "Send your tax form",
                "blocks": ["payout"],
                "forfeits_after_months": 6,
            }
        )
        other = forms.model_copy(update={"forfeits_after_months": None})

        lines = rate(
            [sale("a", "2025-01-15 12:00", 10_000)],
            [],
            terms=terms(definition(rules=[rule()])),
            gates=(other, forms),
            gate_history={"tax-form": [Interval(at(met))]} if met else {},
            as_of=at(asked) if asked else None,
        )

        assert lines[0].trace["outcome"] == outcome
        assert (lines[0].trace["gate"] is None) == (outcome is Outcome.RATED)


class TestTakingBack:
    def test_refunds_may_take_nothing_back(self) -> None:
        sold = months(1)
        lines = rated(
            sold,
            rule(),
            refunds=[refund("r", sold[0], "2026-03-01", 10_000)],
            clawback={"refunds": "none"},
        )

        assert amounts(lines) == [2_000, 0]

    def test_only_refunds_within_the_days_take_back(self) -> None:
        sold = months(1)
        refunds = [
            refund("r1", sold[0], "2026-01-20", 1_000),
            refund("r2", sold[0], "2026-01-20 00:00:01", 1_000),
        ]

        lines = rated(sold, rule(), refunds=refunds, clawback={"refund_days": 10})

        assert amounts(lines) == [2_000, -200, 0]

    @pytest.mark.parametrize(
        ("left", "taken"),
        [
            ("2026-07-10", [-120_000]),
            ("2026-05-10", [-160_000]),
            ("2026-05-11", [-140_000]),
            ("2027-01-10", []),
            ("2026-01-09", []),
        ],
    )
    def test_who_leaves_a_prepaid_term_gives_back_the_months_not_used(
        self, left: str, taken: list[int]
    ) -> None:
        lines = rated(
            [sale("a", "2026-01-10", 2_400_000)],
            rule(bands=bands((0, 1_000))),
            customers={"c": CustomerFact(left_at=at(left))},
            clawback={"prepaid_months": 12},
        )

        assert amounts(lines) == [240_000, *taken]
        if taken:
            assert lines[1].key == f"left:{key('a')}/share"
            assert lines[1].occurred_at == at(left)

    def test_a_refund_after_a_departure_takes_back_only_what_is_left(self) -> None:
        sold = [
            sale("a", "2026-01-10", 1_200),
            sale("b", "2026-01-11", 1_200, customer="d"),
        ]

        lines = rated(
            sold,
            rule(bands=bands((0, 10_000))),
            refunds=[
                refund("r", sold[0], "2026-08-01", 1_000),
                refund("s", sold[0], "2026-02-01", 200),
            ],
            customers={"c": CustomerFact(left_at=at("2026-07-10"))},
            clawback={"prepaid_months": 12},
        )

        assert amounts(lines) == [1_200, 1_200, -200, -400, -600]


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


class TestVersions:
    def test_a_later_version_governs_old_customers_only_if_it_says_so(self) -> None:
        old = definition(rules=[rule()])
        keeps = definition(rules=[rule(bands=bands((0, 1_000)))])
        changes = definition(rules=[rule(bands=bands((0, 500)))], terms_from="sale")
        later = [
            Terms(definition=old, number=1, effective_from=at("2026-01-01")),
            Terms(definition=keeps, number=2, effective_from=at("2026-02-01")),
            Terms(definition=changes, number=3, effective_from=at("2026-03-10")),
        ]

        lines = rate(months(3), [], terms=terms(old), later=later)

        assert amounts(lines) == [2_000, 2_000, 500]
        assert [line.version_number for line in lines] == [1, 1, 3]


def test_the_largest_amounts_are_exact() -> None:
    huge = 9 * 10**15
    sold = [sale("a", "2026-03-01", huge), sale("b", "2026-03-02", huge - 1)]

    lines = rated(sold, rule(window="life", bands=bands((0, 1_234), (10**15, 3_333))))

    assert sum(amounts(lines)) == (
        (10**15 * 1_234 + (2 * huge - 1 - 10**15) * 3_333 + 5_000) // 10_000
    )


class TestWhatAReviewFound:
    """Each of these paid a wrong amount once."""

    def test_a_won_dispute_comes_back_whatever_the_days(self) -> None:
        sold = months(1)
        back = [
            refund("lost", sold[0], "2026-01-20", 10_000),
            refund("won", sold[0], "2026-06-01", -10_000),
        ]

        lines = rated(sold, rule(), refunds=back, clawback={"refund_days": 30})

        assert amounts(lines) == [2_000, -2_000, 2_000]

    def test_what_went_too_late_does_not_come_back_twice(self) -> None:
        sold = months(1)
        back = [
            refund("soon", sold[0], "2026-01-20", 4_000),
            refund("late", sold[0], "2026-05-01", 6_000),
            refund("won", sold[0], "2026-06-01", -8_000),
        ]

        lines = rated(sold, rule(), refunds=back, clawback={"refund_days": 30})

        assert amounts(lines) == [2_000, -800, 0, 400]

    @pytest.mark.parametrize(
        "refunds",
        [
            [],
            [("2026-04-01", 900)],
            [("2026-02-01", 900)],
            [("2026-02-01", 1_200), ("2026-05-01", -1_200)],
        ],
    )
    def test_a_departure_and_a_refund_of_the_same_months_count_once(
        self, refunds: list[tuple[str, int]]
    ) -> None:
        sold = [sale("a", "2026-01-01", 1_200)]

        lines = rated(
            sold,
            rule(bands=bands((0, 10_000))),
            refunds=[
                refund(f"r{number}", sold[0], day, net)
                for number, (day, net) in enumerate(refunds)
            ],
            customers={"c": CustomerFact(left_at=at("2026-03-15"))},
            clawback={"prepaid_months": 12},
        )

        assert sum(amounts(lines)) == 300

    def test_a_refund_does_not_accelerate_a_month_that_is_over(self) -> None:
        quota = {
            "above_minor": 1_000_000,
            "multiplier_bps": 20_000,
            "needs_year_to_date_minor": 15_000_000,
        }
        sold = [
            sale("a", "2026-01-01", 10_000_000),
            sale("b", "2026-03-01", 10_000_000),
        ]

        lines = rated(
            sold,
            rule(window="month", bands=bands((0, 1_000)), accelerator=quota),
            refunds=[refund("r", sold[0], "2026-04-01", 100)],
        )

        assert amounts(lines) == [1_000_000, 1_900_000, -10]

    def test_a_replaced_version_governs_nothing(self) -> None:
        first = definition(rules=[rule(bands=bands((0, 1_000)))])
        wrong = definition(rules=[rule(bands=bands((0, 9_000)))], terms_from="sale")
        right = definition(rules=[rule()])
        start = at("2026-02-01")
        later = [
            Terms(definition=first, number=1, effective_from=at("2026-01-01")),
            Terms(definition=wrong, number=2, effective_from=start),
            Terms(definition=right, number=3, effective_from=start),
        ]

        lines = rate(months(3), [], terms=terms(first), later=later)

        assert amounts(lines) == [1_000] * 3

    def test_a_cap_of_each_version_lets_nothing_stay_after_refunds(self) -> None:
        programs = [
            definition(
                rules=[
                    rule(
                        bands=bands((0, 10_000)),
                        caps=[{"per": "life", "most_minor": most}],
                    )
                ]
            )
            for most in (50, 200)
        ]
        sold = [
            sale("a", "2026-01-01", 100, customer="a"),
            sale("b", "2026-01-02", 100, customer="b"),
        ]

        lines = rate(
            sold,
            [refund(f"r{s.reference}", s, "2026-02-01", 100) for s in sold],
            terms={
                key("a"): Terms(definition=programs[0], number=1),
                key("b"): Terms(definition=programs[1], number=2),
            },
        )

        assert amounts(lines) == [50, 100, -50, -100]

    def test_a_sale_over_budget_raises_no_later_rate(self) -> None:
        sold = [sale("a", "2026-01-10", 90_000), sale("b", "2026-02-10", 20_000)]
        quota = {
            "above_minor": 10_000,
            "multiplier_bps": 20_000,
            "needs_year_to_date_minor": 100_000,
        }
        steps = bands((0, 1_000), (100_000, 2_000))
        budget = {"per": "month", "most_minor": 5_000}

        rolling = rated(
            sold,
            rule(window="rolling", rolling_months=12, mode="whole", bands=steps),
            budget=budget,
        )
        to_date = rated(
            sold,
            rule(bands=bands((0, 1_000)), window="month", accelerator=quota),
            budget=budget,
        )

        assert amounts(rolling) == [0, 2_000]
        assert amounts(to_date) == [0, 2_000]

    def test_the_highest_is_compared_below_its_cap(self) -> None:
        lines = rated(
            months(1),
            rule(
                key="capped",
                bands=bands((0, 5_000)),
                caps=[{"per": "sale", "most_minor": 1_000}],
            ),
            rule(key="plain"),
            combine="highest",
        )

        assert [(line.rule_key, line.amount_minor) for line in lines] == [
            ("plain", 2_000)
        ]

    def test_foreign_money_that_no_rule_is_about_is_no_base(self) -> None:
        (line,) = rated(
            [sale("a", "2026-01-01", 99_999, currency="JPY")],
            rule(when={"countries": ["US"]}),
        )

        assert (line.base_minor, line.amount_minor) == (0, 0)

    def test_a_paid_click_is_no_first_sale(self) -> None:
        facts = [
            sale("click", "2026-01-01", 50, trigger=Trigger.CLICK),
            sale("bought", "2026-02-01", 10_000),
        ]

        lines = rated(
            facts,
            rule(key="click", pays_for="click", bands=bands((0, 10_000))),
            rule(key="bounty", when={"sale": "first"}),
        )

        assert [(line.rule_key, line.amount_minor) for line in lines] == [
            ("click", 50),
            ("bounty", 2_000),
        ]

    def test_who_comes_back_after_leaving_does_not_leave_early(self) -> None:
        lines = rated(
            [sale("a", "2026-01-10", 10_000), sale("b", "2027-06-10", 10_000)],
            rule(all_or_nothing_months=12),
            customers={"c": CustomerFact(left_at=at("2027-03-10"))},
        )

        assert amounts(lines) == [2_000, 2_000]
