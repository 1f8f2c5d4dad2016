"""Rating: from sales and refunds to lines that add up."""

from collections import deque
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from types import MappingProxyType
from uuid import UUID

from portal.commissions.calculation.caps import Caps, month_of
from portal.commissions.calculation.cases import Case, WindowKey
from portal.commissions.calculation.changes import Change, changes_of
from portal.commissions.calculation.counting import counted
from portal.commissions.calculation.facts import (
    Commissioned,
    Outcome,
    RatedLine,
    Terms,
)
from portal.commissions.calculation.history import History
from portal.commissions.calculation.trace import Figures, Window, trace_of
from portal.enrollments.rules import History as GateHistory
from portal.kit.clock import add_months
from portal.programs.definition import Gate, Measure
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
class _Rolling:
    """What came in over the last months, for a rule that looks back."""

    parts: deque[tuple[datetime, UUID]] = field(default_factory=deque)
    left: dict[UUID, int] = field(default_factory=dict)
    total: int = 0
    picked: dict[UUID, int] = field(default_factory=dict)


@dataclass(slots=True)
class _Course:
    """How far rating has come, event by event."""

    windows: dict[WindowKey, Window] = field(default_factory=dict)
    of_sale: dict[tuple[int, str, UUID], int] = field(default_factory=dict)
    rolling: dict[tuple[str, int], _Rolling] = field(default_factory=dict)
    years: dict[tuple[str, str], int] = field(default_factory=dict)
    caps: Caps = field(default_factory=Caps)
    refused: set[tuple[str, UUID]] = field(default_factory=set)

    def line(self, change: Change, case: Case) -> RatedLine:
        """Rate one step of a sale under one rule."""
        before = self.windows.get(case.window, _UNTOUCHED)
        if self.refused and _item(change, case) in self.refused:
            return _line(change, case, _nothing(Outcome.OVER_BUDGET, before))
        if not case.counts:
            return _line(change, case, _nothing(case.outcome, before))
        step, after = self._advanced(before, change, case)
        amount = after.paid - before.paid
        paid = self._capped(amount, change, case)
        if not self._has_budget(change, case, paid):
            self.refused.add(_item(change, case))
            self._capped(-amount, change, case)
            self._forget(before, after, change, case)
            return _line(change, case, _nothing(Outcome.OVER_BUDGET, before))
        self.windows[case.window] = after
        return _line(
            change,
            case,
            Figures(
                outcome=case.outcome,
                counts=True,
                before=before,
                after=after,
                step=step,
                paid=paid,
                over_cap=amount - paid,
            ),
        )

    def _capped(self, amount: int, change: Change, case: Case) -> int:
        clause = case.clause
        if not clause.rule.caps:
            return amount
        return self.caps.let_through(clause.rule, change.sale, clause.terms, amount)

    def _advanced(
        self, before: Window, change: Change, case: Case
    ) -> tuple[int, Window]:
        """Take a step into its window.

        Returns:
            By how much the measure changed, and the window after.
        """
        clause, sale = case.clause, change.sale
        step = clause.counted(sale, change.after) - clause.counted(sale, change.before)
        total, picked = before.total + step, None
        if clause.looks_back:
            picked = self._rolled(change, case)
        elif clause.banded_by is not None:
            other = clause.banded_by
            was = counted(other, clause.rule, sale, change.before)
            now = counted(other, clause.rule, sale, change.after)
            picked = before.picked + now - was
        year = before.year
        if clause.rule.accelerator is not None:
            year = self._year_to_date(before, change, case)
        exact = case.scale.exact(total, picked=picked, year_to_date=year)
        paid = self._paid(exact, before, change, case)
        return step, Window(total, picked or 0, exact, paid, year)

    def _rolled(self, change: Change, case: Case) -> int:
        """Return what picks the band: the months up to the sale, itself included."""
        rule, sale = case.clause.rule, change.sale
        rolling = self.rolling.setdefault(_looks_back(change, case), _Rolling())
        measure: Measure = rule.picks_band_by
        now = counted(measure, rule, sale, change.after)
        if change.is_sale:
            since = add_months(
                sale.occurred_at, -(rule.rolling_months or 0), case.clause.zone
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

    def _forget(
        self, before: Window, after: Window, change: Change, case: Case
    ) -> None:
        """Take a refused sale out of what later sales look back on."""
        sale = change.sale
        if case.clause.rounds_sales:
            self.of_sale[_part(change, case)] -= after.exact - before.exact
        rolling = self.rolling.get(_looks_back(change, case))
        if rolling is not None:
            rolling.parts.pop()
            rolling.total -= rolling.left.pop(sale.id)
            del rolling.picked[sale.id]
        year = _year_of(change, case)
        if year in self.years:
            self.years[year] -= change.after

    def _year_to_date(self, before: Window, change: Change, case: Case) -> int | None:
        """Return the sales of the calendar year up to the window's last sale.

        None where the rule does not ask for them.
        """
        more = case.clause.rule.accelerator
        if more is None or not more.needs_year_to_date_minor:
            return None
        place = _year_of(change, case)
        self.years[place] = self.years.get(place, 0) + change.after - change.before
        return self.years[place] if change.is_sale else before.year

    def _paid(self, exact: int, before: Window, change: Change, case: Case) -> int:
        """Return what the window comes to in whole minor units."""
        scale = case.scale
        if not case.clause.rounds_sales:
            return scale.rounded(exact)
        place = _part(change, case)
        was = self.of_sale.get(place, 0)
        now = self.of_sale[place] = was + exact - before.exact
        return before.paid + scale.rounded(now) - scale.rounded(was)

    def _has_budget(self, change: Change, case: Case, amount: int) -> bool:
        budget = case.clause.budget
        return budget is None or self.caps.spend(
            budget,
            month_of(change.sale.occurred_at, case.clause.terms.definition),
            amount,
            is_new=change.is_sale,
        )


_UNTOUCHED = Window()


def _item(change: Change, case: Case) -> tuple[str, UUID]:
    return case.clause.rule.key, change.sale.id


def _part(change: Change, case: Case) -> tuple[int, str, UUID]:
    clause = case.clause
    return clause.terms.number, clause.rule.key, change.sale.id


def _looks_back(change: Change, case: Case) -> tuple[str, int]:
    """Return whose last months count together, whatever the version."""
    clause = case.clause
    owner = change.sale.customer_id.int if clause.is_by_customer else 0
    return clause.rule.key, owner


def _year_of(change: Change, case: Case) -> tuple[str, str]:
    clause = case.clause
    label = span_of("year", change.sale.occurred_at, clause.zone).label
    return clause.rule.key, label


def _nothing(outcome: Outcome, window: Window) -> Figures:
    return Figures(outcome=outcome, counts=False, before=window, after=window)


def _line(change: Change, case: Case, figures: Figures) -> RatedLine:
    sale, refund, clause = change.sale, change.refund, case.clause
    source, kind, occurred_at = f"sale:{sale.id}", Commissioned.EARNED, sale.occurred_at
    if refund is not None:
        source, occurred_at = f"refund:{refund.id}", refund.occurred_at
        kind = Commissioned.REVERSAL
    elif change.leaves_at is not None:
        source, occurred_at = f"left:{sale.id}", change.leaves_at
        kind = Commissioned.REVERSAL
    # Where nothing is owed, nothing is waited for.
    clears_at: datetime | None = occurred_at
    if figures.counts:
        clears_at = case.clears_at and max(case.clears_at, occurred_at)
    base = change.after - change.before
    if sale.currency != clause.currency:
        base = 0
    elif figures.counts and clause.of_money:
        base = figures.step
    return RatedLine(
        key=f"{source}/{clause.rule.key}",
        kind=kind,
        sale_id=sale.id,
        refund_id=refund.id if refund else None,
        customer_id=sale.customer_id,
        rule_key=clause.rule.key,
        version_number=clause.terms.number,
        base_minor=base,
        amount_minor=figures.paid,
        over_cap_minor=figures.over_cap,
        currency=clause.currency,
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
