"""What must hold for whatever happens."""

import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from functools import cache
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from portal.programs.definition import Moment, ProgramDefinition
from portal.rewards.calculation import (
    Bill,
    Due,
    DueState,
    ReferralFact,
    bills_after,
    percent_off_at,
    rewards_due,
)
from tests.rewards.facts import program, reward, why

START = datetime(2026, 1, 1, tzinfo=UTC)
NOTHING = (DueState.WITHDRAWN, DueState.OVER_CAP)

moments = st.integers(0, 500).map(lambda days: START + timedelta(days=days))
never_or = st.one_of(st.none(), st.none(), moments)


referrals = st.lists(
    st.builds(
        ReferralFact,
        id=st.integers(0, 99).map(str),
        moment=st.sampled_from([Moment.SIGNUP, Moment.PAYMENT]),
        at=moments,
        referrer=st.sampled_from("ab"),
        friend=st.sampled_from("pqrstuvwxyz"),
        net_minor=st.integers(-100, 100_000),
        seats=st.integers(0, 30),
        ip=st.sampled_from([None, "i1", "i2"]),
        left_at=never_or,
        rejected_at=never_or,
        cleared_at=never_or,
    ),
    max_size=10,
    unique_by=lambda fact: fact.id,
)

CHECK = {"signals": ["same_ip", "velocity"], "crowd_from": 3}
SHAPES: list[dict[str, Any]] = [
    {"value": 2, "cap": {"count": 3}},
    {"value": 2, "cap": {"total": 5}, "wait_days": 14, "risk_check": CHECK},
    {"value": 1, "cap": {"count": 2, "per": "calendar_year"}, "one_a_month": True},
    {"kind": "credit", "value": 10, "per_seat": True, "true_up_days": 90},
    {"kind": "credit", "rate_bps": 800, "follows": "payment", "cap": {"total": 9000}},
    {"kind": "percent_off", "value": 3000, "months": 3, "cap": {"total": 10_000}},
    {
        "kind": "percent_off",
        "value": 1000,
        "while_active": True,
        "months": 12,
        "cap": {"total": 3000, "overflow": "replace_oldest"},
    },
    {"kind": "item", "at_count": 3, "wait_days": 5},
    {"kind": "item", "every": 2, "risk_check": CHECK, "cap": {"count": 2}},
]
shapes = st.sampled_from(SHAPES)


def rate(
    shape: dict[str, Any], told: list[ReferralFact], as_of: datetime | None = None
) -> list[Due]:
    return rewards_due(_program(json.dumps(shape)), told, as_of=as_of)


@cache
def _program(shape: str) -> ProgramDefinition:
    return program(reward(**json.loads(shape)))


@given(shapes, referrals, never_or, st.randoms(use_true_random=False))
def test_the_order_of_arrival_and_repetition_change_nothing(
    shape: dict[str, Any],
    told: list[ReferralFact],
    as_of: datetime | None,
    random: Any,  # noqa: ANN401 - Hypothesis' own kind of random
) -> None:
    mixed = [*told, *told]
    random.shuffle(mixed)

    assert rate(shape, mixed, as_of) == rate(shape, told, as_of)


@given(shapes, referrals, never_or)
def test_what_is_given_and_what_is_over_the_cap_add_up_to_what_was_earned(
    shape: dict[str, Any], told: list[ReferralFact], as_of: datetime | None
) -> None:
    free = {k: v for k, v in shape.items() if k not in ("cap", "one_a_month")}

    capped = {due.key: due for due in rate(shape, told, as_of)}
    uncapped = {due.key: due for due in rate(free, told, as_of)}

    assert capped.keys() == uncapped.keys()
    for key, due in capped.items():
        assert due.earned == uncapped[key].earned
        assert min(due.value, due.over_cap) >= 0
        assert (due.value == 0) == (due.state in NOTHING)
        assert why(due)


@given(shapes, referrals, never_or)
def test_nobody_gets_more_than_the_cap(
    shape: dict[str, Any], told: list[ReferralFact], as_of: datetime | None
) -> None:
    dues = [due for due in rate(shape, told, as_of) if due.value]
    cap = shape.get("cap", {})

    for person in "ab":
        own = [due for due in dues if due.beneficiary == person]
        if shape.get("months"):
            for moment in [due.due_at for due in own if due.due_at]:
                standing = [due for due in own if _stands(due, moment)]
                assert sum(due.value for due in standing) <= cap["total"]
            continue
        for year in (2026, 2027) if cap.get("per") else (None,):
            of_year = [d for d in own if year in (None, d.earned_at.year)]
            assert len(of_year) <= cap.get("count", len(of_year))
            assert sum(d.value for d in of_year) <= cap.get("total", 10**9)


def _stands(due: Due, moment: datetime) -> bool:
    began = due.due_at is not None and due.due_at <= moment
    return began and (due.ends_at is None or due.ends_at > moment)


@given(st.lists(moments, min_size=1, max_size=9))
def test_the_newest_discounts_are_those_that_stand(starts: list[datetime]) -> None:
    told = [
        ReferralFact(
            id=f"{n}", moment=Moment.PAYMENT, at=start, referrer="a", friend=f"{n}"
        )
        for n, start in enumerate(starts)
    ]
    shape = {**SHAPES[6], "months": 600, "follows": "payment"}

    dues = rate(shape, told)

    newest = sorted(told, key=lambda fact: (fact.at, fact.id))[-3:]
    standing = {due.key for due in dues if due.state is DueState.DUE}
    assert standing == {f"gift/{fact.id}" for fact in newest}


@given(shapes, referrals)
def test_taking_everything_out_leaves_nothing_but_milestones_that_were_granted(
    shape: dict[str, Any], told: list[ReferralFact]
) -> None:
    end = START + timedelta(days=600)
    out = [replace(fact, rejected_at=fact.rejected_at or end) for fact in told]

    before = rate(shape, told, end - timedelta(days=1))
    after = rate(shape, out, end)

    if "at_count" in shape or "every" in shape:
        granted = {(d.key, d.due_at) for d in before if d.state is DueState.DUE}
        assert granted <= {(d.key, d.due_at) for d in after if d.state is DueState.DUE}
        assert {d.state for d in after} <= {DueState.DUE, DueState.OVER_CAP}
    else:
        assert {due.state for due in after} <= {DueState.WITHDRAWN}


@given(shapes, referrals, moments)
def test_nothing_is_due_before_its_time_or_to_be_seen_before_it_happened(
    shape: dict[str, Any], told: list[ReferralFact], as_of: datetime
) -> None:
    dues = rate(shape, told, as_of)

    known = [fact for fact in told if fact.at <= as_of]
    assert dues == rate(shape, known, as_of)
    for due in dues:
        assert (due.state is DueState.DUE) <= (
            due.due_at is not None and due.due_at <= as_of
        )
        if due.due_at is not None:
            assert due.due_at >= due.earned_at


@given(
    st.lists(shapes, min_size=1, max_size=4),
    referrals,
    st.lists(
        st.builds(
            Bill,
            id=st.uuids().map(str),
            at=moments,
            amount_minor=st.integers(0, 10_000),
            months=st.sampled_from([1, 12]),
        ),
        max_size=5,
    ),
)
def test_no_bill_falls_below_nothing_and_no_credit_is_used_twice(
    given_shapes: list[dict[str, Any]], told: list[ReferralFact], bills: list[Bill]
) -> None:
    several = program(
        *(reward(**{**s, "key": f"r{n}"}) for n, s in enumerate(given_shapes))
    )

    billed = bills_after(several, told, "a", bills)

    used: dict[str, int] = {}
    for one in billed:
        assert one.to_pay_minor == (
            one.bill.amount_minor
            - one.free_minor
            - one.percent_minor
            - sum(one.credits.values())
        )
        assert 0 <= one.to_pay_minor <= one.bill.amount_minor
        assert 0 <= percent_off_at(several, told, "a", one.bill.at) <= 10_000
        for key, minor in one.credits.items():
            used[key] = used.get(key, 0) + minor
    ever = [rewards_due(several, told, as_of=bill.at) for bill in bills]
    for key, minor in used.items():
        assert minor <= max(
            due.value for dues in ever for due in dues if due.key == key
        )
