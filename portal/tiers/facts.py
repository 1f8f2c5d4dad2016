"""What happened with an enrollment's customers, in the order that counts. Pure."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID


@dataclass(frozen=True, slots=True, kw_only=True)
class SaleFact:
    """A paid order of a customer.

    Attributes:
        id: The sale.
        reference: The payment provider's id. It settles the order of sales of one
            instant, because it does not depend on which of them arrived first.
        customer_id: Who bought.
        currency: In which currency.
        net_minor: What was paid without tax, before refunds.
        occurred_at: When it was paid.
    """

    id: UUID
    reference: str
    customer_id: UUID
    currency: str
    net_minor: int
    occurred_at: datetime

    def __post_init__(self) -> None:
        if self.net_minor < 0:
            raise ValueError(f"sale {self.reference} has a net of {self.net_minor}")


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
    by_id = {sale.id: sale for sale in sales}
    known = {
        refund.id: (by_id[refund.sale_id], refund)
        for refund in refunds
        if refund.sale_id in by_id
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
    for (moment, _, _), sale, refund in sorted(pending, key=lambda item: item[0]):
        before = 0
        if refund is not None:
            before = _left(sale, refunded.get(sale.id, 0))
            refunded[sale.id] = refunded.get(sale.id, 0) + refund.net_minor
        events.append(
            Event(
                sale=sale,
                refund=refund,
                moment=moment,
                left_before_minor=before,
                left_after_minor=_left(sale, refunded.get(sale.id, 0)),
            )
        )
    return events


def _left(sale: SaleFact, refunded_minor: int) -> int:
    return min(max(sale.net_minor - refunded_minor, 0), sale.net_minor)


def first_sales(events: Iterable[Event]) -> dict[UUID, SaleFact]:
    """Return each customer's first sale that brought money, by customer."""
    first: dict[UUID, SaleFact] = {}
    for event in events:
        if event.refund is None and event.sale.net_minor > 0:
            first.setdefault(event.sale.customer_id, event.sale)
    return first
