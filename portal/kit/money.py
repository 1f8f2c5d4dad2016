"""Exact sums of money, and the only two operations that may round them."""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

BPS_PER_WHOLE = 10_000
"""Basis points in 100 %. Every rate in the portal is an integer of these."""


class CurrencyMismatch(ValueError):
    """Sums in two currencies met in one expression."""


class Rounding(StrEnum):
    """What happens to the part of a minor unit that a share leaves over."""

    HALF_AWAY = "half_away"
    """To the nearest unit; a half goes away from zero."""
    DOWN = "down"
    """Towards zero: the fraction is dropped."""


@dataclass(frozen=True, slots=True)
class Money:
    """A signed sum in one currency.

    Attributes:
        minor: The sum in the currency's minor unit (cents for USD, yen for JPY).
        currency: ISO 4217 code, upper case.
    """

    minor: int
    currency: str

    def __add__(self, other: "Money") -> "Money":
        return Money(self.minor + self._minor_of(other), self.currency)

    def __sub__(self, other: "Money") -> "Money":
        return Money(self.minor - self._minor_of(other), self.currency)

    def __neg__(self) -> "Money":
        return Money(-self.minor, self.currency)

    def __lt__(self, other: "Money") -> bool:
        return self.minor < self._minor_of(other)

    def __le__(self, other: "Money") -> bool:
        return self.minor <= self._minor_of(other)

    def __bool__(self) -> bool:
        return self.minor != 0

    def _minor_of(self, other: "Money") -> int:
        if other.currency != self.currency:
            raise CurrencyMismatch(f"{self.currency} against {other.currency}")
        return other.minor


def divide(numerator: int, denominator: int, rounding: Rounding) -> int:
    """Return `numerator / denominator` as a whole number.

    Symmetric around zero, so `divide(-n, d, r) == -divide(n, d, r)`.

    Raises:
        ValueError: The denominator is not positive.
    """
    if denominator <= 0:
        raise ValueError(f"denominator {denominator} is not positive")
    sign = -1 if numerator < 0 else 1
    half = denominator // 2 if rounding is Rounding.HALF_AWAY else 0
    # For an odd denominator no exact half exists, so floor(d / 2) is right too.
    return sign * ((abs(numerator) + half) // denominator)


def share(
    amount: Money, rate_bps: int, rounding: Rounding = Rounding.HALF_AWAY
) -> Money:
    """Return `rate_bps` basis points of `amount`.

    Integer arithmetic only, so every machine agrees.
    """
    minor = divide(amount.minor * rate_bps, BPS_PER_WHOLE, rounding)
    return Money(minor, amount.currency)


def split(amount: Money, weights: Sequence[int]) -> list[Money]:
    """Divide `amount` in proportion to `weights` without losing a minor unit.

    What rounding leaves over goes to the largest remainders, first listed first.

    Raises:
        ValueError: `amount` is negative, a weight is negative, or all are zero.
    """
    total = sum(weights)
    if amount.minor < 0 or total <= 0 or min(weights) < 0:
        raise ValueError("split needs a sum and weights that are not negative")
    floors = [amount.minor * weight // total for weight in weights]
    remainders = [amount.minor * weight % total for weight in weights]
    by_remainder = sorted(range(len(weights)), key=lambda i: -remainders[i])
    for i in by_remainder[: amount.minor - sum(floors)]:
        floors[i] += 1
    return [Money(minor, amount.currency) for minor in floors]
