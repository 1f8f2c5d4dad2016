"""Small examples of Stripe's objects, in the shapes of both times."""

from collections.abc import Sequence
from typing import Any, NamedTuple

from tests.factories.base_factory import NOW

Obj = dict[str, Any]
AT = int(NOW.timestamp())


class Asked(NamedTuple):
    """A line of an invoice before it gets the shape of its time."""

    amount: int
    product: str | None
    description: str = ""
    quantity: int | None = 1
    discounts: tuple[int, ...] = ()
    taxes: tuple[int, ...] = ()
    includes_tax: bool = False
    prepaid: int = 0


def line(asked: Asked, *, older: bool) -> Obj:
    names = [f"di_{number}" for number, _ in enumerate(asked.discounts)]
    common = {
        "object": "line_item",
        "amount": asked.amount,
        "description": asked.description or None,
        "discount_amounts": [
            {"amount": amount, "discount": name}
            for amount, name in zip(asked.discounts, names, strict=True)
        ],
        "discounts": names,
        "pretax_credit_amounts": [
            *({"amount": amount, "type": "discount"} for amount in asked.discounts),
            {"amount": asked.prepaid, "type": "credit_balance_transaction"},
        ],
        "quantity": asked.quantity,
    }
    product = f"prod_{asked.product}"
    price = f"price_{asked.product}"
    if older:
        has_price = asked.product is not None
        return common | {
            "plan": None,
            "price": {"id": price, "product": product} if has_price else None,
            "tax_amounts": [
                {"amount": amount, "inclusive": asked.includes_tax}
                for amount in asked.taxes
            ],
        }
    behaviour = "inclusive" if asked.includes_tax else "exclusive"
    details = {"price": price, "product": product}
    return common | {
        "pricing": {"type": "price_details", "price_details": details}
        if asked.product is not None
        else None,
        "taxes": [
            {"amount": amount, "tax_behavior": behaviour} for amount in asked.taxes
        ],
    }


def invoice(
    *,
    older: bool = False,
    subscription_metadata: dict[str, str] | None = None,
    lines: Sequence[tuple[int, str, str] | Asked] = (
        (10_000, "starter", "1 × Starter"),
    ),
    **changes: object,
) -> Obj:
    """An invoice over 119.00, of which 19.00 is tax, paid in full."""
    metadata = subscription_metadata or {}
    common: Obj = {
        "id": "in_1",
        "object": "invoice",
        "amount_paid": 11_900,
        "created": AT - 60,
        "currency": "usd",
        "customer": "cus_1",
        "customer_address": None,
        "customer_email": "ada@buyers.example",
        "customer_name": "Ada",
        "description": None,
        "lines": {
            "data": [line(Asked(*one), older=older) for one in lines],
            "has_more": False,
        },
        "metadata": {},
        "status": "paid",
        "status_transitions": {"paid_at": AT},
        "total": 11_900,
        "total_excluding_tax": 10_000,
    }
    own: Obj
    if older:
        own = {
            "charge": "ch_1",
            "payment_intent": "pi_1",
            "subscription": "sub_1",
            "subscription_details": {"metadata": metadata},
            "tax": 1_900,
            "total_tax_amounts": [{"amount": 1_900}],
        }
    else:
        own = {
            "parent": {
                "type": "subscription_details",
                "subscription_details": {"subscription": "sub_1", "metadata": metadata},
            },
            "total_taxes": [{"amount": 1_900, "tax_behavior": "exclusive"}],
        }
    return common | own | changes


def invoice_payment(**changes: object) -> Obj:
    return {
        "id": "inpay_1",
        "object": "invoice_payment",
        "invoice": "in_1",
        "payment": {"type": "payment_intent", "payment_intent": "pi_1"},
        "status": "paid",
    } | changes


def charge(**changes: object) -> Obj:
    return {
        "id": "ch_1",
        "object": "charge",
        "amount": 11_900,
        "created": AT,
        "currency": "usd",
        "customer": "cus_1",
        "payment_intent": "pi_1",
    } | changes


def refund(**changes: object) -> Obj:
    return {
        "id": "re_1",
        "object": "refund",
        "amount": 1_190,
        "charge": "ch_1",
        "created": AT + 86_400,
        "currency": "usd",
        "payment_intent": "pi_1",
        "status": "succeeded",
    } | changes


def dispute(**changes: object) -> Obj:
    return {
        "id": "dp_1",
        "object": "dispute",
        "amount": 11_900,
        "charge": "ch_1",
        "created": AT + 172_800,
        "currency": "usd",
        "payment_intent": "pi_1",
        "status": "needs_response",
    } | changes


def credit_note(**changes: object) -> Obj:
    return {
        "id": "cn_1",
        "object": "credit_note",
        "amount": 1_190,
        "created": AT + 86_400,
        "currency": "usd",
        "customer": "cus_1",
        "customer_balance_transaction": None,
        "invoice": "in_1",
        "out_of_band_amount": None,
        "post_payment_amount": 1_190,
        "pre_payment_amount": 0,
        "refunds": [],
        "status": "issued",
        "type": "post_payment",
    } | changes


def checkout(**changes: object) -> Obj:
    return {
        "id": "cs_test_1",
        "object": "checkout.session",
        "amount_total": 5_000,
        "client_reference_id": None,
        "created": AT - 600,
        "currency": "usd",
        "customer": "cus_1",
        "customer_details": {"email": "ada@buyers.example", "name": "Ada"},
        "invoice": None,
        "metadata": {},
        "mode": "payment",
        "payment_intent": "pi_9",
        "payment_status": "paid",
        "total_details": {"amount_tax": 500},
    } | changes


def customer(**changes: object) -> Obj:
    return {
        "id": "cus_1",
        "object": "customer",
        "created": AT - 3_600,
        "email": "ada@buyers.example",
        "metadata": {},
        "name": "Ada",
    } | changes


def address(country: str | None) -> Obj:
    return {"city": None, "country": country, "line1": None, "postal_code": None}


def subscription(**changes: object) -> Obj:
    return {
        "id": "sub_1",
        "object": "subscription",
        "canceled_at": None,
        "created": AT - 60,
        "customer": "cus_1",
        "ended_at": None,
        "metadata": {},
        "status": "active",
    } | changes


def event(kind: str, obj: Obj, *, key: str = "", at: int = AT) -> Obj:
    return {
        "id": f"evt_{key or kind.replace('.', '_') + '_' + obj['id']}",
        "object": "event",
        "api_version": "2026-08-26",
        "created": at,
        "data": {"object": obj},
        "livemode": False,
        "type": kind,
    }
