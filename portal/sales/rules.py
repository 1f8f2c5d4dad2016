"""What Stripe's objects say about money, read from either shape. Pure.

Since March 2025 an invoice names its subscription under `parent`, its tax under
`total_taxes` and its payments in objects of their own. Before, it named them itself,
and a charge named its invoice. Endpoints made in those days still get the old shape.

Amounts are what was paid, in minor units. Credit from the customer's balance is no
payment: it counted when the money came, or never did.
"""

from collections.abc import Sequence
from datetime import datetime

from portal.kit.money import Rounding, divide
from portal.sales import reading
from portal.sales.facts import (
    CheckoutFacts,
    InvoiceFacts,
    PaymentLink,
    RefundFacts,
    SubscriptionFacts,
)
from portal.sales.lines import AskedLine, Sums, paid_lines, read_lines
from portal.sales.reading import Obj, Unreadable

_LONGEST_DESCRIPTION = 500
_INQUIRY = "warning_"
_NOT_BEGUN = ("incomplete", "incomplete_expired")


def read_invoice(invoice: Obj) -> InvoiceFacts:
    """Read an invoice of either shape.

    Raises:
        Unreadable: It lacks what every invoice has.
    """
    lines = tuple(read_lines(invoice))
    paid = reading.whole(invoice, "amount_paid")
    total = reading.whole(invoice, "total")
    tax_total = _tax(invoice, total)
    net_total = total - tax_total
    net = divide(net_total * paid, total, Rounding.HALF_AWAY) if total > 0 else paid
    net = min(max(net, 0), paid)
    charges, intents = _payments(invoice)
    return InvoiceFacts(
        id=reading.text(invoice, "id"),
        customer=reading.id_of(invoice.get("customer")),
        customer_email=reading.words(invoice.get("customer_email")),
        customer_name=reading.words(invoice.get("customer_name")),
        currency=reading.currency(invoice),
        subscription=reading.id_of(_subscription_details(invoice).get("subscription"))
        or reading.id_of(invoice.get("subscription")),
        metadata=_subscription_details(invoice).get("metadata") or {},
        is_paid=invoice.get("status") == "paid",
        paid_minor=paid,
        tax_minor=paid - net,
        net_minor=net,
        occurred_at=_paid_at(invoice),
        description=_description(invoice, lines),
        product=_only_product(invoice, lines),
        charges=charges,
        payment_intents=intents,
        lines=paid_lines(
            lines,
            asked=Sums(net_minor=net_total, tax_minor=tax_total),
            paid=Sums(net_minor=net, tax_minor=paid - net),
        ),
        customer_country=reading.country(invoice.get("customer_address")),
    )


def read_subscription(subscription: Obj) -> SubscriptionFacts:
    """Read a subscription.

    Raises:
        Unreadable: It lacks what every subscription has.
    """
    customer = reading.id_of(subscription.get("customer"))
    if customer is None:
        raise Unreadable("names no customer")
    return SubscriptionFacts(
        id=reading.text(subscription, "id"),
        customer=customer,
        click=click_of(subscription),
        created_at=reading.moment(subscription, "created"),
        has_begun=subscription.get("status") not in _NOT_BEGUN,
        ended_at=_ended_at(subscription),
    )


def read_refund(refund: Obj) -> RefundFacts:
    """Read a refund.

    Raises:
        Unreadable: It lacks what every refund has.
    """
    return RefundFacts(
        id=reading.text(refund, "id"),
        status=reading.words(refund.get("status")) or "succeeded",
        currency=reading.currency(refund),
        gross_minor=reading.positive(refund, "amount"),
        occurred_at=reading.moment(refund, "created"),
        payments=reading.ids(refund.get("payment_intent"), refund.get("charge")),
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
        id=reading.text(dispute, "id"),
        status=reading.text(dispute, "status"),
        currency=reading.currency(dispute),
        gross_minor=reading.positive(dispute, "amount"),
        occurred_at=reading.moment(dispute, "created"),
        payments=reading.ids(dispute.get("payment_intent"), dispute.get("charge")),
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
        id=reading.text(note, "id"),
        status=reading.words(note.get("status")) or "issued",
        currency=reading.currency(note),
        gross_minor=max(_given_back(note), 0),
        occurred_at=reading.moment(note, "created"),
        payments=reading.ids(note.get("invoice")),
    )


def read_invoice_payment(payment: Obj) -> PaymentLink:
    """Read which payment belongs to which invoice, in the current shape.

    Raises:
        Unreadable: It names no invoice.
    """
    invoice = reading.id_of(payment.get("invoice"))
    if invoice is None:
        raise Unreadable("names no invoice")
    means = payment.get("payment") or {}
    return PaymentLink(
        invoice=invoice,
        charges=reading.ids(means.get("charge")),
        payment_intents=reading.ids(means.get("payment_intent")),
    )


def read_charge(charge: Obj) -> PaymentLink:
    """Read which invoice a charge belongs to; only the older shape says.

    Raises:
        Unreadable: It has no id.
    """
    return PaymentLink(
        invoice=reading.id_of(charge.get("invoice")),
        charges=(reading.text(charge, "id"),),
        payment_intents=reading.ids(charge.get("payment_intent")),
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
        id=reading.text(session, "id"),
        customer=reading.id_of(session.get("customer")),
        customer_email=reading.words(details.get("email"))
        or reading.words(session.get("customer_email")),
        customer_name=reading.words(details.get("name")),
        click=reading.words(session.get("client_reference_id")) or click_of(session),
        created_at=reading.moment(session, "created"),
        is_sale=is_sale,
        currency=reading.currency(session) if is_sale else "",
        paid_minor=reading.whole(session, "amount_total") if is_sale else 0,
        tax_minor=reading.whole(taxes, "amount_tax") if is_sale and taxes else 0,
        payment_intents=reading.ids(session.get("payment_intent")),
        discount_minor=_discount_of(taxes) if is_sale else 0,
        customer_country=reading.country(details.get("address")),
    )


def click_of(obj: Obj) -> str | None:
    """Return the click that an object's metadata names."""
    return reading.words((obj.get("metadata") or {}).get("gh_click"))


def moment_of(obj: Obj) -> datetime:
    """Return when an object was made.

    Raises:
        Unreadable: It does not say.
    """
    return reading.moment(obj, "created")


def _subscription_details(invoice: Obj) -> Obj:
    parent = invoice.get("parent") or {}
    return (
        parent.get("subscription_details") or invoice.get("subscription_details") or {}
    )


def _tax(invoice: Obj, total: int) -> int:
    if invoice.get("total_excluding_tax") is not None:
        return total - reading.whole(invoice, "total_excluding_tax")
    taxes = invoice.get("total_taxes") or invoice.get("total_tax_amounts") or ()
    return sum(reading.whole(tax, "amount") for tax in taxes)


def _payments(invoice: Obj) -> tuple[tuple[str, ...], tuple[str, ...]]:
    listed = (invoice.get("payments") or {}).get("data") or ()
    means = [payment.get("payment") or {} for payment in listed]
    charges = reading.ids(invoice.get("charge"), *(one.get("charge") for one in means))
    intents = reading.ids(
        invoice.get("payment_intent"), *(one.get("payment_intent") for one in means)
    )
    return charges, intents


def _ended_at(subscription: Obj) -> datetime | None:
    if subscription.get("ended_at") is not None:
        return reading.moment(subscription, "ended_at")
    is_over = subscription.get("status") == "canceled"
    if is_over and subscription.get("canceled_at") is not None:
        return reading.moment(subscription, "canceled_at")
    return None


def _discount_of(totals: Obj) -> int:
    has_one = bool(totals.get("amount_discount"))
    return reading.positive(totals, "amount_discount") if has_one else 0


def _paid_at(invoice: Obj) -> datetime:
    transitions = invoice.get("status_transitions") or {}
    if transitions.get("paid_at"):
        return reading.moment(transitions, "paid_at")
    return reading.moment(invoice, "created")


def _description(invoice: Obj, lines: Sequence[AskedLine]) -> str:
    own = reading.words(invoice.get("description"))
    text = own or ", ".join(line.description for line in lines if line.description)
    return text[:_LONGEST_DESCRIPTION]


def _only_product(invoice: Obj, lines: Sequence[AskedLine]) -> str | None:
    products = {line.product for line in lines if line.amount_minor}
    has_more = (invoice.get("lines") or {}).get("has_more")
    return products.pop() if len(products) == 1 and not has_more else None


def _given_back(note: Obj) -> int:
    whole = note.get("post_payment_amount")
    if whole is None:
        is_after = note.get("type") == "post_payment"
        whole = reading.whole(note, "amount") if is_after else 0
    outside = note.get("out_of_band_amount") or 0
    if note.get("customer_balance_transaction") or note.get("refund"):
        return min(int(outside), int(whole))
    refunds = note.get("refunds") or ()
    return int(whole) - sum(
        reading.whole(refund, "amount_refunded") for refund in refunds
    )
