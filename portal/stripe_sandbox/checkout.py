"""Checkout sessions: opened by the seller, completed or left by the buyer."""

from dataclasses import dataclass
from typing import Any

from portal.stripe_sandbox import (
    billing,
    catalog,
    discounts,
    payments,
    subscriptions,
)
from portal.stripe_sandbox.billing import Line
from portal.stripe_sandbox.cards import TypedCard
from portal.stripe_sandbox.errors import ApiError, missing
from portal.stripe_sandbox.store import Obj, Store

_DAY = 86_400
_HALF_HOUR = 1_800
_CHOICES = (
    "allow_promotion_codes",
    "billing_address_collection",
    "locale",
    "submit_type",
)
_EUROPEAN = frozenset(
    {"AT", "BE", "BG", "CY", "CZ", "DE", "DK", "EE", "EL", "ES", "FI", "FR", "HR", "HU"}
    | {"IE", "IT", "LT", "LU", "LV", "MT", "NL", "PL", "PT", "RO", "SE", "SI", "SK"}
)
"""With what a tax id of the European Union begins."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Buyer:
    """What a buyer writes about themselves.

    Attributes:
        name: The name on the card.
        email: Their address.
        country: Where they are, an ISO 3166 code.
        line1: Street and number, if the page asks.
        city: The town, if the page asks.
        postal_code: Its code, if the page asks.
        tax_id: Their tax id, if the page asks and they have one.
    """

    name: str
    email: str
    country: str = "US"
    line1: str = ""
    city: str = ""
    postal_code: str = ""
    tax_id: str = ""


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
    if "discounts" in params and "allow_promotion_codes" in params:
        raise ApiError(
            "You may only specify one of these parameters: allow_promotion_codes, "
            "discounts.",
            param="discounts",
        )
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
        "discounts": [],
        "tax_id_collection": {
            "enabled": params.get("tax_id_collection", {}).get("enabled", False),
            "required": "never",
        },
        "total_details": {"amount_discount": 0, "amount_shipping": 0, "amount_tax": 0},
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
    if params.get("discounts"):
        use_discount(store, session, params["discounts"][0])
    _count(store, session)
    return session


def use_discount(store: Store, session: Obj, wanted: Obj) -> None:
    """Take a coupon, or the coupon behind a promotion code, off what is paid.

    Raises:
        ApiError: There is no such coupon or code.
    """
    discounts.coupon_of(store, wanted)
    session["discounts"] = [
        {name: wanted.get(name) for name in ("coupon", "promotion_code")}
    ]
    _count(store, session)


def use_code(store: Store, session: Obj, code: str) -> None:
    """Take off what a promotion code is worth.

    Raises:
        ApiError: The page takes none, or there is no such code.
    """
    found = discounts.find_code(store, code)
    if found is None or not session["allow_promotion_codes"]:
        raise ApiError("This code is invalid.", param="code")
    use_discount(store, session, {"promotion_code": found["id"]})


def _count(store: Store, session: Obj) -> None:
    """Work out what is paid now: nothing in a trial, less with a discount."""
    has_trial = bool(session["_data"].get("trial_period_days"))
    due = sum(
        item["amount_subtotal"]
        for item in session["_line_items"]
        if not (has_trial and item["price"]["recurring"])
    )
    off = 0
    if session["discounts"]:
        off = discounts.taken_off(
            discounts.coupon_of(store, session["discounts"][0]), due
        )
    session["amount_subtotal"] = due
    session["amount_total"] = due - off
    session["total_details"]["amount_discount"] = off


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
    buyer: Buyer,
) -> Obj:
    """Pay and close a session. A session that is paid already stays as it is.

    Args:
        store: The account.
        session: The session.
        card: What the buyer pays with.
        buyer: Who pays.

    Raises:
        CardDeclined: The bank said no; the session stays open.
        ApiError: The session has expired.
    """
    if session["status"] == "complete":
        return session
    if session["status"] == "expired":
        raise ApiError("This checkout session has expired.")
    address = payments.address_in(buyer.country) | {
        name: getattr(buyer, name) or None for name in ("line1", "city", "postal_code")
    }
    name, email = buyer.name, buyer.email
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
        "tax_ids": _tax_ids(session, buyer.tax_id),
    }
    if customer is not None:
        customer["_tax_ids"] = session["customer_details"]["tax_ids"]
    if session["mode"] == "subscription":
        _subscribe(store, session, customer, method)
    else:
        _pay_once(store, session, customer, method)
    paid = "paid" if session["amount_total"] else "no_payment_required"
    session.update(status="complete", payment_status=paid, url=None)
    store.emit("checkout.session.completed", session)
    return session


def _tax_ids(session: Obj, typed: str) -> list[Obj]:
    value = typed.replace(" ", "").upper()
    if not value or not session["tax_id_collection"]["enabled"]:
        return []
    kind = "eu_vat" if value[:2] in _EUROPEAN else "us_ein"
    return [{"type": kind, "value": value}]


def _decline(store: Store, session: Obj, method: Obj) -> None:
    if not session["amount_total"]:
        return
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
        trial_days=data.get("trial_period_days", 0),
    )
    if session["discounts"]:
        discounts.redeem(store, session["discounts"][0], subscription)
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
    lines = subscriptions.period_lines(store, subscription) + once
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
