"""Which warning is due when: pure, so that every day can be asked."""

from collections.abc import Sequence
from datetime import date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from portal.enrollments.notices import (
    Notice,
    NoticeKind,
    Told,
    due_notices,
    warning_step,
)
from portal.enrollments.rules import History, Interval
from portal.programs.definition import Gate
from tests.enrollments.test_rules import gate
from tests.factories.base_factory import NOW

DAY = timedelta(days=1)
UTC = ZoneInfo("UTC")
END = NOW + 365 * DAY
EXPIRING = [Interval(NOW, END)]


def key_of(notice: Notice) -> tuple[str, NoticeKind, datetime, int]:
    return notice.key, notice.kind, notice.about_at, notice.step


def due(
    at: datetime,
    history: History,
    told: Told = (),
    gates: Sequence[Gate] | None = None,
    grace_days: int = 0,
) -> list[Notice]:
    found = due_notices(
        gates or [gate()],
        history,
        told,
        joined_at=NOW,
        zone=UTC,
        grace_days=grace_days,
        at=at,
    )
    return [notice for _status, notice in found]


def runs(
    days: Sequence[int], history: History, **more: object
) -> list[tuple[int, int]]:
    """Return at how many days before the end which warning is told, run by run."""
    told: set[tuple[str, NoticeKind, datetime, int]] = set()
    found = []
    for left in days:
        for notice in due(END - left * DAY, history, told, **more):  # type: ignore[arg-type]  # as given
            told.add(key_of(notice))
            found.append((left, notice.step))
    return found


def test_run_daily_it_warns_60_30_and_7_days_before_and_explains_afterwards() -> None:
    found = runs(range(90, -40, -1), {"exam": EXPIRING})

    assert found == [(60, 60), (30, 30), (7, 7), (0, 0)]


def test_twice_a_day_tells_nothing_twice() -> None:
    twice = [day for left in range(90, -40, -1) for day in (left, left)]

    assert runs(twice, {"exam": EXPIRING}) == runs(
        range(90, -40, -1), {"exam": EXPIRING}
    )


@pytest.mark.parametrize(
    ("days", "told"),
    [
        # A week late: the same warning, with fewer days left.
        ([70, 54, 47], [(54, 60)]),
        # Very late: only what is most urgent.
        ([70, 20, 5], [(20, 30), (5, 7)]),
        ([5, 4], [(5, 7)]),
        # For a day in the past, after a later one: it is old news by then.
        ([5, 25, 55], [(5, 7)]),
        # After the end, however late within a month.
        ([70, -20, -21], [(-20, 0)]),
        ([-31], []),
    ],
)
def test_late_or_out_of_order_it_tells_what_is_most_urgent_once(
    days: list[int], told: list[tuple[int, int]]
) -> None:
    assert runs(days, {"exam": EXPIRING}) == told


@pytest.mark.parametrize(
    ("days", "left", "step"),
    [
        (365, 61, None),
        (365, 60, 60),
        (60, 60, None),  # on the first day it says nothing new
        (60, 30, 30),
        (30, 29, None),
        (30, 7, 7),
        (7, 7, None),
        (7, 3, 3),
        (7, 0, 3),
        (3, 1, 1),
        (1, 0, None),
    ],
)
def test_what_is_short_is_warned_of_later(
    days: int, left: int, step: int | None
) -> None:
    last_day = date(2026, 6, 30)

    assert (
        warning_step(last_day, days=days, today=last_day - timedelta(days=left)) == step
    )


@pytest.mark.parametrize(
    ("interval", "grace_days", "told"),
    [
        (Interval(NOW), 0, []),
        (Interval(NOW, END, renews=True), 7, [(0, 0)]),
        # While a payment is overdue, the reminders of the fee say when it shuts; on a
        # day without a reminder, somebody must say that it has.
        (Interval(NOW, END, in_grace=True, renews=True), 7, []),
        (Interval(NOW, END, in_grace=True), 90, [(0, 0)]),
    ],
)
def test_a_fee_is_at_risk_only_when_no_payment_will_renew_it(
    interval: Interval, grace_days: int, told: list[tuple[int, int]]
) -> None:
    days = [60, 30, 7, 3, 0]

    assert runs(days, {"exam": [interval]}, grace_days=grace_days) == told


def test_a_paper_with_warnings_of_its_own_is_only_explained() -> None:
    tax = gate(kind="tax_form")

    assert runs([60, 30, 7, 0], {"exam": EXPIRING}, gates=[tax]) == [(0, 0)]


def test_a_deadline_is_announced_and_a_missed_one_explained() -> None:
    asked = gate(deadline_days=90, shuts_at_deadline=True)
    last_day = NOW.date() + timedelta(days=90)

    found = [
        (notice.kind, notice.step, notice.last_day)
        for days in (29, 30, 61, 84, 90, 91, 121)
        for notice in due(NOW + days * DAY, {}, gates=[asked])
    ]

    assert found == [
        (NoticeKind.DEADLINE, 60, last_day),
        (NoticeKind.DEADLINE, 30, last_day),
        (NoticeKind.DEADLINE, 7, last_day),
        (NoticeKind.DEADLINE, 7, last_day),
        (NoticeKind.MISSED, 0, last_day),
    ]


def test_nothing_is_told_of_a_gate_that_never_was_met_and_has_no_deadline() -> None:
    assert due(NOW + 90 * DAY, {}) == []


def test_what_was_over_when_it_began_was_never_met() -> None:
    assert due(NOW + DAY, {"exam": [Interval(NOW, NOW)]}) == []


def test_a_new_end_is_warned_of_anew() -> None:
    [first] = due(END - 5 * DAY, {"exam": EXPIRING})
    later = {"exam": [Interval(NOW, END + DAY)]}

    assert due(END - 5 * DAY, {"exam": EXPIRING}, {key_of(first)}) == []
    assert len(due(END - 5 * DAY, later, {key_of(first)})) == 1
