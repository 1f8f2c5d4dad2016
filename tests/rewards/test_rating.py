from datetime import timedelta
from typing import Any

import pytest

from portal.programs.definition import Moment
from portal.rewards.calculation import DueState, Reason, ReferralFact, rewards_due
from tests.rewards.facts import at, fact, facts, program, reward

S = DueState
WIL = reward(
    follows="first_payment",
    kind="percent_off",
    value=1000,
    while_active=True,
    months=12,
    cap={"total": 10_000, "overflow": "replace_oldest"},
)


def payment(
    name: str,
    when: str = "2026-03-01",
    **parts: Any,  # noqa: ANN401 - any part of a fact
) -> ReferralFact:
    return fact(name, when, moment=Moment.PAYMENT, **parts)


def states(*args: object, **kwargs: object) -> list[DueState]:
    return [due.state for due in rewards_due(*args, **kwargs)]  # type: ignore[arg-type]  # passed on


def test_a_friend_brings_both_sides_their_reward() -> None:
    both = program(
        reward(
            key="give", to="friend", follows="first_payment", kind="credit", value=2
        ),
        reward(key="get", follows="first_payment", kind="credit", value=2),
    )

    dues = rewards_due(both, [payment("ben")])

    assert {(due.beneficiary, due.worth_minor) for due in dues} == {
        ("ann", 2),
        ("ben", 2),
    }


def test_a_company_gets_its_own_reward_or_the_referrer_where_no_company_pays() -> None:
    gift = program(reward(to="company"))

    dues = rewards_due(gift, [fact("ben", company="acme"), fact("cid")])

    assert [due.beneficiary for due in dues] == ["acme", "ann"]


def test_one_reward_follows_each_payment_and_another_the_first_one() -> None:
    each = program(
        reward(key="each", follows="payment"),
        reward(key="one", follows="first_payment"),
    )
    paid = [
        fact("p1", "2026-03-01", moment=Moment.FIRST_PAYMENT, friend="ben"),
        payment("p2", "2026-04-01", friend="ben"),
    ]

    assert [due.key for due in rewards_due(each, paid)] == [
        "each/p1",
        "one/p1",
        "each/p2",
    ]


def test_somebody_who_signs_up_twice_counts_once() -> None:
    twice = [
        fact("1", "2026-03-01", friend="ben"),
        fact("2", "2026-03-02", friend="ben"),
    ]

    first, second = rewards_due(program(reward()), twice)

    assert (first.state, second.state) == (S.DUE, S.OVER_CAP)
    assert (second.value, second.over_cap) == (0, 1)
    assert second.trace["reason"] == Reason.REPEATED


def test_the_second_sign_up_counts_when_the_first_was_taken_out() -> None:
    twice = [
        fact("1", "2026-03-01", friend="ben", rejected_at=at("2026-03-02")),
        fact("2", "2026-03-02", friend="ben"),
    ]

    assert states(program(reward()), twice) == [S.WITHDRAWN, S.DUE]


def test_people_of_one_company_count_once_where_the_reward_says_so() -> None:
    two = [
        fact("1", "2026-03-01", friend_company="acme"),
        fact("2", "2026-03-02", friend_company="acme"),
        fact("3", "2026-03-03"),
    ]

    once = program(reward(once_per_company=True))

    assert states(once, two) == [S.DUE, S.OVER_CAP, S.DUE]


@pytest.mark.parametrize(
    ("block", "parts"),
    [
        ("same_person", {"friend": "ann"}),
        ("same_person", {"email": "Ann@x.test", "friend_email": "ann+2@x.test"}),
        ("same_email_domain", {"email": "a@x.test", "friend_email": "b@x.test"}),
        ("same_billing_entity", {"company": "acme", "friend_company": "acme"}),
        ("existing_customer", {"existing_customer": True}),
        ("disposable_email", {"disposable_email": True}),
    ],
)
def test_a_blocked_referral_earns_nothing_and_says_why(
    block: str, parts: dict[str, Any]
) -> None:
    referral = [fact("ben", **parts)]

    (blocked,) = rewards_due(program(reward(blocks=[block])), referral)
    (free,) = rewards_due(program(reward()), referral)

    assert (blocked.state, blocked.trace["reason"]) == (S.WITHDRAWN, block)
    assert free.state is S.DUE


@pytest.mark.parametrize(
    "parts",
    [
        {},
        {"email": "ann@gmail.com"},
        {"email": "ann@gmail.com", "friend_email": "ben@gmail.com"},
        {"email": "ann@x.test", "friend_email": "ben@y.test"},
    ],
)
def test_two_people_with_other_addresses_are_no_self_referral(
    parts: dict[str, Any],
) -> None:
    strict = program(
        reward(blocks=["same_person", "same_email_domain", "same_billing_entity"])
    )

    assert states(strict, [fact("ben", **parts)]) == [S.DUE]


def test_only_what_came_through_the_link_counts_where_the_reward_says_so() -> None:
    by_link = program(reward(only_by_link=True))

    assert states(by_link, [fact("1"), fact("2", by_link=False)]) == [
        S.DUE,
        S.WITHDRAWN,
    ]


def test_a_person_does_without_and_the_company_still_gets_its_reward() -> None:
    two = program(
        reward(key="person", opt_out=True),
        reward(key="team", to="company", opt_out=True),
    )

    dues = rewards_due(two, [fact("ben", opted_out=True)])

    assert [(due.reward_key, due.state) for due in dues] == [
        ("person", S.WITHDRAWN),
        ("team", S.DUE),
    ]


def test_a_share_of_a_payment_in_another_currency_is_not_given() -> None:
    credit = program(reward(follows="payment", kind="credit", rate_bps=1000))
    paid = [
        payment("1", net_minor=1000, currency="USD"),
        payment("2", net_minor=1000, currency="EUR"),
        payment("3", net_minor=-1000),
    ]

    dues = rewards_due(credit, paid)

    assert [(due.value, due.trace["reason"]) for due in dues] == [
        (100, None),
        (0, Reason.OTHER_CURRENCY),
        (0, Reason.NOTHING_LEFT),
    ]


def test_a_very_large_payment_is_shared_exactly() -> None:
    credit = program(reward(follows="payment", kind="credit", rate_bps=1))

    (due,) = rewards_due(credit, [payment("1", net_minor=9 * 10**15 + 5000)])

    assert due.value == 9 * 10**11 + 1


@pytest.mark.parametrize(
    ("changes", "left_at", "seats"),
    [
        ((), None, 25),
        ((("2026-03-10", 5),), None, 5),
        ((("2026-03-10", 5), ("2026-03-20", 40)), None, 25),
        ((("2026-03-10", 5), ("2026-03-10", 7)), None, 5),
        ((("2026-03-10", -5),), None, 0),
        ((("2026-05-30", 5),), None, 5),
        ((("2026-05-31", 5),), None, 25),
        ((), "2026-03-20", 0),
        ((), "2026-06-20", 25),
    ],
)
def test_seats_given_up_in_time_take_their_part_back(
    changes: tuple[tuple[str, int], ...], left_at: str | None, seats: int
) -> None:
    per_seat = program(
        reward(kind="credit", value=1000, per_seat=True, true_up_days=90)
    )
    bought = fact(
        "ben",
        seats=25,
        seat_changes=tuple((at(day), number) for day, number in changes),
        left_at=at(left_at) if left_at else None,
    )

    (due,) = rewards_due(per_seat, [bought])

    assert due.value == 1000 * seats
    assert (due.state is S.WITHDRAWN) == (seats == 0)


def test_seats_stay_as_bought_where_nothing_is_trued_up() -> None:
    per_seat = program(reward(kind="credit", value=1000, per_seat=True))
    bought = fact("ben", seats=3, seat_changes=((at("2026-03-10"), 1),))

    (due,) = rewards_due(per_seat, [bought])

    assert due.value == 3000


def test_a_seat_change_is_not_known_before_it_happens() -> None:
    per_seat = program(
        reward(kind="credit", value=1000, per_seat=True, true_up_days=90)
    )
    bought = fact("ben", seats=3, seat_changes=((at("2026-03-10"), 1),))

    before = rewards_due(per_seat, [bought], as_of=at("2026-03-09"))
    after = rewards_due(per_seat, [bought], as_of=at("2026-03-10"))

    assert [before[0].value, after[0].value] == [3000, 1000]


def test_what_happens_later_is_not_known_yet() -> None:
    gift = program(reward(wait_days=14))
    told = [fact("ben", left_at=at("2026-03-10")), fact("cid", "2026-05-01")]

    assert states(gift, told, as_of=at("2026-03-09")) == [S.WAITING]
    assert states(gift, told, as_of=at("2026-03-20")) == [S.WITHDRAWN]


def test_who_stays_to_the_last_moment_of_the_wait_has_stayed() -> None:
    gift = program(reward(wait_days=14))

    assert states(gift, [fact("ben", left_at=at("2026-03-15"))]) == [S.DUE]


def test_a_reward_waits_for_approval_and_is_due_from_then_on() -> None:
    gift = program(reward(wait_days=14, needs_approval=True))
    told = [fact("ben")]
    approved = {"gift/ben": at("2026-03-20")}

    assert states(gift, told, as_of=at("2026-03-14")) == [S.WAITING]
    assert states(gift, told, as_of=at("2026-03-15")) == [S.NEEDS_APPROVAL]
    (asked,) = rewards_due(gift, told)
    (early,) = rewards_due(gift, told, approvals={"gift/ben": at("2026-03-02")})
    (late,) = rewards_due(gift, told, approvals=approved)
    assert (asked.due_at, early.due_at, late.due_at) == (
        None,
        at("2026-03-15"),
        at("2026-03-20"),
    )
    assert states(gift, told, approvals=approved, as_of=at("2026-03-19")) == [
        S.NEEDS_APPROVAL
    ]


def test_a_personal_reward_is_held_until_the_employer_agrees() -> None:
    gift = program(reward(needs_consent=True))

    (held,) = rewards_due(gift, [fact("ben")])
    (agreed,) = rewards_due(gift, [fact("ben", consented_at=at("2026-03-05"))])

    assert (held.state, held.trace["reason"]) == (S.HELD, Reason.NO_CONSENT)
    assert (agreed.state, agreed.due_at) == (S.DUE, at("2026-03-05"))


def test_a_cap_by_total_gives_the_part_that_fits() -> None:
    capped = program(reward(value=5, cap={"total": 12}))

    dues = rewards_due(capped, facts(3))

    assert [(due.value, due.over_cap) for due in dues] == [(5, 0), (5, 0), (2, 3)]
    assert [due.state for due in dues] == [S.DUE] * 3


def test_a_cap_of_a_year_begins_anew_in_the_programs_own_new_year() -> None:
    capped = program(
        reward(cap={"count": 1, "per": "calendar_year"}), time_zone="Asia/Tokyo"
    )
    told = [
        fact("1", "2026-12-31T14:00:00"),
        fact("2", "2026-12-31T15:00:00"),
        fact("3", "2026-12-31T16:00:00"),
    ]

    assert states(capped, told) == [S.DUE, S.DUE, S.OVER_CAP]


def test_each_person_has_a_cap_of_their_own() -> None:
    capped = program(reward(cap={"count": 1}))

    assert states(capped, [fact("1"), fact("2", referrer="ben")]) == [S.DUE, S.DUE]


def test_what_was_taken_out_makes_room_under_the_cap() -> None:
    capped = program(reward(cap={"count": 1}))
    told = [fact("1", rejected_at=at("2026-03-05")), fact("2", "2026-03-02")]

    assert states(capped, told) == [S.WITHDRAWN, S.DUE]
    assert states(capped, told, as_of=at("2026-03-04")) == [S.DUE, S.OVER_CAP]


def test_the_newest_discounts_stand_and_the_oldest_end() -> None:
    told = [
        fact(f"{day:02}", f"2026-03-{day:02}", moment=Moment.FIRST_PAYMENT)
        for day in range(1, 14)
    ]

    dues = rewards_due(program(WIL), told)

    assert [due.state for due in dues] == [S.ENDED] * 3 + [S.DUE] * 10
    assert [due.ends_at for due in dues[:3]] == [
        at(f"2026-03-{d}") for d in (11, 12, 13)
    ]
    assert {due.trace["reason"] for due in dues[:3]} == {Reason.REPLACED}
    assert sum(due.value for due in dues if due.state is S.DUE) == 10_000


def test_a_discount_that_ended_makes_room_so_that_none_is_replaced() -> None:
    told = [
        fact(
            f"{day:02}",
            f"2026-03-{day:02}",
            moment=Moment.FIRST_PAYMENT,
            left_at=at("2026-03-11") if day == 5 else None,
        )
        for day in range(1, 12)
    ]

    dues = rewards_due(program(WIL), told)

    assert [due.key for due in dues if due.state is S.ENDED] == ["gift/05"]


def test_a_discount_never_begins_for_a_friend_who_left_before() -> None:
    told = [payment("ben", left_at=at("2026-03-01"))]

    (due,) = rewards_due(program(WIL), told)

    assert (due.state, due.trace["reason"]) == (S.WITHDRAWN, Reason.LEFT_EARLY)


def test_a_discount_over_what_stands_together_gets_the_rest_and_then_nothing() -> None:
    lasting = program(
        reward(kind="percent_off", value=4000, months=2, cap={"total": 10_000})
    )
    told = [*facts(4), fact("late", "2026-05-01")]

    dues = rewards_due(lasting, told)

    assert [due.value for due in dues] == [4000, 4000, 2000, 0, 4000]
    assert [due.state for due in dues] == [S.DUE, S.DUE, S.DUE, S.OVER_CAP, S.DUE]
    assert (dues[3].due_at, dues[3].ends_at) == (None, None)


def test_a_number_of_features_stands_together_and_the_newest_stay() -> None:
    lasting = program(
        reward(
            kind="feature",
            months=12,
            worth_minor=300,
            cap={"count": 1, "overflow": "replace_oldest"},
        )
    )

    old, new = rewards_due(lasting, [fact("1"), fact("2", "2026-03-02")])

    assert (old.state, new.state) == (S.ENDED, S.DUE)
    assert new.worth_minor == 300


def test_a_lasting_discount_may_be_capped_by_number_for_life() -> None:
    lasting = program(
        reward(kind="percent_off", value=1000, months=1, cap={"count": 2})
    )
    told = [fact(str(month), f"2026-{month:02}-01") for month in (1, 3, 5)]

    assert states(lasting, told) == [S.DUE, S.DUE, S.OVER_CAP]


def test_what_misses_something_does_not_push_out_what_stands() -> None:
    asked = program({**WIL, "needs_approval": True, "value": 10_000})
    told = [payment("1"), payment("2", "2026-03-02")]

    first, second = rewards_due(asked, told, approvals={"gift/1": at("2026-03-01")})

    assert (first.state, second.state) == (S.DUE, S.NEEDS_APPROVAL)


def test_a_discount_runs_out_of_its_months() -> None:
    lasting = program(reward(kind="percent_off", value=5000, months=1))
    told = [fact("1", "2026-01-31")]

    assert states(lasting, told) == [S.DUE]
    assert states(lasting, told, as_of=at("2026-02-27")) == [S.DUE]
    assert states(lasting, told, as_of=at("2026-02-28")) == [S.ENDED]


def test_a_discount_that_lasts_while_the_friend_stays_has_no_end_of_its_own() -> None:
    lasting = program(reward(kind="percent_off", value=5000, while_active=True))

    stays, leaves = rewards_due(
        lasting, [fact("1"), fact("2", left_at=at("2026-04-01"))]
    )

    assert (stays.ends_at, stays.state) == (None, S.DUE)
    assert (leaves.ends_at, leaves.state) == (at("2026-04-01"), S.ENDED)


def test_one_a_month_begins_a_new_row_after_a_pause() -> None:
    monthly = program(reward(kind="credit", value=999, one_a_month=True))
    told = [
        fact("1", "2026-01-31"),
        fact("2", "2026-01-31"),
        fact("3", "2026-06-15"),
        fact("4", "2026-06-16"),
        fact("5", "2026-06-17", rejected_at=at("2026-06-18")),
    ]

    dues = rewards_due(monthly, told)

    assert [due.due_at for due in dues] == [
        at("2026-01-31"),
        at("2026-02-28"),
        at("2026-06-15"),
        at("2026-07-15"),
        None,
    ]


def test_what_is_handed_out_next_month_waits_until_then() -> None:
    monthly = program(reward(kind="credit", value=999, one_a_month=True))

    assert states(monthly, facts(2), as_of=at("2026-03-01")) == [S.DUE, S.WAITING]


def test_one_a_month_of_a_discount_whose_friend_left_in_between_is_over_at_once() -> (
    None
):
    monthly = program(
        reward(kind="percent_off", value=1000, while_active=True, one_a_month=True)
    )
    told = [fact("1"), fact("2", left_at=at("2026-03-10"))]

    _first, second = rewards_due(monthly, told)

    assert second.ends_at == second.due_at == at("2026-04-01")
    assert second.state is S.ENDED


def test_the_worth_of_pieces_counts_each_and_of_money_its_value() -> None:
    kinds = program(
        reward(key="a", kind="item", value=3, worth_minor=125),
        reward(key="b", kind="gift_card", value=2000),
        reward(key="c", kind="percent_off", value=1000, worth_minor=50),
        reward(key="d", kind="places", value=5),
    )

    dues = rewards_due(kinds, [fact("1")])

    assert [due.worth_minor for due in dues] == [375, 2000, 50, 0]


def test_of_two_that_differ_under_one_id_the_same_counts_in_either_order() -> None:
    one, other = fact("x", seats=1), fact("x", seats=2)
    per_seat = program(reward(kind="credit", value=10, per_seat=True))

    assert rewards_due(per_seat, [one, other, one]) == rewards_due(
        per_seat, [other, one]
    )


def test_a_reward_of_a_long_wait_is_computed_over_daylight_saving_time() -> None:
    gift = program(reward(wait_days=30), time_zone="Europe/Berlin")

    (due,) = rewards_due(gift, [fact("1", "2026-03-15T12:00:00")])

    assert due.due_at == at("2026-03-15T12:00:00") + timedelta(days=30)
