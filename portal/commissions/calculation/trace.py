"""The trace of a line: how its amount came about, as data."""

from datetime import datetime
from typing import Any, NamedTuple

from portal.commissions.calculation.cases import Case
from portal.commissions.calculation.changes import Change
from portal.commissions.calculation.facts import Outcome


class Window(NamedTuple):
    """How far a window has come.

    Attributes:
        total: Of the rule's measure.
        picked: Of what picks the band.
        exact: C before rounding, in parts of `UNIT`.
        paid: C as it was rounded.
        year: The sales of the year up to the window's last sale, where a rule asks.
    """

    total: int = 0
    picked: int = 0
    exact: int = 0
    paid: int = 0
    year: int | None = None


class Figures(NamedTuple):
    """The figures of a step in its window.

    Attributes:
        outcome: What it came to.
        counts: Whether the step is part of its window.
        before: The window before.
        after: The window after.
        step: By how much the measure changed.
        paid: What the line pays.
        over_cap: What caps cut off.
    """

    outcome: Outcome
    counts: bool
    before: Window
    after: Window
    step: int = 0
    paid: int = 0
    over_cap: int = 0


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
    clause, sale, rule = case.clause, change.sale, case.clause.rule
    before, after, gates = figures.before, figures.after, case.gates
    picked = None if clause.banded_by is None else after.picked
    sold_at = sale.occurred_at.isoformat()
    # The keys stand in `clause.trace`; to fill in a copy of it takes a third of the
    # time of writing all of them down for each line.
    trace = dict(clause.trace)
    trace["rule"] = {"key": rule.key, "title": rule.title}
    trace["outcome"] = figures.outcome.value
    trace["kind"] = change.kind
    trace["base_minor"] = base
    trace["base_currency"] = sale.currency
    trace["sale_net_minor"] = sale.net_minor
    trace["step"] = figures.step
    trace["window"] = {**clause.trace["window"], "label": case.window.label}
    trace["before_value"] = before.total
    trace["after_value"] = after.total
    if clause.banded_by is not None:
        trace["picked"] = {"by": clause.banded_by.value, "value": picked}
    trace["bands"] = case.scale.change(before.total, after.total, picked=picked)
    trace["tier"] = _tier(case)
    trace["multiplier_bps"] = _multiplier(case, after)
    trace["commission_before_minor"] = before.paid
    trace["commission_after_minor"] = after.paid
    trace["over_cap_minor"] = figures.over_cap
    trace["month"] = case.month
    trace["earns_until"] = case.earns_until
    trace["gate"] = _gate(case, figures.outcome)
    trace["gate_opened_at"] = _written(gates.opened_at)
    trace["left_at"] = _written(case.tenure.customer.left_at)
    trace["sold_at"] = sold_at
    trace["amount_minor"] = figures.paid
    trace["occurred_at"] = sold_at if change.is_sale else occurred_at.isoformat()
    trace["clears_at"] = _written(clears_at)
    return trace


def _tier(case: Case) -> dict[str, Any] | None:
    standing = case.standing
    if standing is None:
        return None
    return {
        "key": standing.level.key,
        "name": standing.level.name,
        "value": standing.value,
        "at": case.clause.rule.tier_at.value,
    }


def _gate(case: Case, outcome: Outcome) -> dict[str, Any] | None:
    gate = case.gates.gate
    if case.tenure.papers is not None and outcome is Outcome.PAPERS_LATE:
        gate = case.tenure.papers
    return None if gate is None else {"key": gate.key, "title": gate.title}


def _written(moment: datetime | None) -> str | None:
    return None if moment is None else moment.isoformat()


def _multiplier(case: Case, after: Window) -> int | None:
    more = case.clause.rule.accelerator
    if more is None or after.total <= more.above_minor:
        return None
    plain = case.scale.without_accelerator().commission(after.total)
    return more.multiplier_bps if plain != after.paid else None
