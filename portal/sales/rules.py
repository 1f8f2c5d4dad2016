"""What Stripe's objects say about money, read from either shape. Pure.

Since March 2025 an invoice names its subscription under `parent`, its tax under
`total_taxes` and its payments in objects of their own. Before, it named them itself,
and a charge named its invoice. Endpoints made in those days still get the old shape.

Amounts are what was paid, in minor units. Credit from the customer's balance is no
payment: it counted when the money came, or never did.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from portal.kit.money import Rounding, divide

Obj = Mapping[str, Any]

_LONGEST_DESCRIPTION = 500
_INQUIRY = "warning_"
_CURRENCY_LENGTH = 3


class Unreadable(ValueError):
    """An object lacks what it always has, or holds something else there."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LineFacts:
    """One line of an invoice."""

    description: str
    amount_minor: int
    product: str | None


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
        lines: Its first ten lines; Stripe sends no more.
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
    payment_intents: tuple[str, ...] = field(default=())


def read_invoice(invoice: Obj) -> InvoiceFacts:
    """Read an invoice of either shape.

    Raises:
        Unreadable: It lacks what every invoice has.
    """
    lines = tuple(_lines(invoice))
    paid = _whole(invoice, "amount_paid")
    total = _whole(invoice, "total")
    net_total = total - _tax(invoice, total)
    net = divide(net_total * paid, total, Rounding.HALF_AWAY) if total > 0 else paid
    net = min(max(net, 0), paid)
    charges, intents = _payments(invoice)
    transitions = invoice.get("status_transitions") or {}
    moment = "paid_at" if transitions.get("paid_at") else "created"
    return InvoiceFacts(
        id=_text(invoice, "id"),
        customer=_id_of(invoice.get("customer")),
        customer_email=_words(invoice.get("customer_email")),
        customer_name=_words(invoice.get("customer_name")),
        currency=_currency(invoice),
        subscription=_id_of(_subscription_details(invoice).get("subscription"))
        or _id_of(invoice.get("subscription")),
        metadata=_subscription_details(invoice).get("metadata") or {},
        is_paid=invoice.get("status") == "paid",
        paid_minor=paid,
        tax_minor=paid - net,
        net_minor=net,
        occurred_at=_moment(transitions if moment == "paid_at" else invoice, moment),
        description=_description(invoice, lines),
        product=_only_product(invoice, lines),
        charges=charges,
        payment_intents=intents,
        lines=lines,
    )


def read_refund(refund: Obj) -> RefundFacts:
    """Read a refund.

    Raises:
        Unreadable: It lacks what every refund has.
    """
    return RefundFacts(
        id=_text(refund, "id"),
        status=_words(refund.get("status")) or "succeeded",
        currency=_currency(refund),
        gross_minor=_positive(refund, "amount"),
        occurred_at=_moment(refund, "created"),
        payments=_ids(refund.get("payment_intent"), refund.get("charge")),
    )


def read_charge_refunds(charge: Obj) -> list[RefundFacts]:
    """Read the refunds that a charge lists; it does in versions before November 2022.

    Raises:
        Unreadable: One of them lacks what every refund has.
    """
    listed = charge.get("refunds") or {}
    own = {"charge": charge.get("id"), "payment_intent": charge.get("payment_intent")}
    return [read_refund({**own, **refund}) for refund in listed.get("data") or ()]


def read_dispute(dispute: Obj) -> RefundFacts:
    """Read a dispute.

    Raises:
        Unreadable: It lacks what every dispute has.
    """
    return RefundFacts(
        id=_text(dispute, "id"),
        status=_text(dispute, "status"),
        currency=_currency(dispute),
        gross_minor=_positive(dispute, "amount"),
        occurred_at=_moment(dispute, "created"),
        payments=_ids(dispute.get("payment_intent"), dispute.get("charge")),
    )


def moves_money(dispute: RefundFacts) -> bool:
    """Tell whether a dispute takes money; an inquiry and a prevented one do not."""
    return not dispute.status.startswith(_INQUIRY) and dispute.status != "prevented"


def read_credit_note(note: Obj) -> RefundFacts:
    """Read a credit note: what it gave back by other means than a refund.

    A refund of its own is reported by itself. A credit to the customer's balance is
    no money yet: the next invoice will be paid with less. What is left was given back
    outside, such as by bank transfer.

    Raises:
        Unreadable: It lacks what every credit note has.
    """
    return RefundFacts(
        id=_text(note, "id"),
        status=_words(note.get("status")) or "issued",
        currency=_currency(note),
        gross_minor=max(_given_back(note), 0),
        occurred_at=_moment(note, "created"),
        payments=_ids(note.get("invoice")),
    )


def read_invoice_payment(payment: Obj) -> PaymentLink:
    """Read which payment belongs to which invoice, in the current shape.

    Raises:
        Unreadable: It names no invoice.
    """
    invoice = _id_of(payment.get("invoice"))
    if invoice is None:
        raise Unreadable("names no invoice")
    means = payment.get("payment") or {}
    return PaymentLink(
        invoice=invoice,
        charges=_ids(means.get("charge")),
        payment_intents=_ids(means.get("payment_intent")),
    )


def read_charge(charge: Obj) -> PaymentLink:
    """Read which invoice a charge belongs to; only the older shape says.

    Raises:
        Unreadable: It has no id.
    """
    return PaymentLink(
        invoice=_id_of(charge.get("invoice")),
        charges=(_text(charge, "id"),),
        payment_intents=_ids(charge.get("payment_intent")),
    )


def read_checkout(session: Obj) -> CheckoutFacts:
    """Read a Checkout session.

    Raises:
        Unreadable: It lacks what every session has.
    """
    details = session.get("customer_details") or {}
    taxes = session.get("total_details") or {}
    paid = session.get("payment_status") == "paid"
    is_sale = (
        session.get("mode") == "payment" and paid and session.get("invoice") is None
    )
    return CheckoutFacts(
        id=_text(session, "id"),
        customer=_id_of(session.get("customer")),
        customer_email=_words(details.get("email"))
        or _words(session.get("customer_email")),
        customer_name=_words(details.get("name")),
        click=_words(session.get("client_reference_id")) or click_of(session),
        created_at=_moment(session, "created"),
        is_sale=is_sale,
        currency=_currency(session) if is_sale else "",
        paid_minor=_whole(session, "amount_total") if is_sale else 0,
        tax_minor=_whole(taxes, "amount_tax") if is_sale and taxes else 0,
        payment_intents=_ids(session.get("payment_intent")),
    )


def click_of(obj: Obj) -> str | None:
    """Return the click that an object's metadata names."""
    return _words((obj.get("metadata") or {}).get("gh_click"))


def moment_of(obj: Obj) -> datetime:
    """Return when an object was made.

    Raises:
        Unreadable: It does not say.
    """
    return _moment(obj, "created")


def _subscription_details(invoice: Obj) -> Obj:
    parent = invoice.get("parent") or {}
    return (
        parent.get("subscription_details") or invoice.get("subscription_details") or {}
    )


def _tax(invoice: Obj, total: int) -> int:
    if invoice.get("total_excluding_tax") is not None:
        return total - _whole(invoice, "total_excluding_tax")
    taxes = invoice.get("total_taxes") or invoice.get("total_tax_amounts") or ()
    return sum(_whole(tax, "amount") for tax in taxes)


def _payments(invoice: Obj) -> tuple[tuple[str, ...], tuple[str, ...]]:
    listed = (invoice.get("payments") or {}).get("data") or ()
    means = [payment.get("payment") or {} for payment in listed]
    charges = _ids(invoice.get("charge"), *(one.get("charge") for one in means))
    intents = _ids(
        invoice.get("payment_intent"), *(one.get("payment_intent") for one in means)
    )
    return charges, intents


def _lines(invoice: Obj) -> Iterator[LineFacts]:
    for line in (invoice.get("lines") or {}).get("data") or ():
        pricing = (line.get("pricing") or {}).get("price_details") or {}
        price = line.get("price") or line.get("plan") or {}
        yield LineFacts(
            description=_words(line.get("description")) or "",
            amount_minor=_whole(line, "amount"),
            product=_id_of(pricing.get("product")) or _id_of(price.get("product")),
        )


def _description(invoice: Obj, lines: Sequence[LineFacts]) -> str:
    own = _words(invoice.get("description"))
    text = own or ", ".join(line.description for line in lines if line.description)
    return text[:_LONGEST_DESCRIPTION]


def _only_product(invoice: Obj, lines: Sequence[LineFacts]) -> str | None:
    products = {line.product for line in lines if line.amount_minor}
    has_more = (invoice.get("lines") or {}).get("has_more")
    return products.pop() if len(products) == 1 and not has_more else None


def _given_back(note: Obj) -> int:
    whole = note.get("post_payment_amount")
    if whole is None:
        is_after = note.get("type") == "post_payment"
        whole = _whole(note, "amount") if is_after else 0
    outside = note.get("out_of_band_amount") or 0
    if note.get("customer_balance_transaction") or note.get("refund"):
        return min(int(outside), int(whole))
    refunds = note.get("refunds") or ()
    return int(whole) - sum(_whole(refund, "amount_refunded") for refund in refunds)


def _text(obj: Obj, name: str) -> str:
    value = obj.get(name)
    if not isinstance(value, str) or not value:
        raise Unreadable(f"has no {name}")
    return value


def _words(value: object) -> str | None:
    return value if isinstance(value, str) and value else None


def _whole(obj: Obj, name: str) -> int:
    value = obj.get(name)
    if not isinstance(value, int) or isinstance(value, bool):
        raise Unreadable(f"has {value!r} as {name}, which is no amount")
    return value


def _positive(obj: Obj, name: str) -> int:
    value = _whole(obj, name)
    if value < 0:
        raise Unreadable(f"has {value} as {name}")
    return value


def _currency(obj: Obj) -> str:
    value = _text(obj, "currency").upper()
    if len(value) != _CURRENCY_LENGTH or not value.isalpha():
        raise Unreadable(f"has {value!r} as currency")
    return value


def _moment(obj: Obj, name: str) -> datetime:
    return datetime.fromtimestamp(_whole(obj, name), UTC)


def _id_of(value: object) -> str | None:
    """Return the id of an object that is named or, expanded, written out."""
    if isinstance(value, dict):
        value = value.get("id")
    return _words(value)


def _ids(*values: object) -> tuple[str, ...]:
    """Return the ids among `values`, each once, in order."""
    found = [key for value in values if (key := _id_of(value))]
    return tuple(dict.fromkeys(found))
