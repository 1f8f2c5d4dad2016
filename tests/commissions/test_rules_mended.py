"""What a review of the engine found: each of these paid a wrong amount once."""

import pytest

from portal.commissions.calculation import (
    CustomerFact,
    Terms,
    rate,
)
from portal.programs.definition import Trigger
from tests.commissions.facts import (
    amounts,
    at,
    bands,
    definition,
    key,
    months,
    rated,
    refund,
    rule,
    sale,
    terms,
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
