"""What a click or a lead may cost: the highest bid, the second price, the cost.

Pure and exact. Rates are in basis points, amounts in minor units.
"""

from collections.abc import Sequence
from fractions import Fraction

from portal.kit.money import BPS_PER_WHOLE


def highest_bid(
    customer_minor: int, cost_bps: int, close_bps: int, lead_bps: int
) -> Fraction:
    """Return the most that a click is worth to a vendor, in minor units.

    Args:
        customer_minor: What a customer brings in all its time.
        cost_bps: What of it may be spent on winning it.
        close_bps: How many leads become customers.
        lead_bps: How many clicks become leads.
    """
    return Fraction(customer_minor * cost_bps * close_bps * lead_bps, BPS_PER_WHOLE**3)


def second_prices(
    bids: Sequence[int], *, step_minor: int, least_minor: int = 0
) -> list[int]:
    """Return what each bidder pays for a click, in the order of the bids.

    Everybody pays one step more than the next lower bid, and never more than the own
    one. Who has nobody below pays the least price. A bid under the least price pays
    nothing, as it is not listed.

    Args:
        bids: The bids.
        step_minor: How much more than the next lower bid.
        least_minor: The least price of a click.
    """
    listed = [bid for bid in bids if bid >= least_minor]
    return [
        _price(bid, listed, step_minor, least_minor) if bid >= least_minor else 0
        for bid in bids
    ]


def _price(bid: int, listed: Sequence[int], step_minor: int, least_minor: int) -> int:
    if listed.count(bid) > 1:
        return bid
    lower = max((other for other in listed if other < bid), default=None)
    return least_minor if lower is None else min(bid, lower + step_minor)


def cost_per_lead(spend_minor: int, leads: int) -> Fraction | None:
    """Return what a lead cost, in minor units; none where none came."""
    return Fraction(spend_minor, leads) if leads > 0 else None
