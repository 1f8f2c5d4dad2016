"""What is taken from Stripe's objects, whatever their shape. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from portal.sales.lines import LineFacts


@dataclass(frozen=True, slots=True, kw_only=True)
class InvoiceFacts:
    """What an invoice says.

    Attributes:
        id: `in_...`.
        customer: `cus_...`; none for an invoice without one.
        customer_email: As printed on the invoice.
        customer_name: As printed on the invoice.
        currency: Upper case.
        subscription: `sub_...`, or none.
        metadata: The subscription's own, as it was.
        is_paid: Whether nothing more is expected.
        paid_minor: What was paid with money, tax included.
        tax_minor: The tax in what was paid.
        net_minor: What was paid without tax.
        occurred_at: When it was paid.
        description: For people.
        product: The product, when all lines are about the same one.
        charges: `ch_...` of its payments, as far as it names them.
        payment_intents: `pi_...` of its payments, as far as it names them.
        lines: The parts of what was paid; they add up to it.
        customer_country: Of the address on the invoice, an ISO 3166 code.
    """

    id: str
    customer: str | None
    customer_email: str | None
    customer_name: str | None
    currency: str
    subscription: str | None
    metadata: Mapping[str, str]
    is_paid: bool
    paid_minor: int
    tax_minor: int
    net_minor: int
    occurred_at: datetime
    description: str
    product: str | None
    charges: tuple[str, ...]
    payment_intents: tuple[str, ...]
    lines: tuple[LineFacts, ...]
    customer_country: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class RefundFacts:
    """Money that went back, for whatever reason.

    Attributes:
        id: `re_...`, `dp_...` or `cn_...`.
        status: As Stripe has it.
        currency: Upper case; empty where the object does not say.
        gross_minor: How much, tax included; never negative.
        occurred_at: When the object was made.
        payments: What it leads to: `pi_...` and `ch_...`, or `in_...`.
    """

    id: str
    status: str
    currency: str
    gross_minor: int
    occurred_at: datetime
    payments: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class PaymentLink:
    """A payment that belongs to an invoice.

    Attributes:
        invoice: `in_...`; none when it belongs to no invoice, or does not say.
        charges: `ch_...`.
        payment_intents: `pi_...`.
    """

    invoice: str | None
    charges: tuple[str, ...] = ()
    payment_intents: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class CheckoutFacts:
    """What a Checkout session says when it is over.

    Attributes:
        id: `cs_...`.
        customer: `cus_...`; none for a guest.
        customer_email: As typed.
        customer_name: As typed.
        click: What `client_reference_id` or the metadata `gh_click` holds.
        created_at: When it was opened.
        is_sale: Whether the session itself is the sale: paid, and without an invoice.
        currency: Upper case; empty without an amount.
        paid_minor: What was paid, tax included.
        tax_minor: The tax in it.
        payment_intents: Its payment.
        discount_minor: By how much a discount lowered the price.
        customer_country: Of the address as typed, an ISO 3166 code.
    """

    id: str
    customer: str | None
    customer_email: str | None
    customer_name: str | None
    click: str | None
    created_at: datetime
    is_sale: bool
    currency: str
    paid_minor: int
    tax_minor: int
    payment_intents: tuple[str, ...]
    discount_minor: int
    customer_country: str | None

    @property
    def lines(self) -> tuple[LineFacts, ...]:
        """The whole as one line: a session does not say what was bought."""
        return (
            LineFacts(
                net_minor=self.paid_minor - self.tax_minor,
                tax_minor=self.tax_minor,
                discount_minor=self.discount_minor,
            ),
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class SubscriptionFacts:
    """What a subscription says.

    Attributes:
        id: `sub_...`.
        customer: `cus_...`.
        click: What the metadata `gh_click` holds.
        created_at: When it was made.
        has_begun: Whether it ran at all; one whose first payment fails does not.
        ended_at: When it ended; none while it runs.
    """

    id: str
    customer: str
    click: str | None
    created_at: datetime
    has_begun: bool
    ended_at: datetime | None
