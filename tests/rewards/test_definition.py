from typing import Any

import pytest

from portal.programs.documents import DefinitionError, dump_json, dump_yaml, load_yaml
from tests.rewards.facts import program, reward


def test_a_reward_with_all_its_parts_survives_yaml_byte_for_byte() -> None:
    written = program(
        reward(
            follows="first_payment",
            to="company",
            kind="credit",
            value=1000,
            per_seat=True,
            true_up_days=90,
            wait_days=30,
            once_per_company=True,
            needs_consent=True,
            opt_out=True,
            blocks=["same_email_domain", "existing_customer"],
            risk_check={"signals": ["same_ip"], "crowd_from": 3, "holds_from": "high"},
            bills="annual",
            most_of_bill_bps=5000,
            excess="forfeit",
            cap={"total": 5, "per": "calendar_year"},
        )
    )

    text = dump_yaml(written)

    assert load_yaml(text) == written
    assert dump_yaml(load_yaml(text)) == text
    assert dump_json(written)["rewards"][0]["risk_check"]["holds_from"] == "high"


def test_a_review_says_that_it_was_rewarded_whatever_the_program_says() -> None:
    plain, worded, other = program(
        reward(key="a", follows="review"),
        reward(key="b", follows="review", disclosure="We gave a card for this."),
        reward(key="c"),
    ).rewards

    assert plain.disclosed_as == "Incentivized review"
    assert worded.disclosed_as == "We gave a card for this."
    assert other.disclosed_as is None


def test_asking_only_promoters_for_a_review_is_known_as_gating() -> None:
    everyone, promoters = program(
        reward(key="a", follows="review"),
        reward(key="b", follows="review", asks="promoters"),
    ).rewards

    assert not everyone.is_review_gating
    assert promoters.is_review_gating


@pytest.mark.parametrize(
    ("parts", "problem"),
    [
        ({"value": 1, "rate_bps": 1}, "give value or rate_bps"),
        ({"value": None}, "give value or rate_bps"),
        ({"rate_bps": 1, "follows": "payment"}, "only credit is a share"),
        ({"rate_bps": 1, "kind": "credit"}, "a share needs a payment"),
        (
            {"rate_bps": 1, "kind": "credit", "follows": "payment", "per_seat": True},
            "not counted by seats",
        ),
        ({"true_up_days": 9}, "only a reward per seat"),
        ({"at_count": 1, "every": 1}, "give at_count or every"),
        ({"at_count": 1, "to": "friend"}, "the referrer's or its company's"),
        ({"every": 1, "per_seat": True}, "a milestone has one value"),
        ({"months": 1}, "only percent_off and feature last"),
        ({"adds_up": False}, "adds_up is about percent_off"),
        ({"asks": "promoters"}, "asks is about reviews"),
        ({"disclosure": "x"}, "a disclosure stands beside a review"),
        ({"follows": "review", "blocks": ["same_person"]}, "no second person"),
        ({"excess": "forfeit"}, "are about credit"),
        ({"cap": {}}, "give count or total"),
        ({"cap": {"count": 1, "total": 1}}, "give count or total"),
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
            "per: life",
        ),
        (
            {"risk_check": {"signals": ["same_ip"], "holds_from": "low"}},
            "rewards.0.risk_check.holds_from",
        ),
    ],
)
def test_a_reward_that_does_not_fit_together_is_refused(
    parts: dict[str, Any], problem: str
) -> None:
    with pytest.raises(DefinitionError) as refused:
        program(reward(**parts))

    assert problem in str(refused.value)
