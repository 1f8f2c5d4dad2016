from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from uuid import UUID

from flask_babel import gettext as _
from sqlalchemy import func, select
from sqlalchemy.orm import Session, joinedload, selectinload

from portal.attribution.models import Attribution
from portal.commissions.models import Commission
from portal.enrollments.models import Enrollment
from portal.kit.clock import add_months
from portal.kit.errors import NotFound
from portal.kit.money import Money
from portal.programs.definition import ProgramDefinition
from portal.sales.models import Refund, Sale
from portal.web.pagination import Page, PageRequest


class CustomerState(StrEnum):
    """Where a customer stands for the partner."""

    SIGNED_UP = "signed_up"
    """Came, and has not paid yet."""
    EARNING = "earning"
    ENDED = "ended"
    """The time during which the customer's sales earn is over."""


class NoSuchCustomer(NotFound):
    """There is no such customer, or another partner has the credit."""

    code = "customer_not_found"


@dataclass(frozen=True, slots=True, kw_only=True)
class CustomerView:
    """A customer as the partner with the credit sees it.

    Attributes:
        attribution: The decision, with the customer.
        definition: The terms that govern the customer's sales.
        first_sale_at: When the customer first paid something.
        paid: What the customer paid so far, without tax and refunds.
        earned: What that earned the partner.
        earns_until: When sales stop earning; none for life, or before the first.
    """

    attribution: Attribution
    definition: ProgramDefinition
    first_sale_at: datetime | None
    paid: Money
    earned: Money
    earns_until: datetime | None

    def state_at(self, now: datetime) -> CustomerState:
        """Return where the customer stands at `now`."""
        if self.first_sale_at is None:
            return CustomerState.SIGNED_UP
        if self.earns_until is not None and self.earns_until <= now:
            return CustomerState.ENDED
        return CustomerState.EARNING


def customers_of_partner(
    session: Session, partner_id: UUID, asked: PageRequest
) -> Page[CustomerView]:
    """Return one page of the customers that the partner brought, newest first."""
    query = (
        select(Attribution)
        .join(Enrollment, Enrollment.id == Attribution.enrollment_id)
        .where(Enrollment.partner_id == partner_id)
        .options(joinedload(Attribution.customer), selectinload(Attribution.version))
    )
    rows = session.scalars(
        asked.limit(query, Attribution.converted_at, Attribution.id)
    ).all()
    return asked.page(
        _views(session, rows),
        key=lambda view: (view.attribution.converted_at, view.attribution.id),
    )


def customer_for_partner(
    session: Session, customer_id: UUID, partner_id: UUID
) -> CustomerView:
    """Return one customer that the partner brought.

    Raises:
        NoSuchCustomer: There is none, or another partner has the credit.
    """
    found = session.scalar(
        select(Attribution)
        .join(Enrollment, Enrollment.id == Attribution.enrollment_id)
        .where(
            Enrollment.partner_id == partner_id,
            Attribution.customer_id == customer_id,
        )
        .options(joinedload(Attribution.customer), selectinload(Attribution.version))
    )
    if found is None:
        raise NoSuchCustomer(_("There is no such customer."))
    return _views(session, [found])[0]


def _views(session: Session, attributions: Sequence[Attribution]) -> list[CustomerView]:
    customers = [row.customer_id for row in attributions]
    paid, first = _paid(session, customers)
    earned: dict[tuple[UUID, UUID], int] = defaultdict(int)
    sums = session.execute(
        select(
            Commission.customer_id,
            Commission.enrollment_id,
            func.sum(Commission.amount_minor),
        )
        .where(Commission.customer_id.in_(customers))
        .group_by(Commission.customer_id, Commission.enrollment_id)
    )
    for customer_id, enrollment_id, total in sums:
        earned[customer_id, enrollment_id] = int(total)
    views = []
    for row in attributions:
        definition = row.version.definition
        first_sale_at = first.get(row.customer_id)
        place = (row.customer_id, row.enrollment_id or row.id)
        views.append(
            CustomerView(
                attribution=row,
                definition=definition,
                first_sale_at=first_sale_at,
                paid=Money(
                    paid[row.customer_id, definition.currency], definition.currency
                ),
                earned=Money(earned[place], definition.currency),
                earns_until=earns_until(definition, first_sale_at),
            )
        )
    return views


def _paid(
    session: Session, customers: Sequence[UUID]
) -> tuple[dict[tuple[UUID, str], int], dict[UUID, datetime]]:
    """Return what each customer paid by currency, and when each first paid."""
    refunded = (
        select(Refund.sale_id, func.sum(Refund.net_minor).label("net_minor"))
        .join(Sale, Sale.id == Refund.sale_id)
        .where(Sale.customer_id.in_(customers))
        .group_by(Refund.sale_id)
        .subquery()
    )
    rows = session.execute(
        select(
            Sale.customer_id,
            Sale.currency,
            func.sum(Sale.net_minor - func.coalesce(refunded.c.net_minor, 0)),
            func.min(Sale.occurred_at).filter(Sale.net_minor > 0),
        )
        .outerjoin(refunded, refunded.c.sale_id == Sale.id)
        .where(Sale.customer_id.in_(customers))
        .group_by(Sale.customer_id, Sale.currency)
    )
    paid: dict[tuple[UUID, str], int] = defaultdict(int)
    first: dict[UUID, datetime] = {}
    for customer_id, currency, net, since in rows:
        paid[customer_id, currency] = int(net)
        if since is not None:
            first[customer_id] = min(since, first.get(customer_id, since))
    return paid, first


def earns_until(
    definition: ProgramDefinition, first_sale_at: datetime | None
) -> datetime | None:
    """Return when a customer's sales stop earning; none for life, or without sale."""
    if first_sale_at is None:
        return None
    longest = 0
    for rule in definition.rules:
        if rule.duration_months is None:
            return None
        longest = max(longest, rule.duration_months)
    return add_months(first_sale_at, longest, definition.zone)
