"""Billing portal sessions: where a buyer looks after a subscription."""

from typing import Any

from portal.stripe_sandbox import payments
from portal.stripe_sandbox.cards import TypedCard
from portal.stripe_sandbox.catalog import web_address
from portal.stripe_sandbox.store import Obj, Store


def create_portal(store: Store, params: dict[str, Any]) -> Obj:
    """Open a billing portal session for a customer."""
    customer = store.get("customer", params["customer"], param="customer")
    key = store.new_id("billing_portal.session")
    back = params.get("return_url")
    session: Obj = {
        "id": key,
        "object": "billing_portal.session",
        "configuration": "bpc_sandbox",
        "created": store.now,
        "customer": customer["id"],
        "customer_account": None,
        "flow": None,
        "livemode": False,
        "locale": None,
        "on_behalf_of": None,
        "return_url": web_address(back, "return_url") if back else None,
        "url": f"{store.base_url}/p/session/{key}",
    }
    return store.add(session)


def change_card(
    store: Store, customer: Obj, typed: TypedCard, name: str | None
) -> None:
    """Let all of a customer's subscriptions be paid with a new card."""
    method = payments.create_method(store, typed, name, customer["email"] or "")
    payments.attach(store, method, customer["id"])
    settings = customer["invoice_settings"]
    previous = {"invoice_settings": dict(settings)}
    settings["default_payment_method"] = method["id"]
    store.emit("customer.updated", customer, previous)
    for subscription in store.every("subscription"):
        alive = subscription["status"] != "canceled"
        if subscription["customer"] == customer["id"] and alive:
            old = {"default_payment_method": subscription["default_payment_method"]}
            subscription["default_payment_method"] = method["id"]
            store.emit("customer.subscription.updated", subscription, old)
