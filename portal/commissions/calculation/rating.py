"""Rating: from sales and refunds to lines that add up."""

from collections import deque
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from types import MappingProxyType
from uuid import UUID

from portal.commissions.calculation.caps import Caps, month_of
from portal.commissions.calculation.changes import Change, changes_of
from portal.commissions.calculation.counting import counted
from portal.commissions.calculation.facts import (
    Commissioned,
    Outcome,
    RatedLine,
    Terms,
)
from portal.commissions.calculation.history import Case, History
from portal.commissions.calculation.trace import Figures, trace_of
from portal.enrollments.rules import History as GateHistory
from portal.kit.clock import add_months
from portal.programs.definition import Gate, Measure, RatingWindow, RoundingPer
from portal.tiers.facts import (
    CustomerFact,
    Event,
    RefundFact,
    SaleFact,
    TierInputs,
    in_order,
)
from portal.tiers.windows import span_of


def rate(
    sales: Iterable[SaleFact],
    refunds: Iterable[RefundFact],
    *,
    terms: Mapping[UUID, Terms],
    later: Sequence[Terms] = (),
    gates: Sequence[Gate] = (),
    gate_history: GateHistory = MappingProxyType({}),
    customers: Mapping[UUID, CustomerFact] = MappingProxyType({}),
    tier_inputs: TierInputs | None = None,
    as_of: datetime | None = None,
) -> list[RatedLine]:
    """Return the lines of one enrollment, in the order in which they count.

    Each sale, each refund and each departure of a customer has one line for each
    rule that is about the sale, and one that says so where no rule is.

    Args:
        sales: All sales of one enrollment's customers, in any order.
        refunds: All refunds of them, in any order.
        terms: The version under which each customer came, by customer.
        later: All versions of the program, earliest first.
        gates: The gates of the enrollment.
        gate_history: When each of them was met.
        customers: What became of the customers.
        tier_inputs: What decides the level besides sales.
        as_of: When this is asked; none: nothing that is still open is taken as missed.
    """
    return rate_in_order(
        in_order(sales, refunds),
        terms=terms,
        later=later,
        gates=gates,
        gate_history=gate_history,
        customers=customers,
        tier_inputs=tier_inputs,
        as_of=as_of,
    )


def rate_in_order(
    events: Sequence[Event],
    *,
    terms: Mapping[UUID, Terms],
    later: Sequence[Terms] = (),
    gates: Sequence[Gate] = (),
    gate_history: GateHistory = MappingProxyType({}),
    customers: Mapping[UUID, CustomerFact] = MappingProxyType({}),
    tier_inputs: TierInputs | None = None,
    as_of: datetime | None = None,
) -> list[RatedLine]:
    """Return what `rate` returns, for events that are in order already."""
    history = History(
        events=events,
        terms=terms,
        later=later,
        gates=gates,
        gate_history=gate_history,
        customers=customers,
        tier_inputs=tier_inputs or TierInputs(),
        as_of=as_of,
    )
    course = _Course()
    return [
        course.line(change, case)
        for change in changes_of(events, history.definition_of, customers)
        for case in history.cases(change.sale)
    ]


@dataclass(slots=True)
class _Window:
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


@dataclass(slots=True)
class _Rolling:
    """What came in over the last months, for a rule that looks back."""

    parts: deque[tuple[datetime, UUID]] = field(default_factory=deque)
    left: dict[UUID, int] = field(default_factory=dict)
    total: int = 0
    picked: dict[UUID, int] = field(default_factory=dict)


@dataclass(slots=True)
class _Course:
    """How far rating has come, event by event."""

    windows: dict[tuple[int, str, str], _Window] = field(default_factory=dict)
    of_sale: dict[tuple[int, str, UUID], int] = field(default_factory=dict)
    rolling: dict[tuple[str, str], _Rolling] = field(default_factory=dict)
    years: dict[tuple[str, str], int] = field(default_factory=dict)
    caps: Caps = field(default_factory=Caps)
    refused: set[tuple[str, UUID]] = field(default_factory=set)

    def line(self, change: Change, case: Case) -> RatedLine:
        """Rate one step of a sale under one rule."""
        place = (case.terms.number, case.rule.key, case.window_key)
        before = self.windows.get(place) or _Window()
        refused = (case.rule.key, change.sale.id) in self.refused
        if refused or not case.outcome.counts:
            outcome = Outcome.OVER_BUDGET if refused else case.outcome
            return _line(change, case, _figures(before, before, outcome))
        window = replace(before)
        step = self._advance(window, change, case)
        amount = self._rounded(window, before, change, case)
        paid = self._capped(amount, change, case)
        if not self._has_budget(change, case, paid):
            self.refused.add((case.rule.key, change.sale.id))
            self._capped(-amount, change, case)
            self._rounded(before, window, change, case)
            self._forget(change, case)
            return _line(change, case, _figures(before, before, Outcome.OVER_BUDGET))
        self.windows[place] = window
        return _line(
            change,
            case,
            _figures(
                before,
                window,
                case.outcome,
                step=step,
                paid=paid,
                over_cap=amount - paid,
            ),
        )

    def _capped(self, amount: int, change: Change, case: Case) -> int:
        if not case.rule.caps:
            return amount
        return self.caps.let_through(case.rule, change.sale, case.terms, amount)

    def _advance(self, window: _Window, change: Change, case: Case) -> int:
        """Take a step into its window; return by how much the measure changed."""
        rule, sale = case.rule, change.sale
        before = (
            0 if change.is_sale else counted(rule.measure, rule, sale, change.before)
        )
        step = counted(rule.measure, rule, sale, change.after) - before
        window.total += step
        picked = None
        if rule.window is RatingWindow.ROLLING:
            picked = window.picked = self._rolled(change, case)
        elif rule.banded_by is not None:
            other = rule.banded_by
            was = 0 if change.is_sale else counted(other, rule, sale, change.before)
            window.picked += counted(other, rule, sale, change.after) - was
            picked = window.picked
        year = self._year_to_date(change, case)
        if change.is_sale:
            window.year = year
        window.exact = case.scale.exact(
            window.total, picked=picked, year_to_date=window.year
        )
        return step

    def _rolled(self, change: Change, case: Case) -> int:
        """Return what picks the band: the months up to the sale, itself included."""
        rule, sale = case.rule, change.sale
        rolling = self.rolling.setdefault(_looks_back(change, case), _Rolling())
        measure: Measure = rule.picks_band_by
        now = counted(measure, rule, sale, change.after)
        if change.is_sale:
            since = add_months(
                sale.occurred_at,
                -(rule.rolling_months or 0),
                case.terms.definition.zone,
            )
            rolling.parts.append((sale.occurred_at, sale.id))
            while rolling.parts[0][0] <= since:
                rolling.total -= rolling.left.pop(rolling.parts.popleft()[1])
            rolling.left[sale.id] = now
            rolling.total += now
            rolling.picked[sale.id] = rolling.total
        elif sale.id in rolling.left:
            rolling.total += now - rolling.left[sale.id]
            rolling.left[sale.id] = now
        return rolling.picked[sale.id]

    def _forget(self, change: Change, case: Case) -> None:
        """Take a refused sale out of what later sales look back on."""
        sale = change.sale
        rolling = self.rolling.get(_looks_back(change, case))
        if rolling is not None:
            rolling.parts.pop()
            rolling.total -= rolling.left.pop(sale.id)
            del rolling.picked[sale.id]
        year = _year_of(change, case)
        if year in self.years:
            self.years[year] -= change.after

    def _year_to_date(self, change: Change, case: Case) -> int | None:
        """Return the sales of the calendar year so far, where a rule asks for it."""
        more = case.rule.accelerator
        if more is None or not more.needs_year_to_date_minor:
            return None
        place = _year_of(change, case)
        step = change.after - (0 if change.is_sale else change.before)
        self.years[place] = self.years.get(place, 0) + step
        return self.years[place]

    def _rounded(
        self, window: _Window, before: _Window, change: Change, case: Case
    ) -> int:
        """Return what the step comes to in whole minor units.

        Asked the other way round, it takes the step back.
        """
        if case.rule.rounding_per is RoundingPer.WINDOW:
            window.paid = case.scale.rounded(window.exact)
            return window.paid - before.paid
        place = (case.terms.number, case.rule.key, change.sale.id)
        exact = self.of_sale.get(place, 0)
        paid = case.scale.rounded(exact)
        self.of_sale[place] = exact + window.exact - before.exact
        amount = case.scale.rounded(self.of_sale[place]) - paid
        window.paid = before.paid + amount
        return amount

    def _has_budget(self, change: Change, case: Case, amount: int) -> bool:
        definition = case.terms.definition
        return definition.budget is None or self.caps.spend(
            definition.budget,
            month_of(change.sale.occurred_at, definition),
            amount,
            is_new=change.is_sale,
        )


def _looks_back(change: Change, case: Case) -> tuple[str, str]:
    """Return whose last months count together, whatever the version."""
    rule = case.rule
    owner = str(change.sale.customer_id) if rule.per == "customer" else ""
    return rule.key, owner


def _year_of(change: Change, case: Case) -> tuple[str, str]:
    zone = case.terms.definition.zone
    return case.rule.key, span_of("year", change.sale.occurred_at, zone).label


def _figures(
    before: _Window,
    after: _Window,
    outcome: Outcome,
    *,
    step: int = 0,
    paid: int = 0,
    over_cap: int = 0,
) -> Figures:
    return Figures(
        outcome=outcome,
        step=step,
        total_before=before.total,
        total_after=after.total,
        picked=after.picked,
        commission_before=before.paid,
        commission_after=after.paid,
        paid=paid,
        over_cap=over_cap,
    )


def _line(change: Change, case: Case, figures: Figures) -> RatedLine:
    sale, refund = change.sale, change.refund
    source, kind, occurred_at = f"sale:{sale.id}", Commissioned.EARNED, sale.occurred_at
    if refund is not None:
        source, occurred_at = f"refund:{refund.id}", refund.occurred_at
        kind = Commissioned.REVERSAL
    elif change.leaves_at is not None:
        source, occurred_at = f"left:{sale.id}", change.leaves_at
        kind = Commissioned.REVERSAL
    clears_at: datetime | None = occurred_at
    if figures.outcome.counts:
        clears_at = case.clears_at and max(case.clears_at, occurred_at)
    # Where nothing is owed, nothing is waited for.
    base = change.after - change.before
    if sale.currency != case.terms.definition.currency:
        base = 0
    elif figures.outcome.counts and case.rule.measure.is_money:
        base = figures.step
    return RatedLine(
        key=f"{source}/{case.rule.key}",
        kind=kind,
        sale_id=sale.id,
        refund_id=refund.id if refund else None,
        customer_id=sale.customer_id,
        rule_key=case.rule.key,
        version_number=case.terms.number,
        base_minor=base,
        amount_minor=figures.paid,
        over_cap_minor=figures.over_cap,
        currency=case.terms.definition.currency,
        occurred_at=occurred_at,
        clears_at=clears_at,
        trace=trace_of(
            change,
            case,
            figures,
            base=base,
            occurred_at=occurred_at,
            clears_at=clears_at,
        ),
    )
