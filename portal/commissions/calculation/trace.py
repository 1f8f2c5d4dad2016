"""The trace of a line: how its amount came about, as data."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from portal.commissions.calculation.changes import Change
from portal.commissions.calculation.facts import Outcome
from portal.commissions.calculation.history import Case
from portal.commissions.calculation.scale import Slice
from portal.programs.definition import RatingWindow


@dataclass(frozen=True, slots=True, kw_only=True)
class Figures:
    """The figures of a step in its window.

    Attributes:
        outcome: What it came to.
        step: By how much the measure changed.
        total_before: The window's measure before.
        total_after: The window's measure after.
        picked: What picked the band, where that is not the measure.
        commission_before: C of the window before, in minor units.
        commission_after: C of the window after.
        paid: What the line pays.
        over_cap: What caps cut off.
    """

    outcome: Outcome
    step: int
    total_before: int
    total_after: int
    picked: int
    commission_before: int
    commission_after: int
    paid: int
    over_cap: int


def trace_of(
    change: Change,
    case: Case,
    figures: Figures,
    *,
    base: int,
    occurred_at: datetime,
    clears_at: datetime | None,
) -> dict[str, Any]:
    """Return how a line came about. JSON values only."""
    rule, definition, standing = case.rule, case.terms.definition, case.standing
    by_other = rule.banded_by is not None or rule.window is RatingWindow.ROLLING
    picked = figures.picked if by_other else None
    hold = rule.hold or definition.hold
    sold_at = change.sale.occurred_at.isoformat()
    gate = case.papers if figures.outcome is Outcome.PAPERS_LATE else case.gates.gate
    return {
        "rule": {"key": rule.key, "title": rule.title},
        "version": case.terms.number,
        "outcome": figures.outcome.value,
        "pays_for": rule.pays_for.value,
        "measure": rule.measure.value,
        "currency": definition.currency,
        "kind": _kind(change),
        "base_minor": base,
        "base_currency": change.sale.currency,
        "sale_net_minor": change.sale.net_minor,
        "step": figures.step,
        "window": {
            "kind": rule.window.value,
            "label": case.window_label,
            "per": rule.per,
            "months": rule.rolling_months,
        },
        "before_value": figures.total_before,
        "after_value": figures.total_after,
        "picked": {"by": rule.picks_band_by.value, "value": picked}
        if picked is not None
        else None,
        "mode": rule.mode.value,
        "bands": [
            _band(part)
            for part in case.scale.change(
                figures.total_before, figures.total_after, picked=picked
            )
        ],
        "tier": {
            "key": standing.level.key,
            "name": standing.level.name,
            "value": standing.value,
            "at": rule.tier_at.value,
        }
        if standing
        else None,
        "multiplier_bps": _multiplier(case, figures),
        "commission_before_minor": figures.commission_before,
        "commission_after_minor": figures.commission_after,
        "over_cap_minor": figures.over_cap,
        "rounding": rule.rounding.value,
        "rounding_per": rule.rounding_per.value,
        "month": case.month,
        "months": rule.duration_months,
        "earns_until": case.earns_until.isoformat() if case.earns_until else None,
        "hold_days": hold.days,
        "gate": {"key": gate.key, "title": gate.title} if gate else None,
        "gate_opened_at": case.gates.opened_at.isoformat()
        if case.gates.opened_at
        else None,
        "left_at": case.left_at.isoformat() if case.left_at else None,
        "sold_at": sold_at,
        "amount_minor": figures.paid,
        "occurred_at": sold_at if change.is_sale else occurred_at.isoformat(),
        "clears_at": clears_at.isoformat() if clears_at else None,
    }


def _kind(change: Change) -> str:
    if change.refund is not None:
        return "refund"
    return "left" if change.leaves_at is not None else "sale"


def _band(part: Slice) -> dict[str, Any]:
    return {
        "from_value": part.from_value,
        "to_value": part.to_value,
        "rate_bps": part.rate_bps,
        "each_minor": part.each_minor,
        "flat_minor": part.flat_minor,
        "part": part.part,
    }


def _multiplier(case: Case, figures: Figures) -> int | None:
    more = case.rule.accelerator
    if more is None or figures.total_after <= more.above_minor:
        return None
    plain = case.scale.without_accelerator().commission(figures.total_after)
    return more.multiplier_bps if plain != figures.commission_after else None
