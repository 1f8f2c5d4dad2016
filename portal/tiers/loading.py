"""Sales, refunds and customers of enrollments, read from the database as facts."""

from collections import defaultdict
from collections.abc import Sequence
from uuid import UUID

from sqlalchemy import Select, and_, select
from sqlalchemy.orm import Session

from portal.attribution import queries as attribution
from portal.attribution.models import Attribution, UnmanagedCustomer
from portal.enrollments.models import Enrollment
from portal.sales import queries as sold
from portal.sales.models import Customer, Refund, Sale
from portal.tiers.facts import (
    CustomerFact,
    Event,
    ItemFact,
    RefundFact,
    SaleFact,
    in_order,
)
from portal.tiers.sharing import shared


def events_of(
    session: Session, enrollment_ids: Sequence[UUID]
) -> dict[UUID, list[Event]]:
    """Return the sales and refunds credited to each enrollment, in order.

    Of a customer that several enrollments share, each gets its part.
    """
    sales = _sales(session, enrollment_ids)
    refunds = _refunds(session, enrollment_ids)
    shares = attribution.shares_of(session, enrollment_ids)
    return {
        key: shared(in_order(sales[key], refunds[key]), shares[key])
        for key in enrollment_ids
    }


def _sales(
    session: Session, enrollment_ids: Sequence[UUID]
) -> dict[UUID, list[SaleFact]]:
    rows = session.execute(
        select(
            Enrollment.id,
            Sale.id,
            Sale.external_id,
            Sale.customer_id,
            Sale.currency,
            Sale.net_minor,
            Sale.occurred_at,
            Sale.country,
        )
        .join(Attribution, Attribution.customer_id == Sale.customer_id)
        .join(Enrollment, Enrollment.id == Attribution.enrollment_id)
        .where(Enrollment.id.in_(enrollment_ids))
    )
    items = _items(session, enrollment_ids)
    sales: dict[UUID, list[SaleFact]] = defaultdict(list)
    for owner, key, reference, customer, currency, net, occurred_at, country in rows:
        sales[owner].append(
            SaleFact(
                id=key,
                reference=reference,
                customer_id=customer,
                currency=currency,
                net_minor=net,
                occurred_at=occurred_at,
                items=items.get(key, ()),
                country=country,
            )
        )
    return sales


def _items(
    session: Session, enrollment_ids: Sequence[UUID]
) -> dict[UUID, tuple[ItemFact, ...]]:
    # A subquery: a partner may have more sales than a statement takes parameters.
    sale_ids: Select[UUID] = (
        select(Sale.id)
        .join(Attribution, Attribution.customer_id == Sale.customer_id)
        .where(Attribution.enrollment_id.in_(enrollment_ids))
    )
    return {
        sale_id: tuple(
            ItemFact(
                net_minor=line.net_minor,
                product=line.product,
                units=line.units,
                discount_minor=line.discount_minor,
                tax_minor=line.tax_minor,
            )
            for line in lines
        )
        for sale_id, lines in sold.lines_of(session, sale_ids).items()
    }


def customers_of(
    session: Session, enrollment_ids: Sequence[UUID]
) -> dict[UUID, dict[UUID, CustomerFact]]:
    """Return what became of the customers that each enrollment has a part of."""
    rows = session.execute(
        select(
            Enrollment.id,
            Customer.id,
            Customer.left_at,
            UnmanagedCustomer.unmanaged_from,
        )
        .join(Attribution, Attribution.enrollment_id == Enrollment.id)
        .join(Customer, Customer.id == Attribution.customer_id)
        .outerjoin(
            UnmanagedCustomer,
            and_(
                UnmanagedCustomer.enrollment_id == Enrollment.id,
                UnmanagedCustomer.customer_id == Customer.id,
            ),
        )
        .where(Enrollment.id.in_(enrollment_ids))
    )
    found: dict[UUID, dict[UUID, CustomerFact]] = {key: {} for key in enrollment_ids}
    for owner, customer_id, left_at, unmanaged_from in rows:
        found[owner][customer_id] = CustomerFact(
            left_at=left_at, unmanaged_from=unmanaged_from
        )
    return found


def _refunds(
    session: Session, enrollment_ids: Sequence[UUID]
) -> dict[UUID, list[RefundFact]]:
    rows = session.execute(
        select(
            Enrollment.id,
            Refund.id,
            Refund.external_id,
            Refund.sale_id,
            Refund.net_minor,
            Refund.occurred_at,
        )
        .join(Sale, Sale.id == Refund.sale_id)
        .join(Attribution, Attribution.customer_id == Sale.customer_id)
        .join(Enrollment, Enrollment.id == Attribution.enrollment_id)
        .where(Enrollment.id.in_(enrollment_ids))
    )
    refunds: dict[UUID, list[RefundFact]] = defaultdict(list)
    for owner, key, reference, sale_id, net, occurred_at in rows:
        refunds[owner].append(
            RefundFact(
                id=key,
                reference=reference,
                sale_id=sale_id,
                net_minor=net,
                occurred_at=occurred_at,
            )
        )
    return refunds
