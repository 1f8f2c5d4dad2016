"""Caps, queues and ends: what of the earned rewards is given, and when."""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from zoneinfo import ZoneInfo

from portal.kit.clock import add_months
from portal.programs.definition import Reward, RewardCap
from portal.rewards.calculation.earning import Earned
from portal.rewards.calculation.facts import Reason


@dataclass(frozen=True, slots=True, kw_only=True)
class Given:
    """What is given of one earned reward.

    Attributes:
        earned: As it was earned.
        value: How much of it is given.
        due_at: From when on; none: something is missing, or nothing is given.
        ends_at: Until when it stands on bills.
        ended_by: What ends it.
    """

    earned: Earned
    value: int
    due_at: datetime | None
    ends_at: datetime | None = None
    ended_by: Reason | None = None

    @property
    def over_cap(self) -> int:
        """How much more was earned."""
        return self.earned.amount - self.value


def given_of(
    reward: Reward,
    earned: Sequence[Earned],
    approvals: Mapping[str, datetime],
    zone: ZoneInfo,
) -> list[Given]:
    """Return what is given of each, in no particular order."""
    groups = defaultdict(list)
    for one in earned:
        groups[one.beneficiary].append(one)
    return [
        given
        for group in groups.values()
        for given in _given_to_one(reward, group, approvals, zone)
    ]


def _given_to_one(
    reward: Reward,
    earned: Sequence[Earned],
    approvals: Mapping[str, datetime],
    zone: ZoneInfo,
) -> list[Given]:
    stands_together = reward.lasts and _is_of_one_time(reward.cap)
    cap = None if stands_together else reward.cap
    given = [
        Given(
            earned=one,
            value=value,
            due_at=_due_at(reward, one, approvals) if value else None,
        )
        for one, value in _capped_over_time(cap, earned, zone)
    ]
    if reward.one_a_month:
        given = _one_a_month(given, zone)
    if reward.lasts:
        given = [_until_it_ends(reward, one, zone) for one in given]
    if stands_together and reward.cap:
        given = _capped_at_one_time(reward.cap, given)
    return given


def _is_of_one_time(cap: RewardCap | None) -> bool:
    """Tell whether a cap on what lasts looks at what stands together."""
    return cap is not None and (
        cap.total is not None or cap.overflow == "replace_oldest"
    )


def _due_at(
    reward: Reward, earned: Earned, approvals: Mapping[str, datetime]
) -> datetime | None:
    if earned.ready_at is None or not reward.needs_approval:
        return earned.ready_at
    approved_at = approvals.get(earned.key)
    return None if approved_at is None else max(earned.ready_at, approved_at)


def _capped_over_time(
    cap: RewardCap | None, earned: Iterable[Earned], zone: ZoneInfo
) -> Iterable[tuple[Earned, int]]:
    """Yield how much of each is given, the earliest first.

    What waits, or is held, keeps its place until it is clear that it earned nothing.
    """
    used: dict[int | None, int] = defaultdict(int)
    for one in sorted(earned, key=lambda one: (one.earned_at, one.key)):
        if one.amount == 0 or one.is_repeated:
            yield one, 0
            continue
        if cap is None:
            yield one, one.amount
            continue
        year = None if cap.per == "life" else one.earned_at.astimezone(zone).year
        if cap.count is not None:
            value = one.amount if used[year] < cap.count else 0
            used[year] += 1 if value else 0
        else:
            value = min(one.amount, (cap.total or 0) - used[year])
            used[year] += value
        yield one, value


def _one_a_month(given: Iterable[Given], zone: ZoneInfo) -> list[Given]:
    """Move what would be due in the month of another one to a month of its own.

    Months are counted from the first of a row, so that the 31st is not lost in
    February.
    """
    moved = []
    anchor: datetime | None = None
    months = 0
    for one in sorted(given, key=_by_due):
        if one.due_at is None:
            moved.append(one)
            continue
        months += 1
        if anchor is None or one.due_at > add_months(anchor, months, zone):
            anchor, months = one.due_at, 0
        moved.append(replace(one, due_at=add_months(anchor, months, zone)))
    return moved


def _by_due(given: Given) -> tuple[bool, datetime, str]:
    due_at = given.due_at
    return due_at is None, due_at or given.earned.earned_at, given.earned.key


def _until_it_ends(reward: Reward, given: Given, zone: ZoneInfo) -> Given:
    if given.due_at is None:
        return given
    ends = []
    if reward.months is not None:
        ends.append((add_months(given.due_at, reward.months, zone), Reason.MONTHS))
    if given.earned.leaves_at is not None:
        left_at = max(given.earned.leaves_at, given.due_at)
        ends.append((left_at, Reason.LEFT))
    if not ends:
        return given
    ends_at, ended_by = min(ends)
    return replace(given, ends_at=ends_at, ended_by=ended_by)


def _capped_at_one_time(cap: RewardCap, given: Iterable[Given]) -> list[Given]:
    """Let no more stand together than the cap allows, in the order of their start.

    A new one over the cap gets what is left, or takes the place of the oldest ones.
    """
    most = cap.total if cap.total is not None else cap.count or 0
    settled: list[Given] = []
    standing: list[Given] = []
    for new in sorted(given, key=_by_due):
        start = new.due_at
        if start is None:
            settled.append(new)
            continue
        settled += [one for one in standing if _is_over(one, start)]
        standing = [one for one in standing if not _is_over(one, start)]
        wanted = min(_weight(cap, new), most)
        room = most - sum(_weight(cap, one) for one in standing)
        while cap.overflow == "replace_oldest" and room < wanted:
            oldest = standing.pop(0)
            room += _weight(cap, oldest)
            settled.append(replace(oldest, ends_at=start, ended_by=Reason.REPLACED))
        value = min(new.value, room) if cap.total is not None else new.value
        if value:
            standing.append(replace(new, value=value))
        else:
            settled.append(Given(earned=new.earned, value=0, due_at=None))
    return settled + standing


def _is_over(given: Given, moment: datetime) -> bool:
    return given.ends_at is not None and given.ends_at <= moment


def _weight(cap: RewardCap, given: Given) -> int:
    return 1 if cap.total is None else given.value
