"""C: the commission of a window, from its totals."""

from bisect import bisect_left, bisect_right
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from itertools import zip_longest
from typing import TypedDict

from portal.kit.money import BPS_PER_WHOLE, Rounding, divide
from portal.programs.definition import Accelerator, Band, BandMode, Rule

UNIT = BPS_PER_WHOLE * BPS_PER_WHOLE
"""Exact amounts are counted in these parts of a minor unit: rate times multiplier."""


class Slice(TypedDict):
    """The part of a change that falls into one band, as a trace writes it."""

    from_value: int
    """Where the band begins."""
    to_value: int | None
    """Where the next one begins; none for the last."""
    rate_bps: int | None
    """Its rate; none where it pays otherwise."""
    each_minor: int | None
    """What it pays for each item; none where it pays otherwise."""
    flat_minor: int | None
    """What it pays once; none where it pays otherwise."""
    part: int
    """How much of the measure, negative when it is taken out."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Scale:
    """The bands of a rule, ready to be applied.

    Attributes:
        bands: Lowest first, the first from 0.
        modes: How each of them applies: its slice at its own rate, or the whole.
        rounding: What becomes of the fraction of a minor unit.
        above: Whether a total of exactly a band's beginning lies in the band.
        accelerator: What multiplies what lies above a quota; none for nothing.
    """

    bands: tuple[Band, ...]
    modes: tuple[BandMode, ...]
    rounding: Rounding
    above: bool = True
    accelerator: Accelerator | None = None
    _froms: tuple[int, ...] = field(init=False, repr=False)
    _below: tuple[int, ...] = field(init=False, repr=False)
    _slices: tuple[Slice, ...] = field(init=False, repr=False)

    def __post_init__(self) -> None:
        froms = tuple(band.from_value for band in self.bands)
        below = [0]
        for number in range(1, len(self.bands)):
            below.append(self._within(number - 1, froms[number], below, froms))
        object.__setattr__(self, "_froms", froms)
        object.__setattr__(self, "_below", tuple(below))
        object.__setattr__(self, "_slices", tuple(_slices_of(self.bands)))

    @classmethod
    def of(cls, rule: Rule, tier: str | None) -> "Scale":
        """Return the scale of `rule` for a partner on the level `tier`."""
        bands = rule.bands
        if rule.rate_bps_by_tier:
            bands = (Band(from_value=0, rate_bps=rule.rate_bps_by_tier[tier or ""]),)
        return cls(
            bands=bands,
            modes=tuple(rule.mode_of(band) for band in bands),
            rounding=rule.rounding,
            above=rule.limit == "at_least",
            accelerator=rule.accelerator,
        )

    def without_accelerator(self) -> "Scale":
        """Return the same bands, multiplied by nothing."""
        return replace(self, accelerator=None)

    def commission(self, total: int, *, year_to_date: int | None = None) -> int:
        """Return C of a window with this total, in minor units.

        Args:
            total: What the window's measure comes to.
            year_to_date: For an accelerator that asks for it; none: it is enough.

        Raises:
            ValueError: The total is negative: more was refunded than sold.
        """
        return self.rounded(self.exact(total, year_to_date=year_to_date))

    def rounded(self, exact: int) -> int:
        """Return an exact amount, in parts of `UNIT`, as whole minor units."""
        return divide(exact, UNIT, self.rounding)

    def exact(
        self, total: int, *, picked: int | None = None, year_to_date: int | None = None
    ) -> int:
        """Return C before rounding, in parts of `UNIT` of a minor unit.

        Args:
            total: What the window's measure comes to.
            picked: What picks the band, if that is not the total.
            year_to_date: As for `commission`.

        Raises:
            ValueError: The total is negative.
        """
        if total < 0:
            raise ValueError(f"a window of {total}")
        if total == 0:
            return 0
        if picked is not None:
            band = self.bands[self.band_at(picked)]
            return _pay(band, total)
        value = self._value(total)
        more = self.accelerator
        if more is None or total <= more.above_minor:
            return value
        if year_to_date is not None and year_to_date < more.needs_year_to_date_minor:
            return value
        beyond = value - self._value(more.above_minor)
        return value + beyond * (more.multiplier_bps - BPS_PER_WHOLE) // BPS_PER_WHOLE

    def band_at(self, total: int) -> int:
        """Return the number of the band in which `total` lies, from 0."""
        if len(self.bands) == 1:
            return 0
        find = bisect_right if self.above else bisect_left
        return max(find(self._froms, total) - 1, 0)

    def change(
        self, before: int, after: int, *, picked: int | None = None
    ) -> list[Slice]:
        """Return how a change of the total splits over the bands.

        The parts times their rates add up to the change of C, before rounding and
        without accelerators. Where a whole total lands in another band, it leaves
        the one and enters the other.
        """
        if picked is not None or len(self.bands) == 1:
            number = 0 if picked is None else self.band_at(picked)
            part = after - before
            return [self._slice(number, part)] if part else []
        parts = self._parts(after)
        for number, part in self._parts(before).items():
            parts[number] = parts.get(number, 0) - part
        # What is entered stands last: going down, that is the lowest band.
        order = sorted(parts, reverse=after < before)
        return [self._slice(number, parts[number]) for number in order if parts[number]]

    def _value(self, total: int) -> int:
        number = self.band_at(total)
        return self._within(number, total, self._below, self._froms)

    def _within(
        self,
        number: int,
        total: int,
        below: "tuple[int, ...] | list[int]",
        froms: tuple[int, ...],
    ) -> int:
        """Return C of a total in a band: on its own, or on top of those below."""
        band = self.bands[number]
        if self.modes[number] is BandMode.WHOLE:
            return _pay(band, total)
        return below[number] + _pay(band, total - froms[number])

    def _parts(self, total: int) -> dict[int, int]:
        """Return how a total splits over the bands."""
        if total == 0:
            return {}
        parts: dict[int, int] = {}
        number = self.band_at(total)
        while True:
            if self.modes[number] is BandMode.WHOLE:
                parts[number] = total
                return parts
            parts[number] = total - self._froms[number]
            if number == 0:
                return parts
            total = self._froms[number]
            number -= 1

    def _slice(self, number: int, part: int) -> Slice:
        return {**self._slices[number], "part": part}


def _slices_of(bands: tuple[Band, ...]) -> Iterator[Slice]:
    """Yield what a trace says of each band, for a change of nothing."""
    for band, above in zip_longest(bands, bands[1:]):
        yield {
            "from_value": band.from_value,
            "to_value": None if above is None else above.from_value,
            "rate_bps": band.rate_bps,
            "each_minor": band.each_minor,
            "flat_minor": band.flat_minor,
            "part": 0,
        }


def _pay(band: Band, part: int) -> int:
    """Return what a band pays for a part of the measure, in parts of `UNIT`."""
    if band.rate_bps is not None:
        return part * band.rate_bps * BPS_PER_WHOLE
    if band.each_minor is not None:
        return part * band.each_minor * UNIT
    return (band.flat_minor or 0) * UNIT
