"""Payment methods, payment intents and charges."""

from portal.stripe_sandbox.cards import SandboxCard, TypedCard, card_of
from portal.stripe_sandbox.store import Obj, Store


def create_method(
    store: Store,
    typed: TypedCard,
    name: str | None,
    email: str,
    address: Obj | None = None,
) -> Obj:
    """Keep a card that a buyer typed; of its number only the end, and what it does."""
    number = typed.card.number
    method: Obj = {
        "id": store.new_id("payment_method"),
        "object": "payment_method",
        "allow_redisplay": "limited",
        "billing_details": {
            "address": address or address_in(None),
            "email": email or None,
            "name": name,
            "phone": None,
            "tax_id": None,
        },
        "card": {
            "brand": typed.card.brand,
            "checks": {
                "address_line1_check": None,
                "address_postal_code_check": None,
                "cvc_check": "pass",
            },
            "country": "US",
            "display_brand": typed.card.brand,
            "exp_month": typed.exp_month,
            "exp_year": typed.exp_year,
            "fingerprint": store.letters(16),
            "funding": "credit",
            "generated_from": None,
            "last4": number[-4:],
            "networks": {"available": [typed.card.brand], "preferred": None},
            "regulated_status": "unregulated",
            "three_d_secure_usage": {"supported": True},
            "wallet": None,
        },
        "created": store.now,
        "customer": None,
        "customer_account": None,
        "livemode": False,
        "metadata": {},
        "type": "card",
        # Numbers of test cards are public; another number is kept as unknown.
        "_card": number if typed.card.purpose else "",
    }
    return store.add(method)


def attach(store: Store, method: Obj, customer: str) -> None:
    """Give a card to a customer, for later payments."""
    if method["customer"] is None:
        method["customer"] = customer
        store.emit("payment_method.attached", method)


def address_in(country: str | None) -> Obj:
    """Return a buyer's address of which only the country is known, if that."""
    return {
        "city": None,
        "country": country,
        "line1": None,
        "line2": None,
        "postal_code": None,
        "state": None,
    }


def create_intent(
    store: Store,
    *,
    amount: int,
    currency: str,
    customer: str | None,
    description: str | None,
    invoice: str | None = None,
    metadata: dict[str, str] | None = None,
) -> Obj:
    """Make the intent to collect a sum; nothing is collected yet."""
    key = store.new_id("payment_intent")
    intent: Obj = {
        "id": key,
        "object": "payment_intent",
        "amount": amount,
        "amount_received": 0,
        "canceled_at": None,
        "client_secret": f"{key}_secret_{store.letters()}",
        "created": store.now,
        "currency": currency,
        "customer": customer,
        "description": description,
        "last_payment_error": None,
        "latest_charge": None,
        "metadata": metadata or {},
        "payment_method": None,
        "status": "requires_payment_method",
        "_invoice": invoice,
    }
    store.add(intent)
    store.emit("payment_intent.created", intent)
    return intent


def cancel_intent(store: Store, intent: Obj) -> None:
    """Give up an intent that was not paid."""
    if intent["status"] == "requires_payment_method":
        intent["status"] = "canceled"
        intent["canceled_at"] = store.now
        store.emit("payment_intent.canceled", intent)


def pay(store: Store, intent: Obj, method: Obj, *, present: bool) -> bool:
    """Try to collect an intent from a card.

    Args:
        store: The account.
        intent: What to collect.
        method: The card.
        present: The buyer is there; some cards fail only when not.

    Returns:
        Whether the money came.
    """
    card = card_of(method["_card"])
    decline = card.decline if present else card.later_decline
    charge = _charge(store, intent, method, card, present=present)
    intent["latest_charge"] = charge["id"]
    if decline is not None:
        intent["last_payment_error"] = {
            "type": "card_error",
            "charge": charge["id"],
            "code": decline.code,
            "decline_code": decline.decline_code,
            "message": decline.message,
        }
        store.emit("charge.failed", charge)
        store.emit("payment_intent.payment_failed", intent)
        return False
    intent["last_payment_error"] = None
    intent["status"] = "succeeded"
    intent["amount_received"] = intent["amount"]
    intent["payment_method"] = method["id"]
    store.emit("charge.succeeded", charge)
    store.emit("payment_intent.succeeded", intent)
    if card.disputed:
        store.schedule(store.now, "dispute", charge["id"])
    return True


def _charge(
    store: Store, intent: Obj, method: Obj, card: SandboxCard, *, present: bool
) -> Obj:
    decline = card.decline if present else card.later_decline
    paid = decline is None
    key = store.new_id("charge")
    charge: Obj = {
        "id": key,
        "object": "charge",
        "amount": intent["amount"],
        "amount_captured": intent["amount"] if paid else 0,
        "amount_refunded": 0,
        "balance_transaction": store.new_id("balance_transaction") if paid else None,
        "billing_details": method["billing_details"],
        "captured": paid,
        "created": store.now,
        "currency": intent["currency"],
        "customer": intent["customer"],
        "description": intent["description"],
        "disputed": False,
        "failure_code": decline.code if decline else None,
        "failure_message": decline.message if decline else None,
        "metadata": dict(intent["metadata"]),
        "outcome": {
            "advice_code": None if paid else "try_again_later",
            "network_advice_code": None,
            "network_decline_code": None,
            "network_status": "approved_by_network" if paid else "declined_by_network",
            "reason": decline.decline_code if decline else None,
            "risk_level": "normal",
            "seller_message": "Payment complete."
            if paid
            else "The bank declined the payment.",
            "type": "authorized" if paid else "issuer_declined",
        },
        "paid": paid,
        "payment_intent": intent["id"],
        "payment_method": method["id"],
        "payment_method_details": {
            "card": {**_card_details(method), "amount_authorized": intent["amount"]},
            "type": "card",
        },
        "refunded": False,
        "status": "succeeded" if paid else "failed",
        "_invoice": intent["_invoice"],
        "_refund_fails": card.refund_fails,
    }
    return store.add(charge)


def _card_details(method: Obj) -> Obj:
    card = method["card"]
    same = ("brand", "checks", "country", "exp_month", "exp_year", "fingerprint")
    return {
        **{name: card[name] for name in same},
        "funding": card["funding"],
        "installments": None,
        "last4": card["last4"],
        "mandate": None,
        "network": card["brand"],
        "three_d_secure": None,
        "wallet": None,
    }
