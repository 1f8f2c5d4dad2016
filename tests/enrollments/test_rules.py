from datetime import date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from portal.enrollments import rules
from portal.enrollments.rules import Interval
from portal.programs.definition import Blocks, Gate, GateKind
from tests.factories.base_factory import NOW

DAY = timedelta(days=1)
UTC = ZoneInfo("UTC")


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
    status = rules.status_of(
        asked, {"exam": history}, joined_at=NOW, zone=UTC, at=moment
    )
    unmet = rules.unmet_at([asked], {"exam": history}, Blocks.EARN, moment)

    assert status.is_met == any(i.holds(moment) for i in history)
    assert unmet == ([] if status.is_met else [asked])


@given(st.lists(intervals, min_size=1, max_size=5), moments)
def test_a_met_gate_says_since_when_and_until_when(
    history: list[Interval], moment: datetime
) -> None:
    status = rules.status_of(
        gate(), {"exam": history}, joined_at=NOW, zone=UTC, at=moment
    )
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


@pytest.mark.parametrize(("days", "due"), [(None, None), (30, (NOW + 30 * DAY).date())])
def test_the_deadline_counts_from_joining(days: int | None, due: date | None) -> None:
    asked = gate(deadline_days=days)

    assert rules.status_of(asked, {}, joined_at=NOW, zone=UTC, at=NOW).due_on == due


def test_a_met_gate_is_not_due() -> None:
    asked = gate(deadline_days=30)
    history = {"exam": [Interval(NOW)]}

    status = rules.status_of(asked, history, joined_at=NOW, zone=UTC, at=NOW)

    assert status.due_on is None
    assert status.last_moment is None


def test_what_was_met_in_time_and_lost_is_not_due_again() -> None:
    asked = gate(deadline_days=30, shuts_at_deadline=True)
    history = {"exam": [Interval(NOW, NOW + DAY)]}

    status = rules.status_of(asked, history, joined_at=NOW, zone=UTC, at=NOW + 90 * DAY)

    assert not status.is_met
    assert status.due_on is None
    assert not status.is_missed


class TestDeadline:
    """Published: who joins on 1 March 2025 has 60 days to pass the exam."""

    JOINED = datetime(2025, 3, 1, 15, tzinfo=UTC)
    EXAM = gate(deadline_days=60, shuts_at_deadline=True)

    def met_from(self, moment: datetime, zone: ZoneInfo = UTC) -> bool:
        history = {"exam": [Interval(moment)]}
        status = rules.status_of(
            self.EXAM, history, joined_at=self.JOINED, zone=zone, at=moment + 9 * DAY
        )
        counted = rules.effective_history(
            [self.EXAM], history, joined_at=self.JOINED, zone=zone
        )
        assert status.is_met == ("exam" in counted)
        assert status.is_missed is not status.is_met
        return status.is_met

    def test_the_last_day_is_in_time(self) -> None:
        assert self.met_from(datetime(2025, 4, 30, 0, tzinfo=UTC))
        assert self.met_from(datetime(2025, 4, 30, 23, 59, 59, 999999, tzinfo=UTC))

    def test_the_day_after_is_too_late(self) -> None:
        assert not self.met_from(datetime(2025, 5, 1, tzinfo=UTC))

    def test_days_begin_in_the_programs_zone(self) -> None:
        late_in_berlin = datetime(2025, 4, 30, 22, tzinfo=UTC)

        assert not self.met_from(late_in_berlin, ZoneInfo("Europe/Berlin"))
        assert self.met_from(late_in_berlin)

    def test_the_day_of_joining_is_that_of_the_programs_zone(self) -> None:
        joined = datetime(2025, 2, 28, 20, tzinfo=UTC)  # 1 March in Tokyo

        due = rules.due_on(self.EXAM, joined_at=joined, zone=ZoneInfo("Asia/Tokyo"))

        assert due == date(2025, 4, 30)

    def test_until_it_is_over_it_is_due_and_not_missed(self) -> None:
        last = datetime(2025, 4, 30, 23, 59, tzinfo=UTC)

        before, after = (
            rules.status_of(self.EXAM, {}, joined_at=self.JOINED, zone=UTC, at=moment)
            for moment in (last, last + timedelta(minutes=1))
        )

        assert (before.due_on, before.is_missed) == (date(2025, 4, 30), False)
        assert (after.due_on, after.is_missed) == (date(2025, 4, 30), True)

    def test_what_was_met_in_time_can_lapse_and_be_met_again(self) -> None:
        later = self.JOINED + 90 * DAY
        history = {
            "exam": [Interval(self.JOINED, self.JOINED + DAY), Interval(later)],
        }

        counted = rules.effective_history(
            [self.EXAM], history, joined_at=self.JOINED, zone=UTC
        )

        assert counted == history

    def test_what_was_over_when_it_began_does_not_save_the_deadline(self) -> None:
        late = self.JOINED + 61 * DAY
        history = {"exam": [Interval(self.JOINED, self.JOINED), Interval(late)]}

        counted = rules.effective_history(
            [self.EXAM], history, joined_at=self.JOINED, zone=UTC
        )

        assert counted == {}

    def test_a_deadline_that_does_not_shut_is_only_late(self) -> None:
        asked = gate(deadline_days=60)
        late = self.JOINED + 61 * DAY

        history = {"exam": [Interval(late)]}
        unmet, met = (
            rules.status_of(asked, found, joined_at=self.JOINED, zone=UTC, at=late)
            for found in ({}, history)
        )

        assert met.is_met
        assert unmet.is_overdue
        assert not unmet.is_missed

    @given(
        found=st.lists(intervals, max_size=5),
        days=st.integers(1, 60),
        at=moments,
        shuts=st.booleans(),
    )
    def test_leaving_out_twice_leaves_out_no_more_and_standing_agrees(
        self, found: list[Interval], days: int, at: datetime, *, shuts: bool
    ) -> None:
        asked = gate(deadline_days=days, shuts_at_deadline=shuts)
        once = rules.effective_history(
            [asked], {"exam": found, "other": found}, joined_at=NOW, zone=UTC
        )
        twice = rules.effective_history([asked], once, joined_at=NOW, zone=UTC)
        status = rules.status_of(asked, {"exam": found}, joined_at=NOW, zone=UTC, at=at)

        assert twice == once
        assert once["other"] == [one for one in found if not one.is_empty]
        assert status.is_met is not bool(rules.unmet_at([asked], once, Blocks.EARN, at))


def test_the_grace_of_a_failed_payment_shows_only_without_a_better_reason() -> None:
    ending = Interval(NOW, NOW + 3 * DAY, in_grace=True)

    only, both = (
        rules.status_of(gate(), {"exam": found}, joined_at=NOW, zone=UTC, at=NOW + DAY)
        for found in ([ending], [ending, Interval(NOW)])
    )

    assert (only.in_grace, both.in_grace) == (True, False)
    assert only.last_moment == NOW + 3 * DAY - timedelta.resolution


def test_unmet_gates_are_sorted_by_what_they_block() -> None:
    gates = [gate("a", blocks=["link"]), gate("b", blocks=["earn", "payout"])]
    statuses = rules.checklist(gates, {}, joined_at=NOW, zone=UTC, at=NOW)

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
    statuses = rules.checklist(
        [gate(blocks=[blocks])], {}, joined_at=NOW, zone=UTC, at=NOW
    )

    assert rules.is_open_throughout(statuses) is is_open
