"""The story's calendar: fourteen full months and the running one, before `now`."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

from portal.kit.clock import add_months, month_start

MONTHS = 14
"""Full months; number 14 is the one that runs."""
_UTC = ZoneInfo("UTC")


@dataclass(frozen=True, slots=True)
class Calendar:
    """Names the moments of the story. Months are counted from its first one, 0."""

    now: datetime

    @property
    def start(self) -> datetime:
        """When the programs open."""
        return add_months(month_start(self.now.date(), _UTC), -MONTHS, _UTC)

    def month(self, number: int) -> datetime:
        """Return when a month begins."""
        return add_months(self.start, number, _UTC)

    def label(self, number: int) -> str:
        """Return a month as periods call it, such as `2026-10`."""
        return f"{self.month(number):%Y-%m}"

    def on(self, month: int, day: int, hour: int = 10, minute: int = 0) -> datetime:
        """Return a moment of a month; days up to 28 exist in each."""
        return self.month(month) + timedelta(days=day - 1, hours=hour, minutes=minute)

    def ago(self, *, days: float = 0, months: int = 0) -> datetime:
        """Return a moment that long before now, at a full minute."""
        moment = add_months(self.now - timedelta(days=days), -months, _UTC)
        return moment.replace(second=0, microsecond=0)

    def today(self) -> datetime:
        """Return a moment of today: three hours ago, or soon after midnight."""
        midnight = self.now.astimezone(UTC).replace(
            hour=0, minute=0, second=0, microsecond=0
        )
        passed = min((self.now - midnight) / 2, timedelta(hours=3))
        return (self.now - passed).replace(second=0, microsecond=0)
