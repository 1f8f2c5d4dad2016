"""How far a partner is from a level, and what would follow. Pure."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime

from portal.kit.clock import add_months
from portal.programs.definition import (
    ProgramDefinition,
    Requirement,
    TierLevel,
    TierMetric,
    Tiers,
)
from portal.tiers.facts import TierInputs, TierOverride
from portal.tiers.metrics import Reading, is_met
from portal.tiers.movement import dates_between
from portal.tiers.rules import Timeline


@dataclass(frozen=True, slots=True, kw_only=True)
class Worth:
    """What one rule pays on this level and on the next."""

    title: str
    rate_bps: int
    next_rate_bps: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Need:
    """One thing that a level needs, and how the partner stands.

    Attributes:
        metric: What is looked at.
        fact: Which recorded value, for the metric `fact`.
        limit: The least value that is enough, or with `is_below` the least that is
            too much.
        is_below: Whether less is better.
        value: What the partner has; none if nobody recorded it.
        is_met: Whether that is enough.
    """

    metric: TierMetric
    fact: str | None
    limit: int
    is_below: bool
    value: int | None
    is_met: bool

    @property
    def missing(self) -> int:
        """By how much the value must rise, or with `is_below` fall."""
        if self.is_met:
            return 0
        if self.is_below:
            return (self.limit if self.value is None else self.value) - self.limit + 1
        return self.limit - (self.value or 0)


@dataclass(frozen=True, slots=True, kw_only=True)
class LevelState:
    """A level with all that it needs, the metric first."""

    level: TierLevel
    needs: tuple[Need, ...]
    is_held: bool
    is_earned: bool

    @property
    def is_reached(self) -> bool:
        """Whether all that it needs is there."""
        return all(need.is_met for need in self.needs)


@dataclass(frozen=True, slots=True, kw_only=True)
class Duty:
    """The level that must be reached in time.

    Attributes:
        level: The level.
        due_at: By when; none if nobody knows when the partner joined.
        move_to: Where a partner goes who misses it; none: the membership ends.
        is_done: Whether it was held at some time.
        is_missed: Whether it was not, and the time is over.
    """

    level: TierLevel
    due_at: datetime | None
    move_to: TierLevel | None
    is_done: bool
    is_missed: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Progress:
    """Where a partner stands and how far it is to the next level.

    Attributes:
        level: The level held.
        earned: The level whose conditions hold. It differs from the one held while a
            move waits for its date, and while staff set the level.
        next_level: The one above the one held; none on the highest.
        value: The metric.
        target: What the next level needs of it; the value itself on the highest.
        missing: What of it is missing.
        needs: All that the next level needs, the metric first.
        worth: What each rule with a rate by level pays now and would pay then.
        opens: The rules that pay on the next level and not on this one.
        moves_at: When the partner moves to the earned level, or to where a look back
            leads; none if it does not wait for a date.
        keeps: Whether nothing that was missed ever moves it down.
        duty: The level that must be reached in time, if there is one.
        override: What staff set and holds now; none if they set nothing.
        ends_at: When the membership ended because of the duty.
        levels: Every level with what it needs, lowest first.
    """

    level: TierLevel
    earned: TierLevel
    next_level: TierLevel | None
    value: int
    target: int
    missing: int
    needs: tuple[Need, ...]
    worth: tuple[Worth, ...]
    opens: tuple[str, ...]
    moves_at: datetime | None
    keeps: bool
    duty: Duty | None
    override: TierOverride | None
    ends_at: datetime | None
    levels: tuple[LevelState, ...]

    @property
    def is_waiting_to_rise(self) -> bool:
        """Whether more is earned than is held."""
        return self._rank(self.earned) > self._rank(self.level)

    @property
    def is_waiting_to_fall(self) -> bool:
        """Whether less is earned than is held."""
        return self._rank(self.earned) < self._rank(self.level)

    def _rank(self, level: TierLevel) -> int:
        return [state.level.key for state in self.levels].index(level.key)


def progress(
    definition: ProgramDefinition,
    line: Timeline,
    *,
    inputs: TierInputs,
    now: datetime,
) -> Progress | None:
    """Return where a partner stands; none in a program without tiers.

    Args:
        definition: The program.
        line: What `timeline` returned for the program up to `now`.
        inputs: What `timeline` was given.
        now: The moment.
    """
    tiers = definition.tiers
    if tiers is None:
        return None
    level, value = line.final.level, line.final.value
    states = tuple(_states(tiers, line))
    at = [state.is_held for state in states].index(True)
    following = states[at + 1] if at + 1 < len(states) else None
    up = tiers.levels.index(line.earned) > at
    waits = line.earned != level and line.override is None and line.ends_at is None
    days = tiers.promote.dates if up else tiers.demote.dates
    return Progress(
        level=level,
        earned=line.earned,
        next_level=following.level if following else None,
        value=value,
        target=following.needs[0].limit if following else value,
        missing=following.needs[0].missing if following else 0,
        needs=following.needs if following else (),
        worth=_worth(definition, level, following.level) if following else (),
        opens=_opens(definition, level, following.level) if following else (),
        moves_at=_next(days, definition, now) if waits else None,
        keeps=tiers.demote.when == "never",
        duty=_duty(definition, tiers, line, inputs, now),
        override=line.override,
        ends_at=line.ends_at,
        levels=states,
    )


def _states(tiers: Tiers, line: Timeline) -> Iterable[LevelState]:
    for level in tiers.levels:
        is_lowest = level == tiers.levels[0]
        yield LevelState(
            level=level,
            needs=()
            if is_lowest
            else (
                _least(tiers, level, line.reading),
                *(_need(one, line.reading) for one in level.requires),
            ),
            is_held=level == line.final.level,
            is_earned=level == line.earned,
        )


def _least(tiers: Tiers, level: TierLevel, reading: Reading) -> Need:
    limit = level.from_value + (tiers.limit == "more_than")
    value = reading.values[tiers.metric]
    return Need(
        metric=tiers.metric,
        fact=None,
        limit=limit,
        is_below=False,
        value=value,
        is_met=value >= limit,
    )


def _need(need: Requirement, reading: Reading) -> Need:
    value = reading.of(need)
    limit = need.at_least if need.below is None else need.below
    return Need(
        metric=need.metric,
        fact=need.fact,
        limit=limit or 0,
        is_below=need.below is not None,
        value=value,
        is_met=is_met(need, value),
    )


def _worth(
    definition: ProgramDefinition, level: TierLevel, following: TierLevel
) -> tuple[Worth, ...]:
    return tuple(
        Worth(
            title=rule.title,
            rate_bps=rule.rate_bps_by_tier[level.key],
            next_rate_bps=rule.rate_bps_by_tier[following.key],
        )
        for rule in definition.rules
        if rule.rate_bps_by_tier
    )


def _opens(
    definition: ProgramDefinition, level: TierLevel, following: TierLevel
) -> tuple[str, ...]:
    return tuple(
        rule.title
        for rule in definition.rules
        if rule.when
        and following.key in rule.when.tiers
        and level.key not in rule.when.tiers
    )


def _next(
    days: Sequence[str], definition: ProgramDefinition, now: datetime
) -> datetime | None:
    zone = definition.zone
    ahead = dates_between(days, now, add_months(now, 12, zone), zone)
    return min((date for date in ahead if date > now), default=None)


def _duty(
    definition: ProgramDefinition,
    tiers: Tiers,
    line: Timeline,
    inputs: TierInputs,
    now: datetime,
) -> Duty | None:
    if tiers.duty is None:
        return None
    by_key = {level.key: level for level in tiers.levels}
    due_at = (
        add_months(inputs.joined_at, tiers.duty.within_months, definition.zone)
        if inputs.joined_at
        else None
    )
    return Duty(
        level=by_key[tiers.duty.level],
        due_at=due_at,
        move_to=by_key[tiers.duty.move_to] if tiers.duty.move_to else None,
        is_done=line.is_duty_done,
        is_missed=not line.is_duty_done and due_at is not None and due_at <= now,
    )
