"""How far people who invite people carry. Pure and exact."""

from fractions import Fraction

from portal.kit.money import BPS_PER_WHOLE


def invites_that_work(invites: Fraction | int, conversion_bps: int) -> Fraction:
    """Return K: how many new people each person brings.

    Args:
        invites: How many each person invites.
        conversion_bps: How many of those who are invited come.
    """
    return Fraction(invites) * Fraction(conversion_bps, BPS_PER_WHOLE)


def people_brought(seeds: int, factor: Fraction, rounds: int) -> Fraction:
    """Return how many new people come in so many rounds of invitations.

    In each round, those who came in the one before bring `factor` people each.
    """
    total, newest = Fraction(0), Fraction(seeds)
    for _round in range(rounds):
        newest *= factor
        total += newest
    return total


def people_brought_at_most(seeds: int, factor: Fraction) -> Fraction | None:
    """Return where it ends if it goes on for ever; none where it never ends.

    With a factor of 1 or more there is no end, unless nobody starts it.
    """
    if factor < 1:
        return seeds * factor / (1 - factor)
    return None if seeds else Fraction(0)
