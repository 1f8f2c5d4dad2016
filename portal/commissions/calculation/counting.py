"""What of a sale counts under a rule."""

from portal.kit.money import Rounding, divide
from portal.programs.definition import Measure, Rule
from portal.tiers.facts import ItemFact, SaleFact


def lines_of(rule: Rule, sale: SaleFact) -> tuple[ItemFact, ...]:
    """Return the lines of a sale that the rule is about, by product."""
    when = rule.when
    if when is None or not (when.products or when.except_products):
        return sale.lines
    return tuple(
        line
        for line in sale.lines
        if (not when.products or line.product in when.products)
        and line.product not in when.except_products
    )


def counted(measure: Measure, rule: Rule, sale: SaleFact, left: int) -> int:
    """Return what counts of a sale of which `left` of its net is left.

    Args:
        measure: What is counted.
        rule: Which lines of the sale, and what of a payment.
        sale: The sale.
        left: Between nothing and the sale's net, in minor units.

    Returns:
        Minor units, or a number of items or units; never negative. What a refund
        took off is spread over the lines in proportion. A sale that brought nothing
        counts nothing, whatever it would have cost without its discount.
    """
    if measure is Measure.ITEMS or left == 0:
        return int(left > 0)
    if (
        measure is Measure.NET_SALES
        and rule.base is None
        and (rule.when is None or not (rule.when.products or rule.when.except_products))
    ):
        return left
    whole = max(_whole(measure, rule, sale), 0)
    if left == sale.net_minor:
        return whole
    return divide(whole * left, sale.net_minor, Rounding.HALF_AWAY)


def _whole(measure: Measure, rule: Rule, sale: SaleFact) -> int:
    lines = lines_of(rule, sale)
    if measure is Measure.UNITS:
        return sum(line.units for line in lines)
    if measure is Measure.MARGIN:
        # What is not known cost nothing: the margin is then all that was paid.
        return sum(line.net_minor - (line.cost_minor or 0) for line in lines)
    total = sum(line.net_minor for line in lines)
    if rule.base and rule.base.discount == "before":
        total += sum(line.discount_minor for line in lines)
    if rule.base and rule.base.tax == "with":
        total += sum(line.tax_minor for line in lines)
    return total
