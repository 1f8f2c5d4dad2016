"""What a draft of a program would have paid, against what is paid."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from portal.attribution import queries as attribution
from portal.attribution.models import Attribution
from portal.commissions.calculation import RatedLine, Terms, rate_in_order
from portal.enrollments import queries as enrollments
from portal.enrollments.models import Enrollment
from portal.enrollments.rules import History
from portal.kit.money import Money
from portal.partners.models import Partner
from portal.programs import queries as programs
from portal.programs.definition import ProgramDefinition
from portal.programs.models import ProgramVersion
from portal.sales.models import Sale
from portal.tiers import queries as tiers
from portal.tiers.facts import CustomerFact, Event, TierInputs

MOST_PARTNERS = 200
"""A page can wait for so many to be rated twice."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PartnerTrial:
    """One partner's commissions on the sales and refunds of the time.

    Attributes:
        partner: The partner.
        now: By the terms that govern its sales.
        draft: By the draft.
    """

    partner: Partner
    now: Money
    draft: Money

    @property
    def difference(self) -> Money:
        """What the partner would have earned more; less where it is negative."""
        return self.draft - self.now


@dataclass(frozen=True, slots=True, kw_only=True)
class Trial:
    """A draft against the terms in force, on what was sold.

    Attributes:
        since: From when on sales and refunds count.
        until: Until when.
        rows: The partners who sold, the largest loss first.
        left_out: How many partners with smaller sales were not rated.
        sales: What the customers paid in that time, without tax.
        customers: How many customers paid for the first time in it.
        paying: How many customers paid in it at all.
        unsold: Products that the draft names and nobody bought in that time.
        sold: Products that somebody bought in it.
    """

    since: datetime
    until: datetime
    rows: tuple[PartnerTrial, ...]
    left_out: int
    sales: Money
    customers: int
    paying: int
    unsold: tuple[str, ...]
    sold: tuple[str, ...]

    @property
    def now(self) -> Money:
        """What all of them earned by the terms in force."""
        return sum((row.now for row in self.rows), start=self._nothing)

    @property
    def draft(self) -> Money:
        """What all of them would have earned by the draft."""
        return sum((row.draft for row in self.rows), start=self._nothing)

    @property
    def difference(self) -> Money:
        """What the draft would have paid more; less where it is negative."""
        return self.draft - self.now

    @property
    def winners(self) -> int:
        """How many partners would have earned more."""
        return sum(row.difference.minor > 0 for row in self.rows)

    @property
    def losers(self) -> int:
        """How many partners would have earned less."""
        return sum(row.difference.minor < 0 for row in self.rows)

    @property
    def _nothing(self) -> Money:
        return Money(0, self.sales.currency)


def trial(
    session: Session,
    program_id: UUID,
    draft: ProgramDefinition,
    *,
    since: datetime,
    until: datetime,
    most: int = MOST_PARTNERS,
) -> Trial:
    """Rate what was sold by the terms in force and as if the draft governed all of it.

    Both see the same sales, refunds, credit, gates and recorded facts; only terms,
    tiers and rules differ. Whatever happened before `since` counts towards windows
    and levels, as it does when a statement is made. Of the partners who sold, the
    `most` with the largest sales are rated.
    """
    ranked = _ranked(session, program_id, since, until)
    chosen = [enrollment_id for enrollment_id, _customers in ranked[:most]]
    facts = _Facts.load(session, program_id, chosen)
    sold = facts.products(since, until)
    rows = []
    for enrollment in enrollments.by_ids(session, chosen):
        by_now = facts.rate(enrollment, None, until)
        by_draft = facts.rate(enrollment, draft, until)
        rows.append(
            PartnerTrial(
                partner=enrollment.partner,
                now=_sum(by_now, since, until, draft.currency),
                draft=_sum(by_draft, since, until, draft.currency),
            )
        )
    return Trial(
        since=since,
        until=until,
        rows=tuple(
            sorted(rows, key=lambda row: (row.difference.minor, row.partner.id))
        ),
        left_out=max(len(ranked) - most, 0),
        sales=facts.sales(since, until, draft.currency),
        customers=facts.new_customers(since, until),
        paying=facts.paying_customers(since, until),
        unsold=tuple(sorted(_products_of(draft) - sold)),
        sold=tuple(sorted(sold)),
    )


def _products_of(draft: ProgramDefinition) -> set[str]:
    """Return the products that rules are about, or are not about."""
    return {
        product
        for rule in draft.rules
        if rule.when is not None
        for product in (*rule.when.products, *rule.when.except_products)
    }


def _ranked(
    session: Session, program_id: UUID, since: datetime, until: datetime
) -> Sequence[tuple[UUID, int]]:
    """Return the enrollments that sold in the time, the largest sales first."""
    rows = session.execute(
        select(Attribution.enrollment_id, func.sum(Sale.net_minor))
        .join(Sale, Sale.customer_id == Attribution.customer_id)
        .where(
            Attribution.program_id == program_id,
            Attribution.enrollment_id.is_not(None),
            Sale.occurred_at >= since,
            Sale.occurred_at < until,
        )
        .group_by(Attribution.enrollment_id)
        .order_by(func.sum(Sale.net_minor).desc(), Attribution.enrollment_id)
    )
    return [(key, total) for key, total in rows if key is not None]


def _sum(
    lines: Sequence[RatedLine], since: datetime, until: datetime, currency: str
) -> Money:
    return Money(
        sum(line.amount_minor for line in lines if since <= line.occurred_at < until),
        currency,
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class _Facts:
    """All that rating the chosen enrollments takes, read at once."""

    events: Mapping[UUID, Sequence[Event]]
    terms: Mapping[UUID | None, Mapping[UUID, Terms]]
    versions: Sequence[Terms]
    histories: Mapping[UUID, History]
    customers: Mapping[UUID, Mapping[UUID, CustomerFact]]
    inputs: Mapping[UUID, TierInputs]

    @classmethod
    def load(cls, session: Session, program_id: UUID, keys: Sequence[UUID]) -> "_Facts":
        terms: dict[UUID | None, dict[UUID, Terms]] = defaultdict(dict)
        for row in attribution.of_enrollments(session, keys):
            terms[row.enrollment_id][row.customer_id] = terms_of(row.version)
        versions = programs.versions_of(session, program_id)
        return cls(
            events=tiers.events_of(session, keys),
            terms=terms,
            versions=[terms_of(version) for version in versions],
            histories=enrollments.histories(session, keys),
            customers=tiers.customers_of(session, keys),
            inputs=tiers.inputs_of(session, keys),
        )

    def rate(
        self,
        enrollment: Enrollment,
        draft: ProgramDefinition | None,
        as_of: datetime,
    ) -> list[RatedLine]:
        key = enrollment.id
        terms, later = self.terms[key], self.versions
        if draft is not None:
            number = max(version.number for version in self.versions) + 1
            terms = dict.fromkeys(terms, Terms(definition=draft, number=number))
            later = ()
        return rate_in_order(
            self.events[key],
            terms=terms,
            later=later,
            gates=enrollment.version.definition.gates,
            gate_history=self.histories[key],
            customers=self.customers[key],
            tier_inputs=self.inputs[key],
            as_of=as_of,
        )

    def sales(self, since: datetime, until: datetime, currency: str) -> Money:
        return Money(
            sum(
                event.change_minor
                for events in self.events.values()
                for event in events
                if since <= event.moment < until and event.sale.currency == currency
            ),
            currency,
        )

    def new_customers(self, since: datetime, until: datetime) -> int:
        first: dict[UUID, datetime] = {}
        for events in self.events.values():
            for event in events:
                if event.refund is None and event.sale.net_minor:
                    known = first.get(event.sale.customer_id, event.moment)
                    first[event.sale.customer_id] = min(known, event.moment)
        return sum(since <= moment < until for moment in first.values())

    def paying_customers(self, since: datetime, until: datetime) -> int:
        return len(
            {
                event.sale.customer_id
                for events in self.events.values()
                for event in events
                if event.refund is None
                and event.sale.net_minor
                and since <= event.moment < until
            }
        )

    def products(self, since: datetime, until: datetime) -> set[str]:
        return {
            item.product
            for events in self.events.values()
            for event in events
            if event.refund is None and since <= event.moment < until
            for item in event.sale.items
            if item.product is not None
        }


def terms_of(version: ProgramVersion) -> Terms:
    """Return a version as rating takes it."""
    return Terms(
        definition=version.definition,
        number=version.number,
        effective_from=version.effective_from,
    )
