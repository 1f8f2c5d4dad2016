"""What caps, budgets, time and refunds leave, by examples worked out by hand."""

import pytest

from portal.commissions.calculation import (
    CustomerFact,
    Outcome,
    rate,
)
from portal.enrollments.rules import Interval
from portal.programs.definition import Gate, Trigger
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
