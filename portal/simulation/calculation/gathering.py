"""From events to the facts that rating, tiers and statements work on."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from uuid import UUID

from portal.attribution.splitting import CreditShare
from portal.deals.rules import Attempt, Registered, owners, registered
from portal.enrollments.rules import History
from portal.programs.definition import DealSource, ProgramDefinition, Trigger
from portal.simulation.calculation.credit import (
    Credit,
    CreditCase,
    credit_of,
    is_barred,
    parts_of_refunds,
)
from portal.simulation.calculation.ordinals import Ordinals
from portal.simulation.calculation.requirements import history_of
from portal.simulation.calculation.result import Names, Uncounted, WhyUncounted
from portal.simulation.events import (
    Cancel,
    Click,
    Dispute,
    DisputeWon,
    Event,
    Join,
    Lead,
    Refund,
    Register,
    Sale,
    Signup,
    Subscriber,
    Unmanage,
)
from portal.tiers.facts import CustomerFact, ItemFact, RefundFact, SaleFact
from portal.tiers.sharing import part_of_sale

_WITHOUT_PRICE = 1
"""What stands for something without a price, so that it can be returned."""
Paid = Sale | Lead | Subscriber | Click


@dataclass(slots=True)
class Bought:
    """What one partner's customers did."""

    sales: list[SaleFact] = field(default_factory=list)
    refunds: list[RefundFact] = field(default_factory=list)


@dataclass(slots=True, kw_only=True)
class Facts:
    """Everything that happened, ready to be worked on.

    Attributes:
        joins: How each partner joined, in order.
        histories: When the gates of each partner were met.
        by_partner: What each partner's customers did.
        customers: What became of the customers.
        credits: Who got the credit for each customer.
        registrations: What became of the customers whom partners registered.
        uncounted: What earns nobody anything.
        names: What the file calls things.
    """

    joins: dict[str, Join]
    histories: dict[str, History]
    by_partner: dict[str, Bought]
    customers: Mapping[UUID, CustomerFact]
    credits: list[Credit]
    registrations: list[Registered]
    uncounted: list[Uncounted]
    names: Names


def of_partner(events: Sequence[Event]) -> dict[str, list[Event]]:
    """Return the events that name a partner, by partner."""
    found: dict[str, list[Event]] = {}
    for event in events:
        if partner := getattr(event, "partner", None):
            found.setdefault(partner, []).append(event)
    return found


def gather(
    definition: ProgramDefinition, events: Sequence[Event], *, until: datetime
) -> Facts:
    """Return the facts behind events.

    Args:
        definition: The program.
        events: All events in order.
        until: What happens later is not known.
    """
    joins = {event.partner: event for event in events if isinstance(event, Join)}
    known = [event for event in events if event.at <= until]
    own = of_partner(known)
    histories = {
        name: history_of(definition, own.get(name, ()), joined_at=join.at)
        for name, join in joins.items()
    }
    names = _names(known)
    gathering = _Gathering(
        definition=definition,
        facts=Facts(
            joins={name: join for name, join in joins.items() if join.at <= until},
            histories=histories,
            by_partner={name: Bought() for name in joins},
            customers=_customers(known, names),
            credits=[],
            registrations=[],
            uncounted=[],
            names=names,
        ),
        all_joins=joins,
        partners=Ordinals(joins),
        countries={
            event.customer: event.country
            for event in known
            if isinstance(event, Signup) and event.country
        },
    )
    return gathering.run(known)


def _names(events: Sequence[Event]) -> Names:
    return Names(
        sales=Ordinals(name for event in events if (name := paid_id(event))),
        refunds=Ordinals(
            _refund_name(number, event)
            for number, event in enumerate(events)
            if isinstance(event, Refund | Dispute | DisputeWon)
        ),
        customers=Ordinals(
            name for event in events if (name := getattr(event, "customer", None))
        ),
    )


def paid_id(event: Event) -> str | None:
    """Return the id of something that is paid for; none for other events."""
    if isinstance(event, Sale | Lead | Subscriber):
        return event.id
    if isinstance(event, Click) and event.price is not None:
        # A click needs an id only if somebody wants to return it.
        return event.id or f"click by {event.customer} at {event.at.isoformat()}"
    return None


def _refund_name(number: int, event: Event) -> str:
    return event.id or f"{event.event} {number:09d}"


def _customers(events: Sequence[Event], names: Names) -> dict[UUID, CustomerFact]:
    left = {event.customer: event.at for event in events if isinstance(event, Cancel)}
    unmanaged = {e.customer: e.at for e in events if isinstance(e, Unmanage)}
    return {
        names.customers.key(name): CustomerFact(
            left_at=left.get(name), unmanaged_from=unmanaged.get(name)
        )
        for name in left.keys() | unmanaged.keys()
    }


@dataclass(slots=True, kw_only=True)
class _Gathering:
    """Events on their way to facts."""

    definition: ProgramDefinition
    facts: Facts
    all_joins: Mapping[str, Join]
    partners: Ordinals
    countries: Mapping[str, str]
    """Where customers said they are when they signed up."""

    def run(self, events: Sequence[Event]) -> Facts:
        """Take in all events."""
        credit = {one.customer: one for one in self._credits(events)}
        self.facts.credits = sorted(
            credit.values(), key=lambda one: (one.converted_at, one.customer)
        )
        refunds = self._refunds(events)
        for event in events:
            name = paid_id(event)
            if name is None or not isinstance(event, Paid):
                continue
            if why := _why_not(event):
                self._leave_out(event, name, why)
                continue
            partner = event.partner
            owners: tuple[str, ...] = (partner,) if partner else ()
            weights: tuple[int, ...] = (1,)
            if partner is None:
                found = credit[event.customer]
                owners, weights = found.partners, found.weights
            if not owners:
                self._leave_out(event, name, WhyUncounted.NO_CREDIT)
            self._share(event, name, owners, weights, refunds.get(name, ()))
        return self.facts

    def _leave_out(self, event: Paid, name: str, why: WhyUncounted) -> None:
        self.facts.uncounted.append(
            Uncounted(event=event.event, id=name, customer=event.customer, why=why)
        )

    def _share(
        self,
        event: Paid,
        name: str,
        owners: Sequence[str],
        weights: Sequence[int],
        refunds: Sequence[RefundFact],
    ) -> None:
        whole = self._sale(event, name)
        for index, owner in enumerate(owners):
            if owner not in self.facts.joins:
                self._leave_out(event, name, WhyUncounted.NOT_JOINED)
                continue
            bought = self.facts.by_partner[owner]
            bought.sales.append(_part_of(whole, weights, index))
            bought.refunds += parts_of_refunds(whole, refunds, weights, index)

    def _sale(self, event: Paid, name: str) -> SaleFact:
        sold = event if isinstance(event, Sale) else None
        currency = sold.currency if sold else None
        return SaleFact(
            id=self.facts.names.sales.key(name),
            reference=name,
            customer_id=self.facts.names.customers.key(event.customer),
            currency=currency or self.definition.currency,
            net_minor=_net_of(event),
            occurred_at=event.at,
            items=_items_of(event),
            country=event.country or self.countries.get(event.customer),
            source=sold.source if sold else DealSource.SOURCED,
            trigger=_TRIGGERS[event.event],
        )

    def _refunds(self, events: Sequence[Event]) -> dict[str, list[RefundFact]]:
        found: dict[str, list[RefundFact]] = {}
        sold = {paid_id(event) for event in events}
        for number, event in enumerate(events):
            if not isinstance(event, Refund | Dispute | DisputeWon):
                continue
            if event.sale not in sold:
                continue  # of a sale that is left out, because it comes later
            name = _refund_name(number, event)
            sign = -1 if isinstance(event, DisputeWon) else 1
            found.setdefault(event.sale, []).append(
                RefundFact(
                    id=self.facts.names.refunds.key(name),
                    reference=name,
                    sale_id=self.facts.names.sales.key(event.sale),
                    net_minor=sign * event.net,
                    occurred_at=event.at,
                )
            )
        return found

    def _credits(self, events: Sequence[Event]) -> Iterator[Credit]:
        signups = {e.customer: e for e in events if isinstance(e, Signup)}
        clicks: dict[str, list[tuple[int, Click]]] = {}
        converted: dict[str, datetime] = {}
        for number, event in enumerate(events, start=1):
            if isinstance(event, Click):
                clicks.setdefault(event.customer, []).append((number, event))
            elif isinstance(event, Signup) or (
                isinstance(event, Sale) and event.partner is None
            ):
                # Events are in order, so the first one is the conversion.
                converted.setdefault(event.customer, event.at)
        self.facts.registrations = self._registered(events, converted)
        by_registration = owners(self.facts.registrations, converted)
        for customer, converted_at in converted.items():
            yield credit_of(
                CreditCase(
                    customer=customer,
                    converted_at=converted_at,
                    signup=signups.get(customer),
                    clicks=clicks.get(customer, ()),
                    registered_by=by_registration.get(customer),
                ),
                self.definition,
                partners=self.partners,
                joins=self.all_joins,
                histories=self.facts.histories,
            )

    def _registered(
        self, events: Sequence[Event], came: Mapping[str, datetime]
    ) -> list[Registered]:
        policy = self.definition.attribution.registration
        if policy is None:
            return []
        attempts = [
            Attempt(
                partner=event.partner,
                customer=event.customer,
                at=event.at,
                barred=is_barred(
                    event, self.definition, self.all_joins, self.facts.histories
                ),
            )
            for event in events
            if isinstance(event, Register)
        ]
        return registered(attempts, policy, came=came)


def _why_not(event: Paid) -> WhyUncounted | None:
    if isinstance(event, Lead) and not event.accepted:
        return WhyUncounted.NOT_ACCEPTED
    if isinstance(event, Click) and event.bot:
        return WhyUncounted.BOT
    return None


_TRIGGERS = {
    "sale": Trigger.SALE,
    "lead": Trigger.LEAD,
    "click": Trigger.CLICK,
    "subscriber": Trigger.SUBSCRIBER,
}


def _part_of(sale: SaleFact, weights: Sequence[int], index: int) -> SaleFact:
    if len(weights) == 1:
        return sale
    return part_of_sale(sale, CreditShare(tuple(weights), index))


def _net_of(event: Paid) -> int:
    if isinstance(event, Sale):
        return event.net_minor
    if isinstance(event, Subscriber):
        return _WITHOUT_PRICE
    return _WITHOUT_PRICE if event.price is None else event.price


def _items_of(event: Paid) -> tuple[ItemFact, ...]:
    if not isinstance(event, Sale):
        return ()
    return tuple(
        ItemFact(
            net_minor=item.net,
            product=item.product,
            units=item.units,
            discount_minor=item.discount,
            tax_minor=item.tax,
            cost_minor=item.cost,
        )
        for item in event.items
    )
