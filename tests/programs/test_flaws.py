from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings

from portal.programs.definition import ProgramDefinition
from portal.programs.documents import dump_json, preset, preset_keys
from portal.programs.flaws import Flaw, flaws
from tests.programs.definitions import HUBSPOT, MONDAY, changed, with_rule
from tests.programs.strategies import definitions


def found(definition: ProgramDefinition) -> dict[str, Flaw]:
    return {flaw.path: flaw for flaw in flaws(definition)}


def only(definition: ProgramDefinition) -> Flaw:
    (flaw,) = flaws(definition)
    return flaw


def of_rule(**parts: object) -> ProgramDefinition:
    return replaced(with_rule(**parts), sources=[])


def replaced(definition: ProgramDefinition, **parts: object) -> ProgramDefinition:
    return changed(HUBSPOT, **(dump_json(definition) | parts))


def rated(*rates: int, **parts: Any) -> dict[str, Any]:  # noqa: ANN401 - JSON values
    """A rule with a band for each rate, at 0, 100, 200 and so on."""
    bands = [
        {"from_value": number * 100_00, "rate_bps": rate}
        for number, rate in enumerate(rates)
    ]
    return {"window": "month", "bands": bands, **parts}


@pytest.mark.parametrize("key", preset_keys())
def test_the_programs_that_come_with_the_portal_have_no_flaw(key: str) -> None:
    assert flaws(preset(key)) == []


@settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))
@given(definition=definitions())
def test_every_flaw_has_a_path_a_remedy_and_an_example(
    definition: ProgramDefinition,
) -> None:
    for flaw in flaws(definition):
        assert flaw.path
        assert flaw.message.endswith(".")
        assert flaw.example.endswith(".")


LEVELS = [
    {"key": "low", "name": "Low", "from_value": 0},
    {"key": "high", "name": "High", "from_value": 10},
]
FACT = {"metric": "fact", "fact": "score"}


def tiered(*, metric: str = "net_sales", **parts: object) -> ProgramDefinition:
    """The solutions program with two levels and nothing that hangs on them."""
    tiers = {"metric": metric, "window": "year", "levels": LEVELS} | parts
    return changed(HUBSPOT, tiers=tiers, sources=[])


def high(*requires: dict[str, object], **parts: object) -> list[dict[str, Any]]:
    return [LEVELS[0], LEVELS[1] | {"requires": list(requires)} | parts]


class TestTiers:
    def test_limits_that_rule_each_other_out_are_named(self) -> None:
        flaw = only(tiered(levels=high(FACT | {"at_least": 5}, FACT | {"below": 5})))

        assert flaw.path == "tiers.levels.high.requires"
        assert flaw.message.startswith("High can never be reached: less than 5 for")
        assert flaw.example == (
            "A partner with less than 5 for score misses High, because it needs more."
        )
        assert not flaws(
            tiered(levels=high(FACT | {"at_least": 5}, FACT | {"below": 6}))
        )

    def test_the_level_itself_is_a_limit_on_its_metric(self) -> None:
        levels = high({"metric": "net_sales", "below": 10})

        assert "tiers.levels.high.requires" in found(tiered(levels=levels))

    @pytest.mark.parametrize(
        ("metric", "points", "requires"),
        [
            ("points", {"sourced": 0}, []),
            ("sourced_points", {"managed": 1000}, []),
            (
                "net_sales",
                {"managed": 5},
                [{"metric": "sourced_points", "at_least": 1}],
            ),
        ],
    )
    def test_points_that_nothing_brings_are_named(
        self, metric: str, points: dict[str, int], requires: list[dict[str, object]]
    ) -> None:
        flaw = only(
            tiered(
                metric=metric,
                points={"milli_per_100": points},
                levels=high(*requires),
            )
        )

        assert flaw.path == "tiers.levels.high"
        assert "no sale brings the points" in flaw.message

    def test_a_level_that_is_always_passed_is_named(self) -> None:
        both = [
            LEVELS[0],
            LEVELS[1] | {"requires": [FACT | {"at_least": 7}]},
            {
                "key": "top",
                "name": "Top",
                "from_value": 10,
                "requires": [FACT | {"at_least": 5}],
            },
        ]

        flaw = only(tiered(levels=both))

        assert flaw.path == "tiers.levels.high"
        assert flaw.example == "A partner who just reaches High stands on Top."

    @pytest.mark.parametrize(
        ("given", "needed", "is_passed"),
        [
            ({"below": 5}, {"below": 6}, True),
            ({"below": 6}, {"below": 5}, False),
            ({"at_least": 6}, {"below": 5}, False),
            ({"below": 6}, {"at_least": 5}, False),
            ({"at_least": 6, "fact": "other"}, {"at_least": 5}, False),
        ],
    )
    def test_only_what_follows_is_passed(
        self, given: dict[str, object], needed: dict[str, object], *, is_passed: bool
    ) -> None:
        top = {"key": "top", "name": "Top", "from_value": 10}
        levels = [*high(FACT | given), top | {"requires": [FACT | needed]}]

        assert ("tiers.levels.high" in found(tiered(levels=levels))) is is_passed

    def test_growth_countries_and_their_multiplier_come_together(self) -> None:
        points = {"milli_per_100": {"sourced": 1}, "growth_multiplier": 2}

        assert only(tiered(metric="points", points=points)).path == (
            "tiers.points.growth_multiplier"
        )
        points["growth_countries"] = ["BR"]
        assert not flaws(tiered(metric="points", points=points))

    def test_a_duty_that_asks_for_nothing_is_named(self) -> None:
        duty = {"level": "low", "within_months": 24}

        assert only(tiered(duty=duty)).path == "tiers.duty.level"

    def test_a_duty_does_not_reward_who_misses_it(self) -> None:
        duty = {"level": "high", "within_months": 24, "move_to": "high"}

        assert only(tiered(duty=duty)).path == "tiers.duty.move_to"
        assert not flaws(tiered(duty=duty | {"move_to": "low"}))

    def test_a_higher_tier_with_a_lower_rate_is_named(self) -> None:
        rule = {
            "key": "share",
            "title": "Share",
            "rate_bps_by_tier": {"low": 3000, "high": 2000},
        }

        flaw = only(replaced(tiered(), rules=[rule]))

        assert flaw.path == "rules.share.rate_bps_by_tier.high"
        assert "from 30% to 20%" in flaw.message


class TestRules:
    @pytest.mark.parametrize(
        ("rule", "path", "said"),
        [
            (
                {"when": {"products": ["A", "B"], "except_products": ["B"]}},
                "when.except_products",
                "A sale of B earns nothing here.",
            ),
            (
                {"when": {"sale": "first", "customer_months": {"from_month": 2}}},
                "when.customer_months",
                "A first sale is in month 1, not in month 2.",
            ),
            (
                {"duration_months": 6, "when": {"customer_months": {"from_month": 7}}},
                "when.customer_months",
                "A sale in month 7 of a customer comes after the end.",
            ),
            (
                {
                    "when": {
                        "customer_from": "2025-04-01",
                        "customer_before": "2025-04-01",
                    }
                },
                "when.customer_before",
                "A customer who first paid on 1 April 2025 does not fit.",
            ),
            (
                {"pays_for": "lead", "when": {"products": ["A"]}},
                "when.products",
                "A lead, a click or a subscriber fits no product.",
            ),
            (
                {"bands": [{"from_value": 0, "rate_bps": 0}]},
                "bands",
                "A sale of $100.00 earns $0.00.",
            ),
            (
                {
                    "bands": [{"from_value": 0, "flat_minor": 500_00}],
                    "caps": [{"per": "sale", "most_minor": 400_00}],
                },
                "caps.sale",
                "The first sale pays $400.00, never $500.00.",
            ),
            (
                {
                    "caps": [
                        {"per": "month", "most_minor": 10_00},
                        {"per": "year", "most_minor": 9_00},
                    ]
                },
                "caps.month",
                "A sale that earns $10.00 is already stopped at $9.00.",
            ),
            (
                {"duration_months": 6, "all_or_nothing_months": 12},
                "all_or_nothing_months",
                (
                    "A customer who leaves after 6 months has earned the partner "
                    "nothing."
                ),
            ),
            (
                {"hold": {"while_customer": True}},
                "hold.while_customer",
                "A customer who leaves one second after the sale changes nothing.",
            ),
            (
                {"duration_months": 1, "hold": {"while_customer": True, "days": 90}},
                "hold.days",
                "A customer who leaves after 1 month has earned the partner nothing.",
            ),
        ],
    )
    def test_a_rule_that_cannot_work_is_named_with_an_example(
        self, rule: dict[str, object], path: str, said: str
    ) -> None:
        flaw = only(of_rule(**rule))

        assert flaw.path == f"rules.share.{path}"
        assert flaw.example == said

    def test_caps_that_each_can_bind_are_fine(self) -> None:
        caps = [
            {"per": "month", "most_minor": 10_00},
            {"per": "year", "most_minor": 90_00},
        ]

        assert flaws(of_rule(caps=caps)) == []

    def test_a_tier_that_nobody_reaches_empties_the_rules_that_ask_for_it(
        self,
    ) -> None:
        levels = high(FACT | {"at_least": 5}, FACT | {"below": 5})
        rule = {
            "key": "share",
            "title": "Share",
            "when": {"tiers": ["high"]},
            "bands": [{"from_value": 0, "rate_bps": 1000}],
        }

        assert "rules.share.when.tiers" in found(
            replaced(tiered(levels=levels), rules=[rule])
        )
        assert not flaws(replaced(tiered(), rules=[rule]))

    def test_a_rule_that_makes_an_exception_may_pay_nothing(self) -> None:
        none = {
            "key": "not-a",
            "title": "None",
            "when": {"products": ["A"]},
            "bands": [{"from_value": 0, "rate_bps": 0}],
        }
        all_ = {
            "key": "all",
            "title": "All",
            "bands": [{"from_value": 0, "rate_bps": 1000}],
        }

        definition = replaced(of_rule(), rules=[none, all_])

        assert set(found(definition)) == {"rules.not-a.bands"}
        assert not flaws(replaced(definition, combine="first_match"))

    def test_nothing_is_paid_at_no_tier(self) -> None:
        rule = {
            "key": "share",
            "title": "Share",
            "rate_bps_by_tier": {"low": 0, "high": 0},
        }

        assert only(replaced(tiered(), rules=[rule])).path == (
            "rules.share.rate_bps_by_tier"
        )

    def test_a_budget_below_one_result_is_named(self) -> None:
        definition = replaced(
            of_rule(measure="items", bands=[{"from_value": 0, "each_minor": 5_00}]),
            budget={"per": "month", "most_minor": 4_99},
        )

        assert only(definition).path == "budget.most_minor"

    def test_the_programs_own_hold_is_named_as_such(self) -> None:
        definition = replaced(of_rule(), hold={"while_customer": True})

        assert only(definition).path == "hold.while_customer"


class TestBands:
    @pytest.mark.parametrize(
        ("rule", "is_flaw"),
        [
            (rated(500, 500), True),
            (rated(500, 700), False),
            (rated(500, 500, mode="whole"), True),
            (rated(500, 700, 700, mode="whole"), False),
            (
                {
                    "bands": [
                        {"from_value": 0, "flat_minor": 1},
                        {"from_value": 5, "flat_minor": 0},
                    ]
                },
                True,
            ),
        ],
    )
    def test_a_band_that_changes_nothing_is_named(
        self, rule: dict[str, object], *, is_flaw: bool
    ) -> None:
        assert ("rules.share.bands.2" in found(of_rule(**rule))) is is_flaw

    def test_more_sales_that_earn_less_are_named_on_both_sides(self) -> None:
        flaw = only(of_rule(**rated(2000, 1000, mode="whole")))

        assert flaw.path == "rules.share.bands.2"
        assert flaw.example == (
            "A total of $99.99 earns $19.99; a total of $100.00 earns $10.00."
        )

    def test_the_other_side_of_the_limit_is_looked_at_where_it_lies(self) -> None:
        flaw = only(of_rule(**rated(2000, 1000, mode="whole", limit="more_than")))

        assert flaw.example == (
            "A total of $100.00 earns $20.00; a total of $100.01 earns $10.00."
        )

    def test_numbers_fall_as_well(self) -> None:
        bands = [
            {"from_value": 0, "each_minor": 10_00},
            {"from_value": 1, "each_minor": 9_00},
            {"from_value": 10, "flat_minor": 50_00},
        ]

        flaw = only(of_rule(measure="items", window="year", mode="whole", bands=bands))

        assert flaw.example == (
            "A total of 9 sales earns $81.00; a total of 10 sales earns $50.00."
        )

    def test_slices_never_fall(self) -> None:
        bands = [
            {"from_value": 0, "rate_bps": 2000},
            {"from_value": 100_00, "rate_bps": 1000},
            {"from_value": 200_00, "rate_bps": 500},
        ]

        assert not flaws(of_rule(window="month", bands=bands))

    def test_bands_that_something_else_picks_do_not_fall(self) -> None:
        rule = rated(2000, 1000, mode="whole", banded_by="margin", window="sale")

        assert not flaws(of_rule(**rule))


class TestOverlaps:
    def pair(
        self, first: dict[str, Any], second: dict[str, Any], combine: str
    ) -> dict[str, Flaw]:
        base: dict[str, Any] = {
            "bands": [{"from_value": 0, "rate_bps": 1000}],
        }
        rules = [
            base | {"key": "first", "title": "First"} | first,
            base | {"key": "second", "title": "Second"} | second,
        ]
        return found(replaced(tiered(), rules=rules, combine=combine))

    @pytest.mark.parametrize(
        ("wide", "narrow", "is_covered"),
        [
            ({}, {}, True),
            ({}, {"pays_for": "lead"}, False),
            ({"duration_months": 12}, {}, False),
            ({"duration_months": 12}, {"duration_months": 24}, False),
            ({"duration_months": 12}, {"duration_months": 6}, True),
            ({"when": {"products": ["A"]}}, {}, False),
            ({"when": {"products": ["A", "B"]}}, {"when": {"products": ["A"]}}, True),
            ({"when": {"except_products": ["A"]}}, {}, False),
            ({"when": {"countries": ["DE"]}}, {"when": {"countries": ["FR"]}}, False),
            ({"when": {"tiers": ["low"]}}, {"when": {"tiers": ["low"]}}, True),
            (
                {"when": {"tiers": ["low"]}},
                {"when": {"tiers": ["low"]}, "tier_at": "first_sale"},
                False,
            ),
            ({"when": {"sale": "first"}}, {}, False),
            ({"when": {"sale": "first"}}, {"when": {"sale": "first"}}, True),
            ({"when": {"customer_months": {"from_month": 2}}}, {}, False),
            (
                {"when": {"customer_months": {"from_month": 2}}},
                {"when": {"customer_months": {"from_month": 1, "to_month": 9}}},
                False,
            ),
            (
                {"when": {"customer_months": {"from_month": 2}}},
                {"when": {"customer_months": {"from_month": 3}}},
                True,
            ),
            (
                {"when": {"customer_months": {"to_month": 9}}},
                {"when": {"customer_months": {"from_month": 3}}},
                False,
            ),
            (
                {"when": {"customer_months": {"to_month": 9}}},
                {"when": {"customer_months": {"to_month": 8}}},
                True,
            ),
            ({"when": {"customer_from": "2025-01-01"}}, {}, False),
            (
                {"when": {"customer_from": "2025-01-01"}},
                {"when": {"customer_from": "2025-02-01"}},
                True,
            ),
            ({"when": {"customer_before": "2025-01-01"}}, {}, False),
            (
                {"when": {"customer_before": "2025-01-01"}},
                {"when": {"customer_before": "2024-01-01"}},
                True,
            ),
            ({"when": {"managed_from": "2025-01-01"}}, {}, False),
        ],
    )
    def test_a_rule_in_the_shadow_of_one_before_it_is_named(
        self, wide: dict[str, Any], narrow: dict[str, Any], *, is_covered: bool
    ) -> None:
        named = self.pair(wide, narrow, "first_match")

        assert ("rules.second" in named) is is_covered
        assert "rules.second" not in self.pair(wide, narrow, "sum")

    @pytest.mark.parametrize(
        ("one", "other", "can_meet"),
        [
            ({}, {}, True),
            ({}, {"pays_for": "click"}, False),
            ({"sale": "first"}, {"sale": "renewal"}, False),
            ({"countries": ["DE"]}, {"countries": ["FR"]}, False),
            ({"sources": ["sourced"]}, {"sources": ["managed"]}, False),
            ({"sources": ["sourced"]}, {}, True),
            ({"tiers": ["low"]}, {"tiers": ["high"]}, False),
            ({"tiers": ["low"]}, {"tiers": ["high"], "tier_at": "first_sale"}, True),
            (
                {"customer_months": {"to_month": 6}},
                {"customer_months": {"from_month": 7}},
                False,
            ),
            (
                {"customer_months": {"from_month": 2}},
                {"customer_months": {"from_month": 7}},
                True,
            ),
            (
                {"customer_months": {"to_month": 6}},
                {"customer_months": {"from_month": 6}},
                True,
            ),
            (
                {"customer_from": "2025-01-01"},
                {"customer_before": "2025-01-01"},
                False,
            ),
            (
                {"customer_before": "2025-01-01"},
                {"customer_from": "2025-01-01"},
                False,
            ),
            (
                {"customer_from": "2025-01-01"},
                {"customer_before": "2025-01-02"},
                True,
            ),
        ],
    )
    def test_a_choice_that_never_arises_is_named(
        self, one: dict[str, Any], other: dict[str, Any], *, can_meet: bool
    ) -> None:
        def rule(when: dict[str, Any]) -> dict[str, Any]:
            of_rule = {k: when[k] for k in ("pays_for", "tier_at") if k in when}
            return of_rule | {
                "when": {k: v for k, v in when.items() if k not in of_rule}
            }

        assert ("combine" in self.pair(rule(one), rule(other), "highest")) is (
            not can_meet
        )


class TestAmounts:
    def test_a_currency_that_nobody_knows_is_named(self) -> None:
        assert only(replaced(of_rule(), currency="QQQ")).path == "currency"

    @pytest.mark.parametrize("code", ["XAU", "XDR", "XXX"])
    def test_a_currency_without_minor_units_is_named(self, code: str) -> None:
        flaw = only(replaced(of_rule(), currency=code))

        assert flaw.path == "currency"
        assert f"{code} has no minor unit" in flaw.message
        assert flaw.example == (
            f"Whether a sale of 10000 is 100 or 10000 {code}, nobody can tell."
        )

    def test_cents_in_a_currency_without_cents_are_named(self) -> None:
        definition = replaced(
            of_rule(window="month", bands=[{"from_value": 0, "flat_minor": 4800_00}]),
            currency="JPY",
        )

        flaw = only(definition)

        assert flaw.path == "currency"
        assert "480000 is read as ¥480,000" in flaw.message
        assert flaw.message.endswith("write 4800.")
        assert flaw.example == "A sale of ¥1,000 is written as 1000."

    def test_limits_of_bands_are_amounts_too(self) -> None:
        rule = rated(100, 200)

        assert "currency" in found(replaced(of_rule(**rule), currency="JPY"))
        odd = [rule["bands"][0], rule["bands"][1] | {"from_value": 12_345}]
        assert not flaws(replaced(of_rule(**rule | {"bands": odd}), currency="JPY"))

    def test_the_fees_currency_is_looked_at_by_itself(self) -> None:
        fee = dump_json(preset(HUBSPOT))["fee"]
        in_yen = fee | {"currency": "JPY", "minor_by_tier": {"any": 4800_00}}

        assert only(replaced(of_rule(), fee=in_yen)).path == "fee.currency"

    @pytest.mark.parametrize(
        "limits",
        [
            {"budget": {"per": "life", "most_minor": 49_00}},
            {"caps": [{"per": "life", "most_minor": 49_00}]},
        ],
    )
    def test_a_minimum_that_nobody_reaches_is_named(
        self, limits: dict[str, Any]
    ) -> None:
        definition = replaced(
            of_rule(caps=limits.get("caps", [])),
            budget=limits.get("budget"),
            payout={"minimum_minor": 50_00},
        )

        assert only(definition).path == "payout.minimum_minor"
        assert not flaws(replaced(definition, payout={"minimum_minor": 49_00}))

    @pytest.mark.parametrize(
        ("parts", "path"),
        [
            ({"friend_discount": {"percent_bps": 0}}, "friend_discount.percent_bps"),
            (
                {"clawback": {"refunds": "none", "refund_days": 30}},
                "clawback.refund_days",
            ),
        ],
    )
    def test_what_changes_nothing_is_named(
        self, parts: dict[str, object], path: str
    ) -> None:
        assert only(replaced(of_rule(), **parts)).path == path

    def test_a_fee_has_a_price_for_every_tier(self) -> None:
        fee = dump_json(preset(HUBSPOT))["fee"]
        for_gold = fee | {"minor_by_tier": {"low": 1_00}}

        flaw = only(replaced(tiered(), fee=for_gold))

        assert flaw.path == "fee.minor_by_tier"
        assert "no price for high" in flaw.message
        assert not flaws(
            replaced(tiered(), fee=fee | {"minor_by_tier": {"low": 1, "high": 2}})
        )

    def test_a_fee_has_a_price_for_every_tier_in_every_interval_and_country(
        self,
    ) -> None:
        fee = dump_json(preset(HUBSPOT))["fee"] | {
            "growth_countries": ["IN"],
            "growth_minor_by_tier": {"high": 1},
            "or_intervals": [
                {
                    "interval": "year",
                    "minor_by_tier": {"low": 1},
                    "growth_minor_by_tier": {"any": 1},
                }
            ],
        }

        found = flaws(replaced(tiered(), fee=fee))

        assert [flaw.path for flaw in found] == [
            "fee.growth_minor_by_tier",
            "fee.or_intervals",
        ]


class TestRewards:
    def of(self, **parts: object) -> ProgramDefinition:
        reward = {
            "key": "gift",
            "title": "Gift",
            "follows": "first_payment",
            "kind": "gift_card",
            "value": 20_00,
        }
        return changed(MONDAY, rewards=[reward | parts])

    @pytest.mark.parametrize(
        ("parts", "path"),
        [
            ({"follows": "review", "asks": "promoters"}, "asks"),
            ({"cap": {"total": 19_99}}, "cap.total"),
            ({"at_count": 5, "cap": {"count": 2}}, "cap.count"),
            (
                {"follows": "signup", "per_seat": True, "true_up_days": 30},
                "true_up_days",
            ),
        ],
    )
    def test_a_reward_that_cannot_work_is_named(
        self, parts: dict[str, object], path: str
    ) -> None:
        assert only(self.of(**parts)).path == f"rewards.gift.{path}"

    @pytest.mark.parametrize(
        "parts",
        [
            {},
            {"cap": {"total": 20_00}},
            {"cap": {"count": 2}},
            {"per_seat": True, "true_up_days": 30},
        ],
    )
    def test_a_good_reward_is_left_alone(self, parts: dict[str, object]) -> None:
        assert flaws(self.of(**parts)) == []


class TestProducts:
    SOLD = ("starter", "professional")

    def test_a_misspelled_product_is_named_with_the_one_that_was_meant(self) -> None:
        rule = {"key": "a", "title": "Your share", "when": {"products": ["startr"]}}

        flaw = only(of_products(rule, self.SOLD))

        assert flaw.path == "rules.a.when.products"
        assert flaw.message == (
            "There is no product startr: write starter, or add it to products."
        )
        assert flaw.example == (
            "A sale of starter does not fit Your share, which waits for startr."
        )

    def test_an_exception_for_an_unknown_product_leaves_nothing_out(self) -> None:
        rule = {"key": "a", "title": "Share", "when": {"except_products": ["Workshop"]}}

        flaw = only(of_products(rule, self.SOLD))

        assert flaw.path == "rules.a.when.except_products"
        assert "write starter or professional, or add it" in flaw.message
        assert flaw.example == (
            "A sale of starter counts for Share, which leaves out only Workshop."
        )

    @pytest.mark.parametrize(
        ("when", "sold"),
        [
            ({"products": ["starter"], "except_products": ["professional"]}, SOLD),
            ({"products": ["starter", "Workshop"]}, ()),
            ({"countries": ["DE"]}, SOLD),
            (None, SOLD),
        ],
        ids=["all known", "no list", "other conditions", "no conditions"],
    )
    def test_what_is_sold_may_be_named(
        self, when: dict[str, object] | None, sold: tuple[str, ...]
    ) -> None:
        rule = {"key": "a", "title": "Share", "when": when}

        assert flaws(of_products(rule, sold)) == []


def of_products(rule: dict[str, Any], sold: tuple[str, ...]) -> ProgramDefinition:
    band = {"from_value": 0, "rate_bps": 1_000}
    rules = [rule | {"bands": [band]}]
    return changed(HUBSPOT, rules=rules, products=sold, sources=[])


@pytest.mark.parametrize(
    ("path", "exists"),
    [
        ("rules.share.duration_months", True),
        ("rules.share.bands.1.rate_bps", False),
        ("rules.other", False),
        ("name.first", False),
        ("payout.minimum_minor", True),
    ],
)
def test_a_source_about_nothing_is_named(path: str, *, exists: bool) -> None:
    source = {"path": path, "evidence": "assumed", "note": "Ours."}
    definition = replaced(of_rule(), sources=[source])

    assert (f"sources.{path}" in found(definition)) is not exists


@pytest.mark.parametrize(
    ("model", "rule", "is_flawed"),
    [
        ("linear", {"bands": [{"from_value": 0, "flat_minor": 100}]}, True),
        (
            "position",
            {"measure": "items", "bands": [{"from_value": 0, "each_minor": 100}]},
            True,
        ),
        (
            "linear",
            {"measure": "units", "bands": [{"from_value": 0, "each_minor": 100}]},
            False,
        ),
        ("linear", {"bands": [{"from_value": 0, "rate_bps": 100}]}, False),
        ("last_click", {"bands": [{"from_value": 0, "flat_minor": 100}]}, False),
    ],
)
def test_a_fixed_amount_that_several_share_is_named(
    *, model: str, rule: dict[str, Any], is_flawed: bool
) -> None:
    definition = replaced(
        of_rule(**rule), attribution={"model": model, "window_days": 90}
    )

    said = found(definition).get("rules.share.bands")

    assert (said is not None and "cannot be shared" in said.message) == is_flawed
