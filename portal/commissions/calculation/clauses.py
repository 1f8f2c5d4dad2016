"""A rule of a version, and what all its sales have in common worked out once."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any
from zoneinfo import ZoneInfo

from portal.commissions.calculation.counting import counted
from portal.commissions.calculation.facts import Terms
from portal.commissions.calculation.scale import Scale
from portal.programs.definition import (
    NO_RULE_KEY,
    Budget,
    Hold,
    Measure,
    RatingWindow,
    RoundingPer,
    Rule,
    TierMoment,
)
from portal.tiers.facts import SaleFact

NO_RULE = Rule.model_construct(key=NO_RULE_KEY, title="No rule")
"""Stands where no rule is about a sale, so that the sale is not lost."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Clause:
    """A rule of a version.

    A million sales ask the same of a rule. What does not depend on the sale is here,
    so that each of them asks for an attribute and no more.

    Attributes:
        rule: The rule.
        terms: The version.
        zone: Its time zone.
        currency: Its currency.
        budget: Its budget.
        hold: The rule's own hold, or the program's.
        waits: The days of the hold.
        must_stay: Whether who leaves before it clears earns nothing.
        of_money: Whether the rule counts an amount, not a number.
        takes_net: Whether all that is left of a sale counts, as it is.
        looks_back: Whether what came in over the last months picks the band.
        rounds_sales: Whether each sale is rounded for itself.
        at_first_sale: Whether the level at the customer's first sale counts.
        is_by_sale: Whether each sale is a window of its own.
        is_by_customer: Whether each customer has windows of its own.
        banded_by: What picks the band; none where the measure itself does.
        trace: The keys of a trace in their order, with what the rule and the version
            say filled in.
    """

    rule: Rule
    terms: Terms
    zone: ZoneInfo
    currency: str
    budget: Budget | None
    hold: Hold
    waits: timedelta
    must_stay: bool
    of_money: bool
    takes_net: bool
    looks_back: bool
    rounds_sales: bool
    at_first_sale: bool
    is_by_sale: bool
    is_by_customer: bool
    banded_by: Measure | None
    trace: Mapping[str, Any]
    _scales: dict[str | None, Scale] = field(default_factory=dict)

    @classmethod
    def of(cls, rule: Rule, terms: Terms) -> "Clause":
        """Return the rule as a clause of the version."""
        definition, when = terms.definition, rule.when
        hold = rule.hold or definition.hold
        looks_back = rule.window is RatingWindow.ROLLING
        by_product = when is not None and bool(when.products or when.except_products)
        return cls(
            rule=rule,
            terms=terms,
            zone=definition.zone,
            currency=definition.currency,
            budget=definition.budget,
            hold=hold,
            waits=timedelta(days=hold.days),
            must_stay=hold.while_customer or rule.all_or_nothing_months is not None,
            of_money=rule.measure.is_money,
            takes_net=rule.measure is Measure.NET_SALES
            and rule.base is None
            and not by_product,
            looks_back=looks_back,
            rounds_sales=rule.rounding_per is RoundingPer.SALE,
            at_first_sale=rule.tier_at is TierMoment.FIRST_SALE,
            is_by_sale=looks_back or rule.window is RatingWindow.SALE,
            is_by_customer=rule.per == "customer",
            banded_by=rule.picks_band_by if looks_back else rule.banded_by,
            trace=_trace(rule, terms, hold),
        )

    def counted(self, sale: SaleFact, left: int) -> int:
        """Return what counts of a sale of which `left` of its net is left."""
        if self.takes_net:
            return left
        return counted(self.rule.measure, self.rule, sale, left)

    def scale(self, tier: str | None) -> Scale:
        """Return the scale for a partner on the level `tier`; made once for each."""
        known = self._scales.get(tier)
        if known is None:
            known = self._scales[tier] = Scale.of(self.rule, tier)
        return known


def _trace(rule: Rule, terms: Terms, hold: Hold) -> Mapping[str, Any]:
    return {
        "rule": None,
        "version": terms.number,
        "outcome": None,
        "pays_for": rule.pays_for.value,
        "measure": rule.measure.value,
        "currency": terms.definition.currency,
        "kind": None,
        "base_minor": None,
        "base_currency": None,
        "sale_net_minor": None,
        "step": None,
        "window": {
            "kind": rule.window.value,
            "label": "",
            "per": rule.per,
            "months": rule.rolling_months,
        },
        "before_value": None,
        "after_value": None,
        "picked": None,
        "mode": rule.mode.value,
        "bands": None,
        "tier": None,
        "multiplier_bps": None,
        "commission_before_minor": None,
        "commission_after_minor": None,
        "over_cap_minor": None,
        "rounding": rule.rounding.value,
        "rounding_per": rule.rounding_per.value,
        "month": None,
        "months": rule.duration_months,
        "earns_until": None,
        "hold_days": hold.days,
        "gate": None,
        "gate_opened_at": None,
        "left_at": None,
        "sold_at": None,
        "amount_minor": None,
        "occurred_at": None,
        "clears_at": None,
    }
