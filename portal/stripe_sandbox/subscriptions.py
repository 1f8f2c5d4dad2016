"""Subscriptions: begun, renewed, dunned, ended."""

from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

from portal.kit.clock import add_months
from portal.stripe_sandbox import billing, discounts
from portal.stripe_sandbox.billing import Line
from portal.stripe_sandbox.errors import ApiError
from portal.stripe_sandbox.store import Json, Obj, Store

_UTC = ZoneInfo("UTC")
_DAY = 86_400
_WARNING_DAYS = 3
"""How long before the end of a trial Stripe says that it ends."""
_RETRY_DAYS = (3, 5, 7)
"""Days after the first failure on which a renewal is tried again."""
_MONTHS = {"month": 1, "year": 12}
_DAYS = {"day": 1, "week": 7}
LIVING = frozenset({"active", "past_due", "trialing"})


def period_after(anchor: int, recurring: Obj, number: int) -> int:
    """Return when period `number` begins; the first, beginning at `anchor`, is 0.

    Counted from the anchor each time, so a subscription that began on the 31st
    comes back to the 31st after a short month.
    """
    count = number * recurring["interval_count"]
    start = datetime.fromtimestamp(anchor, UTC)
    unit = recurring["interval"]
    if unit in _MONTHS:
        return int(add_months(start, count * _MONTHS[unit], _UTC).timestamp())
    return int((start + timedelta(days=count * _DAYS[unit])).timestamp())


def begin(
    store: Store,
    customer: Obj,
    method: Obj,
    wanted: list[tuple[Obj, int]],
    *,
    metadata: dict[str, str],
    description: str | None,
    trial_days: int = 0,
) -> Obj:
    """Make a subscription that waits for its first payment.

    Args:
        store: The account.
        customer: Who pays.
        method: The card for this and later payments.
        wanted: Recurring prices with quantities.
        metadata: Copied onto the subscription.
        description: Words for people, or none.
        trial_days: How long nothing is paid.
    """
    key = store.new_id("subscription")
    recurring = wanted[0][0]["recurring"]
    trial_end = store.now + trial_days * _DAY if trial_days else None
    end = trial_end or period_after(store.now, recurring, 1)
    items = [_item(store, key, price, n, (store.now, end)) for price, n in wanted]
    subscription: Obj = {
        "id": key,
        "object": "subscription",
        "cancel_at": None,
        "cancel_at_period_end": False,
        "canceled_at": None,
        "cancellation_details": {"comment": None, "feedback": None, "reason": None},
        "ended_at": None,
        "latest_invoice": None,
        "billing_cycle_anchor": trial_end or store.now,
        "created": store.now,
        "currency": wanted[0][0]["currency"],
        "customer": customer["id"],
        "default_payment_method": method["id"],
        "description": description,
        "discounts": [],
        "items": {
            "object": "list",
            "data": items,
            "has_more": False,
            "url": f"/v1/subscription_items?subscription={key}",
        },
        "metadata": dict(metadata),
        "pause_collection": None,
        "start_date": store.now,
        "status": "incomplete",
        "trial_end": trial_end,
        "trial_start": store.now if trial_end else None,
        "_period": 0 if trial_end else 1,
        "_pending": [],
    }
    store.add(subscription)
    store.emit("customer.subscription.created", subscription)
    return subscription


def _item(
    store: Store, subscription: str, price: Obj, quantity: int, period: tuple[int, int]
) -> Obj:
    return {
        "id": store.new_id("subscription_item"),
        "object": "subscription_item",
        "billing_thresholds": None,
        "created": store.now,
        "current_period_start": period[0],
        "current_period_end": period[1],
        "discounts": [],
        "metadata": {},
        "plan": plan_of(price),
        "price": price,
        "quantity": quantity,
        "subscription": subscription,
        "tax_rates": [],
    }


def plan_of(price: Obj) -> Obj:
    """Return the older name and form of a recurring price."""
    recurring = price["recurring"] or {"interval": None, "interval_count": None}
    return {
        "id": price["id"],
        "object": "plan",
        "active": price["active"],
        "amount": price["unit_amount"],
        "amount_decimal": price["unit_amount_decimal"],
        "billing_scheme": "per_unit",
        "created": price["created"],
        "currency": price["currency"],
        "interval": recurring["interval"],
        "interval_count": recurring["interval_count"],
        "livemode": False,
        "metadata": price["metadata"],
        "meter": None,
        "nickname": price["nickname"],
        "product": price["product"],
        "tiers_mode": None,
        "transform_usage": None,
        "trial_period_days": None,
        "usage_type": "licensed",
    }


def period_of(subscription: Obj) -> tuple[int, int]:
    """Return the beginning and end of what is paid for now."""
    item = subscription["items"]["data"][0]
    return item["current_period_start"], item["current_period_end"]


def name_of(store: Store, price: Obj) -> str:
    """Return the name of a price's product."""
    return str(store.get("product", price["product"])["name"])


def period_lines(store: Store, subscription: Obj) -> list[Line]:
    """Return the lines that pay for the current period."""
    start, end = period_of(subscription)
    is_trial = subscription["trial_end"] == end
    return [
        Line(
            price=item["price"],
            amount=0 if is_trial else item["price"]["unit_amount"] * item["quantity"],
            quantity=item["quantity"],
            start=start,
            end=end,
            description=f"Trial period for {name_of(store, item['price'])}"
            if is_trial
            else None,
            subscription=subscription["id"],
            item=item["id"],
        )
        for item in subscription["items"]["data"]
    ]


def activate(store: Store, subscription: Obj) -> None:
    """Let a subscription run: its first invoice is paid."""
    trial_end = subscription["trial_end"]
    update(store, subscription, status="trialing" if trial_end else "active")
    _plan_renewal(store, subscription)
    if trial_end:
        soon = max(store.now, trial_end - _WARNING_DAYS * _DAY)
        store.schedule(soon, "trial_will_end", subscription["id"])


def warn_of_trial_end(store: Store, key: str, at: int) -> None:
    """Say that a trial ends soon."""
    del at
    subscription = store.get("subscription", key)
    if subscription["status"] == "trialing":
        store.emit("customer.subscription.trial_will_end", subscription)


def _plan_renewal(store: Store, subscription: Obj) -> None:
    store.schedule(period_of(subscription)[1], "renew", subscription["id"])


def update(store: Store, subscription: Obj, **changes: Json) -> None:
    """Set fields and tell so, with the old values."""
    previous = {k: subscription[k] for k, v in changes.items() if subscription[k] != v}
    subscription.update(changes)
    if previous:
        store.emit("customer.subscription.updated", subscription, previous)


def method_of(store: Store, subscription: Obj) -> Obj:
    """Return the card that a subscription is paid with."""
    customer = store.get("customer", subscription["customer"])
    default = customer["invoice_settings"]["default_payment_method"]
    return store.get(
        "payment_method", subscription["default_payment_method"] or default
    )


def invoice_now(store: Store, subscription: Obj, lines: list[Line], reason: str) -> Obj:
    """Write and finalize an invoice of a subscription; nothing is charged yet."""
    customer = store.get("customer", subscription["customer"])
    invoice = billing.draft(
        store,
        customer,
        lines,
        reason=reason,
        period=period_of(subscription),
        subscription=subscription,
        discount=discounts.use(store, subscription, _months_of(store, subscription)),
    )
    subscription["latest_invoice"] = invoice["id"]
    billing.finalize(store, invoice)
    return invoice


def _months_of(store: Store, subscription: Obj) -> int:
    """Return how many months a subscription runs."""
    began = datetime.fromtimestamp(subscription["start_date"], UTC)
    now = datetime.fromtimestamp(store.now, UTC)
    months = (now.year - began.year) * 12 + now.month - began.month
    return months - (add_months(began, months, _UTC) > now)


def charge(store: Store, subscription: Obj, invoice: Obj) -> bool:
    """Collect an invoice without the buyer; a failure starts or goes on dunning.

    Returns:
        Whether nothing is left to pay.
    """
    if invoice["status"] == "paid":
        return True
    method = method_of(store, subscription)
    if billing.collect(store, invoice, method, present=False):
        if subscription["status"] == "past_due":
            update(store, subscription, status="active")
        return True
    if invoice["_failed_at"] is None:
        invoice["_failed_at"] = store.now
    retries = invoice["attempt_count"] - 1
    last = retries >= len(_RETRY_DAYS)
    invoice["next_payment_attempt"] = (
        None if last else invoice["_failed_at"] + _RETRY_DAYS[retries] * _DAY
    )
    store.emit("invoice.payment_failed", invoice)
    if last:
        end(store, subscription, reason="payment_failed")
        billing.mark_uncollectible(store, invoice)
        return False
    store.schedule(invoice["next_payment_attempt"], "retry", invoice["id"])
    update(store, subscription, status="past_due")
    return False


def renew(store: Store, key: str, at: int) -> None:
    """Begin the next period, or end the subscription that was canceled for it."""
    subscription = store.get("subscription", key)
    old = period_of(subscription)
    if subscription["status"] not in LIVING or old[1] != at:
        return
    if subscription["cancel_at_period_end"]:
        end(store, subscription, reason="cancellation_requested")
        return
    was_trial = subscription["status"] == "trialing"
    if was_trial:
        subscription["status"] = "active"
    subscription["_period"] += 1
    items = subscription["items"]["data"]
    anchor = subscription["billing_cycle_anchor"]
    until = period_after(
        anchor, items[0]["price"]["recurring"], subscription["_period"]
    )
    previous = {"current_period_start": old[0], "current_period_end": old[1]}
    for item in items:
        item["current_period_start"], item["current_period_end"] = at, until
    pending = [Line(**line) for line in subscription["_pending"]]
    subscription["_pending"] = []
    invoice = invoice_now(
        store,
        subscription,
        period_lines(store, subscription) + pending,
        "subscription_cycle",
    )
    store.emit(
        "customer.subscription.updated",
        subscription,
        {"items": {"data": [dict(previous) for _ in items]}}
        | ({"status": "trialing"} if was_trial else {}),
    )
    _plan_renewal(store, subscription)
    if subscription["pause_collection"] and invoice["status"] == "open":
        _PAUSED[subscription["pause_collection"]["behavior"]](store, invoice)
        return
    charge(store, subscription, invoice)


_PAUSED: Mapping[str, Callable[[Store, Obj], Obj]] = {
    "mark_uncollectible": billing.mark_uncollectible,
    "void": billing.void,
}
"""What becomes of an invoice that is written while collection is paused."""


def resume(store: Store, key: str, at: int) -> None:
    """Collect again from the next invoice on, when a pause is over."""
    subscription = store.get("subscription", key)
    pause = subscription["pause_collection"]
    if pause and pause["resumes_at"] == at and subscription["status"] in LIVING:
        update(store, subscription, pause_collection=None)


def retry(store: Store, key: str, at: int) -> None:
    """Try again to collect a renewal."""
    invoice = store.get("invoice", key)
    if invoice["status"] == "open" and invoice["next_payment_attempt"] == at:
        charge(store, store.get("subscription", invoice["_subscription"]), invoice)


def end(store: Store, subscription: Obj, *, reason: str) -> Obj:
    """End a subscription at once."""
    if subscription["status"] == "canceled":
        raise ApiError(
            f"No such subscription: '{subscription['id']}'",
            status=404,
            code="resource_missing",
            param="id",
        )
    subscription["status"] = "canceled"
    subscription["ended_at"] = store.now
    subscription["canceled_at"] = subscription["canceled_at"] or store.now
    subscription["cancel_at_period_end"] = False
    details = subscription["cancellation_details"]
    details["reason"] = details["reason"] or reason
    for invoice in store.every("invoice"):
        if invoice["_subscription"] == subscription["id"]:
            invoice["next_payment_attempt"] = None
            invoice["auto_advance"] = False
    store.emit("customer.subscription.deleted", subscription)
    return subscription
