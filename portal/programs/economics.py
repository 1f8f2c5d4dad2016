"""What a customer is worth, what it costs to win one, and how the two compare.

Pure and exact: amounts come in as minor units and go out as fractions of them, which
only whoever shows them rounds. Where a figure is not defined, such as what a customer
costs when none was won, it is none: never a crash, never infinity.
"""

from collections.abc import Iterable
from fractions import Fraction
from typing import Final

from portal.kit.money import BPS_PER_WHOLE

HEALTHY_ABOVE: Final = 4
"""A customer is worth more than so many times what it costs to win one."""
_CHURN_SCALE: Final = 10**9
"""A rate of a month has so many parts; it is the only figure that is rounded."""
_MONTHS_IN_QUARTER: Final = 3

Figure = Fraction | None
"""An exact figure; none: not defined."""


def value_by_lifetime(yearly_revenue_minor: int, years: Fraction | int) -> Fraction:
    """Return what a customer is worth who brings so much a year for so long."""
    return yearly_revenue_minor * Fraction(years)


def value_by_churn(
    monthly_revenue_minor: int, margin_bps: int, monthly_churn: Fraction
) -> Figure:
    """Return the margin that a customer brings before it leaves.

    Args:
        monthly_revenue_minor: What a customer pays a month.
        margin_bps: What of it is left after the cost of serving it.
        monthly_churn: The share of customers who leave in a month. Where none leave,
            the value is not defined.
    """
    months = lifetime_months(monthly_churn)
    if months is None:
        return None
    return _margin(monthly_revenue_minor, margin_bps) * months


def lifetime_months(monthly_churn: Fraction) -> Figure:
    """Return how many months a customer stays on average."""
    return 1 / monthly_churn if monthly_churn > 0 else None


def monthly_churn(quarterly_churn: Fraction) -> Figure:
    """Return the share that leaves in a month, where so many leave in a quarter.

    It is 1 - (1 - q)^(1/3), rounded to nine digits, as the root is rarely a fraction.
    """
    if not 0 <= quarterly_churn <= 1:
        return None
    # The cube of the kept share's billionths; `root` is its cube root, rounded.
    cube = (1 - quarterly_churn) * _CHURN_SCALE**_MONTHS_IN_QUARTER
    low, high = 0, _CHURN_SCALE
    while low < high:
        middle = (low + high + 1) // 2
        # Halfway below `middle` or above it? Eight times, to stay with whole numbers.
        if (2 * middle - 1) ** _MONTHS_IN_QUARTER <= 8 * cube:
            low = middle
        else:
            high = middle - 1
    return 1 - Fraction(low, _CHURN_SCALE)


def cost_per_customer(spend_minor: int, customers: int) -> Figure:
    """Return what it cost to win a customer; commissions belong to the spend."""
    return Fraction(spend_minor, customers) if customers > 0 else None


def value_to_cost(value: Figure, cost: Figure) -> Figure:
    """Return how many times its cost a customer is worth."""
    if value is None or cost is None or cost <= 0:
        return None
    return value / cost


def is_healthy(ratio: Figure, above: int = HEALTHY_ABOVE) -> bool | None:
    """Tell whether a customer is worth clearly more than it costs.

    Exactly `above` is not enough. Where the ratio is not defined, so is this.
    """
    return None if ratio is None else ratio > above


def payback_months(cost: Figure, monthly_revenue_minor: int, margin_bps: int) -> Figure:
    """Return after how many months a customer has brought in what it cost."""
    margin = _margin(monthly_revenue_minor, margin_bps)
    if cost is None or margin <= 0:
        return None
    return cost / margin


def kept_of_order(
    revenue_minor: int, costs_minor: Iterable[int], returned_bps: int
) -> Fraction:
    """Return what an order leaves on average, before anybody is paid for bringing it.

    Args:
        revenue_minor: What an order brings.
        costs_minor: What each part of serving it costs: goods, shipping, fees.
        returned_bps: The share of orders that come back and leave nothing.
    """
    left = revenue_minor - sum(costs_minor)
    return Fraction(left * (BPS_PER_WHOLE - returned_bps), BPS_PER_WHOLE)


def ceiling(kept: Fraction) -> tuple[Fraction, Fraction] | None:
    """Return a third and half of what an order leaves.

    A commission of up to a third leaves room, one of more than half is too much.
    Neither is rounded on the way: of 30.7096 half is 15.35, of 30.71 it would be 15.36.
    Where an order leaves nothing, there is nothing to pay from: not defined.
    """
    return (kept / 3, kept / 2) if kept > 0 else None


def _margin(revenue_minor: int, margin_bps: int) -> Fraction:
    return Fraction(revenue_minor * margin_bps, BPS_PER_WHOLE)
