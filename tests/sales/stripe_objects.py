"""Small examples of Stripe's objects, in the shapes of both times."""

from collections.abc import Sequence
from typing import Any

from tests.factories.base_factory import NOW

Obj = dict[str, Any]
AT = int(NOW.timestamp())


def line(amount: int, product: str, description: str, *, older: bool) -> Obj:
    if older:
        price: Obj = {"price": {"id": f"price_{product}", "product": f"prod_{product}"}}
    else:
        details = {"price": f"price_{product}", "product": f"prod_{product}"}
        price = {"pricing": {"type": "price_details", "price_details": details}}
    return {"object": "line_item", "amount": amount, "description": description} | price


def invoice(
    *,
    older: bool = False,
    subscription_metadata: dict[str, str] | None = None,
    lines: Sequence[tuple[int, str, str]] = ((10_000, "starter", "1 × Starter"),),
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
        "customer_email": "ada@buyers.example",
        "customer_name": "Ada",
        "description": None,
        "lines": {
            "data": [line(*one, older=older) for one in lines],
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
