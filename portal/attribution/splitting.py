"""Exact parts of what several partners share. Pure.

Every function here gives the same answer for the same totals, whatever came first,
and its parts always add up to what was split. What rounding leaves over goes to the
largest remainders, of equal ones to the first listed.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from portal.kit.money import BPS_PER_WHOLE, Money, Rounding, divide, split

_UNITS = "XXX"  # ISO 4217 for no currency: what is split here may also be seats.


@dataclass(frozen=True, slots=True)
class CreditShare:
    """An enrollment's share of a customer.

    Attributes:
        weights: The weights of everybody who shares the customer, in the order of
            the decision.
        index: Which of them is the enrollment's.
    """

    weights: tuple[int, ...] = (1,)
    index: int = 0

    @property
    def is_whole(self) -> bool:
        """Whether nobody else has a share."""
        return len(self.weights) == 1

    @property
    def bps(self) -> int:
        """The share in basis points, rounded, for people to read."""
        return share_bps(self.weights[self.index], sum(self.weights))


def share_bps(weight: int, of_weight: int) -> int:
    """Return a share in basis points, rounded, for people to read."""
    return divide(weight * BPS_PER_WHOLE, of_weight, Rounding.HALF_AWAY)


def parts_of(amount: int, weights: Sequence[int]) -> tuple[int, ...]:
    """Return everybody's part of an amount; a negative one splits like its opposite."""
    sign = -1 if amount < 0 else 1
    parts = split(Money(abs(amount), _UNITS), weights)
    return tuple(sign * part.minor for part in parts)


def share_of(amount: int, weights: Sequence[int], index: int) -> int:
    """Return one part of an amount."""
    return parts_of(amount, weights)[index]


def refunded_parts(
    net_minor: int, refunded_minor: int, weights: Sequence[int]
) -> tuple[int, ...]:
    """Return how much of everybody's part of a sale all refunds so far took back.

    It is split by the parts of the sale, so nobody gives back more than was had, and
    a full refund takes back everything.

    Args:
        net_minor: What was paid.
        refunded_minor: What all refunds so far took back, at most `net_minor`.
        weights: The weights of the shares.
    """
    if net_minor == 0:
        return (0,) * len(weights)
    return parts_of(refunded_minor, parts_of(net_minor, weights))


def parts_of_lines(
    amounts: Sequence[int], weights: Sequence[int]
) -> list[tuple[int, ...]]:
    """Return everybody's part of each line of a sale.

    The parts of a line add up to the line, and somebody's parts of all lines add up
    to that person's part of the sum. Where a line is negative, so are its parts.

    Args:
        amounts: The lines. Their sum is not negative.
        weights: The weights of the shares.
    """
    taken = parts_of(-sum(amount for amount in amounts if amount < 0), weights)
    net = parts_of(sum(amounts), weights)
    given = [part + back for part, back in zip(net, taken, strict=True)]
    left = {False: given, True: list(taken)}
    lines = []
    for amount in amounts:
        rest = left[amount < 0]
        # Split by what is left for each, so nothing remains after the last line.
        parts = parts_of(amount, rest if amount else weights)
        left[amount < 0] = [
            before - abs(part) for before, part in zip(rest, parts, strict=True)
        ]
        lines.append(parts)
    return lines
