"""When a partner moves to the level it earns. Pure.

Levels are compared by their rank, 0 for the lowest. The earned level is the one whose
conditions hold; the held level follows it as the program's policies say.
"""

from collections.abc import Iterable, Iterator, Sequence
from datetime import date, datetime
from zoneinfo import ZoneInfo

from dateutil.relativedelta import relativedelta

from portal.kit.clock import day_start, month_start
from portal.programs.definition import Tiers
from portal.tiers.facts import TierOverride


class Mover:
    """The level that the rules give a partner, overrides left aside."""

    def __init__(self, tiers: Tiers) -> None:
        self._tiers = tiers
        self._rank = {level.key: rank for rank, level in enumerate(tiers.levels)}
        self._earned = 0
        self._at_month_ends: dict[datetime, int] = {}
        self._rises_at_once = tiers.promote.when == "at_once"
        self._falls_at_once = tiers.demote.when == "at_once"
        self._duty = self._rank[tiers.duty.level] if tiers.duty else None
        self._has_missed_duty = False
        self.held = 0
        self.is_over = False
        """Whether the membership ended; nothing moves any more."""

    def settle(self, earned: int) -> None:
        """Take note of the earned level, and move if that needs no date."""
        self._earned = earned
        target = self._target(earned)
        if self._rises_at_once if target > self.held else self._falls_at_once:
            self._move(target)

    def note_month_end(self, moment: datetime) -> None:
        """Keep the level earned at the end of a month, for dates that look back."""
        self._at_month_ends[moment] = self._earned

    def promote_on_date(self) -> None:
        """Move up to the earned level."""
        self._move(max(self._target(self._earned), self.held))

    def demote_on_date(self, month_ends: Iterable[datetime]) -> None:
        """Move down to the best level earned now or at the end of such a month."""
        seen = [self._at_month_ends[end] for end in month_ends]
        best = max(self._target(rank) for rank in [self._earned, *seen])
        self._move(min(best, self.held))

    def miss_duty(self) -> None:
        """Bear what follows from a level that was not reached in time."""
        if self._tiers.duty is None or self._tiers.duty.move_to is None:
            self.is_over = True
            return
        self._has_missed_duty = True
        self._move(self._rank[self._tiers.duty.move_to])

    def _target(self, earned: int) -> int:
        """Return where the earned level leads.

        Who missed the duty stays at the level that follows from it until it earns
        the level of the duty after all.
        """
        duty = self._tiers.duty if self._has_missed_duty else None
        if duty is None or duty.move_to is None:
            return earned
        return earned if earned >= self._rank[duty.level] else self._rank[duty.move_to]

    def _move(self, rank: int) -> None:
        if self.is_over:
            return
        self.held = rank
        if self._duty is not None and rank >= self._duty:
            self._has_missed_duty = False


def dates_between(
    days: Sequence[str], starts_at: datetime, ends_at: datetime, zone: ZoneInfo
) -> Iterator[datetime]:
    """Yield the midnights of days like `07-15` from `starts_at` to `ends_at`."""
    years = range(starts_at.astimezone(zone).year, ends_at.astimezone(zone).year + 1)
    for year in years:
        for day in sorted(days):
            moment = day_start(date.fromisoformat(f"{year:04}-{day}"), zone)
            if starts_at <= moment <= ends_at:
                yield moment


def month_ends_before(
    moment: datetime, count: int, zone: ZoneInfo
) -> tuple[datetime, ...]:
    """Return the ends of the last `count` calendar months, latest first.

    A month that ends at `moment` itself is one of them.
    """
    day = moment.astimezone(zone).date()
    return tuple(
        month_start(day - relativedelta(months=back), zone) for back in range(count)
    )


def in_force(
    overrides: Iterable[TierOverride], moment: datetime
) -> TierOverride | None:
    """Return the override that holds at `moment`; of several, the latest one."""
    current = [
        one
        for one in overrides
        if one.from_at <= moment and (one.until_at is None or moment < one.until_at)
    ]
    return max(current, key=_place, default=None)


def _place(override: TierOverride) -> tuple[datetime, bool, datetime, str]:
    until = override.until_at
    return (override.from_at, until is None, until or override.from_at, override.level)
