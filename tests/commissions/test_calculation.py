"""Rating by hand: each case is an example that a person can check."""

from datetime import UTC, datetime
from typing import Any

import pytest

from portal.commissions.calculation import (
    Commissioned,
    Outcome,
    RatedLine,
    RefundFact,
    SaleFact,
    Scale,
    rate,
)
from portal.enrollments.rules import Interval
from portal.kit.money import Rounding
from portal.programs.definition import Band, BandMode, Gate
from tests.commissions.facts import (
    amounts,
    at,
    bands,
    definition,
    key,
    refund,
    rule,
    sale,
    terms,
)

STEPS = bands((0, 500), (5_000_000, 700), (10_000_000, 1_000))


def rate_all(
    sales: list[SaleFact],
    refunds: list[RefundFact] | None = None,
    **parts: Any,  # noqa: ANN401 - any part of a definition
) -> list[RatedLine]:
    program = definition(**{"rules": [rule()], **parts})
    customers = {line.customer_id for line in sales}
    governing = next(iter(terms(program).values()))
    return rate(sales, refunds or [], terms=dict.fromkeys(customers, governing))


class TestWindows:
    def test_a_refund_takes_back_what_it_was_worth(self) -> None:
        sold = sale("a", "2026-03-01", 10_001)

        lines = rate_all([sold], [refund("r", sold, "2026-03-05", 5_000)])

        assert amounts(lines) == [2_000, -1_000]
        assert [line.kind for line in lines] == [
            Commissioned.EARNED,
            Commissioned.REVERSAL,
        ]

    def test_three_thirds_of_a_refund_add_up_to_the_commission(self) -> None:
        sold = sale("a", "2026-03-01", 1_000)
        thirds = [
            refund("r1", sold, "2026-03-02", 333),
            refund("r2", sold, "2026-03-03", 333),
            refund("r3", sold, "2026-03-04", 334),
        ]

        lines = rate_all([sold], thirds)

        assert sum(amounts(lines)) == 0

    def test_a_month_begins_at_midnight_of_the_programs_zone(self) -> None:
        monthly = rule(window="month", bands=bands((0, 1_000), (10_000, 2_000)))
        sales = [
            sale("a", "2026-03-31 21:59:59", 10_000),
            sale("b", "2026-03-31 22:00:00", 10_000),
        ]

        lines = rate_all(sales, rules=[monthly], time_zone="Europe/Berlin")

        assert amounts(lines) == [1_000, 1_000]
        assert [line.trace["window"]["label"] for line in lines] == [
            "2026-03",
            "2026-04",
        ]

    def test_customers_of_a_month_count_together(self) -> None:
        monthly = rule(window="month", bands=bands((0, 1_000), (10_000, 2_000)))
        sales = [
            sale("a", "2026-03-01", 10_000, customer="a"),
            sale("b", "2026-03-02", 10_000, customer="b"),
        ]

        assert amounts(rate_all(sales, rules=[monthly])) == [1_000, 2_000]

    def test_a_refund_in_april_of_a_sale_in_march_lowers_march(self) -> None:
        monthly = rule(window="month", bands=bands((0, 1_000), (10_000, 2_000)))
        march, april = sale("a", "2026-03-10", 15_000), sale("b", "2026-04-01", 5_000)

        lines = rate_all(
            [march, april], [refund("r", march, "2026-04-10", 5_000)], rules=[monthly]
        )

        assert amounts(lines) == [2_000, 500, -1_000]
        assert lines[2].occurred_at == at("2026-04-10")
        assert lines[2].trace["window"]["label"] == "2026-03"

    def test_a_refund_across_a_whole_band_carries_the_whole_fall(self) -> None:
        monthly = rule(window="month", mode="whole", bands=STEPS)
        first, second = (
            sale("a", "2026-03-01", 4_999_999),
            sale("b", "2026-03-02", 1),
        )

        lines = rate_all(
            [first, second], [refund("r", second, "2026-03-09", 1)], rules=[monthly]
        )

        assert amounts(lines) == [250_000, 100_000, -100_000]

    def test_in_a_month_the_window_and_not_the_sale_ends_at_zero(self) -> None:
        monthly = rule(window="month", bands=bands((0, 1_000), (10_000, 2_000)))
        first, second = sale("a", "2026-03-01", 10_000), sale("b", "2026-03-02", 10_000)
        back = refund("r1", first, "2026-03-05", 10_000)
        rest = refund("r2", second, "2026-03-06", 10_000)

        after_one = rate_all([first, second], [back], rules=[monthly])
        after_both = rate_all([first, second], [back, rest], rules=[monthly])

        # The refund is rated at the end of the running total: 20 % and not 10 %.
        assert amounts(after_one) == [1_000, 2_000, -2_000]
        assert sum(amounts(after_one)) == 1_000  # C of the 10,000 that are left
        assert sum(amounts(after_both)) == 0

    def test_rules_apply_one_beside_the_other(self) -> None:
        rules = [rule(), rule(key="bonus", bands=bands((0, 100)), window="month")]

        lines = rate_all([sale("a", "2026-03-01", 10_000)], rules=rules)

        assert [(line.rule_key, line.amount_minor) for line in lines] == [
            ("share", 2_000),
            ("bonus", 100),
        ]

    def test_each_version_has_windows_of_its_own(self) -> None:
        monthly = rule(window="month", bands=bands((0, 1_000), (10_000, 2_000)))
        program = definition(rules=[monthly])
        sales = [
            sale("a", "2026-03-01", 10_000, customer="old"),
            sale("b", "2026-03-02", 10_000, customer="new"),
        ]

        lines = rate(
            sales,
            [],
            terms=terms(program, "old", number=1) | terms(program, "new", number=2),
        )

        assert amounts(lines) == [1_000, 1_000]
        assert [line.version_number for line in lines] == [1, 2]

    def test_a_rule_that_rounds_down_drops_the_fraction(self) -> None:
        sold = sale("a", "2026-03-01", 9)

        down = rate_all([sold], rules=[rule(rounding="down")])
        nearest = rate_all([sold])

        assert (amounts(down), amounts(nearest)) == ([1], [2])

    def test_a_window_below_nothing_is_refused(self) -> None:
        scale = Scale(
            bands=(Band(from_value=0, rate_bps=100),),
            modes=(BandMode.MARGINAL,),
            rounding=Rounding.DOWN,
        )

        with pytest.raises(ValueError, match="-1"):
            scale.commission(-1)


class TestDuration:
    def test_the_last_moment_of_the_duration_does_not_earn(self) -> None:
        sales = [
            sale("a", "2024-02-29 10:00:00", 100),
            sale("b", "2027-02-28 09:59:59", 100),
            sale("c", "2027-02-28 10:00:00", 100),
        ]

        lines = rate_all(sales, rules=[rule(duration_months=36)])

        assert amounts(lines) == [20, 20, 0]
        assert lines[2].trace["outcome"] == Outcome.DURATION_OVER
        assert [line.trace["month"] for line in lines] == [1, 36, 37]

    def test_a_free_trial_does_not_start_the_duration(self) -> None:
        sales = [
            sale("a", "2025-01-15", 0),
            sale("b", "2025-02-15", 100),
            sale("c", "2026-02-14", 100),
        ]

        lines = rate_all(sales, rules=[rule(duration_months=12)])

        assert amounts(lines) == [0, 20, 20]
        assert lines[0].trace["month"] is None

    def test_a_customer_who_never_paid_is_in_its_first_month(self) -> None:
        lines = rate_all([sale("a", "2025-01-15", 0)], rules=[rule(duration_months=12)])

        assert (amounts(lines), lines[0].trace["month"]) == ([0], 1)

    def test_a_refund_after_the_duration_still_takes_back(self) -> None:
        sold = sale("a", "2025-01-15", 1_000)

        lines = rate_all(
            [sold],
            [refund("r", sold, "2026-06-01", 1_000)],
            rules=[rule(duration_months=12)],
        )

        assert amounts(lines) == [200, -200]


class TestTiers:
    def test_the_level_counts_this_sale_or_stays_as_at_the_first(self) -> None:
        sales = [
            sale(f"s{n}", f"2026-01-0{n}", 1_000, customer=f"c{n}") for n in range(1, 7)
        ]
        again = sale("again", "2026-01-09", 1_000, customer="c1")
        by_tier = {"starter": 2_500, "growth": 5_000, "leader": 0, "champion": 0}

        def last(tier_at: str) -> RatedLine:
            rules = [rule(rate_bps_by_tier=by_tier, tier_at=tier_at)]
            return rate_all([*sales, again], based_on="monday-affiliate", rules=rules)[
                -1
            ]

        assert (last("sale").amount_minor, last("first_sale").amount_minor) == (
            500,
            250,
        )
        assert last("sale").trace["tier"] == {
            "key": "growth",
            "name": "Growth",
            "value": 6,
            "at": "sale",
        }


class TestCurrency:
    def test_a_sale_in_another_currency_is_not_rated(self) -> None:
        sold = sale("a", "2026-03-01", 1_000, currency="EUR")

        lines = rate_all([sold], [refund("r", sold, "2026-03-02", 1_000)])

        assert amounts(lines) == [0, 0]
        assert [line.base_minor for line in lines] == [0, 0]
        assert lines[0].currency == "USD"
        assert lines[0].trace["outcome"] == Outcome.OTHER_CURRENCY


GATE = {
    "key": "certification",
    "kind": "certification",
    "title": "Pass the exam",
    "blocks": ["earn"],
    "certification": "exam",
}


class TestGates:
    def rated(
        self,
        consequence: str,
        *intervals: Interval,
        hold_days: int = 0,
        more: tuple[Gate, ...] = (),
    ) -> list[RatedLine]:
        gate = Gate.model_validate({**GATE, "sales_while_unmet": consequence})
        sold = sale("a", "2026-03-10", 1_000)
        program = definition(rules=[rule()], hold={"days": hold_days})
        return rate(
            [sold],
            [refund("r", sold, "2026-03-12", 500)],
            terms=terms(program),
            gates=(gate, *more),
            gate_history={"certification": intervals},
        )

    def test_a_sale_while_the_gate_is_met_earns(self) -> None:
        lines = self.rated("forfeited", Interval(at("2026-03-10"), at("2026-03-11")))

        assert amounts(lines) == [200, -100]

    def test_a_sale_while_the_gate_is_unmet_is_forfeited_with_its_refunds(self) -> None:
        lines = self.rated("forfeited", Interval(at("2026-03-11")))

        assert amounts(lines) == [0, 0]
        assert lines[0].trace["gate"] == {
            "key": "certification",
            "title": "Pass the exam",
        }
        assert lines[0].clears_at == lines[0].occurred_at

    def test_a_held_sale_clears_when_the_gate_opens(self) -> None:
        lines = self.rated("held", Interval(at("2026-04-20")), hold_days=30)

        assert amounts(lines) == [200, -100]
        assert [line.clears_at for line in lines] == [at("2026-04-20")] * 2

    def test_a_held_sale_clears_no_sooner_than_its_hold(self) -> None:
        lines = self.rated("held", Interval(at("2026-03-11")), hold_days=30)

        assert lines[0].clears_at == at("2026-04-09")

    def test_a_held_sale_waits_while_the_gate_is_closed(self) -> None:
        lines = self.rated("held", Interval(at("2026-01-01"), at("2026-03-10")))

        assert amounts(lines) == [200, -100]
        assert [line.clears_at for line in lines] == [None, None]

    def test_of_two_gates_that_hold_the_later_one_decides(self) -> None:
        other = Gate.model_validate(
            {**GATE, "key": "second", "sales_while_unmet": "held"}
        )

        lines = self.rated("held", Interval(at("2026-03-20")), more=(other,))

        assert lines[0].clears_at is None
        assert lines[0].trace["gate"]["key"] == "second"


class TestHold:
    def test_a_reversal_clears_with_its_sale_or_at_its_own_moment(self) -> None:
        sold = sale("a", "2026-03-01", 1_000)
        soon = refund("r1", sold, "2026-03-05", 100)
        late = refund("r2", sold, "2026-05-05", 100)

        lines = rate_all([sold], [soon, late], hold={"days": 30})

        assert [line.clears_at for line in lines] == [
            at("2026-03-31"),
            at("2026-03-31"),
            at("2026-05-05"),
        ]


def test_a_line_carries_its_trace_as_data() -> None:
    monthly = rule(window="month", bands=STEPS, duration_months=36)
    sales = [sale("a", "2026-03-01", 4_950_000), sale("b", "2026-03-02", 100_000)]

    line = rate_all(sales, rules=[monthly], hold={"days": 30})[1]

    assert line.key == f"sale:{key('b')}/share"
    assert line.trace == {
        "rule": {"key": "share", "title": "Your share"},
        "version": 1,
        "outcome": "rated",
        "pays_for": "sale",
        "measure": "net_sales",
        "currency": "USD",
        "kind": "sale",
        "base_minor": 100_000,
        "base_currency": "USD",
        "sale_net_minor": 100_000,
        "step": 100_000,
        "window": {
            "kind": "month",
            "label": "2026-03",
            "per": "partner",
            "months": None,
        },
        "before_value": 4_950_000,
        "after_value": 5_050_000,
        "picked": None,
        "mode": "marginal",
        "bands": [
            {
                "from_value": 0,
                "to_value": 5_000_000,
                "rate_bps": 500,
                "each_minor": None,
                "flat_minor": None,
                "part": 50_000,
            },
            {
                "from_value": 5_000_000,
                "to_value": 10_000_000,
                "rate_bps": 700,
                "each_minor": None,
                "flat_minor": None,
                "part": 50_000,
            },
        ],
        "tier": None,
        "multiplier_bps": None,
        "commission_before_minor": 247_500,
        "commission_after_minor": 253_500,
        "amount_minor": 6_000,
        "over_cap_minor": 0,
        "rounding": "half_away",
        "rounding_per": "window",
        "month": 1,
        "months": 36,
        "earns_until": "2029-03-01T00:00:00+00:00",
        "gate": None,
        "gate_opened_at": None,
        "left_at": None,
        "sold_at": "2026-03-02T00:00:00+00:00",
        "occurred_at": "2026-03-02T00:00:00+00:00",
        "clears_at": "2026-04-01T00:00:00+00:00",
        "hold_days": 30,
    }


def test_a_band_of_a_whole_total_is_left_and_entered() -> None:
    scale = Scale.of(definition(rules=[rule(mode="whole", bands=STEPS)]).rules[0], None)

    moved = scale.change(4_999_999, 5_000_000)
    stayed = scale.change(5_000_000, 5_000_001)

    assert [(part["rate_bps"], part["part"]) for part in moved] == [
        (500, -4_999_999),
        (700, 5_000_000),
    ]
    assert [(part["rate_bps"], part["part"]) for part in stayed] == [(700, 1)]


def test_nothing_happened_is_no_line() -> None:
    assert rate([], [], terms={}) == []


def test_times_are_those_of_the_events() -> None:
    line = rate_all([sale("a", datetime(2026, 3, 1, 9, tzinfo=UTC), 100)])[0]

    assert line.occurred_at == datetime(2026, 3, 1, 9, tzinfo=UTC)
