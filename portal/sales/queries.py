from collections import defaultdict
from collections.abc import Sequence
from typing import NamedTuple
from uuid import UUID

from flask_babel import gettext as _
from sqlalchemy import Select, select
from sqlalchemy.orm import Session

from portal.kit.errors import NotFound
from portal.sales.models import (
    Customer,
    OtherPayment,
    Refund,
    Sale,
    SaleLine,
    SaleReference,
)


class NoSuchCustomer(NotFound):
    """There is no customer with this id."""

    code = "customer_not_found"


class SoldLine(NamedTuple):
    """A line of a sale, as rating needs it: a row of `SaleLine` without its texts.

    Attributes:
        product: The provider's id of the product; none if it is not known.
        units: Seats or pieces.
        net_minor: After discount and without tax.
        discount_minor: By how much a discount lowered the net.
        tax_minor: The tax on it.
    """

    product: str | None
    units: int
    net_minor: int
    discount_minor: int
    tax_minor: int


def customer(session: Session, customer_id: UUID) -> Customer:
    """Return one customer.

    Raises:
        NoSuchCustomer: There is none.
    """
    found = session.get(Customer, customer_id)
    if found is None:
        raise NoSuchCustomer(_("There is no such customer."))
    return found


def customer_of(session: Session, external_id: str) -> Customer | None:
    """Return the customer with this id at the payment provider."""
    return session.scalar(select(Customer).where(Customer.external_id == external_id))


def sales_of_customers(
    session: Session, customer_ids: Sequence[UUID]
) -> Sequence[Sale]:
    """Return what these customers paid, oldest first."""
    return session.scalars(
        select(Sale)
        .where(Sale.customer_id.in_(customer_ids))
        .order_by(Sale.occurred_at, Sale.external_id)
    ).all()


def lines_of(
    session: Session, sale_ids: Sequence[UUID] | Select[UUID]
) -> dict[UUID, tuple[SoldLine, ...]]:
    """Return the lines of these sales, in order.

    A sale that was recorded before there were lines is not among them.
    """
    rows = session.execute(
        select(
            SaleLine.sale_id,
            SaleLine.product,
            SaleLine.units,
            SaleLine.net_minor,
            SaleLine.discount_minor,
            SaleLine.tax_minor,
        )
        .where(SaleLine.sale_id.in_(sale_ids))
        .order_by(SaleLine.sale_id, SaleLine.position)
    )
    found: dict[UUID, list[SoldLine]] = defaultdict(list)
    for sale_id, product, units, net, discount, tax in rows:
        found[sale_id].append(SoldLine(product, units, net, discount, tax))
    return {sale_id: tuple(lines) for sale_id, lines in found.items()}


def refunds_of_sales(session: Session, sale_ids: Sequence[UUID]) -> Sequence[Refund]:
    """Return what these customers got back, oldest first."""
    return session.scalars(
        select(Refund)
        .where(Refund.sale_id.in_(sale_ids))
        .order_by(Refund.occurred_at, Refund.external_id)
    ).all()


def sale_behind(session: Session, external_ids: Sequence[str]) -> Sale | None:
    """Return the sale that one of these objects of the provider leads to."""
    return session.scalar(
        select(Sale)
        .join(SaleReference, SaleReference.sale_id == Sale.id)
        .where(SaleReference.external_id.in_(external_ids))
        .limit(1)
    )


def other_payment(session: Session, external_ids: Sequence[str]) -> OtherPayment | None:
    """Return the note that one of these objects is known to lead to no sale."""
    return session.scalar(
        select(OtherPayment)
        .where(OtherPayment.external_id.in_(external_ids))
        .order_by(OtherPayment.external_id)
        .limit(1)
    )
