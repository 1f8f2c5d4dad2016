"""Which rule of which version a sale falls under, by examples worked out by hand."""

from typing import Any

import pytest

from portal.commissions.calculation import (
    CustomerFact,
    Terms,
    rate,
)
from portal.programs.definition import DealSource, Gate, Trigger
from portal.tiers.facts import TierInputs, TierOverride
from tests.commissions.facts import (
    amounts,
    at,
    bands,
    definition,
    item,
    key,
    months,
    rated,
    refund,
    rule,
    sale,
    terms,
)


class TestTermsOfALevel:
    def test_who_moves_down_has_its_earlier_deals_moved_to_the_terms_there(
        self,
    ) -> None:
        """HubSpot 2023: 36 months become 12 from the original sale."""
        program = definition(
            rules=[
                rule(key="up", when={"tiers": ["gold"]}, duration_months=36),
                rule(key="down", when={"tiers": ["partner"]}, duration_months=12),
            ]
        )
        paid = [
            sale("old 1", "2024-01-10", 10_000, customer="old"),
            sale("new 1", "2025-03-10", 10_000, customer="new"),
            # 18 months after the older customer's first payment, still on gold.
            sale("old 2", "2025-07-10", 10_000, customer="old"),
            sale("old 3", "2025-09-10", 10_000, customer="old"),
            sale("new 2", "2026-03-09", 10_000, customer="new"),
            sale("new 3", "2026-03-10", 10_000, customer="new"),
        ]
        gold = TierOverride(
            level="gold", from_at=at("2023-12-01"), until_at=at("2025-08-01")
        )

        lines = rate(
            paid,
            [],
            terms=terms(program, "old", "new"),
            tier_inputs=TierInputs(overrides=(gold,)),
        )

        assert [(line.rule_key, line.amount_minor) for line in lines] == [
            ("up", 2_000),
            ("up", 2_000),
            ("up", 2_000),
            ("down", 0),
            ("down", 2_000),
            ("down", 0),
        ]


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
