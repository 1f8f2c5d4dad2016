"""Checkout sessions: opened by the seller, completed or left by the buyer."""

from typing import Any

from portal.stripe_sandbox import billing, catalog, payments, subscriptions
from portal.stripe_sandbox.billing import Line
from portal.stripe_sandbox.cards import TypedCard
from portal.stripe_sandbox.errors import ApiError, missing
from portal.stripe_sandbox.store import Obj, Store

_DAY = 86_400
_HALF_HOUR = 1_800
_CHOICES = ("billing_address_collection", "locale", "submit_type")


class CardDeclined(Exception):
    """The bank said no; the words are for the buyer."""


def create_session(store: Store, params: dict[str, Any]) -> Obj:
    """Open a checkout session.

    Raises:
        ApiError: A parameter is missing or does not fit the others.
    """
    mode = params.get("mode")
    if mode is None:
        raise missing("mode")
    _refuse(store, mode, params)
    session = _session(store, mode, params, _items(store, mode, params))
    store.add(session)
    store.schedule(session["expires_at"], "expire", session["id"])
    return session


def _refuse(store: Store, mode: str, params: dict[str, Any]) -> None:
    if mode == "setup":
        raise ApiError("The sandbox has no setup mode.", param="mode")
    if params.get("ui_mode", "hosted_page") != "hosted_page":
        raise ApiError("The sandbox has hosted pages only.", param="ui_mode")
    if "success_url" not in params:
        raise missing("success_url")
    for name in ("success_url", "cancel_url"):
        if name in params:
            catalog.web_address(params[name].split("?")[0], name)
    if "customer" in params and "customer_email" in params:
        raise ApiError(
            "You may only specify one of these parameters: customer, customer_email.",
            param="customer",
        )
    if "customer" in params:
        store.get("customer", params["customer"], param="customer")
    foreign = {"payment": "subscription_data", "subscription": "payment_intent_data"}
    if foreign[mode] in params:
        raise ApiError(
            f"You can not pass `{foreign[mode]}` in `{mode}` mode.", param=foreign[mode]
        )


def _items(store: Store, mode: str, params: dict[str, Any]) -> list[Obj]:
    if not params.get("line_items"):
        raise missing("line_items")
    items = []
    for position, wanted in enumerate(params["line_items"]):
        path = f"line_items[{position}]"
        if "price" in wanted:
            price = store.get("price", wanted["price"], param=f"{path}[price]")
        elif "price_data" in wanted:
            price = catalog.create_price(store, wanted["price_data"])
        else:
            raise missing(f"{path}[price]")
        if not price["active"]:
            raise ApiError(
                f"The price specified is inactive: {price['id']}.", param=path
            )
        quantity = wanted.get("quantity")
        if quantity is None:
            raise missing(f"{path}[quantity]")
        if quantity < 1:
            raise ApiError("Invalid positive integer", param=f"{path}[quantity]")
        items.append(_item(store, price, quantity))
    _refuse_mixture(mode, items)
    return items


def _refuse_mixture(mode: str, items: list[Obj]) -> None:
    recurring = [item["price"]["recurring"] is not None for item in items]
    if mode == "payment" and any(recurring):
        raise ApiError(
            "You specified `payment` mode but passed a recurring price. Either switch "
            "to `subscription` mode or use only one-time prices.",
            param="line_items",
        )
    if mode == "subscription" and not any(recurring):
        raise ApiError(
            "You must provide at least one recurring price in `subscription` mode when "
            "using prices.",
            param="line_items",
        )
    intervals = [i["price"]["recurring"] for i in items if i["price"]["recurring"]]
    if any(interval != intervals[0] for interval in intervals):
        raise ApiError(
            "Checkout does not support multiple prices with different billing "
            "intervals.",
            param="line_items",
        )
    if len({item["currency"] for item in items}) > 1:
        raise ApiError("All prices must have the same currency.", param="line_items")


def _item(store: Store, price: Obj, quantity: int) -> Obj:
    amount = price["unit_amount"] * quantity
    return {
        "id": store.new_id("item"),
        "object": "item",
        "amount_discount": 0,
        "amount_subtotal": amount,
        "amount_tax": 0,
        "amount_total": amount,
        "currency": price["currency"],
        "description": store.get("product", price["product"])["name"],
        "metadata": {},
        "price": price,
        "quantity": quantity,
    }


def _session(store: Store, mode: str, params: dict[str, Any], items: list[Obj]) -> Obj:
    key = f"cs_test_{store.letters(58)}"
    total = sum(item["amount_total"] for item in items)
    expires_at = params.get("expires_at", store.now + _DAY)
    if not _HALF_HOUR <= expires_at - store.now <= _DAY:
        raise ApiError(
            "The `expires_at` timestamp must be at least 30 minutes and at most "
            "24 hours from Checkout Session creation.",
            param="expires_at",
        )
    session: Obj = {
        "id": key,
        "object": "checkout.session",
        "customer_details": None,
        "invoice": None,
        "payment_intent": None,
        "payment_status": "unpaid",
        "status": "open",
        "subscription": None,
        **{name: params.get(name) for name in _CHOICES},
        "amount_subtotal": total,
        "amount_total": total,
        "cancel_url": params.get("cancel_url"),
        "client_reference_id": params.get("client_reference_id"),
        "created": store.now,
        "currency": items[0]["currency"],
        "customer": params.get("customer"),
        "customer_creation": params.get("customer_creation", "if_required")
        if mode == "payment"
        else ("always" if "customer" not in params else None),
        "customer_email": params.get("customer_email"),
        "expires_at": expires_at,
        "metadata": dict(params.get("metadata") or {}),
        "mode": mode,
        "payment_method_collection": "always" if mode == "subscription" else None,
        "success_url": params["success_url"],
        "url": f"{store.base_url}/c/pay/{key}",
        "_line_items": items,
        "_data": params.get("subscription_data")
        or params.get("payment_intent_data", {}),
        "_intent": None,
    }
    return session


def expire_session(store: Store, session: Obj) -> Obj:
    """Close a session nobody paid.

    Raises:
        ApiError: It is closed already.
    """
    if session["status"] != "open":
        raise ApiError(
            'Only Checkout Sessions with a status in ["open"] can be expired. This '
            f"Checkout Session has a status of `{session['status']}`."
        )
    session["status"] = "expired"
    session["url"] = None
    if session["_intent"]:
        payments.cancel_intent(store, store.get("payment_intent", session["_intent"]))
    store.emit("checkout.session.expired", session)
    return session


def expire_on_time(store: Store, key: str, at: int) -> None:
    """Close a session when its time is over."""
    del at
    session = store.get("checkout.session", key)
    if session["status"] == "open":
        expire_session(store, session)


def complete_session(
    store: Store,
    session: Obj,
    card: TypedCard,
    *,
    name: str,
    email: str,
    country: str = "US",
) -> Obj:
    """Pay and close a session. A session that is paid already stays as it is.

    Args:
        store: The account.
        session: The session.
        card: What the buyer pays with.
        name: The name on the card.
        email: The buyer's address.
        country: Where the buyer is, an ISO 3166 code.

    Raises:
        CardDeclined: The bank said no; the session stays open.
        ApiError: The session has expired.
    """
    if session["status"] == "complete":
        return session
    if session["status"] == "expired":
        raise ApiError("This checkout session has expired.")
    address = payments.address_in(country)
    method = payments.create_method(store, card, name or None, email, address)
    if card.card.decline is not None:
        _decline(store, session, method)
        raise CardDeclined(card.card.decline.message)
    customer = _customer(store, session, name, email, address)
    session["customer_details"] = {
        "address": address,
        "business_name": None,
        "email": email,
        "individual_name": None,
        "name": name or None,
        "phone": None,
        "tax_exempt": "none",
        "tax_ids": [],
    }
    if session["mode"] == "subscription":
        _subscribe(store, session, customer, method)
    else:
        _pay_once(store, session, customer, method)
    paid = "paid" if session["amount_total"] else "no_payment_required"
    session.update(status="complete", payment_status=paid, url=None)
    store.emit("checkout.session.completed", session)
    return session


def _decline(store: Store, session: Obj, method: Obj) -> None:
    payments.pay(store, _intent_of(store, session), method, present=True)


def _intent_of(store: Store, session: Obj) -> Obj:
    """Return the intent of this session, which survives declined cards."""
    if session["_intent"] is None:
        data = session["_data"] if session["mode"] == "payment" else {}
        intent = payments.create_intent(
            store,
            amount=session["amount_total"],
            currency=session["currency"],
            customer=session["customer"],
            description=data.get("description"),
            metadata=dict(data.get("metadata") or {}),
        )
        session["_intent"] = intent["id"]
    return store.get("payment_intent", session["_intent"])


def _customer(
    store: Store, session: Obj, name: str, email: str, address: Obj
) -> Obj | None:
    if session["customer"]:
        return store.get("customer", session["customer"])
    if session["customer_creation"] != "always":
        return None
    customer = catalog.create_customer(
        store, {"email": email, "name": name, "address": address}
    )
    session["customer"] = customer["id"]
    return customer


def _pay_once(store: Store, session: Obj, customer: Obj | None, method: Obj) -> None:
    if not session["amount_total"]:
        return
    intent = _intent_of(store, session)
    intent["customer"] = customer["id"] if customer else None
    payments.pay(store, intent, method, present=True)
    session["payment_intent"] = intent["id"]


def _subscribe(store: Store, session: Obj, customer: Obj | None, method: Obj) -> None:
    if customer is None:
        raise RuntimeError("a subscription always has a customer")
    items = session["_line_items"]
    payments.attach(store, method, customer["id"])
    data = session["_data"]
    subscription = subscriptions.begin(
        store,
        customer,
        method,
        [(i["price"], i["quantity"]) for i in items if i["price"]["recurring"]],
        metadata=data.get("metadata") or {},
        description=data.get("description"),
    )
    once = [
        Line(
            price=item["price"],
            amount=item["amount_total"],
            quantity=item["quantity"],
            start=store.now,
            end=store.now,
            subscription=subscription["id"],
        )
        for item in items
        if not item["price"]["recurring"]
    ]
    lines = subscriptions.period_lines(subscription) + once
    invoice = subscriptions.invoice_now(
        store, subscription, lines, "subscription_create"
    )
    if invoice["status"] == "open":
        billing.collect(store, invoice, method, present=True)
    subscriptions.activate(store, subscription)
    session.update(subscription=subscription["id"], invoice=invoice["id"])
    if session["_intent"]:
        # Only declined cards touched it; the invoice has an intent of its own.
        payments.cancel_intent(store, store.get("payment_intent", session["_intent"]))
