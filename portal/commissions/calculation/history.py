"""All that happened to a partner's customers, to look up what held at a sale."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from uuid import UUID
from zoneinfo import ZoneInfo

from portal.commissions.calculation.counting import counted
from portal.commissions.calculation.facts import Outcome, Terms
from portal.commissions.calculation.gates import Verdict, missed_papers, verdict
from portal.commissions.calculation.matching import (
    Setting,
    is_about,
    month_of_customer,
)
from portal.commissions.calculation.scale import UNIT, Scale
from portal.enrollments.rules import History as GateHistory
from portal.kit.clock import add_months, month_start
from portal.programs.definition import (
    Combination,
    Conditions,
    Gate,
    Hold,
    ProgramDefinition,
    RatingWindow,
    Rule,
    TierMoment,
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

NO_RULE = Rule.model_construct(key="none", title="No rule")
"""Stands where no rule is about a sale, so that the sale is not lost."""
_NOBODY = CustomerFact()
_ALL_OPEN = Verdict(outcome=Outcome.RATED)


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """A sale under a rule: what holds for the sale and all its refunds."""

    rule: Rule
    terms: Terms
    outcome: Outcome
    gates: Verdict
    papers: Gate | None
    window_key: str
    window_label: str
    standing: Standing | None
    month: int | None
    earns_until: datetime | None
    left_at: datetime | None
    scale: Scale
    clears_at: datetime | None


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
    _first: dict[UUID, SaleFact] = field(init=False)
    _standings: dict[int, Mapping[UUID, Standing]] = field(default_factory=dict)
    _cases: dict[UUID, tuple[Case, ...]] = field(default_factory=dict)
    _scales: dict[tuple[int, str, str | None], Scale] = field(default_factory=dict)
    _ends: dict[tuple[datetime, int], datetime] = field(default_factory=dict)
    _with_papers: tuple[Gate, ...] = field(init=False)
    _lasting: Sequence[Terms] = field(init=False)

    def __post_init__(self) -> None:
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
        governing = self.terms[sale.customer_id]
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
        known = self._cases.get(sale.id)
        if known is None:
            known = self._cases[sale.id] = self._chosen(sale)
        return known

    def _chosen(self, sale: SaleFact) -> tuple[Case, ...]:
        terms = self.terms_of(sale)
        about = [
            self._case(sale, rule, terms)
            for rule in terms.definition.rules
            if rule.pays_for is sale.trigger
            and (rule.when is None or self._is_about(rule, rule.when, sale, terms))
        ]
        if not about:
            return (self._case(sale, NO_RULE, terms, outcome=Outcome.NO_RULE),)
        if terms.definition.combine is Combination.SUM:
            return tuple(about)
        paying = [c for c in about if c.outcome is not Outcome.DURATION_OVER] or about
        if terms.definition.combine is Combination.FIRST_MATCH:
            return (paying[0],)
        return (max(paying, key=lambda case: _worth(case, sale)),)

    def _is_about(
        self, rule: Rule, when: Conditions, sale: SaleFact, terms: Terms
    ) -> bool:
        first = self._first.get(sale.customer_id, sale)
        zone = terms.definition.zone
        standing = self._standing(sale, rule, terms) if when.tiers else None
        setting = Setting(
            sale=sale,
            first_at=first.occurred_at,
            is_first=first.id == sale.id,
            tier=standing.level.key if standing else None,
            customer=self.customers.get(sale.customer_id, _NOBODY),
            zone=zone,
        )
        return is_about(rule, when, setting)

    def _case(
        self, sale: SaleFact, rule: Rule, terms: Terms, outcome: Outcome | None = None
    ) -> Case:
        zone = terms.definition.zone
        first = self._first.get(sale.customer_id, sale).occurred_at
        gates = self._verdict(sale)
        papers = None
        if self._with_papers:
            papers = missed_papers(
                self._with_papers, self.gate_history, first, zone=zone, as_of=self.as_of
            )
        standing = self._standing(sale, rule, terms) if rule.rate_bps_by_tier else None
        until = None
        if rule.duration_months:
            until = self._until(first, rule.duration_months, zone)
        clears_at = _clears_at(sale, rule, terms.definition, first)
        left_at = self.customers.get(sale.customer_id, _NOBODY).left_at
        if outcome is None:
            outcome = _outcome(sale, terms, until, gates, papers)
        if outcome.counts and _leaves_early(sale, rule, terms, left_at, clears_at):
            outcome = Outcome.LEFT_EARLY
        label = _window_label(rule, sale, zone)
        return Case(
            rule=rule,
            terms=terms,
            outcome=outcome,
            gates=gates,
            papers=papers,
            window_key=_window_key(rule, sale, label),
            window_label=label,
            standing=standing,
            month=month_of_customer(first, sale.occurred_at, zone),
            earns_until=until,
            left_at=left_at,
            scale=self._scale(rule, terms, standing),
            clears_at=_after_gates(clears_at, outcome, gates),
        )

    def _verdict(self, sale: SaleFact) -> Verdict:
        if not self.gates and not self.gate_history:
            return _ALL_OPEN
        return verdict(self.gates, self.gate_history, sale.occurred_at)

    def _until(self, first: datetime, months: int, zone: ZoneInfo) -> datetime:
        """Return when sales stop earning; worked out once for each customer."""
        known = self._ends.get((first, months))
        if known is None:
            known = self._ends[first, months] = add_months(first, months, zone)
        return known

    def _scale(self, rule: Rule, terms: Terms, standing: Standing | None) -> Scale:
        """Return the scale of a rule; made once for each level."""
        level = standing.level.key if standing else None
        place = (terms.number, rule.key, level)
        known = self._scales.get(place)
        if known is None:
            known = self._scales[place] = Scale.of(rule, level)
        return known

    def _standing(self, sale: SaleFact, rule: Rule, terms: Terms) -> Standing | None:
        """Return the level that a rule looks at; none in a program without levels."""
        known = self._standings.get(terms.number)
        if known is None:
            definition = terms.definition
            known = self._standings[terms.number] = (
                timeline(
                    definition.tiers,
                    self.events,
                    currency=definition.currency,
                    zone=definition.zone,
                    inputs=self.tier_inputs,
                ).at_sale
                if definition.tiers
                else {}
            )
        looked_at = sale
        if rule.tier_at is TierMoment.FIRST_SALE:
            looked_at = self._first.get(sale.customer_id, sale)
        return known.get(looked_at.id)


def _worth(case: Case, sale: SaleFact) -> int:
    """Return what a case pays on the whole sale, to be compared."""
    if not case.outcome.counts:
        return -1
    whole = counted(case.rule.measure, case.rule, sale, sale.net_minor)
    picked = None
    if case.rule.banded_by is not None:
        picked = counted(case.rule.banded_by, case.rule, sale, sale.net_minor)
    worth = case.scale.exact(whole, picked=picked)
    most = [cap.most_minor * UNIT for cap in case.rule.caps]
    return min([worth, *most])


def _window_label(rule: Rule, sale: SaleFact, zone: ZoneInfo) -> str:
    if rule.window in (RatingWindow.SALE, RatingWindow.ROLLING, RatingWindow.LIFE):
        return ""
    if rule.window is RatingWindow.PROGRAM_YEAR:
        begins = rule.program_year_from or "01-01"
        return program_year_of(sale.occurred_at, zone, begins).label
    return span_of(rule.window.value, sale.occurred_at, zone).label


def _window_key(rule: Rule, sale: SaleFact, label: str) -> str:
    if rule.window in (RatingWindow.SALE, RatingWindow.ROLLING):
        return str(sale.id)
    owner = str(sale.customer_id) if rule.per == "customer" else ""
    return f"{label}/{owner}"


def _outcome(
    sale: SaleFact,
    terms: Terms,
    until: datetime | None,
    gates: Verdict,
    papers: Gate | None,
) -> Outcome:
    if sale.currency != terms.definition.currency:
        return Outcome.OTHER_CURRENCY
    if until is not None and sale.occurred_at >= until:
        return Outcome.DURATION_OVER
    if papers is not None and gates.outcome.counts:
        return Outcome.PAPERS_LATE
    return gates.outcome


def _clears_at(
    sale: SaleFact, rule: Rule, definition: ProgramDefinition, first: datetime
) -> datetime:
    hold: Hold = rule.hold or definition.hold
    clears_at = sale.occurred_at + timedelta(days=hold.days)
    if hold.to_month_end:
        day = clears_at.astimezone(definition.zone).date()
        following = add_months(month_start(day, definition.zone), 1, definition.zone)
        clears_at = following
    if rule.all_or_nothing_months:
        stays = add_months(first, rule.all_or_nothing_months, definition.zone)
        clears_at = max(clears_at, stays)
    return clears_at


def _leaves_early(
    sale: SaleFact,
    rule: Rule,
    terms: Terms,
    left_at: datetime | None,
    clears_at: datetime,
) -> bool:
    hold = rule.hold or terms.definition.hold
    must_stay = hold.while_customer or rule.all_or_nothing_months is not None
    is_gone = left_at is not None and sale.occurred_at <= left_at < clears_at
    return must_stay and is_gone


def _after_gates(
    clears_at: datetime, outcome: Outcome, gates: Verdict
) -> datetime | None:
    if outcome is not Outcome.HELD:
        return clears_at
    return max(clears_at, gates.opened_at) if gates.opened_at else None
