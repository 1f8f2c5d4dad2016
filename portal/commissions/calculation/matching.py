"""Which rules are about a sale."""

from dataclasses import dataclass
from datetime import datetime
from zoneinfo import ZoneInfo

from portal.commissions.calculation.counting import lines_of
from portal.kit.clock import add_months
from portal.programs.definition import Conditions, Rule
from portal.tiers.facts import CustomerFact, SaleFact

_SHORTEST_MONTH = 28


@dataclass(frozen=True, slots=True, kw_only=True)
class Setting:
    """What is known around a sale.

    Attributes:
        sale: The sale.
        first_at: When the customer first bought.
        is_first: Whether this is that first sale.
        tier: The partner's level at the moment that the rule names.
        customer: What became of the customer.
        zone: The program's time zone, in which days begin.
    """

    sale: SaleFact
    first_at: datetime
    is_first: bool
    tier: str | None
    customer: CustomerFact
    zone: ZoneInfo


def is_about(rule: Rule, when: Conditions, setting: Setting) -> bool:
    """Tell whether all conditions of a rule hold for a sale."""
    return _is_such_a_sale(when, rule, setting) and _is_such_a_customer(when, setting)


def month_of_customer(first: datetime, moment: datetime, zone: ZoneInfo) -> int | None:
    """Return the month of a customer's life: 1 from the first sale on."""
    if moment < first:
        return None  # a sale that brought nothing, such as a free trial
    start, here = first.astimezone(zone), moment.astimezone(zone)
    months = (here.year - start.year) * 12 + here.month - start.month
    if here.day > start.day:
        return months + 1
    if here.day < start.day and here.day < _SHORTEST_MONTH:
        return months
    return months + (add_months(first, months, zone) <= moment)


def _is_such_a_sale(when: Conditions, rule: Rule, setting: Setting) -> bool:
    sale = setting.sale
    by_product = when.products or when.except_products
    return (
        (not by_product or bool(lines_of(rule, sale)))
        and (not when.countries or sale.country in when.countries)
        and (not when.sources or sale.source in when.sources)
        and (when.sale == "any" or (when.sale == "first") == setting.is_first)
        and (not when.tiers or setting.tier in when.tiers)
    )


def _is_such_a_customer(when: Conditions, setting: Setting) -> bool:
    span = when.customer_months
    if span is not None:
        month = month_of_customer(
            setting.first_at, setting.sale.occurred_at, setting.zone
        )
        last = span.to_month
        if month is None or month < span.from_month or (last and month > last):
            return False
    if when.customer_from or when.customer_before:
        since = setting.first_at.astimezone(setting.zone).date()
        if when.customer_from and since < when.customer_from:
            return False
        if when.customer_before and since >= when.customer_before:
            return False
    return not _is_unmanaged(when, setting)


def _is_unmanaged(when: Conditions, setting: Setting) -> bool:
    if when.managed_from is None or setting.customer.unmanaged_from is None:
        return False
    moment = setting.sale.occurred_at
    return (
        moment.astimezone(setting.zone).date() >= when.managed_from
        and moment >= setting.customer.unmanaged_from
    )
