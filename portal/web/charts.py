"""Geometry of charts that are drawn as SVG on the server.

Across, everything is in percent, so that a chart fills its column and its text keeps
its size on a phone; down, it is in pixels. Integers only: hundredths of a percent and
tenths of a pixel.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

MAX_SERIES = 3
"""More colours than these cannot be told apart by everyone."""

_PLOT_TOP = 18
_PLOT_HEIGHT = 168
_LABEL_ROOM = 30
_BAR_SHARE = 56  # percent of its column
_AXIS = 1_300  # room for the numbers beside the axis
_AXIS_GAP = 150
_LINE_OF_TEXT = 160  # tenths of a pixel
_MANY_COLUMNS = 8
_WHOLE = 10_000  # 100 % in hundredths
_SMALL = 10
_STEPS = (10, 12, 16, 20, 24, 30, 40, 50, 60, 80, 100)


@dataclass(frozen=True, slots=True)
class Column:
    """One column: its label and one whole number per series."""

    label: str
    values: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Bar:
    """A rectangle; `series` counts from 1."""

    series: int
    x: str
    y: str
    width: str
    height: str
    title: str


@dataclass(frozen=True, slots=True)
class Tick:
    """A line across, with what it stands for unless there is no room to say it."""

    y: str
    label_y: str
    label: str
    is_zero: bool


@dataclass(frozen=True, slots=True)
class Label:
    """The name of a column; a spare one is left out on a phone."""

    x: str
    y: str
    text: str
    is_spare: bool


@dataclass(frozen=True, slots=True)
class StackedColumns:
    """A finished chart of stacked columns, with the table that says the same."""

    height: int
    series: tuple[str, ...]
    first_column: str
    bars: tuple[Bar, ...]
    ticks: tuple[Tick, ...]
    labels: tuple[Label, ...]
    rows: tuple[tuple[str, ...], ...]
    axis_x: str
    axis_anchor: str
    plot_start: str
    plot_end: str


@dataclass(frozen=True, slots=True)
class Step:
    """One step of a bridge: a total is a level, anything else a change."""

    label: str
    amount: int
    is_total: bool = False


@dataclass(frozen=True, slots=True)
class BridgeBar:
    """A rectangle of a bridge; `kind` is total, up or down."""

    kind: str
    x: str
    y: str
    width: str
    height: str
    title: str
    label: str
    value: str
    label_x: str
    label_y: str
    value_y: str


@dataclass(frozen=True, slots=True)
class BridgeLink:
    """The thin line from the end of one bar to the start of the next."""

    x1: str
    x2: str
    y: str


@dataclass(frozen=True, slots=True)
class Bridge:
    """A finished bridge from an opening to a closing amount."""

    height: int
    zero_y: str
    bars: tuple[BridgeBar, ...]
    links: tuple[BridgeLink, ...]
    header: tuple[str, str]
    rows: tuple[tuple[str, ...], ...]


@dataclass(frozen=True, slots=True)
class _Scale:
    """Values to tenths of a pixel; `top` and `bottom` are the ends of the axis."""

    top: int
    bottom: int

    def tenths(self, value: int) -> int:
        span = self.top - self.bottom
        return _PLOT_TOP * 10 + (self.top - value) * _PLOT_HEIGHT * 10 // span

    def y(self, value: int) -> str:
        return _pixels(self.tenths(value))

    def height(self, low: int, high: int) -> str:
        return _pixels(self.tenths(low) - self.tenths(high))


def _pixels(tenths: int) -> str:
    return f"{tenths // 10}.{tenths % 10}"


def _percent(hundredths: int) -> str:
    return f"{hundredths // 100}.{hundredths % 100:02}%"


def nice_ceiling(value: int) -> int:
    """Return the next number at or above `value` that people read easily.

    It is even, so that the line in the middle of the axis is a whole number too.
    """
    if value <= _SMALL:
        return max(value + value % 2, 2)
    power = 1
    while power * 100 < value:
        power *= 10
    return next(step * power for step in _STEPS if step * power >= value)


def _scale(highest: int, lowest: int) -> _Scale:
    top = nice_ceiling(highest) if highest > 0 else 0
    bottom = -nice_ceiling(-lowest) if lowest < 0 else 0
    if top == bottom:
        top = 2
    return _Scale(top, bottom)


def _plot(*, right_to_left: bool) -> tuple[int, int]:
    """Return where the columns begin and end beside the axis, in hundredths."""
    return (0, _WHOLE - _AXIS) if right_to_left else (_AXIS, _WHOLE)


def _slot(
    index: int,
    count: int,
    *,
    right_to_left: bool,
    plot: tuple[int, int] = (0, _WHOLE),
) -> tuple[int, int]:
    """Return where a column's share of the width begins and ends, in hundredths."""
    place = count - 1 - index if right_to_left else index
    start, width = plot[0], plot[1] - plot[0]
    return start + place * width // count, start + (place + 1) * width // count


def stacked_columns(
    columns: Sequence[Column],
    *,
    series: Sequence[str],
    first_column: str,
    show: Callable[[int], str],
    show_axis: Callable[[int], str] | None = None,
    right_to_left: bool = False,
) -> StackedColumns:
    """Return columns of up to three stacked parts; negative parts hang below zero.

    Args:
        columns: In order of time.
        series: Names of the parts.
        first_column: Heading of the labels in the table, such as "Month".
        show: How a value is written.
        show_axis: How a value is written beside the axis, if otherwise.
        right_to_left: Whether the first column stands at the right.

    Raises:
        ValueError: There are no series, too many, or a column lacks a value.
    """
    if not 1 <= len(series) <= MAX_SERIES:
        raise ValueError(f"{len(series)} series; 1 to {MAX_SERIES} can be told apart")
    if any(len(column.values) != len(series) for column in columns):
        raise ValueError("a column has not one value per series")
    scale = _scale(
        max((sum(v for v in c.values if v > 0) for c in columns), default=0),
        min((sum(v for v in c.values if v < 0) for c in columns), default=0),
    )
    plot = _plot(right_to_left=right_to_left)
    bars: list[Bar] = []
    labels: list[Label] = []
    for index, column in enumerate(columns):
        start, end = _slot(index, len(columns), right_to_left=right_to_left, plot=plot)
        bars += _stack(column, series, scale, (start, end), show)
        labels.append(_column_label(column.label, start, end, index, len(columns)))
    rows = [(c.label, *(show(v) for v in c.values)) for c in columns]
    return StackedColumns(
        height=_PLOT_TOP + _PLOT_HEIGHT + _LABEL_ROOM,
        series=tuple(series),
        first_column=first_column,
        bars=tuple(bars),
        ticks=_ticks(scale, show_axis or show),
        labels=tuple(labels),
        rows=tuple(rows),
        axis_x=_percent(plot[1] + _AXIS_GAP if right_to_left else plot[0] - _AXIS_GAP),
        axis_anchor="start" if right_to_left else "end",
        plot_start=_percent(plot[0]),
        plot_end=_percent(plot[1]),
    )


def _column_label(text: str, start: int, end: int, index: int, count: int) -> Label:
    """Return the label; on a phone every other one of many makes room."""
    is_spare = count > _MANY_COLUMNS and (count - 1 - index) % 2 == 1
    y = str(_PLOT_TOP + _PLOT_HEIGHT + 20)
    return Label(_percent((start + end) // 2), y, text, is_spare)


def _stack(
    column: Column,
    series: Sequence[str],
    scale: _Scale,
    slot: tuple[int, int],
    show: Callable[[int], str],
) -> list[Bar]:
    start, end = slot
    width = (end - start) * _BAR_SHARE // 100
    x = _percent(start + (end - start - width) // 2)
    above = below = 0
    bars = []
    for number, (name, value) in enumerate(zip(series, column.values, strict=True), 1):
        if value == 0:
            continue
        low, high = (above, above + value) if value > 0 else (below + value, below)
        above, below = (high, below) if value > 0 else (above, low)
        title = f"{column.label}, {name}: {show(value)}"
        height = scale.height(low, high)
        bars.append(Bar(number, x, scale.y(high), _percent(width), height, title))
    return bars


def _ticks(scale: _Scale, show: Callable[[int], str]) -> tuple[Tick, ...]:
    middle = scale.top // 2 if scale.top else scale.bottom // 2
    values = sorted({scale.top, middle, 0, scale.bottom}, reverse=True)
    zero = scale.tenths(0)
    ticks = []
    for value in values:
        y = scale.tenths(value)
        has_room = value == 0 or abs(y - zero) >= _LINE_OF_TEXT
        label = show(value) if has_room else ""
        ticks.append(Tick(_pixels(y), _pixels(y + 40), label, is_zero=value == 0))
    return tuple(ticks)


def bridge(
    steps: Sequence[Step],
    *,
    header: tuple[str, str],
    show: Callable[[int], str],
    right_to_left: bool = False,
) -> Bridge:
    """Return the columns that lead from one total through changes to another.

    Raises:
        ValueError: A total is not what the changes before it make.
    """
    spans: list[tuple[Step, int, int]] = []
    level = 0
    for index, step in enumerate(steps):
        if step.is_total and index and step.amount != level:
            raise ValueError(f"{step.label} is {step.amount}, the steps make {level}")
        before = 0 if step.is_total else level
        level = step.amount if step.is_total else level + step.amount
        spans.append((step, before, level))
    ends = [end for _, before, after in spans for end in (before, after)]
    scale = _Scale(max([*ends, 1]), min([*ends, 0]))
    count = len(steps)
    bars = []
    links = []
    for index, (step, before, after) in enumerate(spans):
        slot = _slot(index, count, right_to_left=right_to_left)
        bars.append(_bridge_bar(step, (before, after), scale, slot, show))
        if index + 1 < count:
            following = _slot(index + 1, count, right_to_left=right_to_left)
            links.append(_bridge_link(slot, following, scale.y(after)))
    return Bridge(
        height=_PLOT_TOP + _PLOT_HEIGHT + _LABEL_ROOM,
        zero_y=scale.y(0),
        bars=tuple(bars),
        links=tuple(links),
        header=header,
        rows=tuple((step.label, show(step.amount)) for step in steps),
    )


def _bridge_bar(
    step: Step,
    span: tuple[int, int],
    scale: _Scale,
    slot: tuple[int, int],
    show: Callable[[int], str],
) -> BridgeBar:
    low, high = min(span), max(span)
    start, end = slot
    width = (end - start) * _BAR_SHARE // 100
    change = "up" if step.amount >= 0 else "down"
    return BridgeBar(
        kind="total" if step.is_total else change,
        x=_percent(start + (end - start - width) // 2),
        y=scale.y(high),
        width=_percent(width),
        height=scale.height(low, high),
        title=f"{step.label}: {show(step.amount)}",
        label=step.label,
        value=show(step.amount),
        label_x=_percent((start + end) // 2),
        label_y=str(_PLOT_TOP + _PLOT_HEIGHT + 20),
        value_y=_pixels(scale.tenths(high) - 50),
    )


def _bridge_link(
    slot: tuple[int, int], following: tuple[int, int], y: str
) -> BridgeLink:
    near, far = sorted((slot, following))
    margin = (near[1] - near[0]) * (100 - _BAR_SHARE) // 200
    return BridgeLink(_percent(near[1] - margin), _percent(far[0] + margin), y)
