"""What happened with an enrollment's customers, in the order that counts. Pure."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from operator import itemgetter
from uuid import UUID

from portal.programs.definition import DealSource, Trigger


@dataclass(frozen=True, slots=True, kw_only=True)
class ItemFact:
    """One line of a sale.

    Attributes:
        net_minor: What was paid for it, after discount and without tax.
        product: The vendor's name of the product; none if it is not known.
        units: Seats or pieces.
        discount_minor: By how much a discount lowered it, without tax.
        tax_minor: The tax on it.
        cost_minor: What it cost the vendor; none if it is not known.
    """

    net_minor: int
    product: str | None = None
    units: int = 1
    discount_minor: int = 0
    tax_minor: int = 0
    cost_minor: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class SaleFact:
    """A paid order of a customer, or a lead, click or subscriber that is paid for.

    Attributes:
        id: The sale.
        reference: The payment provider's id. It settles the order of sales of one
            instant, because it does not depend on which of them arrived first.
        customer_id: Who bought.
        currency: In which currency.
        net_minor: What was paid without tax, before refunds. Of a lead or a click, the
            price agreed for it; of one without a price, 1, so that it can be returned.
        occurred_at: When it was paid.
        items: Its lines; they add up to `net_minor`. Empty: one line, about which
            nothing more is known.
        country: Where the customer is, an ISO 3166 code; none if it is not known.
        source: What the partner had to do with it.
        trigger: What kind of fact it is.
    """

    id: UUID
    reference: str
    customer_id: UUID
    currency: str
    net_minor: int
    occurred_at: datetime
    items: tuple[ItemFact, ...] = ()
    country: str | None = None
    source: DealSource = DealSource.SOURCED
    trigger: Trigger = Trigger.SALE

    def __post_init__(self) -> None:
        if self.net_minor < 0:
            raise ValueError(f"sale {self.reference} has a net of {self.net_minor}")
        if self.items and sum(item.net_minor for item in self.items) != self.net_minor:
            raise ValueError(f"the lines of sale {self.reference} do not add up")

    @property
    def lines(self) -> tuple[ItemFact, ...]:
        """The lines; one for the whole where nothing is known about lines."""
        return self.items or (ItemFact(net_minor=self.net_minor),)


@dataclass(frozen=True, slots=True, kw_only=True)
class RefundFact:
    """Money that went back to the customer, or came back after a won dispute.

    Attributes:
        id: The refund.
        reference: The payment provider's id.
        sale_id: Of which sale.
        net_minor: How much of the sale's net; negative for a dispute that was won.
        occurred_at: When.
    """

    id: UUID
    reference: str
    sale_id: UUID
    net_minor: int
    occurred_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Event:
    """A sale or a refund at its place in the order.

    Attributes:
        sale: The sale, or the sale that was refunded.
        refund: The refund; none when this is the sale itself.
        moment: When it counts: a refund never before its sale.
        left_before_minor: What was left of the sale before; 0 for the sale itself.
        left_after_minor: What is left of the sale after.
    """

    sale: SaleFact
    refund: RefundFact | None
    moment: datetime
    left_before_minor: int
    left_after_minor: int

    @property
    def change_minor(self) -> int:
        """By how much the net sales change."""
        return self.left_after_minor - self.left_before_minor


def in_order(sales: Iterable[SaleFact], refunds: Iterable[RefundFact]) -> list[Event]:
    """Return sales and refunds in the order in which they count.

    The order is by moment, then sales before refunds, then by reference. What is
    given twice counts once, and a refund of a sale that is not given is left out.
    What is left of a sale lies between nothing and its net whatever the refunds say.
    """
    by_id = {sale.id.int: sale for sale in sales}
    known = {
        refund.id: (by_id[refund.sale_id.int], refund)
        for refund in refunds
        if refund.sale_id.int in by_id
    }
    pending: list[tuple[tuple[datetime, bool, str], SaleFact, RefundFact | None]] = [
        ((sale.occurred_at, False, sale.reference), sale, None)
        for sale in by_id.values()
    ]
    pending += [
        (
            (max(refund.occurred_at, sale.occurred_at), True, refund.reference),
            sale,
            refund,
        )
        for sale, refund in known.values()
    ]
    refunded: dict[UUID, int] = {}
    events = []
    for (moment, _, _), sale, refund in sorted(pending, key=itemgetter(0)):
        before, after = 0, sale.net_minor
        if refund is not None:
            before = _left(sale, refunded.get(sale.id, 0))
            refunded[sale.id] = refunded.get(sale.id, 0) + refund.net_minor
            after = _left(sale, refunded[sale.id])
        events.append(
            Event(
                sale=sale,
                refund=refund,
                moment=moment,
                left_before_minor=before,
                left_after_minor=after,
            )
        )
    return events


@dataclass(frozen=True, slots=True, kw_only=True)
class CustomerFact:
    """What became of a customer.

    Attributes:
        left_at: When it stopped being a customer; none while it is one.
        unmanaged_from: Since when the partner no longer looks after it; none while
            it does.
    """

    left_at: datetime | None = None
    unmanaged_from: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class TierFact:
    """A value about a partner that holds from a moment on, such as a rating.

    Attributes:
        fact: Which value, as `Requirement.fact` names it.
        value: The value.
        at: From when on.
    """

    fact: str
    value: int
    at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class TierOverride:
    """A level that staff set by hand.

    Attributes:
        level: The key of the level.
        from_at: From when on.
        until_at: When it ends; none while nobody ended it.
    """

    level: str
    from_at: datetime
    until_at: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class TierInputs:
    """What decides a level besides sales.

    Attributes:
        joined_at: When the partner joined; its tier duty runs from then.
        facts: Recorded values, in any order.
        overrides: Levels set by hand, in any order.
    """

    joined_at: datetime | None = None
    facts: tuple[TierFact, ...] = ()
    overrides: tuple[TierOverride, ...] = ()


def _left(sale: SaleFact, refunded_minor: int) -> int:
    return min(max(sale.net_minor - refunded_minor, 0), sale.net_minor)


def first_sales(events: Iterable[Event]) -> dict[UUID, SaleFact]:
    """Return each customer's first sale that brought money, by customer."""
    first: dict[int, SaleFact] = {}
    for event in events:
        if event.refund is None and event.sale.net_minor > 0:
            first.setdefault(event.sale.customer_id.int, event.sale)
    return {sale.customer_id: sale for sale in first.values()}
