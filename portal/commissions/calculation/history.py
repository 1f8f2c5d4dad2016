"""All that happened to a partner's customers, to look up what held at a sale."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import cast
from uuid import UUID

from portal.commissions.calculation.cases import Case, Tenure, WindowKey
from portal.commissions.calculation.clauses import NO_RULE, Clause
from portal.commissions.calculation.counting import counted
from portal.commissions.calculation.facts import Outcome, Terms
from portal.commissions.calculation.gates import Verdict, missed_papers, verdict
from portal.commissions.calculation.matching import (
    Setting,
    is_about,
    month_of_customer,
)
from portal.commissions.calculation.scale import UNIT
from portal.enrollments.rules import History as GateHistory
from portal.kit.clock import add_months, month_start
from portal.programs.definition import (
    Combination,
    Conditions,
    Gate,
    ProgramDefinition,
    RatingWindow,
    Tiers,
    Trigger,
)
from portal.tiers.facts import (
    CustomerFact,
    Event,
    SaleFact,
    TierInputs,
    first_sales,
)
from portal.tiers.rules import Standing, timeline
from portal.tiers.windows import program_year_of, span_of

_NOBODY = CustomerFact()
_ALL_OPEN = Verdict(outcome=Outcome.RATED)


@dataclass(slots=True, kw_only=True)
class History:
    """What was given to rate, and what follows from it for a sale.

    Attributes:
        events: Sales and refunds, in order.
        terms: The version under which each customer came, by customer.
        later: All versions of the program, earliest first; for those that govern
            the sales of customers who came before them.
        gates: The gates of the enrollment.
        gate_history: When each of them was met.
        customers: What became of the customers.
        tier_inputs: What decides the level besides sales.
        as_of: When this is asked, for what is still open; none: at the end of time.
    """

    events: Sequence[Event]
    terms: Mapping[UUID, Terms]
    later: Sequence[Terms]
    gates: Sequence[Gate]
    gate_history: GateHistory
    customers: Mapping[UUID, CustomerFact]
    tier_inputs: TierInputs
    as_of: datetime | None
    # Here and below by the number of an id: a UUID hashes and compares itself in
    # Python, which takes longer than the rest of a look-up.
    _came_under: Mapping[int, Terms] = field(init=False)
    _first: Mapping[UUID, SaleFact] = field(init=False)
    _standings: dict[int, Mapping[UUID, Standing]] = field(default_factory=dict)
    _clauses: dict[int, tuple[Clause, ...]] = field(default_factory=dict)
    _unruled: dict[int, Clause] = field(default_factory=dict)
    _tenures: dict[tuple[int, int], Tenure] = field(default_factory=dict)
    _cases: dict[int, tuple[Case, ...]] = field(default_factory=dict)
    _with_papers: tuple[Gate, ...] = field(init=False)
    _lasting: Sequence[Terms] = field(init=False)

    def __post_init__(self) -> None:
        self._came_under = {key.int: terms for key, terms in self.terms.items()}
        # What is paid for a lead or a click is no payment of the customer's.
        self._first = first_sales(
            event for event in self.events if event.sale.trigger is Trigger.SALE
        )
        last = {version.effective_from: version for version in self.later}
        # A version that another one replaced before it began never governs.
        self._lasting = [v for v in self.later if last[v.effective_from] is v]
        self._with_papers = tuple(
            gate for gate in self.gates if gate.forfeits_after_months is not None
        )

    def terms_of(self, sale: SaleFact) -> Terms:
        """Return the version that governs a sale.

        It is the one under which the customer came, unless a later one that was in
        force at the sale governs the sales of all customers.
        """
        governing = self._came_under[sale.customer_id.int]
        for version in self._lasting:
            if (
                version.number > governing.number
                and version.definition.terms_from == "sale"
                and version.effective_from is not None
                and version.effective_from <= sale.occurred_at
            ):
                governing = version
        return governing

    def definition_of(self, sale: SaleFact) -> ProgramDefinition:
        """Return the program as it governs a sale."""
        return self.terms_of(sale).definition

    def cases(self, sale: SaleFact) -> tuple[Case, ...]:
        """Return what holds for `sale` under each rule that is about it.

        Never empty: where no rule is about the sale, the one case says so.
        """
        known = self._cases.get(sale.id.int)
        if known is None:
            known = self._cases[sale.id.int] = self._chosen(sale)
        return known

    def _chosen(self, sale: SaleFact) -> tuple[Case, ...]:
        terms = self.terms_of(sale)
        tenure, gates = self._tenure(sale, terms), self._verdict(sale)
        about = [
            self._case(sale, clause, tenure, gates)
            for clause in self._clauses_of(terms)
            if clause.rule.pays_for is sale.trigger
            and (
                clause.rule.when is None
                or self._is_about(clause, clause.rule.when, sale, tenure)
            )
        ]
        if not about:
            nothing = self._unruled.get(terms.number)
            if nothing is None:
                nothing = self._unruled[terms.number] = Clause.of(NO_RULE, terms)
            return (self._case(sale, nothing, tenure, gates, Outcome.NO_RULE),)
        combine = terms.definition.combine
        if len(about) == 1 or combine is Combination.SUM:
            return tuple(about)
        paying = [c for c in about if c.outcome is not Outcome.DURATION_OVER] or about
        if combine is Combination.FIRST_MATCH:
            return (paying[0],)
        return (max(paying, key=lambda case: _worth(case, sale)),)

    def _clauses_of(self, terms: Terms) -> tuple[Clause, ...]:
        """Return the rules of a version; made once for each version."""
        known = self._clauses.get(terms.number)
        if known is None:
            known = self._clauses[terms.number] = tuple(
                Clause.of(rule, terms) for rule in terms.definition.rules
            )
        return known

    def _tenure(self, sale: SaleFact, terms: Terms) -> Tenure:
        """Return what holds for all sales of a customer; made once for each version."""
        place = (sale.customer_id.int, terms.number)
        known = self._tenures.get(place)
        if known is None:
            first = self._first.get(sale.customer_id)
            known = self._new_tenure(first or sale, terms)
            # Without a sale that brought money, each sale begins for itself.
            if first is not None:
                self._tenures[place] = known
        return known

    def _new_tenure(self, first: SaleFact, terms: Terms) -> Tenure:
        papers = None
        if self._with_papers:
            papers = missed_papers(
                self._with_papers,
                self.gate_history,
                first.occurred_at,
                zone=terms.definition.zone,
                as_of=self.as_of,
            )
        return Tenure(
            customer=self.customers.get(first.customer_id, _NOBODY),
            first=first,
            papers=papers,
        )

    def _is_about(
        self, clause: Clause, when: Conditions, sale: SaleFact, tenure: Tenure
    ) -> bool:
        standing = self._standing(sale, clause, tenure) if when.tiers else None
        setting = Setting(
            sale=sale,
            first_at=tenure.first.occurred_at,
            is_first=tenure.first.id == sale.id,
            tier=standing.level.key if standing else None,
            customer=tenure.customer,
            zone=clause.zone,
        )
        return is_about(clause.rule, when, setting)

    def _case(
        self,
        sale: SaleFact,
        clause: Clause,
        tenure: Tenure,
        gates: Verdict,
        outcome: Outcome | None = None,
    ) -> Case:
        rule, first_at, standing = clause.rule, tenure.first.occurred_at, None
        if rule.rate_bps_by_tier:
            standing = self._standing(sale, clause, tenure)
        until = earns_until = None
        if rule.duration_months:
            until, earns_until = _earns_until(tenure, rule.duration_months, clause)
        clears_at = _clears_at(sale, clause, first_at)
        if outcome is None:
            outcome = _outcome(sale, clause, until, gates, tenure.papers)
        if clause.must_stay and outcome.counts and _leaves(sale, tenure, clears_at):
            outcome = Outcome.LEFT_EARLY
        return Case(
            clause=clause,
            tenure=tenure,
            outcome=outcome,
            counts=outcome.counts,
            gates=gates,
            window=_window(sale, clause),
            standing=standing,
            month=month_of_customer(first_at, sale.occurred_at, clause.zone),
            earns_until=earns_until,
            scale=clause.scale(standing.level.key if standing else None),
            clears_at=_after_gates(clears_at, outcome, gates),
        )

    def _verdict(self, sale: SaleFact) -> Verdict:
        if not self.gates and not self.gate_history:
            return _ALL_OPEN
        return verdict(self.gates, self.gate_history, sale.occurred_at)

    def _standing(
        self, sale: SaleFact, clause: Clause, tenure: Tenure
    ) -> Standing | None:
        """Return the level that a rule looks at, in a program that has levels."""
        known = self._standings.get(clause.terms.number)
        if known is None:
            definition = clause.terms.definition
            known = self._standings[clause.terms.number] = timeline(
                cast("Tiers", definition.tiers),  # checked: a rule named a level
                self.events,
                currency=definition.currency,
                zone=definition.zone,
                # No sale depends on what comes after the last event.
                until=self.events[-1].moment,
                inputs=self.tier_inputs,
            ).at_sale
        return known.get(tenure.first.id if clause.at_first_sale else sale.id)


def _worth(case: Case, sale: SaleFact) -> int:
    """Return what a case pays on the whole sale, to be compared."""
    if not case.counts:
        return -1
    rule = case.clause.rule
    whole = case.clause.counted(sale, sale.net_minor)
    picked = None
    if rule.banded_by is not None:
        picked = counted(rule.banded_by, rule, sale, sale.net_minor)
    worth = case.scale.exact(whole, picked=picked)
    most = [cap.most_minor * UNIT for cap in rule.caps]
    return min([worth, *most])


def _window(sale: SaleFact, clause: Clause) -> WindowKey:
    number, rule = clause.terms.number, clause.rule
    if clause.is_by_sale:
        return WindowKey(number, rule.key, "", sale.id.int)
    label = ""
    if rule.window is RatingWindow.PROGRAM_YEAR:
        begins = rule.program_year_from or "01-01"
        label = program_year_of(sale.occurred_at, clause.zone, begins).label
    elif rule.window is not RatingWindow.LIFE:
        label = span_of(rule.window.value, sale.occurred_at, clause.zone).label
    owner = sale.customer_id.int if clause.is_by_customer else 0
    return WindowKey(number, rule.key, label, owner)


def _earns_until(tenure: Tenure, months: int, clause: Clause) -> tuple[datetime, str]:
    """Return when sales stop earning; worked out once for each customer."""
    known = tenure.ends.get(months)
    if known is None:
        end = add_months(tenure.first.occurred_at, months, clause.zone)
        known = tenure.ends[months] = end, end.isoformat()
    return known


def _outcome(
    sale: SaleFact,
    clause: Clause,
    until: datetime | None,
    gates: Verdict,
    papers: Gate | None,
) -> Outcome:
    if sale.currency != clause.currency:
        return Outcome.OTHER_CURRENCY
    if until is not None and sale.occurred_at >= until:
        return Outcome.DURATION_OVER
    if papers is not None and gates.outcome.counts:
        return Outcome.PAPERS_LATE
    return gates.outcome


def _clears_at(sale: SaleFact, clause: Clause, first: datetime) -> datetime:
    clears_at = sale.occurred_at + clause.waits
    if clause.hold.to_month_end:
        day = clears_at.astimezone(clause.zone).date()
        following = add_months(month_start(day, clause.zone), 1, clause.zone)
        clears_at = following
    if clause.rule.all_or_nothing_months:
        stays = add_months(first, clause.rule.all_or_nothing_months, clause.zone)
        clears_at = max(clears_at, stays)
    return clears_at


def _leaves(sale: SaleFact, tenure: Tenure, clears_at: datetime) -> bool:
    left_at = tenure.customer.left_at
    return left_at is not None and sale.occurred_at <= left_at < clears_at


def _after_gates(
    clears_at: datetime, outcome: Outcome, gates: Verdict
) -> datetime | None:
    if gates.gate is None or outcome is not Outcome.HELD:
        return clears_at
    return max(clears_at, gates.opened_at) if gates.opened_at else None
