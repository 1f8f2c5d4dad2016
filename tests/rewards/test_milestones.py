from typing import Any

from portal.programs.definition import Risk, RiskSignal
from portal.rewards.calculation import DueState, Reason, rewards_due, risk_of
from portal.rewards.calculation.facts import Due, ReferralFact
from tests.rewards.facts import at, fact, facts, program, reward

S = DueState
LADDER = program(
    reward(key="cream", kind="item", at_count=2),
    reward(key="razor", kind="item", at_count=4),
)
COUPON = program(reward(key="coupon", kind="item", every=3))


def signups(
    *days: int,
    **parts: Any,  # noqa: ANN401 - any part of a fact
) -> list[ReferralFact]:
    return [fact(f"f{day:02}", f"2026-03-{day:02}", **parts) for day in days]


def keys(dues: list[Due]) -> list[tuple[str, DueState]]:
    return [(due.key, due.state) for due in dues]


def test_reaching_a_milestone_keeps_the_count() -> None:
    dues = rewards_due(LADDER, signups(1, 2, 3, 4, 5))

    assert keys(dues) == [("cream/ann/2", S.DUE), ("razor/ann/4", S.DUE)]
    assert [due.earned_at for due in dues] == [at("2026-03-02"), at("2026-03-04")]


def test_a_recurring_milestone_comes_again_with_each_so_many() -> None:
    dues = rewards_due(COUPON, signups(*range(1, 8)))

    assert keys(dues) == [("coupon/ann/3", S.DUE), ("coupon/ann/6", S.DUE)]


def test_each_referrer_has_a_count_of_their_own() -> None:
    told = [*signups(1, 2), *signups(3, 4, referrer="ben", company="acme")]
    of_company = program(reward(key="team", kind="item", at_count=2, to="company"))

    assert [due.beneficiary for due in rewards_due(LADDER, told)] == ["ann", "ben"]
    assert [due.beneficiary for due in rewards_due(of_company, told)] == [
        "ann",
        "acme",
    ]


def test_what_was_reached_is_neither_taken_back_nor_granted_again() -> None:
    told = [*signups(1), *signups(2, rejected_at=at("2026-03-03")), *signups(4)]

    dues = rewards_due(LADDER, told)

    assert keys(dues) == [("cream/ann/2", S.DUE)]
    assert dues[0].earned_at == at("2026-03-02")


def test_taking_everybody_out_leaves_the_count_at_nothing() -> None:
    told = signups(1, 2, 4, rejected_at=at("2026-03-05"))

    assert keys(rewards_due(COUPON, told)) == [("coupon/ann/3", S.DUE)]


def test_who_was_taken_out_at_once_never_counted() -> None:
    told = [*signups(1), *signups(2, rejected_at=at("2026-03-02"))]

    assert rewards_due(LADDER, told) == []


def test_at_one_moment_those_taken_out_go_before_others_come_in() -> None:
    told = [*signups(1, rejected_at=at("2026-03-02")), *signups(2)]

    assert rewards_due(LADDER, told) == []


def test_one_friend_who_signs_up_twice_counts_once() -> None:
    told = signups(1, 2, friend="ben")

    assert rewards_due(LADDER, told) == []


def test_a_friend_who_signed_up_twice_still_counts_when_one_is_taken_out() -> None:
    told = [
        *signups(1, friend="ben", rejected_at=at("2026-03-03")),
        *signups(2, friend="ben"),
        *signups(4),
    ]

    assert keys(rewards_due(LADDER, told)) == [("cream/ann/2", S.DUE)]


def test_a_milestone_that_the_wait_will_reach_is_waited_for() -> None:
    slow = program(reward(key="cream", kind="item", at_count=2, wait_days=14))

    waiting = rewards_due(slow, signups(1, 2), as_of=at("2026-03-15"))
    reached = rewards_due(slow, signups(1, 2), as_of=at("2026-03-16"))

    assert [due.state for due in waiting + reached] == [S.WAITING, S.DUE]
    assert waiting[0].due_at == reached[0].due_at == at("2026-03-16")


def test_a_milestone_may_need_approval() -> None:
    asked = program(reward(key="cream", kind="item", at_count=2, needs_approval=True))
    told = signups(1, 2)

    (due,) = rewards_due(asked, told)
    (approved,) = rewards_due(asked, told, approvals={due.key: at("2026-03-09")})

    assert (due.state, due.due_at) == (S.NEEDS_APPROVAL, None)
    assert (approved.state, approved.due_at) == (S.DUE, at("2026-03-09"))


CHECKED = program(
    reward(
        key="cream",
        kind="item",
        at_count=2,
        risk_check={"signals": ["same_ip", "same_device"], "crowd_from": 2},
    )
)


def test_a_milestone_that_flagged_referrals_reach_is_held_not_refused() -> None:
    told = signups(1, 2, ip="192.0.2.1")

    (held,) = rewards_due(CHECKED, told)
    cleared = [*signups(1, 2, ip="192.0.2.1", cleared_at=at("2026-03-05"))]
    (due,) = rewards_due(CHECKED, cleared)

    assert (held.state, held.trace["risk"]) == (S.HELD, Risk.MEDIUM)
    assert held.trace["reason"] == Reason.RISK
    assert (due.state, due.due_at) == (S.DUE, at("2026-03-05"))


def test_flagged_referrals_that_staff_take_out_reach_nothing() -> None:
    told = signups(1, 2, ip="192.0.2.1", rejected_at=at("2026-03-05"))

    assert rewards_due(CHECKED, told) == []


def test_a_risk_below_the_limit_holds_nothing() -> None:
    lenient = program(
        reward(
            risk_check={"signals": ["same_ip"], "crowd_from": 2, "holds_from": "high"}
        )
    )

    dues = rewards_due(lenient, signups(1, 2, ip="192.0.2.1"))

    assert [due.state for due in dues] == [S.DUE, S.DUE]
    assert {due.trace["risk"] for due in dues} == {Risk.MEDIUM}


def test_signals_that_an_office_shows_too_are_never_a_high_risk() -> None:
    crowd = [RiskSignal.SAME_IP, RiskSignal.VELOCITY]

    assert risk_of([]) is Risk.LOW
    assert risk_of(crowd) is Risk.MEDIUM
    assert risk_of([RiskSignal.SAME_DEVICE]) is Risk.MEDIUM
    assert risk_of([*crowd, RiskSignal.SAME_DEVICE]) is Risk.HIGH
    assert risk_of([RiskSignal.SIMILAR_EMAIL, RiskSignal.SAME_DEVICE]) is Risk.HIGH


ALL = {
    "signals": [signal.value for signal in RiskSignal],
    "crowd_from": 3,
}


def signals(told: list[ReferralFact]) -> list[list[str]]:
    dues = rewards_due(program(reward(risk_check=ALL)), told)
    return [due.trace["signals"] for due in dues]


def test_many_within_an_hour_are_a_signal_and_slower_ones_are_not() -> None:
    quick = ["2026-03-01T10:00", "2026-03-01T10:30", "2026-03-01T11:00"]
    slow = ["2026-03-01T08:00", "2026-03-01T08:59", "2026-03-01T12:01"]
    told = [fact(str(n), when) for n, when in enumerate(sorted([*quick, *slow]))]

    assert signals(told) == [[], [], *[["velocity"]] * 3, []]


def test_a_crowd_that_goes_on_is_one_crowd() -> None:
    told = [fact(str(n), f"2026-03-01T10:{n:02}") for n in range(5)]

    assert signals(told) == [["velocity"]] * 5


def test_one_device_or_one_mailbox_behind_several_friends_is_a_signal() -> None:
    told = [
        fact("1", "2026-03-01", device="d1"),
        fact("2", "2026-03-02", device="d1"),
        fact("3", "2026-03-03", device="d2"),
        fact("4", "2026-03-04", friend_email="b.en7@x.test"),
        fact("5", "2026-03-05", friend_email="Ben+8@x.test"),
        fact("6", "2026-03-06", friend_email="cid@x.test"),
        fact("7", "2026-03-07", friend_email="12@x.test"),
        fact("8", "2026-03-08", disposable_email=True),
    ]

    device, mail = ["same_device"], ["similar_email"]
    assert signals(told) == [
        device,
        device,
        [],
        mail,
        mail,
        [],
        [],
        ["disposable_email"],
    ]


def test_a_mailbox_like_the_referrers_own_is_a_signal() -> None:
    told = [fact("1", email="ann@x.test", friend_email="a.n.n2@x.test")]

    assert signals(told) == [["similar_email"]]


def test_one_friend_seen_twice_is_no_crowd() -> None:
    told = [fact(str(n), "2026-03-01", friend="ben", ip="192.0.2.1") for n in range(3)]

    assert signals(told) == [[], [], []]


def test_a_flagged_discount_stands_from_the_decision_on() -> None:
    flagged = program(reward(risk_check=ALL))
    told = facts(3, ip="192.0.2.1", cleared_at=at("2026-03-09"))

    held = rewards_due(flagged, told, as_of=at("2026-03-08"))
    due = rewards_due(flagged, told, as_of=at("2026-03-09"))

    assert {one.state for one in held} == {S.HELD}
    assert {(one.state, one.due_at) for one in due} == {(S.DUE, at("2026-03-09"))}
