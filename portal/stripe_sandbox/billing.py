"""Invoices: written, finalized, collected, given up."""

from dataclasses import dataclass

from portal.stripe_sandbox import discounts, payments
from portal.stripe_sandbox.errors import ApiError
from portal.stripe_sandbox.store import Obj, Store


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """One line of an invoice before it is written.

    Attributes:
        price: The price it is about.
        amount: In minor units; negative for what is given back.
        quantity: How many.
        start: The beginning of the time it pays for.
        end: The end of that time.
        description: For the reader of the invoice; made from the product if none.
        subscription: The subscription it belongs to, or none.
        item: The subscription item it belongs to, or none.
        proration: It settles a change in the middle of a period.
    """

    price: Obj
    amount: int
    quantity: int
    start: int
    end: int
    description: str | None = None
    subscription: str | None = None
    item: str | None = None
    proration: bool = False


def draft(
    store: Store,
    customer: Obj,
    lines: list[Line],
    *,
    reason: str,
    period: tuple[int, int],
    subscription: Obj | None = None,
    discount: tuple[Obj, Obj] | None = None,
) -> Obj:
    """Write an invoice that nobody has to pay yet.

    Args:
        store: The account.
        customer: Who is to pay.
        lines: What for.
        reason: Stripe's word for why it is written.
        period: The subscription's period.
        subscription: The subscription it belongs to, or none.
        discount: A discount and its coupon, which takes off each line that is not a
            settlement; or none.
    """
    key = store.new_id("invoice")
    written = [_line(store, key, line) for line in lines]
    off = _discounted(written, discount)
    subtotal = sum(line.amount for line in lines)
    total = subtotal - off
    customer["currency"] = customer["currency"] or lines[0].price["currency"]
    invoice: Obj = {
        "id": key,
        "object": "invoice",
        "amount_paid": 0,
        "attempt_count": 0,
        "attempted": False,
        "auto_advance": True,
        "effective_at": None,
        "ending_balance": None,
        "hosted_invoice_url": None,
        "next_payment_attempt": None,
        "number": None,
        "post_payment_credit_notes_amount": 0,
        "pre_payment_credit_notes_amount": 0,
        "amount_due": max(total, 0),
        "amount_remaining": max(total, 0),
        "billing_reason": reason,
        "created": store.now,
        "currency": lines[0].price["currency"],
        **_addressee(customer),
        "description": None,
        "discounts": [discount[0]["id"]] if discount else [],
        "invoice_pdf": None,
        "lines": {
            "object": "list",
            "data": written,
            "has_more": False,
            "url": f"/v1/invoices/{key}/lines",
        },
        "metadata": {},
        "parent": _parent(subscription),
        "period_start": period[0],
        "period_end": period[1],
        "status": "draft",
        "status_transitions": dict.fromkeys(
            ("finalized_at", "marked_uncollectible_at", "paid_at", "voided_at")
        ),
        "subtotal": subtotal,
        "subtotal_excluding_tax": subtotal,
        "total_discount_amounts": [{"amount": off, "discount": discount[0]["id"]}]
        if discount
        else [],
        "total": total,
        "total_excluding_tax": total,
        "_subscription": subscription["id"] if subscription else None,
        "_payment_intent": None,
        "_charge": None,
        "_failed_at": None,
    }
    store.add(invoice)
    store.emit("invoice.created", invoice)
    return invoice


def _addressee(customer: Obj) -> Obj:
    """Return what an invoice keeps of who is to pay, as it is now."""
    return {
        "customer": customer["id"],
        "customer_address": customer["address"],
        "customer_email": customer["email"],
        "customer_name": customer["name"],
        "customer_phone": customer["phone"],
        "customer_tax_ids": list(customer.get("_tax_ids", [])),
        "starting_balance": customer["balance"],
    }


def _discounted(lines: list[Obj], discount: tuple[Obj, Obj] | None) -> int:
    """Write on each line what a discount takes off; return the sum."""
    if discount is None:
        return 0
    sums = [line["amount"] if line["discountable"] else 0 for line in lines]
    left = discounts.taken_off(discount[1], sum(sums))
    whole = left
    for line, amount in zip(lines, sums, strict=True):
        off = min(left, discounts.taken_off(discount[1], amount))
        left -= off
        if off:
            line["discount_amounts"] = [{"amount": off, "discount": discount[0]["id"]}]
    return whole


def _parent(subscription: Obj | None) -> Obj | None:
    if subscription is None:
        return None
    return {
        "quote_details": None,
        "subscription_details": {
            "metadata": dict(subscription["metadata"]),
            "subscription": subscription["id"],
        },
        "type": "subscription_details",
    }


def _line(store: Store, invoice: str, line: Line) -> Obj:
    price = line.price
    product = store.get("product", price["product"])
    invoice_item = (
        None if line.item and not line.proration else store.new_id("invoiceitem")
    )
    details = {
        "invoice_item": invoice_item,
        "proration": line.proration,
        "proration_details": {"credited_items": None},
        "subscription": line.subscription,
    }
    kind = "subscription_item_details" if line.item else "invoice_item_details"
    if line.item:
        details["subscription_item"] = line.item
    return {
        "id": store.new_id("line_item"),
        "object": "line_item",
        "amount": line.amount,
        "currency": price["currency"],
        "description": line.description or f"{line.quantity} × {product['name']}",
        "discount_amounts": [],
        "discountable": not line.proration,
        "discounts": [],
        "invoice": invoice,
        "livemode": False,
        "metadata": {},
        "parent": {
            "invoice_item_details": None,
            "subscription_item_details": None,
            "type": kind,
            kind: details,
        },
        "period": {"start": line.start, "end": line.end},
        "pretax_credit_amounts": [],
        "pricing": {
            "price_details": {"price": price["id"], "product": price["product"]},
            "type": "price_details",
            "unit_amount_decimal": price["unit_amount_decimal"],
        },
        "quantity": line.quantity,
        "quantity_decimal": str(line.quantity),
        "subscription": line.subscription,
        "subtotal": line.amount,
        "taxes": [],
        "_price": price,
    }


def finalize(store: Store, invoice: Obj) -> None:
    """Number the invoice, use the customer's balance, and ask for the rest."""
    customer = store.get("customer", invoice["customer"])
    due = max(invoice["total"] + customer["balance"], 0)
    ending = customer["balance"] + invoice["total"] - due
    sequence = customer["next_invoice_sequence"]
    customer["next_invoice_sequence"] += 1
    customer["balance"] = ending
    invoice.update(
        amount_due=due,
        amount_remaining=due,
        effective_at=store.now,
        ending_balance=ending,
        hosted_invoice_url=f"{store.base_url}/i/{invoice['id']}",
        invoice_pdf=f"{store.base_url}/i/{invoice['id']}/pdf",
        number=f"{customer['invoice_prefix']}-{sequence:04}",
        status="open",
    )
    invoice["status_transitions"]["finalized_at"] = store.now
    if due:
        _expect_payment(store, invoice, due)
    store.emit("invoice.finalized", invoice)
    if not due:
        _close_paid(store, invoice)


def _expect_payment(store: Store, invoice: Obj, due: int) -> None:
    intent = payments.create_intent(
        store,
        amount=due,
        currency=invoice["currency"],
        customer=invoice["customer"],
        description="Subscription creation"
        if invoice["billing_reason"] == "subscription_create"
        else f"Payment for invoice {invoice['number']}",
        invoice=invoice["id"],
    )
    invoice["_payment_intent"] = intent["id"]
    payment: Obj = {
        "id": store.new_id("invoice_payment"),
        "object": "invoice_payment",
        "amount_paid": None,
        "amount_requested": due,
        "created": store.now,
        "currency": invoice["currency"],
        "invoice": invoice["id"],
        "is_default": True,
        "livemode": False,
        "payment": {"payment_intent": intent["id"], "type": "payment_intent"},
        "status": "open",
        "status_transitions": {"canceled_at": None, "paid_at": None},
    }
    store.add(payment)
    invoice["_invoice_payment"] = payment["id"]


def collect(store: Store, invoice: Obj, method: Obj, *, present: bool) -> bool:
    """Try to collect an open invoice from a card.

    Returns:
        Whether it is paid now.
    """
    intent = store.get("payment_intent", invoice["_payment_intent"])
    intent["amount"] = invoice["amount_remaining"]
    invoice["attempted"] = True
    invoice["attempt_count"] += 1
    paid = payments.pay(store, intent, method, present=present)
    invoice["_charge"] = intent["latest_charge"]
    if not paid:
        return False
    invoice["amount_paid"] = intent["amount"]
    invoice["amount_remaining"] = 0
    payment = store.get("invoice_payment", invoice["_invoice_payment"])
    payment["amount_paid"] = intent["amount"]
    payment["status"] = "paid"
    payment["status_transitions"]["paid_at"] = store.now
    _close_paid(store, invoice)
    store.emit("invoice_payment.paid", payment)
    return True


def _close_paid(store: Store, invoice: Obj) -> None:
    invoice["attempted"] = True
    invoice["auto_advance"] = False
    invoice["next_payment_attempt"] = None
    invoice["status"] = "paid"
    invoice["status_transitions"]["paid_at"] = store.now
    store.emit("invoice.paid", invoice)
    store.emit("invoice.payment_succeeded", invoice)


def void(store: Store, invoice: Obj) -> Obj:
    """Declare an open invoice a mistake."""
    _require_open(invoice, {"open", "uncollectible"})
    _give_up(store, invoice, "void", "voided_at")
    store.emit("invoice.voided", invoice)
    return invoice


def mark_uncollectible(store: Store, invoice: Obj) -> Obj:
    """Declare that an open invoice will not be paid."""
    _require_open(invoice, {"open"})
    _give_up(store, invoice, "uncollectible", "marked_uncollectible_at")
    store.emit("invoice.marked_uncollectible", invoice)
    return invoice


def _require_open(invoice: Obj, wanted: set[str]) -> None:
    if invoice["status"] not in wanted:
        raise ApiError(
            f"This invoice is {invoice['status']}; it must be open.",
            code="invoice_not_editable",
        )


def _give_up(store: Store, invoice: Obj, status: str, moment: str) -> None:
    invoice["status"] = status
    invoice["auto_advance"] = False
    invoice["next_payment_attempt"] = None
    invoice["status_transitions"][moment] = store.now
    if invoice["_payment_intent"]:
        intent = store.get("payment_intent", invoice["_payment_intent"])
        if status == "void":
            payments.cancel_intent(store, intent)


def collect_now(store: Store, invoice: Obj, method: Obj) -> Obj:
    """Collect an open invoice on request.

    Raises:
        ApiError: The invoice is not open, or the card is declined (402).
    """
    if invoice["status"] == "paid":
        raise ApiError("Invoice is already paid", code="invoice_already_paid")
    _require_open(invoice, {"open", "uncollectible"})
    if not collect(store, invoice, method, present=False):
        store.emit("invoice.payment_failed", invoice)
        intent = store.get("payment_intent", invoice["_payment_intent"])
        error = intent["last_payment_error"]
        raise ApiError(
            error["message"],
            status=402,
            kind="card_error",
            code=error["code"],
            decline_code=error["decline_code"],
            charge=error["charge"],
        )
    return invoice
