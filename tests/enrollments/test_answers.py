"""What a partner could do at a moment, and that the engine says the same."""

import random
from datetime import datetime, timedelta
from itertools import product
from zoneinfo import ZoneInfo

import pytest

from portal.commissions.calculation.gates import verdict
from portal.enrollments import rules
from portal.enrollments.rules import STANDING, STOPPED, Interval, SaleFate
from portal.kit.clock import day_start
from portal.programs.definition import Blocks, Gate
from tests.enrollments.test_rules import gate
from tests.factories.base_factory import NOW

DAY = timedelta(days=1)
SEOUL = ZoneInfo("Asia/Seoul")


def some_gates(chance: random.Random) -> list[Gate]:
    return [
        gate(
            f"gate-{number}",
            blocks=chance.sample(list(Blocks), chance.randint(1, 4)),
            sales_while_unmet=chance.choice(["held", "forfeited"]),
            **chance.choice(
                [{}, {"deadline_days": 9, "shuts_at_deadline": chance.random() < 0.5}]
            ),
        )
        for number in range(chance.randint(0, 4))
    ]


def some_intervals(chance: random.Random) -> list[Interval]:
    found = []
    for _ in range(chance.randint(0, 3)):
        since = NOW + timedelta(hours=chance.randint(0, 24 * 40))
        length = chance.choice([None, 0, 1, 30, 24 * 9])
        until = None if length is None else since + timedelta(hours=length)
        found.append(Interval(since, until, in_grace=chance.random() < 0.2))
    return found


@pytest.mark.parametrize("seed", range(60))
def test_the_answer_is_that_of_rating_and_of_the_checklist(seed: int) -> None:
    chance = random.Random(seed)  # noqa: S311 - the same cases in every run
    gates = some_gates(chance)
    everything = {one.key: some_intervals(chance) for one in gates}
    everything[STOPPED] = some_intervals(chance)
    history = rules.effective_history(gates, everything, joined_at=NOW, zone=SEOUL)
    edges = [one.since for found in everything.values() for one in found]
    sales = [NOW + timedelta(minutes=chance.randint(0, 60_000)) for _ in range(9)]

    for moment in [NOW, *edges, *sales]:
        answer = rules.answer(gates, history, joined_at=NOW, moment=moment)
        statuses = rules.checklist(
            gates, everything, joined_at=NOW, zone=SEOUL, at=moment
        )
        judged = verdict(gates, history, moment)

        assert answer.is_member
        assert answer.sale.value == {"rated": "earns"}.get(
            judged.outcome.value, judged.outcome.value
        )
        assert answer.may(Blocks.EARN) == (judged.gate is None)
        for blocks in Blocks:
            listed = [one.gate for one in rules.unmet(statuses, blocks)]
            found = [one for one in answer.in_the_way[blocks] if one is not STANDING]
            assert found == listed


def test_nobody_earns_before_joining() -> None:
    answer = rules.answer([], {}, joined_at=NOW, moment=NOW - DAY)

    assert not any(answer.may(blocks) for blocks in Blocks)
    assert answer.sale is SaleFate.NOBODYS
    assert rules.answer([], {}, joined_at=NOW, moment=NOW).sale is SaleFate.EARNS


@pytest.mark.parametrize(
    ("first", "second", "fate"),
    [
        (one, two, SaleFate.FORFEITED if "forfeited" in (one, two) else SaleFate.HELD)
        for one, two in product(("held", "forfeited"), repeat=2)
    ],
)
def test_one_gate_that_forfeits_is_enough(
    first: str, second: str, fate: SaleFate
) -> None:
    gates = [
        gate("one", sales_while_unmet=first),
        gate("two", sales_while_unmet=second),
    ]

    assert rules.answer(gates, {}, joined_at=NOW, moment=NOW).sale is fate


def test_while_stopped_only_earning_is_shut() -> None:
    history = {STOPPED: [Interval(NOW, NOW + DAY)]}

    answer = rules.answer([], history, joined_at=NOW, moment=NOW)

    assert [one for one in Blocks if not answer.may(one)] == [Blocks.EARN]
    assert answer.in_the_way[Blocks.EARN] == [STANDING]
    assert answer.sale is SaleFate.FORFEITED


GATES = [gate("first"), gate("second"), gate("third")]


@pytest.mark.parametrize(
    ("history", "key", "since"),
    [
        ({}, "first", NOW),
        ({}, "third", NOW),
        ({"first": [Interval(NOW + 2 * DAY)]}, "second", NOW + 2 * DAY),
        ({"second": [Interval(NOW + 2 * DAY)]}, "first", NOW),
        ({"first": [Interval(NOW, NOW + 3 * DAY)]}, "first", NOW + 3 * DAY),
        # Lost and not met yet: the end counts, whatever was done since.
        (
            {"first": [Interval(NOW + 6 * DAY)], "second": [Interval(NOW, NOW + DAY)]},
            "second",
            NOW + DAY,
        ),
        # Over when it began: it never was.
        ({"first": [Interval(NOW + DAY, NOW + DAY)]}, "first", NOW),
        # An end that is still to come is none yet.
        ({"first": [Interval(NOW + 20 * DAY, NOW + 30 * DAY)]}, "first", NOW),
    ],
)
def test_since_when_a_partner_waits(
    history: rules.History, key: str, since: datetime
) -> None:
    at = NOW + 10 * DAY
    statuses = rules.checklist(GATES, history, joined_at=NOW, zone=SEOUL, at=at)
    asked = next(one for one in GATES if one.key == key)

    assert rules.waiting_since(statuses, history, asked, joined_at=NOW, at=at) == since


def test_a_day_begins_in_the_zone_of_the_program() -> None:
    history = {"exam": [Interval(day_start(NOW.date(), SEOUL))]}

    answer = rules.answer(
        [gate()], history, joined_at=NOW - 9 * DAY, moment=NOW - timedelta(hours=19)
    )

    assert answer.sale is SaleFate.FORFEITED
