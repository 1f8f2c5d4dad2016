"""Changes to a running subscription, with the lines that settle them."""

from dataclasses import asdict
from typing import Any

from portal.kit.money import Rounding, divide
from portal.stripe_sandbox import discounts
from portal.stripe_sandbox.billing import Line
from portal.stripe_sandbox.catalog import create_price, merge_metadata
from portal.stripe_sandbox.errors import ApiError
from portal.stripe_sandbox.store import Obj, Store
from portal.stripe_sandbox.subscriptions import (
    LIVING,
    charge,
    end,
    invoice_now,
    name_of,
    period_after,
    period_lines,
    period_of,
    plan_of,
    update,
)

_NOTES = ("comment", "feedback")


def update_subscription(store: Store, subscription: Obj, params: dict[str, Any]) -> Obj:
    """Do what `POST /v1/subscriptions/<id>` asks for.

    Raises:
        ApiError: The subscription has ended, or the change is not possible.
    """
    if subscription["status"] not in LIVING:
        raise ApiError(
            "A canceled subscription can only update its cancellation_details and "
            "metadata.",
            code="subscription_canceled",
        )
    previous: Obj = {}
    if "cancel_at_period_end" in params:
        previous |= _cancel_later(store, subscription, params["cancel_at_period_end"])
    if "default_payment_method" in params:
        param = "default_payment_method"
        method = store.get("payment_method", params[param], param=param)
        previous[param] = subscription[param]
        subscription[param] = method["id"]
    if "description" in params:
        previous["description"] = subscription["description"]
        subscription["description"] = params["description"] or None
    if "metadata" in params:
        previous["metadata"] = subscription["metadata"]
        merge_metadata(subscription, params["metadata"])
    if "pause_collection" in params:
        previous |= _pause(store, subscription, params["pause_collection"])
    note(subscription, params)
    lines, renewed = _change_items(store, subscription, params, previous)
    if previous:
        store.emit("customer.subscription.updated", subscription, previous)
    _settle(store, subscription, lines, params, at_once=renewed)
    return subscription


def cancel_subscription(store: Store, subscription: Obj, params: dict[str, Any]) -> Obj:
    """Do what `DELETE /v1/subscriptions/<id>` asks for: end it now."""
    note(subscription, params)
    return end(store, subscription, reason="cancellation_requested")


def note(subscription: Obj, params: dict[str, Any]) -> None:
    """Keep what the buyer said about leaving."""
    details = params.get("cancellation_details", {})
    for name in _NOTES:
        if name in details:
            subscription["cancellation_details"][name] = details[name] or None


def _cancel_later(store: Store, subscription: Obj, wanted: bool) -> Obj:  # noqa: FBT001 (a value from the wire, not a switch)
    if subscription["cancel_at_period_end"] == wanted:
        return {}
    names = ("cancel_at_period_end", "cancel_at", "canceled_at")
    previous = {name: subscription[name] for name in names}
    subscription["cancel_at_period_end"] = wanted
    subscription["cancel_at"] = period_of(subscription)[1] if wanted else None
    subscription["canceled_at"] = store.now if wanted else None
    reason = "cancellation_requested" if wanted else None
    subscription["cancellation_details"]["reason"] = reason
    return previous


def _pause(store: Store, subscription: Obj, wanted: dict[str, Any] | str) -> Obj:
    previous = {"pause_collection": subscription["pause_collection"]}
    if not isinstance(wanted, dict):
        subscription["pause_collection"] = None
        return previous
    if wanted["behavior"] == "keep_as_draft":
        raise ApiError(
            "The Stripe sandbox does not keep drafts: use void or mark_uncollectible.",
            code="sandbox_unsupported",
            param="pause_collection[behavior]",
        )
    until = wanted.get("resumes_at")
    if until is not None and until <= store.now:
        raise ApiError(
            "`resumes_at` must be in the future.", param="pause_collection[resumes_at]"
        )
    pause = {"behavior": wanted["behavior"], "resumes_at": until}
    subscription["pause_collection"] = pause
    if until is not None:
        store.schedule(until, "resume", subscription["id"])
    return previous


def _change_items(
    store: Store, subscription: Obj, params: dict[str, Any], previous: Obj
) -> tuple[list[Line], bool]:
    """Return the prorations, and whether a new billing cycle begins now."""
    lines: list[Line] = []
    for position, wanted in enumerate(params.get("items", [])):
        path = f"items[{position}]"
        item = _item_of(subscription, wanted, path)
        price = item["price"]
        if "price" in wanted:
            price = store.get("price", wanted["price"], param=f"{path}[price]")
        elif "price_data" in wanted:
            price = create_price(store, wanted["price_data"])
        quantity = wanted.get("quantity", item["quantity"])
        if price["recurring"] is None or price["currency"] != subscription["currency"]:
            raise ApiError(
                f"The price `{price['id']}` does not fit this subscription.",
                param=f"{path}[price]",
            )
        if price["id"] == item["price"]["id"] and quantity == item["quantity"]:
            continue
        previous.setdefault("items", {"data": [dict(item)]})
        renewed = price["recurring"] != item["price"]["recurring"]
        if renewed and len(subscription["items"]["data"]) > 1:
            raise ApiError(
                "All items of a subscription need the same interval.",
                param=f"{path}[price]",
            )
        lines += _prorations(store, subscription, item, price, quantity)
        item.update(price=price, plan=plan_of(price), quantity=quantity)
        if renewed:
            return lines + _new_cycle(store, subscription), True
    return lines, False


def _item_of(subscription: Obj, wanted: Obj, path: str) -> Obj:
    items: list[Obj] = subscription["items"]["data"]
    for item in items:
        if item["id"] == wanted.get("id"):
            return item
    raise ApiError(
        f"Invalid subscription item: '{wanted.get('id', '')}'. The sandbox changes "
        "items; it does not add any.",
        code="resource_missing",
        param=f"{path}[id]",
    )


def _prorations(
    store: Store,
    subscription: Obj,
    item: Obj,
    price: Obj,
    quantity: int,
) -> list[Line]:
    if subscription["status"] == "trialing":
        return []
    start, until = period_of(subscription)
    left, whole = until - store.now, until - start
    words = store.clock().strftime("%d %b %Y")

    def part(of: Obj, n: int, sign: int, text: str) -> Line:
        full = sign * _discounted(store, subscription, of["unit_amount"] * n) * left
        name = name_of(store, of)
        return Line(
            price=of,
            amount=divide(full, whole, Rounding.HALF_AWAY),
            quantity=n,
            start=store.now,
            end=until,
            description=f"{text} time on {name} after {words}",
            subscription=subscription["id"],
            item=item["id"],
            proration=True,
        )

    unused = part(item["price"], item["quantity"], -1, "Unused")
    if price["recurring"] != item["price"]["recurring"]:
        # A new cycle begins, and its first period is charged in full.
        return [unused]
    return [unused, part(price, quantity, 1, "Remaining")]


def _discounted(store: Store, subscription: Obj, amount: int) -> int:
    """Return an amount less the subscription's discount.

    Raises:
        ApiError: The discount is a fixed sum, of which nobody knows the part.
    """
    for key in subscription["discounts"]:
        coupon = discounts.coupon_of(store, store.get("discount", key)["source"])
        if coupon["amount_off"] is not None:
            raise ApiError(
                "The Stripe sandbox does not settle a change under a fixed discount.",
                code="sandbox_unsupported",
                param="items",
            )
        amount -= discounts.taken_off(coupon, amount)
    return amount


def _new_cycle(store: Store, subscription: Obj) -> list[Line]:
    items = subscription["items"]["data"]
    subscription["billing_cycle_anchor"] = store.now
    subscription["_period"] = 1
    until = period_after(store.now, items[0]["price"]["recurring"], 1)
    for item in items:
        item["current_period_start"], item["current_period_end"] = store.now, until
    store.schedule(until, "renew", subscription["id"])
    return period_lines(store, subscription)


def _settle(
    store: Store,
    subscription: Obj,
    lines: list[Line],
    params: dict[str, Any],
    *,
    at_once: bool,
) -> None:
    behaviour = params.get("proration_behavior", "create_prorations")
    if behaviour == "none":
        lines = [line for line in lines if not line.proration]
    if not lines:
        return
    if not at_once and behaviour != "always_invoice":
        subscription["_pending"] += [asdict(line) for line in lines]
        return
    invoice = invoice_now(store, subscription, lines, "subscription_update")
    charge(store, subscription, invoice)


def recover(store: Store, invoice: Obj) -> Obj:
    """Let a subscription run on after its overdue invoice was paid by hand."""
    if invoice["_subscription"]:
        subscription = store.get("subscription", invoice["_subscription"])
        if subscription["status"] == "past_due":
            update(store, subscription, status="active")
    return invoice
