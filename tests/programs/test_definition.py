from typing import Any
from zoneinfo import ZoneInfo

import pytest

from portal.programs.definition import storable
from portal.programs.documents import DefinitionError, dump_json, load_json, preset
from tests.programs.definitions import HUBSPOT, MONDAY, changed


def broken(change: Any) -> str:  # noqa: ANN401 - a function on a JSON document
    """What is said about the solutions program after `change`."""
    document = dump_json(preset(HUBSPOT))
    change(document)
    with pytest.raises(DefinitionError) as refusal:
        load_json(document)
    return refusal.value.message


def questions(document: dict[str, Any]) -> list[dict[str, Any]]:
    return [q for step in document["join"]["steps"] for q in step["questions"]]


def rename_key(old: str, new: str) -> Any:  # noqa: ANN401 - a function
    def change(document: dict[str, Any]) -> None:
        next(q for q in questions(document) if q["key"] == old)["key"] = new

    return change


def test_choices_come_with_questions_that_offer_them() -> None:
    expected = "give choices for choice and multiple_choice, and only then"

    assert expected in broken(lambda d: questions(d)[6].update(choices=[]))
    assert expected in broken(
        lambda d: questions(d)[0].update(choices=[{"key": "a", "label": "A"}])
    )


def test_a_form_asks_each_thing_once() -> None:
    assert "question key website occurs more than once" in broken(
        rename_key("name", "website")
    )
    assert "step key you occurs more than once" in broken(
        lambda d: d["join"]["steps"][1].update(key="you")
    )


def test_a_step_cannot_be_called_like_another_page_of_the_application() -> None:
    assert "call the step check otherwise" in broken(
        lambda d: d["join"]["steps"][1].update(key="check")
    )


@pytest.mark.parametrize(
    ("key", "sentence"),
    [("company", "ask for company in"), ("country", "ask for country in")],
)
def test_a_form_asks_for_company_and_country(key: str, sentence: str) -> None:
    assert sentence in broken(rename_key(key, "other"))


def test_a_certification_gate_names_its_exam() -> None:
    expected = "name a certification for that kind of gate, and only then"

    assert expected in broken(lambda d: d["gates"][3].update(certification=None))
    assert expected in broken(lambda d: d["gates"][0].update(certification="x"))


@pytest.mark.parametrize("froms", [[1, 2, 3, 4, 5], [0, 3, 2, 4, 5]])
def test_levels_rise_from_zero(froms: list[int]) -> None:
    def change(document: dict[str, Any]) -> None:
        for level, value in zip(document["tiers"]["levels"], froms, strict=True):
            level["from_value"] = value

    assert "levels start at 0 and none begins below the one before" in broken(change)


def test_levels_have_their_own_keys() -> None:
    assert "level key gold occurs more than once" in broken(
        lambda d: d["tiers"]["levels"][2].update(key="gold")
    )


def test_points_are_worth_something_and_nothing_else_is() -> None:
    expected = "say how sales become points where points count, only then"

    assert expected in broken(lambda d: d["tiers"].update(points=None))
    assert expected in broken(lambda d: d["tiers"].update(metric="net_sales"))


def tiers_with(**parts: object) -> Any:  # noqa: ANN401 - a function
    return lambda document: document["tiers"].update(parts)


def first_rule_with(**parts: object) -> Any:  # noqa: ANN401 - a function
    return lambda document: document["rules"][0].update(parts)


def first_gate_with(**parts: object) -> Any:  # noqa: ANN401 - a function
    return lambda document: document["gates"][0].update(parts)


def with_reward(**parts: object) -> Any:  # noqa: ANN401 - a function
    reward = {"key": "r", "title": "R", "follows": "first_payment", "kind": "credit"}
    return lambda document: document.update(rewards=[reward | {"value": 1} | parts])


@pytest.mark.parametrize(
    ("change", "remedy"),
    [
        (tiers_with(metric="fact"), "a fact decides through requires"),
        (
            lambda d: d["tiers"]["levels"][1].update(from_value=0),
            (
                "level partner is never held: gold begins at the same value and "
                "requires nothing more, so whoever reaches 0 stands on gold"
            ),
        ),
        (
            lambda d: d["tiers"]["levels"][0].update(
                requires=[{"metric": "fact", "fact": "score", "at_least": 1}]
            ),
            "the lowest level is everybody's: it requires nothing",
        ),
        (
            lambda d: d["tiers"]["levels"][1].update(
                requires=[{"metric": "fact", "fact": "score"}]
            ),
            "give at_least or below",
        ),
        (
            lambda d: d["tiers"]["levels"][1].update(
                requires=[{"metric": "net_sales", "fact": "score", "below": 1}]
            ),
            "name a fact for the metric fact, and only then",
        ),
        (
            tiers_with(duty={"level": "silver", "within_months": 1}),
            "the duty names a level that does not exist",
        ),
        (
            tiers_with(duty={"level": "gold", "within_months": 1, "move_to": "x"}),
            "the duty names a level that does not exist",
        ),
        (tiers_with(promote={"when": "dates"}), "give dates where a move waits"),
        (
            tiers_with(demote={"when": "never", "dates": ["01-15"]}),
            "give dates where a move waits",
        ),
        (
            tiers_with(demote={"look_back_months": 6}),
            "only a move on dates looks back",
        ),
        (
            first_rule_with(bands=[{"from_value": 0}]),
            "give one of rate_bps, each_minor and flat_minor",
        ),
        (
            first_rule_with(measure="items"),
            "a rate is a share of an amount: give each_minor for a number",
        ),
        (
            first_rule_with(bands=[{"from_value": 0, "each_minor": 1}]),
            "each_minor pays for a number: measure items or units",
        ),
        (
            first_rule_with(
                banded_by="units",
                bands=[
                    {"from_value": 0, "rate_bps": 1},
                    {"from_value": 1, "rate_bps": 2},
                ],
            ),
            "apply whole: mode: whole",
        ),
        (first_rule_with(window="program_year"), "give program_year_from for that"),
        (first_rule_with(rolling_months=3), "give rolling_months for that window"),
        (
            first_rule_with(
                measure="margin",
                accelerator={"above_minor": 1, "multiplier_bps": 12_500},
            ),
            "an accelerator looks at net sales: measure net_sales",
        ),
        (
            first_rule_with(
                rounding_per="sale",
                accelerator={"above_minor": 1, "multiplier_bps": 12_500},
            ),
            "an accelerator is rounded per window",
        ),
        (
            first_rule_with(caps=[{"per": "sale", "most_minor": 1}] * 2),
            "cap sale occurs more than once",
        ),
        (
            first_rule_with(when={"customer_months": {"from_month": 2, "to_month": 1}}),
            "to_month lies before from_month",
        ),
        (first_rule_with(when={"tiers": ["x"]}), "names a tier that does not exist"),
        (
            first_rule_with(
                bands=[],
                measure="items",
                rate_bps_by_tier=dict.fromkeys(
                    ["partner", "gold", "platinum", "diamond", "elite"], 1
                ),
            ),
            "a rate is a share of an amount: measure net_sales or margin",
        ),
        (
            lambda d: (
                d.update(combine="highest") or d["rules"][0].update(window="month")
            ),
            "cannot be compared sale by sale: with combine: highest",
        ),
        (lambda d: d.update(rules=[]), "add rules or rewards"),
        (first_gate_with(shuts_at_deadline=True), "say by which deadline it must be"),
        (
            lambda d: d["payout"].update(
                holdback={"bps": 1, "months": 1}, draw={"minor": 1}
            ),
            "holdback and draw pull in opposite directions: keep one",
        ),
        (
            lambda d: d["join"].update(mode="open"),
            "remove the gate review, or make join.mode apply",
        ),
        (
            lambda d: (
                d["join"].update(mode="open")
                or d["gates"][1].update(kind="confirmation")
            ),
            "let the gate review block link, earn or payout instead of join",
        ),
    ],
)
def test_what_does_not_fit_is_refused_with_its_remedy(
    change: Any,  # noqa: ANN401 - a function
    remedy: str,
) -> None:
    assert remedy in broken(change)


@pytest.mark.parametrize(
    ("parts", "remedy"),
    [
        ({"rate_bps": 1}, "give value or rate_bps"),
        ({"value": None, "rate_bps": 1, "kind": "item"}, "only credit is a share"),
        (
            {"value": None, "rate_bps": 1, "follows": "signup"},
            "a share needs a payment",
        ),
        (
            {"value": None, "rate_bps": 1, "per_seat": True},
            "a share is not counted by seats",
        ),
        ({"true_up_days": 1}, "only a reward per seat is trued up"),
        ({"at_count": 1, "every": 1}, "give at_count or every"),
        ({"at_count": 1, "to": "friend"}, "a milestone is the referrer's"),
        ({"at_count": 1, "per_seat": True}, "a milestone has one value"),
        ({"months": 2}, "only percent_off and feature last"),
        ({"adds_up": False}, "adds_up is about percent_off"),
        (
            {"cap": {"count": 1, "overflow": "replace_oldest"}},
            "only what lasts can be replaced",
        ),
        (
            {
                "cap": {
                    "count": 1,
                    "overflow": "replace_oldest",
                    "per": "calendar_year",
                }
            },
            "replace_oldest looks at what stands at one time",
        ),
        ({"cap": {}}, "give count or total"),
        ({"asks": "promoters"}, "asks is about reviews"),
        ({"disclosure": "x"}, "a disclosure stands beside a review"),
        ({"kind": "item", "excess": "forfeit"}, "are about credit"),
    ],
)
def test_a_reward_that_makes_no_sense_is_refused(
    parts: dict[str, object], remedy: str
) -> None:
    assert remedy in broken(with_reward(**parts))


def test_a_rule_has_one_kind_of_rate() -> None:
    expected = "give either bands or rate_bps_by_tier"

    assert expected in broken(lambda d: d["rules"][0].update(bands=[]))
    assert expected in broken(
        lambda d: d["rules"][0].update(rate_bps_by_tier={"gold": 1})
    )


@pytest.mark.parametrize(
    ("froms", "example"),
    [
        ([100], "no band says what a total of 99 earns"),
        ([0, 5, 5], "a total of 5 would be in two bands"),
        (
            [0, 6, 5],
            "a total of 6 would be in the band from 6 and in the one from 5 after it",
        ),
    ],
)
def test_bands_rise_from_zero_without_gap_or_overlap(
    froms: list[int], example: str
) -> None:
    bands = [{"from_value": minor, "rate_bps": 1} for minor in froms]

    found = broken(lambda d: d["rules"][0].update(bands=bands))

    assert f"bands start at 0 and each begins above the one before: {example}" in found


@pytest.mark.parametrize(
    ("band", "example"),
    [
        ({"rate_bps": -5}, "must be at least 0: a sale of 10000 would earn -5"),
        ({"each_minor": -5}, "must be at least 0: a sale would earn -5"),
        ({"flat_minor": -5}, "must be at least 0: a sale would earn -5"),
    ],
)
def test_what_would_take_from_the_partner_is_shown_on_a_sale(
    band: dict[str, int], example: str
) -> None:
    bands = [{"from_value": 0, **band}]

    assert example in broken(lambda d: d["rules"][0].update(bands=bands))


def test_a_rate_of_a_tier_below_nothing_is_shown_on_a_sale() -> None:
    assert "a sale of 10000 would earn -1" in broken(
        lambda d: d["rules"][0].update(bands=[], rate_bps_by_tier={"gold": -1})
    )


def test_a_rate_by_tier_is_rated_sale_by_sale() -> None:
    assert "window: sale" in broken(
        lambda d: d["rules"][0].update(
            bands=[], rate_bps_by_tier={"gold": 1}, window="month"
        )
    )


def test_a_rate_by_tier_covers_every_tier_and_no_other() -> None:
    assert "needs a rate for each tier, no other" in broken(
        lambda d: d["rules"][0].update(bands=[], rate_bps_by_tier={"gold": 1})
    )


def test_an_agreement_and_its_gate_come_together() -> None:
    assert "an agreement and its gate come together" in broken(
        lambda d: d.update(agreement=None)
    )


def test_a_fee_and_its_gate_come_together() -> None:
    assert "a fee and its gate come together" in broken(lambda d: d.update(fee=None))


def test_a_fee_names_tiers_that_exist() -> None:
    assert "the fee names a tier that does not exist" in broken(
        lambda d: d["fee"]["minor_by_tier"].update(silver=1)
    )


def test_gates_and_rules_have_their_own_keys() -> None:
    assert "gate key email occurs more than once" in broken(
        lambda d: d["gates"][1].update(key="email")
    )
    assert "rule key partner-share occurs more than once" in broken(
        lambda d: d["rules"].append(d["rules"][0])
    )


def test_the_price_of_a_tier_falls_back_to_any_and_then_to_the_first() -> None:
    fee = dump_json(preset(HUBSPOT))["fee"]
    by_tier = changed(HUBSPOT, fee=fee | {"minor_by_tier": {"any": 1, "gold": 2}}).fee
    gold_only = changed(HUBSPOT, fee=fee | {"minor_by_tier": {"gold": 2}}).fee

    assert by_tier
    assert gold_only
    assert [by_tier.minor_for(tier) for tier in ("gold", "elite", None)] == [2, 1, 1]
    assert gold_only.minor_for(None) == 2


def test_the_price_of_a_fee_depends_on_tier_country_and_interval() -> None:
    yearly = {
        "interval": "year",
        "minor_by_tier": {"any": 10, "gold": 20},
        "growth_minor_by_tier": {"any": 7},
    }
    fee = changed(
        HUBSPOT,
        fee=dump_json(preset(HUBSPOT))["fee"]
        | {
            "or_intervals": [yearly],
            "growth_countries": ["IN"],
            "growth_minor_by_tier": {"any": 1},
        },
    ).fee

    assert fee
    assert fee.price("gold", "US") == 3_500
    assert fee.price("gold", "US", "year") == 20
    assert fee.price("gold", "IN", "year") == 7
    assert fee.price(None, "IN") == 1
    assert fee.named_tiers == {"any", "gold"}


@pytest.mark.parametrize(
    ("parts", "message"),
    [
        (
            {"or_intervals": [{"interval": "month", "minor_by_tier": {"any": 1}}]},
            "interval of the fee month occurs more than once",
        ),
        ({"growth_countries": ["IN"]}, "come together"),
        ({"growth_minor_by_tier": {"any": 1}}, "come together"),
        (
            {
                "growth_countries": ["IN"],
                "growth_minor_by_tier": {"any": 1},
                "or_intervals": [{"interval": "year", "minor_by_tier": {"any": 1}}],
            },
            "come together",
        ),
        (
            {
                "or_intervals": [
                    {
                        "interval": "year",
                        "minor_by_tier": {"any": 1},
                        "growth_minor_by_tier": {"any": 1},
                    }
                ]
            },
            "come together",
        ),
        ({"coupon": "A", "promotion_codes": True}, "not both: remove one"),
        (
            {"or_intervals": [{"interval": "year", "minor_by_tier": {"silver": 1}}]},
            "the fee names a tier that does not exist",
        ),
    ],
)
def test_the_prices_of_a_fee_fit_together(parts: dict[str, Any], message: str) -> None:
    assert message in broken(lambda d: d["fee"].update(parts))


def test_links_lead_to_the_vendors_own_site() -> None:
    definition = changed(landing_url="{vendor}/pricing")

    assert definition.landing("https://acme.test/") == "https://acme.test/pricing"
    elsewhere = changed(landing_url="https://shop.test/x")
    assert elsewhere.landing("https://acme.test") == "https://shop.test/x"


def test_a_gate_is_found_by_its_key() -> None:
    assert preset(MONDAY).gate("review").title == "Have your application approved"
    with pytest.raises(KeyError):
        preset(MONDAY).gate("fee")


def test_months_begin_in_the_programs_time_zone() -> None:
    assert changed(time_zone="Asia/Seoul").zone == ZoneInfo("Asia/Seoul")


@pytest.mark.parametrize(
    ("text", "is_fine"),
    [
        ("a\n\tb", True),
        ("é漢😀", True),
        ("a\x00", False),
        ("\r", False),
        ("\x85", False),
    ],
)
def test_only_text_that_survives_is_stored(text: str, *, is_fine: bool) -> None:
    assert storable(text) is is_fine


@pytest.mark.parametrize(
    ("rules", "combine", "reason"),
    [
        ([{"key": "none"}], "sum", "call the rule none otherwise"),
        (
            [{"caps": [{"per": "month", "most_minor": 1}]}],
            "highest",
            "caps are per sale",
        ),
        ([{"window": "month"}], "highest", "every window is sale"),
        (
            [
                {
                    "window": "month",
                    "banded_by": "items",
                    "accelerator": {"above_minor": 1, "multiplier_bps": 20_000},
                }
            ],
            "sum",
            "the window's own total",
        ),
    ],
)
def test_what_the_engine_could_not_obey_is_refused(
    rules: list[dict[str, object]], combine: str, reason: str
) -> None:
    whole = [
        {
            "key": "share",
            "title": "Share",
            "bands": [{"from_value": 0, "rate_bps": 1_000}],
            **rule,
        }
        for rule in rules
    ]

    with pytest.raises(DefinitionError, match=reason):
        changed(rules=whole, combine=combine, tiers=None, fee=None)
