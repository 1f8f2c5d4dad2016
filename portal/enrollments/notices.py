"""What a partner is told about its gates, and when. Pure.

Before a deadline, or the end of what was met, it is told 60, 30 and 7 days before.
When a gate has shut it is told why. A run that comes late tells only what is most
urgent, and one that comes twice tells nothing new: each notice has a key.
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from enum import StrEnum
from zoneinfo import ZoneInfo

from portal.enrollments.rules import GateStatus, History, checklist
from portal.kit.clock import day_start
from portal.programs.definition import Gate, GateKind

STEPS = (60, 30, 7)
"""Days before a deadline or an end."""
SHORT_STEPS = (3, 1)
"""For what is so short that none of these days lies in it; the first that does."""
LOOK_BACK = timedelta(days=30)
"""How late a run may be and still explain what happened; later, it is old news."""


class NoticeKind(StrEnum):
    """What a notice is about."""

    DEADLINE = "deadline"
    """The last day for something that is not done comes near."""
    EXPIRY = "expiry"
    """Something that is done comes to its end."""
    MISSED = "missed"
    """The last day has passed, and it is not done."""
    SHUT = "shut"
    """Something that was done has come to its end, or was taken back."""


FEE_REMINDER_DAYS = (0, 3, 7)
"""On which days after its payment failed a partner is reminded of the fee."""
TOLD_ELSEWHERE = frozenset({GateKind.TAX_FORM})
"""Gates whose end follows from a paper that has warnings of its own."""
WARNINGS = frozenset({NoticeKind.DEADLINE, NoticeKind.EXPIRY})


@dataclass(frozen=True, slots=True, kw_only=True)
class Notice:
    """One thing to tell, once.

    Attributes:
        key: The gate's, or that of what else has a day.
        kind: What it is about.
        about_at: The first moment after the deadline or the end.
        step: How many days before; 0 for what has happened.
        last_day: The last day before `about_at`, in the program's zone.
    """

    key: str
    kind: NoticeKind
    about_at: datetime
    step: int
    last_day: date


Told = Collection[tuple[str, NoticeKind, datetime, int]]
"""The keys of what was told already: key, kind, moment and step."""


def due_notices(
    gates: Sequence[Gate],
    history: History,
    told: Told,
    *,
    joined_at: datetime,
    zone: ZoneInfo,
    grace_days: int,
    at: datetime,
) -> list[tuple[GateStatus, Notice]]:
    """Return what is to be told about which gate, in the program's order.

    Args:
        gates: The gates of the version under which the partner joined.
        history: The effective intervals.
        told: What was told already.
        joined_at: When the partner joined.
        zone: The program's.
        grace_days: For how many days a failed payment leaves the fee's gate open.
        at: The moment.
    """
    statuses = checklist(gates, history, joined_at=joined_at, zone=zone, at=at)
    found = [(one, _about(one, history, zone, grace_days, at)) for one in statuses]
    return [
        (status, notice)
        for status, notice in found
        if notice is not None and is_new(notice, told)
    ]


def is_new(notice: Notice, told: Told) -> bool:
    """Tell whether neither this nor something more urgent of it was told."""
    return not any(
        (key, kind, about_at) == (notice.key, notice.kind, notice.about_at)
        and step <= notice.step
        for key, kind, about_at, step in told
    )


def warning_step(last_day: date, *, days: int, today: date) -> int | None:
    """Return which warning is due; none if it is too early for the first.

    Args:
        last_day: The day before which people are warned.
        days: How many days there were in all; a warning that would come on the first
            of them says nothing new.
        today: The day of asking, no later than `last_day`.
    """
    left = (last_day - today).days
    steps = [step for step in STEPS if step < days]
    steps = steps or [step for step in SHORT_STEPS if step < days][:1]
    return min((step for step in steps if left <= step), default=None)


def _about(
    status: GateStatus, history: History, zone: ZoneInfo, grace_days: int, at: datetime
) -> Notice | None:
    if status.since is not None:
        return _of_met(status, status.since, zone, at)
    if status.due_on is not None:
        return _of_due(status, status.due_on, zone, at)
    found = [one for one in history.get(status.gate.key, ()) if not one.is_empty]
    if found and status.gate.kind is GateKind.FEE:
        last = max(found, key=lambda one: one.since)
        if last.in_grace and grace_days in FEE_REMINDER_DAYS:
            return None  # The reminder of that day says that it has shut.
    ends = [one.until for one in found if one.until is not None and one.until <= at]
    return _happened(status, NoticeKind.SHUT, max(ends, default=None), zone, at)


def _of_met(
    status: GateStatus, since: datetime, zone: ZoneInfo, at: datetime
) -> Notice | None:
    # A payment that failed has reminders of its own.
    is_told = status.in_grace or status.gate.kind in TOLD_ELSEWHERE
    if status.until is None or status.renews or is_told:
        return None
    days = (status.until - since).days
    return _warning(
        status, NoticeKind.EXPIRY, status.until, days=days, zone=zone, at=at
    )


def _of_due(
    status: GateStatus, due_on: date, zone: ZoneInfo, at: datetime
) -> Notice | None:
    over = day_start(due_on + timedelta(days=1), zone)
    if status.is_overdue:
        return _happened(status, NoticeKind.MISSED, over, zone, at)
    days = status.gate.deadline_days or 0
    return _warning(status, NoticeKind.DEADLINE, over, days=days, zone=zone, at=at)


def _warning(
    status: GateStatus,
    kind: NoticeKind,
    about_at: datetime,
    *,
    days: int,
    zone: ZoneInfo,
    at: datetime,
) -> Notice | None:
    last_day = _last_day(about_at, zone)
    step = warning_step(last_day, days=days, today=at.astimezone(zone).date())
    if step is None:
        return None
    return Notice(
        key=status.gate.key,
        kind=kind,
        about_at=about_at,
        step=step,
        last_day=last_day,
    )


def _happened(
    status: GateStatus,
    kind: NoticeKind,
    about_at: datetime | None,
    zone: ZoneInfo,
    at: datetime,
) -> Notice | None:
    if about_at is None or about_at <= at - LOOK_BACK:
        return None
    return Notice(
        key=status.gate.key,
        kind=kind,
        about_at=about_at,
        step=0,
        last_day=_last_day(about_at, zone),
    )


def _last_day(over: datetime, zone: ZoneInfo) -> date:
    """Return the day of the last moment before `over`."""
    return (over - timedelta.resolution).astimezone(zone).date()
