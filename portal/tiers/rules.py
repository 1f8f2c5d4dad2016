"""A partner's level in a program, worked out from what happened. Pure.

At one moment things count in this order: months end, sales drop out of the window,
facts and overrides change, the dates of moves and the duty come, and then sales and
refunds in their own order.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import IntEnum, StrEnum
from functools import partial
from operator import itemgetter
from uuid import UUID
from zoneinfo import ZoneInfo

from portal.kit.clock import add_months
from portal.programs.definition import TierLevel, Tiers, TierWindow, Trigger
from portal.tiers.facts import Event, SaleFact, TierFact, TierInputs, TierOverride
from portal.tiers.metrics import Meter, Reading
from portal.tiers.movement import Mover, dates_between, in_force, month_ends_before
from portal.tiers.windows import Span, a_year_later, span_of

_MONTHS_IN_YEAR = 12


class ChangeReason(StrEnum):
    """What moved a partner to another level."""

    START = "start"
    """The partner joined."""
    SALE = "sale"
    REFUND = "refund"
    WINDOW = "window"
    """Sales dropped out of the time over which the metric is taken."""
    FACT = "fact"
    """A value was recorded, such as a rating, or a certificate came or ended."""
    DATE = "date"
    """One of the dates on which partners move came."""
    DUTY = "duty"
    """A level was not reached in time."""
    OVERRIDE = "override"
    """Staff set the level, or what they set ended."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """A level and the value of the metric beside it."""

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
        lowest: The level of those who reached none.
        changes: Every move, earliest first. Before the first, the lowest level.
        at_sale: Where the partner stood at each sale; whether that sale is counted in,
            the program says.
        final: Where it stands at the end.
        earned: The level whose conditions hold at the end, which it may not hold.
        reading: What the metrics and facts come to at the end.
        override: What staff set and holds at the end; none if they set nothing.
        is_duty_done: Whether the level of the duty was held at some time.
        ends_at: When the membership ended because the duty was missed; none if it
            did not.
    """

    lowest: TierLevel
    changes: tuple[Change, ...]
    at_sale: Mapping[UUID, Standing]
    final: Standing
    earned: TierLevel
    reading: Reading
    override: TierOverride | None
    is_duty_done: bool
    ends_at: datetime | None


def timeline(
    tiers: Tiers,
    events: Sequence[Event],
    *,
    currency: str,
    zone: ZoneInfo,
    until: datetime | None = None,
    inputs: TierInputs = TierInputs(),  # noqa: B008 - it never changes
) -> Timeline:
    """Return how the level moved.

    Args:
        tiers: The levels.
        events: Sales and refunds of the enrollment, in order.
        currency: The program's; sales in another one bring no amount, and points only
            where the program says what they are worth.
        zone: The program's time zone, in which dates begin at midnight.
        until: Take in what follows from time alone up to this moment, and nothing
            that happens after it; none for everything.
        inputs: What decides besides sales, in any order.
    """
    course = _Course(tiers, events, currency, inputs)
    steps = _steps(course, tiers, events, zone=zone, until=until, inputs=inputs)
    for moment, _kind, act in steps:
        if until is not None and moment > until:
            break
        course.happen(moment, act)
    return course.timeline()


class _Kind(IntEnum):
    """What happens, in the order in which it counts at one moment."""

    MONTH_END = 0
    START = 1
    DROP_OUT = 2
    FACT = 3
    OVERRIDE = 4
    DATE = 5
    DUTY = 6
    EVENT = 7


_Act = Callable[[datetime], ChangeReason]
_Step = tuple[datetime, _Kind, _Act]


class _Course:
    """How far the story of a partner has come. Each method is one step of it."""

    def __init__(
        self, tiers: Tiers, events: Sequence[Event], currency: str, inputs: TierInputs
    ) -> None:
        self._tiers = tiers
        self._rank = {level.key: rank for rank, level in enumerate(tiers.levels)}
        self._meter = Meter(tiers, events, currency)
        self._mover = Mover(tiers)
        self._overrides = [one for one in inputs.overrides if one.level in self._rank]
        self._override: TierOverride | None = None
        self._counts_now = tiers.counts_from == "this_sale"
        self._duty = self._rank[tiers.duty.level] if tiers.duty else None
        self._shown = 0
        self._ends_at: datetime | None = None
        self._changes: list[Change] = []
        self._at_sale: dict[UUID, Standing] = {}
        self._settle()
        self._is_duty_done = self._duty is not None and self._level >= self._duty

    def happen(self, moment: datetime, act: _Act) -> None:
        """Take one step and note whether it moved the partner."""
        reason = act(moment)
        level = self._level
        if level != self._shown:
            self._shown = level
            self._changes.append(
                Change(
                    from_at=moment,
                    level=self._tiers.levels[self._shown],
                    value=self._meter.value,
                    reason=reason,
                )
            )
        if self._duty is not None and self._shown >= self._duty:
            self._is_duty_done = True

    def timeline(self) -> Timeline:
        """Return the whole story."""
        return Timeline(
            lowest=self._tiers.levels[0],
            changes=tuple(_one_for_each_moment(self._tiers, self._changes)),
            at_sale=self._at_sale,
            final=self._standing(),
            earned=self._tiers.levels[self._meter.earned()],
            reading=self._meter.reading,
            override=self._override,
            is_duty_done=self._is_duty_done,
            ends_at=self._ends_at,
        )

    def end_month(self, moment: datetime) -> ChangeReason:
        """A month is over that a later date looks back at."""
        self._mover.note_month_end(moment)
        return ChangeReason.DATE

    def start(self, moment: datetime) -> ChangeReason:
        """The partner joined."""
        del moment
        return ChangeReason.START

    def drop(self, sale: SaleFact, moment: datetime) -> ChangeReason:
        """A sale counts no more."""
        del moment
        self._meter.drop(sale)
        self._settle()
        return ChangeReason.WINDOW

    def record(self, fact: TierFact, moment: datetime) -> ChangeReason:
        """A value holds from now on."""
        del moment
        self._meter.record(fact.fact, fact.value)
        self._settle()
        return ChangeReason.FACT

    def override(self, moment: datetime) -> ChangeReason:
        """What staff set begins or ends."""
        if not self._mover.is_over:
            self._override = in_force(self._overrides, moment)
        return ChangeReason.OVERRIDE

    def promote(self, moment: datetime) -> ChangeReason:
        """A date on which partners move up."""
        del moment
        self._mover.promote_on_date()
        return ChangeReason.DATE

    def demote(self, month_ends: Sequence[datetime], moment: datetime) -> ChangeReason:
        """A date on which partners move down."""
        del moment
        self._mover.demote_on_date(month_ends)
        return ChangeReason.DATE

    def duty(self, moment: datetime) -> ChangeReason:
        """The time for the duty is over."""
        if not self._is_duty_done:
            self._mover.miss_duty()
            if self._mover.is_over:
                self._ends_at = moment
        return ChangeReason.DUTY

    def event(self, event: Event, moment: datetime) -> ChangeReason:
        """A sale or a refund."""
        del moment
        if event.refund is not None:
            self._meter.take(event)
            self._settle()
            return ChangeReason.REFUND
        before = None if self._counts_now else self._standing()
        self._meter.take(event)
        self._settle()
        self._at_sale[event.sale.id] = before or self._standing()
        return ChangeReason.SALE

    @property
    def _level(self) -> int:
        return self._rank[self._override.level] if self._override else self._mover.held

    def _settle(self) -> None:
        self._mover.settle(self._meter.earned())

    def _standing(self) -> Standing:
        return Standing(level=self._tiers.levels[self._level], value=self._meter.value)


def _steps(
    course: _Course,
    tiers: Tiers,
    events: Sequence[Event],
    *,
    zone: ZoneInfo,
    until: datetime | None,
    inputs: TierInputs,
) -> list[_Step]:
    steps: list[_Step] = [
        (event.moment, _Kind.EVENT, partial(course.event, event)) for event in events
    ]
    steps += _drop_outs(course, tiers.window, events, zone, until)
    # Of values of one moment the highest counts, in whatever order they are given.
    steps += [
        (fact.at, _Kind.FACT, partial(course.record, fact))
        for fact in sorted(inputs.facts, key=lambda one: (one.at, one.fact, one.value))
    ]
    for one in inputs.overrides:
        steps += [
            (moment, _Kind.OVERRIDE, course.override)
            for moment in (one.from_at, one.until_at)
            if moment is not None
        ]
    if inputs.joined_at is not None:
        steps.append((inputs.joined_at, _Kind.START, course.start))
        if tiers.duty is not None:
            due_at = add_months(inputs.joined_at, tiers.duty.within_months, zone)
            steps.append((due_at, _Kind.DUTY, course.duty))
    steps += _dates(course, tiers, [moment for moment, *_ in steps], zone, until)
    # The sort is stable: events of one moment keep the order in which they count.
    return sorted(steps, key=itemgetter(0, 1))


def _drop_outs(
    course: _Course,
    window: TierWindow,
    events: Sequence[Event],
    zone: ZoneInfo,
    until: datetime | None,
) -> Iterator[_Step]:
    if window is TierWindow.LIFE:
        return
    span: Span | None = None
    for event in events:
        if event.refund is not None or event.sale.trigger is not Trigger.SALE:
            continue
        moment = event.sale.occurred_at
        if window is TierWindow.ROLLING_12_MONTHS:
            ends_at = a_year_later(moment, zone)
        else:
            # Events come in order, so that most lie in the span of the one before.
            if span is None or moment >= span.ends_at:
                span = span_of(window.value, moment, zone)
            ends_at = span.ends_at
        if until is None or ends_at <= until:
            yield ends_at, _Kind.DROP_OUT, partial(course.drop, event.sale)


def _dates(
    course: _Course,
    tiers: Tiers,
    moments: Sequence[datetime],
    zone: ZoneInfo,
    until: datetime | None,
) -> Iterator[_Step]:
    """Yield the dates of moves, and the ends of months that they look back at."""
    promote, demote = tiers.promote, tiers.demote
    if not moments or not (promote.dates or demote.dates):
        return
    starts_at = min(moments)
    # After so long without news every date has come that could still move anything.
    quiet = _MONTHS_IN_YEAR + demote.look_back_months + 1
    ends_at = until or add_months(max(moments), quiet, zone)
    for date in dates_between(promote.dates, starts_at, ends_at, zone):
        yield date, _Kind.DATE, course.promote
    seen: set[datetime] = set()
    for date in dates_between(demote.dates, starts_at, ends_at, zone):
        month_ends = month_ends_before(date, demote.look_back_months, zone)
        yield date, _Kind.DATE, partial(course.demote, month_ends)
        seen.update(month_ends)
    for end in seen:
        yield end, _Kind.MONTH_END, course.end_month


def _one_for_each_moment(tiers: Tiers, changes: Iterable[Change]) -> Iterator[Change]:
    """Keep the last change of each moment, and only those that change something."""
    last: dict[datetime, Change] = {change.from_at: change for change in changes}
    level = tiers.levels[0]
    for change in last.values():
        if change.level != level:
            level = change.level
            yield change
