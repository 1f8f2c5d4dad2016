"""A partner's level in a program, worked out from what its customers bought. Pure."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from uuid import UUID
from zoneinfo import ZoneInfo

from portal.kit.clock import add_months
from portal.programs.definition import (
    ProgramDefinition,
    TierLevel,
    TierMetric,
    Tiers,
    TierWindow,
)
from portal.programs.rules import level_for, milli_points
from portal.tiers.facts import Event, first_sales
from portal.tiers.windows import span_of

_ROLLING_MONTHS = 12


class ChangeReason(StrEnum):
    """What moved a partner to another level."""

    START = "start"
    """The partner joined."""
    SALE = "sale"
    REFUND = "refund"
    WINDOW = "window"
    """Sales dropped out of the time over which the metric is taken."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """A level and the value of the metric that gives it."""

    level: TierLevel
    value: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """A move to another level.

    Attributes:
        from_at: From when on the level is held.
        level: The level.
        value: The metric at that moment.
        reason: What happened.
    """

    from_at: datetime
    level: TierLevel
    value: int
    reason: ChangeReason


@dataclass(frozen=True, slots=True, kw_only=True)
class Timeline:
    """The levels of a partner over time.

    Attributes:
        changes: Every move, earliest first. Before the first, the lowest level.
        at_sale: Where the partner stood at each sale, that sale counted in.
        final: Where it stands at the end.
    """

    changes: tuple[Change, ...]
    at_sale: Mapping[UUID, Standing]
    final: Standing


@dataclass(frozen=True, slots=True, kw_only=True)
class Worth:
    """What one rule pays on this level and on the next."""

    title: str
    rate_bps: int
    next_rate_bps: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Progress:
    """How far it is to the next level.

    Attributes:
        level: The level held.
        next_level: The one above; none on the highest.
        value: The metric.
        target: What the next level needs; the value itself on the highest.
        missing: What is missing to it.
        worth: What each rule with a rate by level pays now and would pay then.
    """

    level: TierLevel
    next_level: TierLevel | None
    value: int
    target: int
    missing: int
    worth: tuple[Worth, ...]


def progress(definition: ProgramDefinition, value: int) -> Progress | None:
    """Return how far `value` is from the next level; none without tiers."""
    if definition.tiers is None:
        return None
    level = level_for(definition.tiers, value)
    above = [other for other in definition.tiers.levels if other.from_value > value]
    following = above[0] if above else None
    target = following.from_value if following else value
    return Progress(
        level=level,
        next_level=following,
        value=value,
        target=target,
        missing=target - value,
        worth=_worth(definition, level, following) if following else (),
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


def timeline(
    tiers: Tiers,
    events: Sequence[Event],
    *,
    currency: str,
    zone: ZoneInfo,
    until: datetime | None = None,
) -> Timeline:
    """Return how the level moved.

    Args:
        tiers: The levels.
        events: Sales and refunds of the enrollment, in order.
        currency: The program's; sales in another one bring no amount.
        zone: The program's time zone.
        until: Take in what drops out of the window up to this moment, and nothing
            that happens after it; none for everything.
    """
    total = 0
    counted: dict[UUID, int] = {}
    at_sale: dict[UUID, Standing] = {}
    changes: list[Change] = []
    standing = Standing(level=tiers.levels[0], value=0)
    for step in _steps(tiers, events, currency, zone):
        if until is not None and step.moment > until:
            break
        if step.event is None:
            total -= counted.pop(step.sale_id, 0)
        elif step.event.refund is None:
            counted[step.sale_id] = step.change
            total += step.change
        elif step.sale_id in counted:
            counted[step.sale_id] += step.change
            total += step.change
        held = standing.level
        standing = _standing(tiers, total, currency)
        if step.event is not None and step.event.refund is None:
            at_sale[step.sale_id] = standing
        if standing.level != held:
            changes.append(
                Change(
                    from_at=step.moment,
                    level=standing.level,
                    value=standing.value,
                    reason=step.reason,
                )
            )
    return Timeline(
        changes=tuple(_one_for_each_moment(tiers, changes)),
        at_sale=at_sale,
        final=standing,
    )


def _standing(tiers: Tiers, total: int, currency: str) -> Standing:
    value = total
    if tiers.metric is TierMetric.POINTS:
        value = milli_points(tiers, total, currency)
    return Standing(level=level_for(tiers, value), value=value)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Step:
    """Something that changes the metric: an event, or a sale that drops out."""

    moment: datetime
    sale_id: UUID
    event: Event | None = None
    change: int = 0

    @property
    def reason(self) -> ChangeReason:
        if self.event is None:
            return ChangeReason.WINDOW
        return ChangeReason.SALE if self.event.refund is None else ChangeReason.REFUND


def _steps(
    tiers: Tiers, events: Sequence[Event], currency: str, zone: ZoneInfo
) -> Iterator[_Step]:
    first = {sale.id for sale in first_sales(events).values()}
    steps = []
    for event in events:
        if tiers.metric is TierMetric.NEW_CUSTOMERS:
            change = int(event.refund is None and event.sale.id in first)
        else:
            change = event.change_minor if event.sale.currency == currency else 0
        steps.append(
            _Step(
                moment=event.moment,
                sale_id=event.sale.id,
                event=event,
                change=change,
            )
        )
    ends = [
        _Step(moment=end, sale_id=event.sale.id)
        for event in events
        if event.refund is None
        and (end := _drops_out_at(tiers.window, event.sale.occurred_at, zone))
    ]
    # The sort is stable: at one moment, what drops out goes first, and events keep
    # the order in which they count.
    yield from sorted(ends + steps, key=lambda step: step.moment)


def _drops_out_at(
    window: TierWindow, moment: datetime, zone: ZoneInfo
) -> datetime | None:
    if window is TierWindow.LIFE:
        return None
    if window is TierWindow.ROLLING_12_MONTHS:
        return add_months(moment, _ROLLING_MONTHS, zone)
    return span_of(window.value, moment, zone).ends_at


def _one_for_each_moment(tiers: Tiers, changes: Iterable[Change]) -> Iterator[Change]:
    """Keep the last change of each moment, and only those that change something."""
    last: dict[datetime, Change] = {change.from_at: change for change in changes}
    level = tiers.levels[0]
    for change in last.values():
        if change.level != level:
            level = change.level
            yield change
