import pytest

from portal.programs.definition import ProgramDefinition
from portal.programs.documents import dump_json, preset, preset_keys
from portal.programs.gaps import gaps
from tests.programs.definitions import HUBSPOT, changed, with_rule

NOTHING_TO_SAY = {
    "blank",
    "hubspot-affiliate",
    "hubspot-affiliate-legacy",
    "hubspot-provider",
    "salesforce-private-referral",
}


@pytest.mark.parametrize("key", preset_keys())
def test_each_note_names_its_part_and_is_a_sentence(key: str) -> None:
    notes = gaps(preset(key))

    assert bool(notes) != (key in NOTHING_TO_SAY)
    for gap in notes:
        assert gap.path
        assert gap.note.endswith(".")


@pytest.mark.parametrize(
    ("key", "path", "note"),
    [
        ("software-advice-ppl", "rules.lead.pays_for", "Only sales are recorded"),
        ("capterra-ppc", "rules.click.pays_for", "pays nothing yet"),
        ("trello-gold", "rewards", "Hand them out by other means"),
        ("monday-affiliate", "friend_discount", "a coupon in Stripe"),
        ("monday-partner", "tiers.levels", "on the page of each partner"),
        (
            "hubspot-solutions-partner",
            "tiers.points.milli_per_100",
            "Every sale counts as sourced",
        ),
        (
            "hubspot-solutions-partner",
            "rules.legacy-lifetime.when.managed_from",
            "A customer counts as looked after until you say",
        ),
    ],
)
def test_what_the_portal_leaves_to_others_is_said(
    key: str, path: str, note: str
) -> None:
    said = {gap.path: gap.note for gap in gaps(preset(key))}

    assert note in said[path]


def test_a_rule_for_one_kind_of_deal_is_noted() -> None:
    definition = with_rule(when={"sources": ["managed"]})

    assert "rules.share.when.sources" in {gap.path for gap in gaps(definition)}


@pytest.mark.parametrize("name", ["products", "except_products"])
def test_without_a_list_nobody_notices_a_misspelled_product(name: str) -> None:
    definition = with_rule(when={name: ["pro"]})
    listed = changed(HUBSPOT, **(dump_json(definition) | {"products": ["pro"]}))
    path = f"rules.share.when.{name}"

    assert (
        "list them under products" in {g.path: g.note for g in gaps(definition)}[path]
    )
    assert path not in {gap.path for gap in gaps(listed)}


def test_points_for_sourced_deals_alone_need_no_note() -> None:
    tiers: dict[str, object] = {
        "metric": "points",
        "window": "life",
        "points": {"milli_per_100": {"sourced": 1000}},
        "levels": [{"key": "low", "name": "Low", "from_value": 0}],
    }

    assert gaps(with_rule_of(tiers)) == []


def with_rule_of(tiers: dict[str, object]) -> ProgramDefinition:
    return changed(HUBSPOT, **(dump_json(with_rule()) | {"tiers": tiers}))
