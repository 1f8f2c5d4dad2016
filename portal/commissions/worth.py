"""What customers are worth beside what it costs to win them. Pure and exact."""

from dataclasses import dataclass
from fractions import Fraction

from portal.kit.money import Money, Rounding, divide
from portal.programs.economics import (
    Figure,
    cost_per_customer,
    is_healthy,
    value_by_lifetime,
    value_to_cost,
)

_DAYS_IN_YEAR = 365


@dataclass(frozen=True, slots=True, kw_only=True)
class Worth:
    """Unit economics of a year like the time that was looked at.

    Attributes:
        value: What a customer is worth; none: not defined.
        cost: What it costs to win one, commissions included; none: not defined.
        ratio: How many times its cost a customer is worth; none: not defined.
        is_healthy: Whether that is enough; none where the ratio is not defined.
    """

    value: Money | None
    cost: Money | None
    ratio: Figure
    is_healthy: bool | None


def worth(
    *,
    sales: Money,
    commissions: Money,
    paying: int,
    new: int,
    days: int,
    yearly_spend: Money,
    lifetime_years: int,
) -> Worth:
    """Return what customers are worth if the year goes on like the last days.

    Args:
        sales: What the customers paid in these days, without tax.
        commissions: What partners earned on it.
        paying: How many customers paid.
        new: How many paid for the first time.
        days: How many days it was.
        yearly_spend: Sales and marketing of a year, without commissions.
        lifetime_years: How long a customer stays.
    """
    currency = sales.currency
    value: Figure = None
    if paying > 0:
        each = Fraction(sales.minor * _DAYS_IN_YEAR, paying * days)
        value = value_by_lifetime(1, lifetime_years) * each
    spend = yearly_spend.minor * days + commissions.minor * _DAYS_IN_YEAR
    cost = cost_per_customer(spend, new * _DAYS_IN_YEAR)
    ratio = value_to_cost(value, cost)
    return Worth(
        value=_money(value, currency),
        cost=_money(cost, currency),
        ratio=ratio,
        is_healthy=is_healthy(ratio),
    )


def ratio_text(ratio: Fraction) -> str:
    """Return a ratio with two digits, such as 4.80."""
    hundredths = divide(ratio.numerator * 100, ratio.denominator, Rounding.HALF_AWAY)
    return f"{hundredths // 100}.{hundredths % 100:02d}"


def _money(figure: Figure, currency: str) -> Money | None:
    if figure is None:
        return None
    minor = divide(figure.numerator, figure.denominator, Rounding.HALF_AWAY)
    return Money(minor, currency)
