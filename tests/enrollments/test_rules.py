from datetime import datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from portal.enrollments import rules
from portal.enrollments.rules import Interval
from portal.programs.definition import Blocks, Gate, GateKind
from tests.factories.base_factory import NOW

DAY = timedelta(days=1)


def gate(key: str = "exam", **changes: object) -> Gate:
    return Gate.model_validate(
        {"key": key, "kind": GateKind.FEE, "title": key.title(), "blocks": ["earn"]}
        | changes
    )


moments = st.integers(-100, 100).map(lambda n: NOW + n * DAY)
intervals = st.builds(
    lambda since, days: Interval(since, None if days is None else since + days * DAY),
    moments,
    st.none() | st.integers(0, 50),
)


def test_an_interval_holds_its_start_and_not_its_end() -> None:
    interval = Interval(NOW, NOW + DAY)

    assert not interval.holds(NOW - timedelta(microseconds=1))
    assert interval.holds(NOW)
    assert interval.holds(NOW + DAY - timedelta(microseconds=1))
    assert not interval.holds(NOW + DAY)


def test_an_open_interval_holds_for_good() -> None:
    assert Interval(NOW).holds(NOW + 10_000 * DAY)


@given(st.lists(intervals, max_size=5), moments)
def test_a_gate_is_met_exactly_while_some_interval_holds(
    history: list[Interval], moment: datetime
) -> None:
    asked = gate()
    status = rules.status_of(asked, {"exam": history}, joined_at=NOW, at=moment)
    unmet = rules.unmet_at([asked], {"exam": history}, Blocks.EARN, moment)

    assert status.is_met == any(i.holds(moment) for i in history)
    assert unmet == ([] if status.is_met else [asked])


@given(st.lists(intervals, min_size=1, max_size=5), moments)
def test_a_met_gate_says_since_when_and_until_when(
    history: list[Interval], moment: datetime
) -> None:
    status = rules.status_of(gate(), {"exam": history}, joined_at=NOW, at=moment)
    if status.since is None:
        return

    current = [i for i in history if i.holds(moment)]
    assert status.since == min(i.since for i in current)
    if status.until is None:
        assert any(i.until is None for i in current)
    else:
        assert moment < status.until
        assert status.until == max(i.until for i in current if i.until)


@given(intervals, moments)
def test_an_empty_interval_never_holds(interval: Interval, moment: datetime) -> None:
    assert not Interval(interval.since, interval.since).holds(moment)


@pytest.mark.parametrize(("days", "due"), [(None, None), (30, NOW + 30 * DAY)])
def test_the_deadline_counts_from_joining(
    days: int | None, due: datetime | None
) -> None:
    asked = gate(deadline_days=days)

    assert rules.status_of(asked, {}, joined_at=NOW, at=NOW).due_at == due


def test_a_met_gate_is_not_due() -> None:
    asked = gate(deadline_days=30)
    history = {"exam": [Interval(NOW)]}

    assert rules.status_of(asked, history, joined_at=NOW, at=NOW).due_at is None


def test_unmet_gates_are_sorted_by_what_they_block() -> None:
    gates = [gate("a", blocks=["link"]), gate("b", blocks=["earn", "payout"])]
    statuses = rules.checklist(gates, {}, joined_at=NOW, at=NOW)

    found = {
        blocks: [s.gate.key for s in rules.unmet(statuses, blocks)] for blocks in Blocks
    }

    assert found == {
        Blocks.JOIN: [],
        Blocks.LINK: ["a"],
        Blocks.EARN: ["b"],
        Blocks.PAYOUT: ["b"],
    }


@pytest.mark.parametrize(
    ("blocks", "is_open"),
    [("join", False), ("link", False), ("earn", False), ("payout", True)],
)
def test_a_gate_that_only_keeps_back_the_payout_is_not_in_the_way(
    blocks: str, *, is_open: bool
) -> None:
    statuses = rules.checklist([gate(blocks=[blocks])], {}, joined_at=NOW, at=NOW)

    assert rules.is_open_throughout(statuses) is is_open
