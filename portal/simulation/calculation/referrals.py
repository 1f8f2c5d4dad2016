"""From events to what rewards are rated from."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from portal.programs.definition import Moment
from portal.rewards.calculation import ReferralFact
from portal.simulation.events import (
    Approve,
    Cancel,
    Clear,
    Dispute,
    DisputeWon,
    Event,
    Join,
    Refund,
    Reject,
    Review,
    Sale,
    Seats,
    Signup,
    Subscriber,
)


def approvals_of(events: Sequence[Event]) -> dict[str, datetime]:
    """Return when staff approved which reward."""
    return {event.reward: event.at for event in events if isinstance(event, Approve)}


def referrals(
    events: Sequence[Event],
    *,
    joins: Mapping[str, Join],
    brought_by: Mapping[str, str | None],
) -> list[ReferralFact]:
    """Return what referred people did, and reviews.

    Args:
        events: What happened, in order.
        joins: How each partner joined.
        brought_by: Who referred each customer.
    """
    known = _Known.of(events)
    return list(known.facts(events, joins, brought_by))


@dataclass(slots=True)
class _Known:
    """What is known about referred people and reviews, by name."""

    people: dict[str, Signup | Subscriber] = field(default_factory=dict)
    left: dict[str, datetime] = field(default_factory=dict)
    rejected: dict[str, datetime] = field(default_factory=dict)
    rejected_reviews: dict[str, datetime] = field(default_factory=dict)
    cleared: dict[str, datetime] = field(default_factory=dict)
    seats: dict[str, list[tuple[datetime, int]]] = field(default_factory=dict)
    back: dict[str, int] = field(default_factory=dict)
    """How much of a sale went back."""

    @classmethod
    def of(cls, events: Sequence[Event]) -> "_Known":
        """Take in all events."""
        known = cls()
        for event in events:
            known.take(event)
        return known

    def take(self, event: Event) -> None:
        """Take in one event."""
        if isinstance(event, Signup | Subscriber):
            self.people.setdefault(event.customer, event)
        elif isinstance(event, Cancel):
            self.left[event.customer] = event.at
        elif isinstance(event, Clear):
            self.cleared[event.customer] = event.at
        elif isinstance(event, Seats):
            self.seats.setdefault(event.customer, []).append((event.at, event.seats))
        elif isinstance(event, Reject) and event.customer:
            self.rejected[event.customer] = event.at
        elif isinstance(event, Reject) and event.review:
            self.rejected_reviews[event.review] = event.at
        elif isinstance(event, Refund | Dispute):
            self.back[event.sale] = self.back.get(event.sale, 0) + event.net
        elif isinstance(event, DisputeWon):
            self.back[event.sale] = self.back.get(event.sale, 0) - event.net

    def facts(
        self,
        events: Sequence[Event],
        joins: Mapping[str, Join],
        brought_by: Mapping[str, str | None],
    ) -> Iterator[ReferralFact]:
        """Yield what rewards may follow from."""
        for event in events:
            if isinstance(event, Review):
                if event.published and event.partner in joins:
                    yield self._of_review(event, joins[event.partner])
            elif isinstance(event, Signup | Subscriber | Sale):
                referrer = event.partner or brought_by.get(event.customer)
                if referrer and referrer in joins:
                    yield self._of_person(event, joins[referrer])

    def _of_review(self, review: Review, join: Join) -> ReferralFact:
        return ReferralFact(
            id=f"review {review.id}",
            moment=Moment.REVIEW,
            at=review.at,
            referrer=join.partner,
            friend=join.partner,
            company=join.company,
            product=review.product,
            stars=review.stars,
            by_link=review.by_link,
            email=join.email,
            opted_out=join.opted_out,
            consented_at=join.consented,
            rejected_at=self.rejected_reviews.get(review.id),
        )

    def _of_person(self, event: Signup | Subscriber | Sale, join: Join) -> ReferralFact:
        name = event.customer
        person = self.people.get(name)
        sale = event if isinstance(event, Sale) else None
        return ReferralFact(
            id=f"sale {sale.id}" if sale else f"{event.event} {event.id or name}",
            moment=Moment.PAYMENT if sale else Moment.SIGNUP,
            at=event.at,
            referrer=join.partner,
            friend=name,
            company=join.company,
            friend_company=person.company if person else None,
            net_minor=sale.net_minor - self.back.get(sale.id, 0) if sale else 0,
            currency=sale.currency if sale else None,
            seats=_seats_of(sale),
            seat_changes=tuple(
                (at, seats) for at, seats in self.seats.get(name, ()) if at > event.at
            ),
            product=_product_of(sale),
            by_link=person.by_link if person else True,
            email=join.email,
            friend_email=person.email if person else None,
            disposable_email=person.disposable_email if person else False,
            ip=person.ip if person else None,
            device=person.device if person else None,
            existing_customer=isinstance(person, Signup) and person.existing,
            opted_out=join.opted_out,
            consented_at=join.consented,
            left_at=self.left.get(name),
            rejected_at=self.rejected.get(name),
            cleared_at=self.cleared.get(name),
        )


def _seats_of(sale: Sale | None) -> int:
    if sale is None or not sale.items:
        return 1
    return sum(item.units for item in sale.items)


def _product_of(sale: Sale | None) -> str | None:
    """Return what was bought, where it is one product."""
    products = {item.product for item in sale.items} if sale else set()
    return products.pop() if len(products) == 1 else None
