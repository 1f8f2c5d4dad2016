from typing import Any

import pytest

from portal.programs.definition import Moment
from portal.rewards.calculation import ReferralFact, rewards_due
from tests.rewards.facts import at, fact, facts, program, reward, why

DAY = "2026-03-01"


def said(
    told: list[ReferralFact],
    *,
    as_of: str | None = None,
    **parts: Any,  # noqa: ANN401 - any part of a reward
) -> list[str]:
    dues = rewards_due(
        program(reward(**parts)), told, as_of=at(as_of) if as_of else None
    )
    return [why(due) for due in dues]


@pytest.mark.parametrize(
    ("parts", "what"),
    [
        ({}, "1 free month"),
        ({"value": 3}, "3 free months"),
        ({"kind": "percent_off", "value": 1250}, "12.5% off"),
        ({"kind": "credit", "value": 999}, "USD 9.99 credit"),
        ({"kind": "gift_card", "value": 2000}, "USD 20.00 gift card"),
        ({"kind": "item"}, "A gift"),
        ({"kind": "item", "value": 2}, "2 of A gift"),
        ({"kind": "feature"}, "A gift"),
        ({"kind": "places", "value": 5}, "5 places forward"),
    ],
)
def test_each_kind_has_words_of_its_own(parts: dict[str, Any], what: str) -> None:
    assert said([fact("ben")], **parts) == [
        f"{what} for the sign-up of {DAY}. It is due from {DAY} on."
    ]


@pytest.mark.parametrize(
    ("moment", "words"),
    [
        (Moment.FIRST_PAYMENT, "the first payment"),
        (Moment.PAYMENT, "the payment"),
        (Moment.REVIEW, "the review"),
    ],
)
def test_each_moment_has_words_of_its_own(moment: Moment, words: str) -> None:
    (sentence,) = said([fact("ben", moment=moment)], follows=moment.value)

    assert sentence.startswith(f"1 free month for {words} of {DAY}.")


def test_a_share_names_its_rate_its_base_and_its_rounding() -> None:
    paid = [fact("ben", moment=Moment.PAYMENT, net_minor=12_345)]
    share: dict[str, Any] = {"follows": "payment", "kind": "credit", "rate_bps": 800}

    (down,) = said(paid, **share, rounding="down")
    assert down == (
        f"USD 9.87 credit for the payment of {DAY}: 8% of USD 123.45. A fraction of "
        f"the smallest coin is left out. It is due from {DAY} on."
    )
    assert "fraction" not in said(paid, **share)[0]


def test_seats_are_counted_and_those_given_up_are_named() -> None:
    seats: dict[str, Any] = {
        "kind": "credit",
        "value": 1000,
        "per_seat": True,
        "true_up_days": 90,
    }
    trued = fact("ben", seats=25, seat_changes=((at("2026-03-10"), 5),))

    (one,) = said([fact("ben", seats=1)], **seats)
    (fewer,) = said([trued], **seats)
    assert one == (
        f"USD 10.00 credit for the sign-up of {DAY}: 1 seat at USD 10.00 credit. "
        f"It is due from {DAY} on."
    )
    assert fewer == (
        f"USD 50.00 credit for the sign-up of {DAY}: 5 seats at USD 10.00 credit "
        f"each, of 25 bought. It is due from {DAY} on."
    )


def test_a_milestone_names_its_number() -> None:
    one = said(facts(1), kind="item", at_count=1)
    two = said(facts(2), kind="item", at_count=2)

    assert one == [f"A gift for reaching 1 referral on {DAY}. It is due from {DAY} on."]
    assert two == [
        f"A gift for reaching 2 referrals on {DAY}. It is due from {DAY} on."
    ]


@pytest.mark.parametrize(
    ("parts", "fact_parts", "reason"),
    [
        (
            {"blocks": ["same_person"]},
            {"friend": "ann"},
            "nobody can refer themselves",
        ),
        (
            {"blocks": ["same_billing_entity"]},
            {"company": "x", "friend_company": "x"},
            "one company pays for both",
        ),
        (
            {"only_by_link": True},
            {"by_link": False},
            "it did not come through the link",
        ),
        ({"opt_out": True}, {"opted_out": True}, "personal rewards were declined"),
        ({}, {"rejected_at": at("2026-03-02")}, "it was taken out after a check"),
        (
            {"wait_days": 14},
            {"left_at": at("2026-03-02")},
            "who was referred did not stay for 14 days",
        ),
        (
            {"kind": "feature", "while_active": True},
            {"left_at": at(DAY)},
            "who was referred left before it began",
        ),
    ],
)
def test_what_earns_nothing_says_why(
    parts: dict[str, Any], fact_parts: dict[str, Any], reason: str
) -> None:
    (sentence,) = said([fact("ben", **fact_parts)], **parts)

    assert sentence.startswith(f"Nothing is due for the sign-up of {DAY}: {reason}")


@pytest.mark.parametrize(
    ("parts", "cap"),
    [
        ({"cap": {"count": 1}}, "1 of them at most"),
        ({"cap": {"total": 1}}, "1 free month at most"),
        (
            {"cap": {"count": 1, "per": "calendar_year"}},
            "1 of them at most in 2026",
        ),
    ],
)
def test_what_is_over_the_cap_names_the_cap(parts: dict[str, Any], cap: str) -> None:
    _first, second = said(facts(2), **parts)

    assert second == (
        f"Not given: 1 free month for the sign-up of {DAY}. "
        f"That is over the cap: {cap}."
    )


def test_what_is_partly_over_the_cap_names_both_parts() -> None:
    (sentence,) = said([fact("ben")], value=5, cap={"total": 3})

    assert sentence == (
        f"3 free months for the sign-up of {DAY}. Not given, as it is over the cap: "
        f"2 free months (3 free months at most). It is due from {DAY} on."
    )


def test_a_cap_on_what_stands_together_says_so() -> None:
    _first, second = said(
        facts(2), kind="percent_off", value=10_000, months=2, cap={"total": 10_000}
    )

    assert second.endswith("That is over the cap: 100% off at most at one time.")


@pytest.mark.parametrize(
    ("parts", "once"),
    [
        ({}, "one person counts once"),
        ({"once_per_product": True}, "one person and product count once"),
        ({"once_per_company": True}, "one company counts once"),
    ],
)
def test_what_counts_once_says_so(parts: dict[str, Any], once: str) -> None:
    _first, second = said([fact("1", friend="ben"), fact("2", friend="ben")], **parts)

    assert second == (
        f"Nothing for the sign-up of {DAY}: {once}. Not given: 1 free month."
    )


def test_what_waits_says_until_when() -> None:
    (dated,) = said([fact("ben")], wait_days=14, as_of=DAY)
    (asked,) = said([fact("ben")], wait_days=14, needs_approval=True, as_of=DAY)

    assert dated.endswith("It is due on 2026-03-15.")
    assert asked.endswith("It waits until the time for a check is over.")


def test_what_is_held_says_what_is_missing() -> None:
    (consent,) = said([fact("ben")], needs_consent=True)
    flagged, *_rest = said(
        facts(2, ip="192.0.2.1", device="d"),
        risk_check={"signals": ["same_ip", "same_device"], "crowd_from": 2},
    )
    (asked,) = said([fact("ben")], needs_approval=True)

    assert consent.endswith("It is held until the employer agrees.")
    assert flagged.endswith(
        "It is held until somebody of the team has looked at it: many come from one "
        "internet address, several come from one device."
    )
    assert asked.endswith("It is due as soon as the team has approved it.")


def test_a_discount_that_lasts_says_from_when_until_when_and_why_it_ended() -> None:
    lasting: dict[str, Any] = {
        "kind": "percent_off",
        "value": 1000,
        "months": 1,
        "while_active": True,
        "cap": {"count": 1, "overflow": "replace_oldest"},
    }
    two = [fact("1"), fact("2", "2026-03-05", left_at=at("2026-03-09"))]

    (stands,) = said([fact("1")], **lasting)
    (endless,) = said([fact("1")], kind="feature", while_active=True)
    replaced, left = said(two, **lasting)
    (over,) = said([fact("1")], as_of="2026-05-01", **lasting)

    assert stands.endswith(f"It stands on bills from {DAY} until 2026-04-01.")
    assert endless.endswith(
        f"It stands on bills from {DAY} on, while who was referred stays."
    )
    assert replaced.endswith("It ended on 2026-03-05: a newer one took its place.")
    assert left.endswith("It ended on 2026-03-09: who was referred left.")
    assert over.endswith("It ended on 2026-04-01: its months are over.")
