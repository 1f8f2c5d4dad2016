"""Rating: from sales and refunds to lines that add up."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from types import MappingProxyType
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

from portal.commissions.calculation.facts import (
    Commissioned,
    Outcome,
    RatedLine,
    Terms,
)
from portal.commissions.calculation.gates import Verdict, verdict
from portal.commissions.calculation.scale import Scale
from portal.enrollments.rules import History
from portal.kit.clock import add_months
from portal.programs.definition import Gate, RatingWindow, Rule, TierMoment
from portal.tiers.facts import Event, RefundFact, SaleFact, first_sales, in_order
from portal.tiers.rules import Standing, timeline
from portal.tiers.windows import span_of


def rate(
    sales: Iterable[SaleFact],
    refunds: Iterable[RefundFact],
    *,
    terms: Mapping[UUID, Terms],
    gates: Sequence[Gate] = (),
    gate_history: History = MappingProxyType({}),
) -> list[RatedLine]:
    """Return one line for each event and rule, in the order in which they count.

    Args:
        sales: All sales of one enrollment's customers, in any order.
        refunds: All refunds of them, in any order.
        terms: The version that governs each customer's sales, by customer.
        gates: The gates of the enrollment.
        gate_history: When each of them was met.
    """
    return rate_in_order(
        in_order(sales, refunds), terms=terms, gates=gates, gate_history=gate_history
    )


def rate_in_order(
    events: Sequence[Event],
    *,
    terms: Mapping[UUID, Terms],
    gates: Sequence[Gate] = (),
    gate_history: History = MappingProxyType({}),
) -> list[RatedLine]:
    """Return what `rate` returns, for events that are in order already."""
    history = _History(events, terms, gates, gate_history)
    running: dict[tuple[int, str, str], int] = {}
    lines = []
    for event in events:
        governing = terms[event.sale.customer_id]
        for rule in governing.definition.rules:
            case = history.case(event.sale, rule)
            place = (governing.number, rule.key, case.window_key)
            before = running.get(place, 0)
            after = before + (event.change_minor if case.outcome.counts else 0)
            running[place] = after
            lines.append(_line(event, case, before, after))
    return lines


@dataclass(frozen=True, slots=True, kw_only=True)
class _Case:
    """A sale under a rule: what holds for the sale and all its refunds."""

    rule: Rule
    terms: Terms
    outcome: Outcome
    gates: Verdict
    window_key: str
    window_label: str
    standing: Standing | None
    month: int | None
    earns_until: datetime | None
    scale: Scale
    clears_at: datetime | None


@dataclass(slots=True)
class _History:
    """All that happened, to look up what held at a sale."""

    events: Sequence[Event]
    terms: Mapping[UUID, Terms]
    gates: Sequence[Gate]
    gate_history: History
    _first: dict[UUID, SaleFact] = field(init=False)
    _standings: dict[int, Mapping[UUID, Standing]] = field(default_factory=dict)
    _cases: dict[tuple[UUID, str], _Case] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self._first = first_sales(self.events)

    def case(self, sale: SaleFact, rule: Rule) -> _Case:
        """Return what holds for `sale` under `rule`; worked out once for each."""
        known = self._cases.get((sale.id, rule.key))
        if known is None:
            known = self._cases[sale.id, rule.key] = self._new_case(sale, rule)
        return known

    def _new_case(self, sale: SaleFact, rule: Rule) -> _Case:
        terms = self.terms[sale.customer_id]
        zone = terms.definition.zone
        gates = verdict(self.gates, self.gate_history, sale.occurred_at)
        first = self._first.get(sale.customer_id, sale).occurred_at
        standing = self._standing(sale, rule, terms)
        label = ""
        if rule.window is not RatingWindow.SALE:
            label = span_of(rule.window.value, sale.occurred_at, zone).label
        until = (
            add_months(first, rule.duration_months, zone)
            if rule.duration_months
            else None
        )
        return _Case(
            rule=rule,
            terms=terms,
            outcome=_outcome(sale, terms, until, gates),
            gates=gates,
            window_key=label or str(sale.id),
            window_label=label,
            standing=standing,
            month=_month_of(first, sale.occurred_at, zone),
            earns_until=until,
            scale=Scale.of(rule, standing.level.key if standing else None),
            clears_at=_clears_at(sale, terms, gates),
        )

    def _standing(self, sale: SaleFact, rule: Rule, terms: Terms) -> Standing | None:
        tiers = terms.definition.tiers
        if tiers is None or not rule.rate_bps_by_tier:
            return None
        if terms.number not in self._standings:
            self._standings[terms.number] = timeline(
                tiers,
                self.events,
                currency=terms.definition.currency,
                zone=terms.definition.zone,
            ).at_sale
        looked_at = sale
        if rule.tier_at is TierMoment.FIRST_SALE:
            looked_at = self._first.get(sale.customer_id, sale)
        return self._standings[terms.number][looked_at.id]


def _outcome(
    sale: SaleFact, terms: Terms, until: datetime | None, gates: Verdict
) -> Outcome:
    if sale.currency != terms.definition.currency:
        return Outcome.OTHER_CURRENCY
    if until is not None and sale.occurred_at >= until:
        return Outcome.DURATION_OVER
    return gates.outcome


def _clears_at(sale: SaleFact, terms: Terms, gates: Verdict) -> datetime | None:
    after_hold = sale.occurred_at + timedelta(days=terms.definition.hold_days)
    if gates.outcome is not Outcome.HELD:
        return after_hold
    return max(after_hold, gates.opened_at) if gates.opened_at else None


def _month_of(first: datetime, moment: datetime, zone: ZoneInfo) -> int | None:
    """Return the month of the customer's life: 1 from the first sale on."""
    if moment < first:
        return None  # a sale that brought nothing, such as a free trial
    start, here = first.astimezone(zone), moment.astimezone(zone)
    months = (here.year - start.year) * 12 + here.month - start.month
    return months + (add_months(first, months, zone) <= moment)


def _line(event: Event, case: _Case, before: int, after: int) -> RatedLine:
    sale, refund = event.sale, event.refund
    occurred_at = refund.occurred_at if refund else sale.occurred_at
    clears_at = case.clears_at
    if clears_at is not None:
        clears_at = max(clears_at, occurred_at)
    if not case.outcome.counts:
        # Nothing is owed, so nothing is waited for.
        clears_at = occurred_at
    amount = case.scale.commission(after) - case.scale.commission(before)
    source = f"refund:{refund.id}" if refund else f"sale:{sale.id}"
    in_currency = case.outcome is not Outcome.OTHER_CURRENCY
    return RatedLine(
        key=f"{source}/{case.rule.key}",
        kind=Commissioned.REVERSAL if refund else Commissioned.EARNED,
        sale_id=sale.id,
        refund_id=refund.id if refund else None,
        customer_id=sale.customer_id,
        rule_key=case.rule.key,
        version_number=case.terms.number,
        base_minor=event.change_minor if in_currency else 0,
        amount_minor=amount,
        currency=case.terms.definition.currency,
        occurred_at=occurred_at,
        clears_at=clears_at,
        trace=_trace(event, case, before, after)
        | {
            "amount_minor": amount,
            "occurred_at": occurred_at.isoformat(),
            "clears_at": clears_at.isoformat() if clears_at else None,
        },
    )


def _trace(event: Event, case: _Case, before: int, after: int) -> dict[str, Any]:
    definition = case.terms.definition
    standing = case.standing
    return {
        "rule": {"key": case.rule.key, "title": case.rule.title},
        "version": case.terms.number,
        "outcome": case.outcome.value,
        "measure": "net_sales",
        "currency": definition.currency,
        "kind": "sale" if event.refund is None else "refund",
        "base_minor": event.change_minor,
        "base_currency": event.sale.currency,
        "sale_net_minor": event.sale.net_minor,
        "window": {"kind": case.rule.window.value, "label": case.window_label},
        "before_minor": before,
        "after_minor": after,
        "mode": case.rule.mode.value,
        "bands": [
            {
                "from_minor": part.from_minor,
                "to_minor": part.to_minor,
                "rate_bps": part.rate_bps,
                "part_minor": part.part_minor,
            }
            for part in case.scale.change(before, after)
        ],
        "tier": {
            "key": standing.level.key,
            "name": standing.level.name,
            "value": standing.value,
            "at": case.rule.tier_at.value,
        }
        if standing
        else None,
        "commission_before_minor": case.scale.commission(before),
        "commission_after_minor": case.scale.commission(after),
        "rounding": case.rule.rounding.value,
        "month": case.month,
        "months": case.rule.duration_months,
        "earns_until": case.earns_until.isoformat() if case.earns_until else None,
        "gate": {"key": case.gates.gate.key, "title": case.gates.gate.title}
        if case.gates.gate
        else None,
        "gate_opened_at": case.gates.opened_at.isoformat()
        if case.gates.opened_at
        else None,
        "sold_at": event.sale.occurred_at.isoformat(),
        "hold_days": definition.hold_days,
    }
