"""What is written about customers, sales and refunds. Callers own the transaction.

Each verb may be called again with the same thing, at once or in another order, and
the rows come out the same.
"""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from functools import cache
from typing import Any
from uuid import UUID

from flask_babel import gettext as _
from sqlalchemy import (
    ColumnElement,
    case,
    func,
    or_,
    select,
    text,
    tuple_,
    update,
)
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session
from sqlalchemy.sql.base import ReadOnlyColumnCollection
from sqlalchemy.sql.dml import ReturningInsert

from portal.kit.errors import Conflict
from portal.kit.ids import new_id, parse_public_id
from portal.sales.lines import LineFacts
from portal.sales.models import (
    Customer,
    CustomerSubscription,
    OtherPayment,
    ReferenceKind,
    Refund,
    RefundKind,
    Sale,
    SaleLine,
    SaleReference,
)

_LOCK = text(
    """
    SELECT pg_advisory_xact_lock(hashtextextended('sales:' || key, 0))
    FROM unnest(CAST(:keys AS text[])) AS key
    """
)
"""Takes one lock after the other, in the order of the array."""


class OtherCurrency(Conflict):
    """A refund is in another currency than its sale."""

    code = "other_currency"


def lock(session: Session, external_ids: Iterable[str]) -> None:
    """Make everyone who writes about these objects of the provider take turns.

    Without it, a refund that finds no sale and a sale that finds no waiting refund
    could be written at the same moment, and never meet.
    """
    keys = sorted(set(external_ids))
    if keys:
        session.execute(_LOCK, {"keys": keys})


def record_customer(
    session: Session,
    *,
    external_id: str,
    seen_at: datetime,
    email: str | None = None,
    name: str | None = None,
    described_at: datetime | None = None,
    click_reference: str | None = None,
    click_told_at: datetime | None = None,
    country: str | None = None,
) -> Customer:
    """Take in a customer, or what else is known of one.

    Args:
        session: The session that holds the open transaction.
        external_id: The provider's id.
        seen_at: A moment at which the customer was there; the earliest is kept.
        email: As of `described_at`.
        name: As of `described_at`.
        described_at: How fresh e-mail and name are; none fills gaps only.
        click_reference: The click the customer came with, `clk_...`. Anything else
            is not kept.
        click_told_at: The moment of the event that says so; the earliest is kept.
        country: As of `described_at`, an ISO 3166 code; the latest that is told is
            kept. Unlike a name, it is not forgotten when a later event has none: the
            address on an invoice is often empty.
    """
    click_id = _click_id(click_reference)
    told = {
        "id": new_id(),
        "external_id": external_id,
        "email": email,
        "name": name,
        "described_at": described_at,
        "click_reference": click_reference if click_id else None,
        "click_id": click_id,
        "click_told_at": (click_told_at or seen_at) if click_id else None,
        "first_seen_at": seen_at,
        "country": country,
        "country_told_at": (described_at or seen_at) if country else None,
    }
    return session.scalars(
        _told(),
        told,
        # Every call writes every column, so that they share one statement.
        execution_options={"populate_existing": True, "render_nulls": True},
    ).one()


def record_subscription(
    session: Session,
    *,
    customer: Customer,
    external_id: str,
    has_begun: bool,
    ended_at: datetime | None = None,
) -> None:
    """Take in what is known of a subscription, and work out whether its customer left.

    Args:
        session: The session that holds the open transaction.
        customer: Whose; from `record_customer` in this transaction, which holds its
            row, so that two subscriptions of one customer take turns.
        external_id: The provider's id.
        has_begun: Whether it runs or ran. What once did counts for ever.
        ended_at: When it ended, if it did.
    """
    statement = insert(CustomerSubscription).values(
        external_id=external_id,
        customer_id=customer.id,
        has_begun=has_begun,
        ended_at=ended_at,
    )
    known, told = CustomerSubscription, statement.excluded
    has_begun_now = known.has_begun | told.has_begun
    ended_at_now = func.greatest(known.ended_at, told.ended_at)
    written = session.scalar(
        statement.on_conflict_do_update(
            index_elements=[known.external_id],
            set_={"has_begun": has_begun_now, "ended_at": ended_at_now},
            where=or_(
                known.has_begun != has_begun_now,
                known.ended_at.is_distinct_from(ended_at_now),
            ),
        ).returning(known.external_id)
    )
    if written is None:
        return  # Nothing new: whoever wrote the row has worked it out.
    all_ended = func.bool_and(known.ended_at.is_not(None))
    left_at = (
        select(case((all_ended, func.max(known.ended_at))))
        .where(known.customer_id == customer.id, known.has_begun)
        .scalar_subquery()
    )
    session.scalars(
        update(Customer)
        .where(Customer.id == customer.id)
        .values(left_at=left_at)
        .returning(Customer),
        execution_options={"populate_existing": True, "synchronize_session": False},
    ).one()


def record_sale(
    session: Session,
    *,
    customer: Customer,
    external_id: str,
    currency: str,
    gross_minor: int,
    tax_minor: int,
    occurred_at: datetime,
    now: datetime,
    description: str = "",
    product: str | None = None,
    country: str | None = None,
    lines: Sequence[LineFacts] = (),
) -> tuple[Sale, bool]:
    """Record what a customer paid; one that is recorded stays as it is.

    Args:
        session: The session that holds the open transaction.
        customer: Who paid.
        external_id: The provider's id of the invoice or checkout.
        currency: Upper case.
        gross_minor: What was paid, more than nothing.
        tax_minor: The tax in it.
        occurred_at: When it was paid.
        now: When it is recorded.
        description: For people.
        product: The provider's id of the only product.
        country: Where the customer was, as the payment says.
        lines: Its parts, which add up to it in net and in tax; none if they are not
            known. They stay as they are, too.

    Returns:
        The sale, and whether it is new.
    """
    sale = session.scalar(
        insert(Sale)
        .values(
            id=new_id(),
            external_id=external_id,
            customer_id=customer.id,
            currency=currency,
            gross_minor=gross_minor,
            tax_minor=tax_minor,
            net_minor=gross_minor - tax_minor,
            occurred_at=occurred_at,
            recorded_at=now,
            description=description,
            product=product,
            country=country,
        )
        .on_conflict_do_nothing(index_elements=[Sale.external_id])
        .returning(Sale)
    )
    if sale is None:
        known = select(Sale).where(Sale.external_id == external_id)
        return session.scalars(known).one(), False
    if lines:
        _add_lines(session, sale.id, lines)
    return sale, True


def _add_lines(session: Session, sale_id: UUID, lines: Sequence[LineFacts]) -> None:
    session.execute(
        insert(SaleLine),
        [
            {
                "sale_id": sale_id,
                "position": position,
                "product": line.product,
                "description": line.description,
                "units": line.units,
                "net_minor": line.net_minor,
                "discount_minor": line.discount_minor,
                "tax_minor": line.tax_minor,
            }
            for position, line in enumerate(lines, start=1)
        ],
    )


def add_references(
    session: Session, sale_id: UUID, references: Mapping[str, ReferenceKind]
) -> None:
    """Note which objects of the provider lead to a sale."""
    if references:
        session.execute(
            insert(SaleReference).on_conflict_do_nothing(
                index_elements=[SaleReference.external_id]
            ),
            [
                {"external_id": key, "kind": kind, "sale_id": sale_id}
                for key, kind in references.items()
            ],
        )


def note_other_payments(
    session: Session, external_ids: Iterable[str], *, reason: str, now: datetime
) -> None:
    """Note that these objects of the provider are known and lead to no sale."""
    rows = [
        {"external_id": key, "reason": reason, "noted_at": now}
        for key in dict.fromkeys(external_ids)
    ]
    if rows:
        session.execute(
            insert(OtherPayment).on_conflict_do_nothing(
                index_elements=[OtherPayment.external_id]
            ),
            rows,
        )


def record_refund(
    session: Session,
    *,
    sale: Sale,
    external_id: str,
    kind: RefundKind,
    currency: str,
    gross_minor: int,
    occurred_at: datetime,
    now: datetime,
) -> bool:
    """Record money that went back; one that is recorded stays as it is.

    Args:
        session: The session that holds the open transaction.
        sale: Of which sale.
        external_id: The provider's id of the refund, dispute or credit note.
        kind: Why; it decides whether the money went or came.
        currency: Upper case.
        gross_minor: How much, more than nothing.
        occurred_at: When.
        now: When it is recorded.

    Returns:
        Whether it is new.

    Raises:
        OtherCurrency: The sale is in another currency.
    """
    if currency != sale.currency:
        raise OtherCurrency(
            _(
                "%(external_id)s is in %(currency)s, its sale %(sale)s in "
                "%(sale_currency)s.",
                external_id=external_id,
                currency=currency,
                sale=sale.external_id,
                sale_currency=sale.currency,
            )
        )
    inserted = session.execute(
        insert(Refund)
        .values(
            id=new_id(),
            external_id=external_id,
            sale_id=sale.id,
            kind=kind,
            gross_minor=-gross_minor if kind.gives_back else gross_minor,
            occurred_at=occurred_at,
            recorded_at=now,
        )
        .on_conflict_do_nothing(index_elements=[Refund.external_id])
        .returning(Refund.id)
    ).one_or_none()
    return inserted is not None


def _click_id(reference: str | None) -> UUID | None:
    try:
        return parse_public_id("clk", reference or "")
    except ValueError:
        return None


@cache
def _told() -> ReturningInsert[Customer]:
    """Return the statement that takes in a customer; it is long to put together."""
    statement = insert(Customer)
    return statement.on_conflict_do_update(
        index_elements=[Customer.external_id], set_=_merged(statement.excluded)
    ).returning(Customer)


def _merged(new: ReadOnlyColumnCollection[str, ColumnElement[Any]]) -> dict[str, Any]:
    """Return what becomes of a known customer when `new` is told about it."""
    # Two events of one second are told apart by what they say, not by who was first.
    is_fresher = new.described_at.is_not(None) & or_(
        Customer.described_at.is_(None),
        tuple_(
            new.described_at,
            func.coalesce(new.email, ""),
            func.coalesce(new.name, ""),
        )
        > tuple_(
            Customer.described_at,
            func.coalesce(Customer.email, ""),
            func.coalesce(Customer.name, ""),
        ),
    )
    is_earlier_click = new.click_id.is_not(None) & or_(
        Customer.click_id.is_(None),
        tuple_(new.click_told_at, new.click_id)
        < tuple_(Customer.click_told_at, Customer.click_id),
    )
    is_vague = Customer.described_at.is_(None)
    changes: dict[str, ColumnElement[Any]] = {
        key: case(
            (is_fresher, new[key]),
            (is_vague, func.coalesce(Customer.__table__.c[key], new[key])),
            else_=Customer.__table__.c[key],
        )
        for key in ("email", "name")
    }
    changes["described_at"] = case(
        (is_fresher, new.described_at), else_=Customer.described_at
    )
    is_later_country = new.country.is_not(None) & or_(
        Customer.country.is_(None),
        tuple_(new.country_told_at, new.country)
        > tuple_(Customer.country_told_at, Customer.country),
    )
    for is_better, keys in (
        (is_earlier_click, ("click_reference", "click_id", "click_told_at")),
        (is_later_country, ("country", "country_told_at")),
    ):
        for key in keys:
            kept = Customer.__table__.c[key]
            changes[key] = case((is_better, new[key]), else_=kept)
    changes["first_seen_at"] = func.least(Customer.first_seen_at, new.first_seen_at)
    return changes
