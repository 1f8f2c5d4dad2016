"""Refunds and credit notes."""

from typing import Any

from portal.stripe_sandbox.catalog import merge_metadata
from portal.stripe_sandbox.disputes import OPEN
from portal.stripe_sandbox.errors import ApiError, missing
from portal.stripe_sandbox.store import Obj, Store
from portal.stripe_sandbox.wording import amount_text

_FAILS_AFTER = 86_400


def create_refund(store: Store, params: dict[str, Any]) -> Obj:
    """Give back a payment or a part of it.

    Raises:
        ApiError: Nothing was paid, it is disputed, or less than `amount` is left.
    """
    charge = _charge_of(store, params)
    left = charge["amount_captured"] - charge["amount_refunded"]
    amount = params.get("amount", left)
    _refuse(store, charge, amount, left)
    refund: Obj = {
        "id": store.new_id("refund"),
        "object": "refund",
        "amount": amount,
        "balance_transaction": store.new_id("balance_transaction"),
        "charge": charge["id"],
        "created": store.now,
        "currency": charge["currency"],
        "customer": None,
        "customer_account": None,
        "destination_details": {"card": {"type": "refund"}, "type": "card"},
        "metadata": {},
        "payment_intent": charge["payment_intent"],
        "payment_method": charge["payment_method"],
        "reason": params.get("reason"),
        "receipt_number": None,
        "source_transfer_reversal": None,
        "status": "succeeded",
        "transfer_reversal": None,
    }
    merge_metadata(refund, params.get("metadata"))
    store.add(refund)
    previous = {name: charge[name] for name in ("amount_refunded", "refunded")}
    _settle(charge, amount)
    store.emit("refund.created", refund)
    store.emit("charge.refunded", charge, previous)
    if charge["_refund_fails"]:
        store.schedule(store.now + _FAILS_AFTER, "fail_refund", refund["id"])
    return refund


def update_refund(store: Store, refund: Obj, params: dict[str, Any]) -> Obj:
    """Change a refund's metadata."""
    previous = {"metadata": refund["metadata"]}
    merge_metadata(refund, params.get("metadata"))
    _tell_updated(store, refund, previous)
    return refund


def fail_refund(store: Store, key: str, at: int) -> None:
    """Let a refund bounce: the buyer's bank does not take it."""
    del at
    refund = store.get("refund", key)
    refund["status"] = "failed"
    refund["failure_reason"] = "expired_or_canceled_card"
    refund["failure_balance_transaction"] = store.new_id("balance_transaction")
    _settle(store.get("charge", refund["charge"]), -refund["amount"])
    _tell_updated(store, refund, {"status": "succeeded"})
    store.emit("refund.failed", refund)


def _tell_updated(store: Store, refund: Obj, previous: Obj) -> None:
    store.emit("refund.updated", refund, previous)
    store.emit("charge.refund.updated", refund, previous)


def _settle(charge: Obj, amount: int) -> None:
    charge["amount_refunded"] += amount
    charge["refunded"] = charge["amount_refunded"] == charge["amount_captured"]


def _charge_of(store: Store, params: dict[str, Any]) -> Obj:
    if "charge" in params:
        return store.get("charge", params["charge"], param="charge")
    if "payment_intent" not in params:
        raise missing("charge")
    intent = store.get(
        "payment_intent", params["payment_intent"], param="payment_intent"
    )
    if intent["status"] != "succeeded":
        raise ApiError(
            f"This PaymentIntent ({intent['id']}) does not have a successful charge "
            "to refund.",
            code="payment_intent_unexpected_state",
            param="payment_intent",
        )
    return store.get("charge", intent["latest_charge"])


def _refuse(store: Store, charge: Obj, amount: int, left: int) -> None:
    key = charge["id"]
    if not charge["paid"]:
        raise ApiError(f"Charge {key} was not paid.", code="charge_not_refundable")
    lost = [
        dispute
        for dispute in store.every("dispute")
        if dispute["charge"] == key and dispute["status"] in {OPEN, "lost"}
    ]
    if lost:
        raise ApiError(
            f"Charge {key} has been charged back; cannot issue a refund.",
            code="charge_disputed",
        )
    if left == 0:
        raise ApiError(
            f"Charge {key} has already been refunded.", code="charge_already_refunded"
        )
    if amount < 1:
        raise ApiError(
            "Invalid positive integer", code="parameter_invalid_integer", param="amount"
        )
    if amount > left:
        currency = charge["currency"]
        raise ApiError(
            f"Refund amount ({amount_text(amount, currency)}) is greater than "
            f"unrefunded amount on charge ({amount_text(left, currency)})",
            code="amount_too_large",
            param="amount",
        )


def create_credit_note(store: Store, params: dict[str, Any]) -> Obj:
    """Lower what an invoice asked for.

    An open invoice asks for less. For a paid one, the money goes back to the card
    (`refund_amount`), to the customer's balance (`credit_amount`), or was given back
    by other means (`out_of_band_amount`); these must add up to the amount.

    Raises:
        ApiError: The parts do not add up, or more is credited than is left.
    """
    invoice = store.get("invoice", params["invoice"], param="invoice")
    paid = invoice["status"] == "paid"
    parts = {n: params.get(f"{n}_amount", 0) for n in ("refund", "credit")}
    outside = params.get("out_of_band_amount", 0)
    amount = params.get("amount", sum(parts.values()) + outside)
    _refuse_credit(invoice, amount, sum(parts.values()) + outside)
    refunds = []
    if parts["refund"]:
        intent = store.get("payment_intent", invoice["_payment_intent"])
        refund = create_refund(
            store, {"charge": intent["latest_charge"], "amount": parts["refund"]}
        )
        refunds = [{"amount_refunded": parts["refund"], "refund": refund["id"]}]
    if parts["credit"]:
        store.get("customer", invoice["customer"])["balance"] -= parts["credit"]
    before, after = (0, amount) if paid else (amount, 0)
    invoice["post_payment_credit_notes_amount"] += after
    invoice["pre_payment_credit_notes_amount"] += before
    invoice["amount_due"] -= before
    invoice["amount_remaining"] -= before
    note = _note(store, invoice, amount, params)
    note["refunds"] = refunds
    if parts["credit"]:
        key = store.new_id("customer_balance_transaction")
        note["customer_balance_transaction"] = key
    note["out_of_band_amount"] = outside or None
    note["post_payment_amount"], note["pre_payment_amount"] = after, before
    note["type"] = "post_payment" if paid else "pre_payment"
    store.add(note)
    store.emit("credit_note.created", note)
    return note


def _refuse_credit(invoice: Obj, amount: int, parts: int) -> None:
    paid = invoice["status"] == "paid"
    if not paid and invoice["status"] != "open":
        raise ApiError(
            "You can only create a credit note for an open or paid invoice.",
            param="invoice",
        )
    left = (
        invoice["total"] - invoice["post_payment_credit_notes_amount"]
        if paid
        else invoice["amount_remaining"]
    )
    if amount < 1 or amount > left:
        raise ApiError(
            f"The credit note amount must be between 1 and {left}.", param="amount"
        )
    if parts != (amount if paid else 0):
        raise ApiError(
            "The sum of credit amount, refund amount and out of band amount must "
            f"equal the credit note amount of {amount if paid else 0}.",
            param="refund_amount",
        )


def _note(store: Store, invoice: Obj, amount: int, params: dict[str, Any]) -> Obj:
    key = store.new_id("credit_note")
    count = sum(n["invoice"] == invoice["id"] for n in store.every("credit_note"))
    line = {
        "id": store.new_id("credit_note_line_item"),
        "object": "credit_note_line_item",
        "amount": amount,
        "description": "Credit",
        "discount_amount": 0,
        "discount_amounts": [],
        "livemode": False,
        "quantity": 1,
        "tax_rates": [],
        "type": "custom_line_item",
        "unit_amount": amount,
        "unit_amount_decimal": str(amount),
    }
    note: Obj = {
        "id": key,
        "object": "credit_note",
        "amount": amount,
        "amount_shipping": 0,
        "created": store.now,
        "currency": invoice["currency"],
        "customer": invoice["customer"],
        "customer_balance_transaction": None,
        "discount_amount": 0,
        "discount_amounts": [],
        "effective_at": store.now,
        "invoice": invoice["id"],
        "lines": {
            "object": "list",
            "data": [line],
            "has_more": False,
            "url": f"/v1/credit_notes/{key}/lines",
        },
        "livemode": False,
        "memo": params.get("memo"),
        "metadata": {},
        "number": f"{invoice['number']}-CN-{count + 1:02}",
        "pdf": None,
        "reason": params.get("reason"),
        "shipping_cost": None,
        "status": "issued",
        "subtotal": amount,
        "subtotal_excluding_tax": amount,
        "total": amount,
        "total_excluding_tax": amount,
        "total_taxes": [],
        "voided_at": None,
    }
    merge_metadata(note, params.get("metadata"))
    return note
