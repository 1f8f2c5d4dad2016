"""Customers, what they paid, and what they got back. Sales and refunds stay as is."""

from datetime import datetime
from enum import StrEnum
from uuid import UUID

from sqlalchemy import (
    BigInteger,
    CheckConstraint,
    ColumnElement,
    ForeignKey,
    Index,
    Numeric,
    ScalarSelect,
    String,
    Uuid,
    cast,
    column,
    func,
    select,
    table,
    tuple_,
)
from sqlalchemy.orm import Mapped, column_property, mapped_column

from portal.kit.db import Base, UtcDateTime
from portal.kit.ids import new_id, public_id
from portal.kit.money import Money


class ReferenceKind(StrEnum):
    """What kind of object of the payment provider a reference names."""

    INVOICE = "invoice"
    CHECKOUT = "checkout"
    CHARGE = "charge"
    PAYMENT_INTENT = "payment_intent"


class RefundKind(StrEnum):
    """Why money moved back."""

    REFUND = "refund"
    """Given back, by a refund or by a credit note."""
    REFUND_FAILED = "refund_failed"
    """The refund bounced, so the money came back."""
    DISPUTE = "dispute"
    """The customer's bank took the money back."""
    DISPUTE_WON = "dispute_won"
    """The bank returned it."""

    @property
    def gives_back(self) -> bool:
        """Whether the vendor has the money again."""
        return self in (RefundKind.REFUND_FAILED, RefundKind.DISPUTE_WON)


class Customer(Base):
    """Who buys from the vendor."""

    __tablename__ = "customers"

    id: Mapped[UUID] = mapped_column(primary_key=True, default=new_id)
    external_id: Mapped[str] = mapped_column(unique=True)
    """`cus_...`, or the `cs_...` of a checkout by somebody without an account."""
    email: Mapped[str | None]
    name: Mapped[str | None]
    described_at: Mapped[datetime | None]
    """As of when e-mail and name are; an older event does not overwrite them."""
    click_reference: Mapped[str | None]
    """The public id of the click, `clk_...`, that the customer came with first."""
    click_id: Mapped[UUID | None] = mapped_column(index=True)
    """The same click's key. Clicks are above sales, so it is no foreign key."""
    click_told_at: Mapped[datetime | None]
    """The moment of the event that named the click; the earliest one counts."""
    first_seen_at: Mapped[datetime]
    country: Mapped[str | None] = mapped_column(String(2))
    """ISO 3166; where the customer is, or last was before saying nothing of it."""
    country_told_at: Mapped[datetime | None]
    """As of when; the latest event that names a country counts."""
    left_at: Mapped[datetime | None]
    """When the last subscription ended; none while one runs, or none ever did."""

    @property
    def public_id(self) -> str:
        """The id that people and programs see."""
        return public_id("cus", self.id)


class Sale(Base):
    """What a customer paid for one invoice or checkout."""

    __tablename__ = "sales"
    __table_args__ = (
        CheckConstraint("gross_minor > 0", name="paid"),
        CheckConstraint("gross_minor = net_minor + tax_minor", name="adds_up"),
        CheckConstraint("net_minor >= 0", name="net"),
        Index("ix_sales_customer_id_occurred_at", "customer_id", "occurred_at"),
    )

    id: Mapped[UUID] = mapped_column(primary_key=True, default=new_id)
    external_id: Mapped[str] = mapped_column(unique=True)
    """`in_...` or, for a payment without an invoice, `cs_...`."""
    customer_id: Mapped[UUID] = mapped_column(ForeignKey("customers.id"))
    currency: Mapped[str] = mapped_column(String(3))
    gross_minor: Mapped[int] = mapped_column(BigInteger)
    tax_minor: Mapped[int] = mapped_column(BigInteger)
    net_minor: Mapped[int] = mapped_column(BigInteger)
    """Without tax; refunds are not taken off here."""
    occurred_at: Mapped[datetime] = mapped_column(index=True)
    recorded_at: Mapped[datetime]
    description: Mapped[str]
    product: Mapped[str | None]
    """The provider's id of the product, when all lines are about the same one."""
    country: Mapped[str | None] = mapped_column(String(2))
    """Where the customer was, an ISO 3166 code; none if the payment names none."""

    @property
    def public_id(self) -> str:
        """The id that people and programs see."""
        return public_id("sal", self.id)

    @property
    def net(self) -> Money:
        """What was paid without tax."""
        return Money(self.net_minor, self.currency)


class SaleLine(Base):
    """A part of a sale. A sale recorded before there were lines has none."""

    __tablename__ = "sale_lines"
    __table_args__ = (
        CheckConstraint("net_minor >= 0", name="net"),
        CheckConstraint("tax_minor >= 0", name="tax"),
        CheckConstraint("discount_minor >= 0", name="discount"),
        CheckConstraint("units >= 0", name="units"),
    )

    sale_id: Mapped[UUID] = mapped_column(ForeignKey("sales.id"), primary_key=True)
    position: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    """From 1, in the order of the invoice."""
    product: Mapped[str | None]
    """The provider's id of the product; none where it is not known."""
    description: Mapped[str]
    units: Mapped[int] = mapped_column(BigInteger)
    """Seats or pieces; none are known of what an invoice does not list."""
    net_minor: Mapped[int] = mapped_column(BigInteger)
    """After discount and without tax. The lines add up to the sale's net, checked
    when the transaction ends, and so does their tax."""
    discount_minor: Mapped[int] = mapped_column(BigInteger)
    """By how much a discount lowered the net."""
    tax_minor: Mapped[int] = mapped_column(BigInteger)


class CustomerSubscription(Base):
    """A customer's subscription at the provider, for when the customer left.

    Entry fees of partners are not here.
    """

    __tablename__ = "customer_subscriptions"

    external_id: Mapped[str] = mapped_column(primary_key=True)
    """`sub_...`."""
    customer_id: Mapped[UUID] = mapped_column(ForeignKey("customers.id"), index=True)
    has_begun: Mapped[bool]
    """Whether it ever ran; one whose first payment failed did not."""
    ended_at: Mapped[datetime | None]
    """Once told, it stays: what ended does not run again."""


class SaleReference(Base):
    """An object of the payment provider that leads to a sale."""

    __tablename__ = "sale_references"

    external_id: Mapped[str] = mapped_column(primary_key=True)
    kind: Mapped[ReferenceKind]
    sale_id: Mapped[UUID] = mapped_column(ForeignKey("sales.id"), index=True)


class OtherPayment(Base):
    """An object of the payment provider that is known and leads to no sale.

    What hangs on it, such as the refund of an entry fee, need not wait for a sale.
    """

    __tablename__ = "other_payments"

    external_id: Mapped[str] = mapped_column(primary_key=True)
    reason: Mapped[str]
    noted_at: Mapped[datetime]


def _net_of_refund(
    sale_id: Mapped[UUID],
    gross_minor: Mapped[int],
    occurred_at: Mapped[datetime],
    external_id: Mapped[str],
) -> ScalarSelect[int]:
    """Return a refund's net as the difference of two totals.

    The total is what all refunds of the sale up to this one took back, in the order
    of their moments, rounded half away from zero. So the parts of a full refund add
    up to the whole net, and it does not matter which refund was reported first. The
    rows never change and a late report shifts a cent between others: that is why it
    is worked out on reading, and rounded here rather than in `kit.money`.
    """
    earlier = table(
        "refunds",
        column("sale_id", Uuid),
        column("gross_minor", BigInteger),
        column("occurred_at", UtcDateTime),
        column("external_id", String),
    ).alias("earlier")
    refunded = func.sum(earlier.c.gross_minor)
    gross, net = cast(Sale.gross_minor, Numeric), cast(Sale.net_minor, Numeric)

    def taken(total: ColumnElement[int]) -> ColumnElement[int]:
        within = func.greatest(0, func.least(total, Sale.gross_minor))
        return func.div(2 * within * net + gross, 2 * gross)

    return (
        select(cast(taken(refunded) - taken(refunded - gross_minor), BigInteger))
        .select_from(earlier)
        .join(Sale, Sale.id == earlier.c.sale_id)
        .where(
            earlier.c.sale_id == sale_id,
            tuple_(earlier.c.occurred_at, earlier.c.external_id.collate("C"))
            <= tuple_(occurred_at, external_id.collate("C")),
        )
        .group_by(Sale.gross_minor, Sale.net_minor)
        .correlate_except(earlier, Sale)
        .scalar_subquery()
    )


class Refund(Base):
    """Money that went back to the customer, or, negative, came back from there."""

    __tablename__ = "refunds"
    __table_args__ = (
        CheckConstraint("gross_minor <> 0", name="not_zero"),
        CheckConstraint(
            "(gross_minor < 0) = (kind IN ('refund_failed', 'dispute_won'))",
            name="direction",
        ),
    )

    id: Mapped[UUID] = mapped_column(primary_key=True, default=new_id)
    external_id: Mapped[str] = mapped_column(unique=True)
    """`re_...`, `dp_...` or `cn_...`; what gives back ends in `:failed` or `:won`."""
    sale_id: Mapped[UUID] = mapped_column(ForeignKey("sales.id"), index=True)
    kind: Mapped[RefundKind]
    gross_minor: Mapped[int] = mapped_column(BigInteger)
    occurred_at: Mapped[datetime] = mapped_column(index=True)
    recorded_at: Mapped[datetime]

    net_minor: Mapped[int] = column_property(
        _net_of_refund(sale_id, gross_minor, occurred_at, external_id)
    )
    """The part of the sale's net that this took back; negative: gave back."""

    @property
    def public_id(self) -> str:
        """The id that people and programs see."""
        return public_id("rfd", self.id)
