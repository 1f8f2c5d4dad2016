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


@pytest.mark.parametrize("froms", [[1, 2, 3, 4, 5], [0, 2, 2, 3, 4], [0, 3, 2, 4, 5]])
def test_levels_rise_from_zero(froms: list[int]) -> None:
    def change(document: dict[str, Any]) -> None:
        for level, value in zip(document["tiers"]["levels"], froms, strict=True):
            level["from_value"] = value

    assert "levels start at 0 and each begins above the one before" in broken(change)


def test_levels_have_their_own_keys() -> None:
    assert "level key gold occurs more than once" in broken(
        lambda d: d["tiers"]["levels"][2].update(key="gold")
    )


def test_points_are_worth_something_and_nothing_else_is() -> None:
    expected = "give milli_points_per_100 for points, and only then"

    assert expected in broken(lambda d: d["tiers"].update(milli_points_per_100=0))
    assert expected in broken(lambda d: d["tiers"].update(metric="net_sales"))


def test_a_rule_has_one_kind_of_rate() -> None:
    expected = "give either bands or rate_bps_by_tier"

    assert expected in broken(lambda d: d["rules"][0].update(bands=[]))
    assert expected in broken(
        lambda d: d["rules"][0].update(rate_bps_by_tier={"gold": 1})
    )


@pytest.mark.parametrize("froms", [[1], [0, 5, 5], [0, 6, 5]])
def test_bands_rise_from_zero(froms: list[int]) -> None:
    bands = [{"from_minor": minor, "rate_bps": 1} for minor in froms]

    assert "bands start at 0 and each begins above the one before" in broken(
        lambda d: d["rules"][0].update(bands=bands)
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
