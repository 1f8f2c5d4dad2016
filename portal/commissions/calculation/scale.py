"""C: the commission of a window, from its net sales."""

from dataclasses import dataclass

from portal.kit.money import BPS_PER_WHOLE, Rounding, divide
from portal.programs.definition import Band, BandMode, Rule


@dataclass(frozen=True, slots=True, kw_only=True)
class Slice:
    """The part of a change that falls into one band.

    Attributes:
        from_minor: Where the band begins.
        to_minor: Where the next one begins; none for the last.
        rate_bps: Its rate.
        part_minor: How much, negative when it is taken out.
    """

    from_minor: int
    to_minor: int | None
    rate_bps: int
    part_minor: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Scale:
    """The bands of a rule, ready to be applied.

    Attributes:
        bands: Lowest first, the first from 0.
        mode: Each slice at its own rate, or the whole at the rate where it lands.
        rounding: What becomes of the fraction of a minor unit, once per total.
    """

    bands: tuple[Band, ...]
    mode: BandMode
    rounding: Rounding

    @classmethod
    def of(cls, rule: Rule, tier: str | None) -> "Scale":
        """Return the scale of `rule` for a partner on the level `tier`."""
        bands = rule.bands
        if rule.rate_bps_by_tier:
            bands = (Band(from_minor=0, rate_bps=rule.rate_bps_by_tier[tier or ""]),)
        return cls(bands=bands, mode=rule.mode, rounding=rule.rounding)

    def commission(self, total_minor: int) -> int:
        """Return C of a window with this total.

        Raises:
            ValueError: The total is negative: more was refunded than sold.
        """
        if total_minor < 0:
            raise ValueError(f"a window of {total_minor}")
        weighted = sum(
            part.part_minor * part.rate_bps for part in self.change(0, total_minor)
        )
        return divide(weighted, BPS_PER_WHOLE, self.rounding)

    def change(self, before_minor: int, after_minor: int) -> list[Slice]:
        """Return how a change of the total splits over the bands.

        The parts times their rates add up to the change of C, before rounding. Where
        a whole total lands in another band, it leaves the one and enters the other.
        """
        if self.mode is BandMode.MARGINAL:
            return self._slices(before_minor, after_minor)
        left, entered = self._band_at(before_minor), self._band_at(after_minor)
        if left == entered:
            moves = [(entered, after_minor - before_minor)]
        else:
            moves = [(left, -before_minor), (entered, after_minor)]
        return [self._slice(index, part) for index, part in moves if part]

    def _slices(self, before_minor: int, after_minor: int) -> list[Slice]:
        low, high = sorted((before_minor, after_minor))
        sign = 1 if after_minor >= before_minor else -1
        slices = []
        for index, band in enumerate(self.bands):
            ceiling = self._ceiling(index)
            top = high if ceiling is None else min(high, ceiling)
            part = top - max(low, band.from_minor)
            if part > 0:
                slices.append(self._slice(index, sign * part))
        return slices

    def _slice(self, index: int, part_minor: int) -> Slice:
        band = self.bands[index]
        return Slice(
            from_minor=band.from_minor,
            to_minor=self._ceiling(index),
            rate_bps=band.rate_bps,
            part_minor=part_minor,
        )

    def _ceiling(self, index: int) -> int | None:
        above = self.bands[index + 1 :]
        return above[0].from_minor if above else None

    def _band_at(self, total_minor: int) -> int:
        return sum(band.from_minor <= total_minor for band in self.bands) - 1
