from collections.abc import Sequence
from uuid import UUID

from flask_babel import gettext as _
from sqlalchemy import select
from sqlalchemy.orm import Session

from portal.kit.errors import NotFound
from portal.sales.models import Customer, OtherPayment, Refund, Sale, SaleReference


class NoSuchCustomer(NotFound):
    """There is no customer with this id."""

    code = "customer_not_found"


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
