"""What a partner is told about moving down: before a date, and afterwards. Pure."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from zoneinfo import ZoneInfo

from portal.enrollments.notices import (
    LOOK_BACK,
    STEPS,
    Notice,
    NoticeKind,
    warning_step,
)
from portal.programs.definition import ProgramDefinition, TierLevel, Tiers
from portal.tiers.movement import dates_between
from portal.tiers.rules import Change, ChangeReason, Timeline

MOVE = "*tier-move"
"""Key of the notices about moves. No gate of a program can be called so."""
_AHEAD = timedelta(days=STEPS[0])
_A_YEAR = 365
"""Days from a date on which partners move to the next, at the least that matters."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Fall:
    """A move down.

    Attributes:
        notice: What is told about it.
        held: The level before.
        level: The level after.
        reason: What leads to it.
    """

    notice: Notice
    held: TierLevel
    level: TierLevel
    reason: ChangeReason


def next_date(definition: ProgramDefinition, at: datetime) -> datetime | None:
    """Return the next date on which partners move down, if it is near enough to tell.

    Args:
        definition: The program as it is in force.
        at: The moment of asking.
    """
    tiers = definition.tiers
    if tiers is None:
        return None
    dates = dates_between(tiers.demote.dates, at, at + _AHEAD, definition.zone)
    return min((date for date in dates if date > at), default=None)


def coming_fall(
    definition: ProgramDefinition, projected: Timeline, *, on: datetime, at: datetime
) -> Fall | None:
    """Return the move down that a date will bring if nothing else happens.

    Args:
        definition: The program as it is in force.
        projected: The levels over time, worked out up to `on`.
        on: The date.
        at: The moment of asking.
    """
    fall = _last_fall(definition, projected, until=on)
    if fall is None or fall[1].from_at != on or fall[1].reason is not ChangeReason.DATE:
        return None
    last_day = _day_before(on, definition.zone)
    today = at.astimezone(definition.zone).date()
    # A date that is too far away to tell is not looked at: see `next_date`.
    step = warning_step(last_day, days=_A_YEAR, today=today) or STEPS[0]
    return _told(fall, NoticeKind.DEADLINE, step, definition.zone)


def recent_fall(
    definition: ProgramDefinition, line: Timeline, *, at: datetime
) -> Fall | None:
    """Return the move down that a partner has just made and not made good since.

    The end of a duty is told by itself.

    Args:
        definition: The program as it is in force.
        line: The levels over time.
        at: The moment of asking.
    """
    fall = _last_fall(definition, line, until=at)
    if fall is None or fall[1].reason is ChangeReason.DUTY:
        return None
    if fall[1].from_at <= at - LOOK_BACK:
        return None
    return _told(fall, NoticeKind.SHUT, 0, definition.zone)


def _last_fall(
    definition: ProgramDefinition, line: Timeline, *, until: datetime
) -> tuple[TierLevel, Change] | None:
    """Return the last move, with the level before it, if it was one down."""
    moves = [one for one in line.changes if one.from_at <= until]
    if not moves or definition.tiers is None:
        return None
    before = moves[-2].level if len(moves) > 1 else line.lowest
    is_down = _rank(definition.tiers, moves[-1].level) < _rank(definition.tiers, before)
    return (before, moves[-1]) if is_down else None


def _rank(tiers: Tiers, level: TierLevel) -> int:
    keys: Sequence[str] = [one.key for one in tiers.levels]
    return keys.index(level.key)


def _told(
    fall: tuple[TierLevel, Change], kind: NoticeKind, step: int, zone: ZoneInfo
) -> Fall:
    held, change = fall
    return Fall(
        notice=Notice(
            key=MOVE,
            kind=kind,
            about_at=change.from_at,
            step=step,
            last_day=_day_before(change.from_at, zone)
            if kind is NoticeKind.DEADLINE
            else change.from_at.astimezone(zone).date(),
        ),
        held=held,
        level=change.level,
        reason=change.reason,
    )


def _day_before(moment: datetime, zone: ZoneInfo) -> date:
    return (moment - timedelta.resolution).astimezone(zone).date()
