from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings

from portal.programs.changes import changes
from portal.programs.definition import ProgramDefinition
from portal.programs.documents import dump_json, load_json, preset
from tests.programs.definitions import HUBSPOT, MONDAY, changed, with_rule
from tests.programs.strategies import definitions

PATIENT = settings(
    max_examples=40, deadline=None, suppress_health_check=list(HealthCheck)
)


def told(old: ProgramDefinition, new: ProgramDefinition) -> dict[str, str]:
    return {change.path: change.sentence for change in changes(old, new)}


def monday(change: Any) -> dict[str, str]:  # noqa: ANN401 - a function on a JSON document
    """What is told about the affiliate program after `change`."""
    document = dump_json(preset(MONDAY))
    change(document)
    return told(preset(MONDAY), load_json(document))


@pytest.mark.parametrize("key", [HUBSPOT, MONDAY])
def test_a_program_does_not_differ_from_itself(key: str) -> None:
    assert changes(preset(key), load_json(dump_json(preset(key)))) == []


def test_a_rate_is_told_with_both_values() -> None:
    def change(document: dict[str, Any]) -> None:
        document["rules"][0]["rate_bps_by_tier"]["growth"] = 4000

    assert monday(change) == {
        "rules.first-year.rate_bps_by_tier.growth": (
            "Rule “Share of the first year”, rate, growth: 40% instead of 50%."
        )
    }


def test_entries_are_matched_by_their_key_and_a_new_order_is_told() -> None:
    def change(document: dict[str, Any]) -> None:
        document["gates"].reverse()
        document["gates"][0]["blocks"] = ["earn", "link"]

    found = monday(change)

    assert found["gates"] == (
        "Requirements: the order is now agreement, review, and email."
    )
    assert found["gates.agreement.blocks"] == (
        "Requirement “Accept the affiliate agreement”, what it blocks: removed: payout."
    )
    assert len(found) == 2


def test_a_list_of_words_tells_what_came_what_went_and_the_order() -> None:
    def of(products: list[str]) -> ProgramDefinition:
        return with_rule(when={"products": products})

    path = "rules.share.when.products"
    said = "Rule “Share”, condition, products: "
    assert told(of(["a", "b"]), of(["b", "c"]))[path] == (said + "new: c; removed: a.")
    assert told(of(["a", "b"]), of(["b", "a"]))[path] == (
        said + "the order is now b and a."
    )
    assert told(of([]), of(["a"]))[path] == said + "new: a."


def test_a_whole_rule_that_comes_or_goes_is_told_in_its_sentences() -> None:
    one, two = with_rule(), with_rule(key="other", title="Other")

    found = told(one, two)

    assert found == {
        "rules.other": (
            "Rule “Other”: new: You earn 10% of what your customer pays, without "
            "tax, for as long as they stay a customer."
        ),
        "rules.share": (
            "Rule “Share”: removed: You earn 10% of what your customer pays, without "
            "tax, for as long as they stay a customer."
        ),
    }


def test_a_reward_is_told_in_its_sentences_too() -> None:
    reward = {
        "key": "month",
        "title": "Month",
        "follows": "signup",
        "kind": "free_months",
        "value": 1,
        "cap": {"count": 12},
    }
    new = changed(MONDAY, rewards=[reward])
    more = changed(
        MONDAY, rewards=[reward | {"value": 2, "cap": {"total": 3, "count": None}}]
    )

    assert told(preset(MONDAY), new)["rewards.month"].startswith(
        "Reward “Month”: new: You get 1 free month for each friend"
    )
    assert told(new, more) == {
        "rewards.month.value": (
            "Reward “Month”, how much: 2 free months instead of 1 free month."
        ),
        "rewards.month.cap.count": "Reward “Month”, cap, number: removed: 12.",
        "rewards.month.cap.total": "Reward “Month”, cap, total: new: 3 free months.",
    }


def test_a_long_text_is_told_by_its_lines() -> None:
    def change(document: dict[str, Any]) -> None:
        document["agreement"]["text"] += "\nOne more line.\n"

    found = monday(change)

    assert found == {
        "agreement.text": (
            "Agreement, text: the text changed; 2 lines are new and 0 lines are gone."
        )
    }


def test_a_part_that_comes_is_told_field_by_field() -> None:
    def change(document: dict[str, Any]) -> None:
        document["payout"]["holdback"] = {"bps": 3000, "months": 6, "release_day": 15}

    assert monday(change) == {
        "payout.holdback": (
            "Payment, kept back: new: share: 30%; months: 6; day of the month: 15."
        )
    }


def test_places_for_registered_customers_are_told() -> None:
    def change(document: dict[str, Any]) -> None:
        document["attribution"]["registration"] = {"days": 90, "max_open": 25}

    assert monday(change) == {
        "attribution.registration": (
            "Your customers, registered customers: new: days: 90; open at a time: 25."
        )
    }


@pytest.mark.parametrize(
    ("rule", "path", "sentence"),
    [
        (
            {"duration_months": 12},
            "duration_months",
            "Rule “Share”, months that sales earn: new: 12.",
        ),
        (
            {"when": {"managed_from": "2025-04-01"}},
            "when",
            (
                "Rule “Share”, condition: new: which sales of a customer: any; "
                "looked after from: 1 April 2025."
            ),
        ),
        (
            {"accelerator": {"above_minor": 100, "multiplier_bps": 12_500}},
            "accelerator",
            (
                "Rule “Share”, accelerator: new: quota: $1.00; multiplier: 1.25; "
                "sales of the year that it takes: $0.00."
            ),
        ),
        (
            {"caps": [{"per": "month", "most_minor": 5_00}]},
            "caps.month",
            "Rule “Share”, Cap month: new: counted for: month; the most: $5.00.",
        ),
        (
            {"hold": {"days": 3, "to_month_end": True}},
            "hold",
            (
                "Rule “Share”, waiting time: new: days: 3; until the month is over: "
                "yes; only while a customer: no."
            ),
        ),
        (
            {"measure": "margin"},
            "measure",
            "Rule “Share”, what is counted: margin instead of net sales.",
        ),
        (
            {
                "bands": [
                    {"from_value": 0, "rate_bps": 1000},
                    {"from_value": 500, "rate_bps": 2000},
                ]
            },
            "bands.2",
            "Rule “Share”, Band 2: new: from: $5.00; rate: 20%.",
        ),
    ],
)
def test_fields_of_a_rule_are_told_with_their_units(
    rule: dict[str, object], path: str, sentence: str
) -> None:
    assert told(with_rule(), with_rule(**rule)) == {f"rules.share.{path}": sentence}


def test_amounts_are_told_in_their_own_currency() -> None:
    old = dump_json(preset(HUBSPOT))
    points = old["tiers"]["points"]
    new = load_json(
        old
        | {
            "fee": old["fee"] | {"currency": "JPY", "minor_by_tier": {"any": 4800}},
            "tiers": old["tiers"]
            | {
                "points": points
                | {
                    "milli_per_100": {"sourced": 1500},
                    "minor_per_100": points["minor_per_100"] | {"EUR": 89_00},
                }
            },
            "budget": {"per": "life", "most_minor": 1},
        }
    )

    found = told(preset(HUBSPOT), new)

    assert (
        found["fee.minor_by_tier.any"] == "Fee, price, any: ¥4,800 instead of $35.00."
    )
    assert found["tiers.points.milli_per_100.sourced"].endswith(
        "sourced: 1.5 instead of 5."
    )
    assert found["tiers.points.minor_per_100.EUR"].endswith(
        "EUR: €89.00 instead of €88.00."
    )
    assert "$0.01" in found["budget"]


@pytest.mark.parametrize(
    ("metric", "said"),
    [
        ("new_customers", "7 instead of 6"),
        ("net_sales", "$0.07 instead of $0.06"),
        ("points", "0.007 instead of 0.006"),
    ],
)
def test_a_tier_is_told_in_what_it_counts(metric: str, said: str) -> None:
    points = {"milli_per_100": {"sourced": 1000}} if metric == "points" else None
    old = dump_json(preset(MONDAY))["tiers"] | {"metric": metric, "points": points}
    levels = [dict(level) for level in old["levels"]]
    levels[1]["from_value"] = 7

    found = told(changed(tiers=old), changed(tiers=old | {"levels": levels}))

    assert found == {
        "tiers.levels.growth.from_value": f"Tiers, Tier “Growth”, from: {said}."
    }


def test_a_flag_and_an_empty_text_are_told() -> None:
    def change(document: dict[str, Any]) -> None:
        document["gates"][0]["how"] = "Open the mail."
        document["gates"][1]["sales_while_unmet"] = "held"
        document["join"]["steps"][0]["questions"][0]["required"] = False

    assert list(monday(change).values()) == [
        (
            "Joining, Step of the application “You and your audience”, Question “What "
            "is your name?”, required: no instead of yes."
        ),
        "Requirement “Confirm your e-mail address”, what to do: new: “Open the mail.”.",
        (
            "Requirement “Have your application approved”, sales before it is met: "
            "held instead of forfeited."
        ),
    ]


def test_entries_without_a_name_of_their_own_are_counted() -> None:
    tiers = dump_json(preset(MONDAY))["tiers"]
    levels = [dict(level) for level in tiers["levels"]]
    levels[1]["requires"] = [
        {"metric": "net_sales", "at_least": 5_00},
        {"metric": "fact", "fact": "score", "at_least": 4},
    ]

    found = told(preset(MONDAY), changed(tiers=tiers | {"levels": levels}))

    assert set(found) == {
        "tiers.levels.growth.requires.1",
        "tiers.levels.growth.requires.2",
    }


def places(value: Any, path: str = "") -> Iterator[tuple[str, Any]]:  # noqa: ANN401 - any JSON value
    """Every place of a document; a list without keys is one place."""
    keyed = (
        isinstance(value, list)
        and value
        and all(isinstance(part, dict) and "key" in part for part in value)
    )
    if keyed:
        for part in value:
            yield from places(part, f"{path}.{part['key']}")
    elif isinstance(value, dict):
        for name, part in value.items():
            yield from places(part, f"{path}.{name}")
    else:
        yield path, value


@PATIENT
@given(definition=definitions())
def test_equal_definitions_never_differ(definition: ProgramDefinition) -> None:
    assert changes(definition, load_json(dump_json(definition))) == []


@PATIENT
@given(old=definitions(), new=definitions())
def test_every_place_that_differs_is_told(
    old: ProgramDefinition, new: ProgramDefinition
) -> None:
    found = changes(old, new)

    assert found == changes(old, new)
    assert all(change.sentence.strip() for change in found)
    assert all(change.before != change.after for change in found)
    before, after = dict(places(dump_json(old))), dict(places(dump_json(new)))
    paths = [f".{change.path}." for change in found]
    for place in before | after:
        if before.get(place, "nowhere") != after.get(place, "nowhere"):
            assert any(
                path.startswith(f"{place}.") or f"{place}.".startswith(path)
                for path in paths
            ), place
