"""The two shapes of Stripe's objects.

Since March 2025 an invoice names its subscription under `parent` and its payments in
objects of their own, and a charge no longer names its invoice. Endpoints that were
made with an older version still get the older shape.
"""

from collections.abc import Callable, Mapping

from portal.stripe_sandbox.blanks import BLANKS
from portal.stripe_sandbox.store import Json, Obj, snapshot_of
from portal.stripe_sandbox.subscriptions import plan_of

_FIRST_CURRENT = "2025-03-31"
_PERIOD = ("current_period_start", "current_period_end")


def is_older(version: str) -> bool:
    """Tell whether this version has the shape from before March 2025."""
    return version < _FIRST_CURRENT


def render(obj: Obj, version: str) -> Obj:
    """Return an object as a version shows it, without the sandbox's own notes."""
    shown: Obj = _strip({**BLANKS.get(obj["object"], {}), **obj})
    if is_older(version):
        change = _OLDER.get(obj["object"])
        if change is not None:
            change(obj, shown)
    return shown


def render_event(event: Obj, version: str, pending: int) -> Obj:
    """Return an event as it was, in the shape of a version.

    Args:
        event: What the store kept.
        version: The version of the endpoint or account that reads it.
        pending: How many deliveries have not arrived yet.
    """
    data: Obj = {"object": render(snapshot_of(event), version)}
    if event["previous"] is not None:
        data["previous_attributes"] = _previous(event["previous"], version)
    return {
        "id": event["id"],
        "object": "event",
        "api_version": version,
        "created": event["created"],
        "data": data,
        "livemode": False,
        "pending_webhooks": pending,
        "request": event["request"],
        "type": event["type"],
    }


def _previous(previous: Obj, version: str) -> Obj:
    shown: Obj = _strip(previous)
    items = shown.get("items")
    if items and is_older(version):
        first = items["data"][0]
        shown.update({name: first[name] for name in _PERIOD if name in first})
    return shown


def _strip(value: Json) -> Json:
    if isinstance(value, dict):
        return {k: _strip(v) for k, v in value.items() if k[0:1] != "_"}
    if isinstance(value, list):
        return [_strip(item) for item in value]
    return value


def _older_invoice(obj: Obj, shown: Obj) -> None:
    for name in ("parent", "total_taxes", "amount_overpaid", "customer_account"):
        del shown[name]
    parent = obj["parent"] or {"subscription_details": {"metadata": None}}
    shown.update(
        application_fee_amount=None,
        charge=obj["_charge"],
        discount=None,
        paid=obj["status"] == "paid",
        paid_out_of_band=False,
        payment_intent=obj["_payment_intent"],
        quote=None,
        subscription=obj["_subscription"],
        subscription_details={"metadata": parent["subscription_details"]["metadata"]},
        tax=None,
        total_tax_amounts=[],
        transfer_data=None,
    )
    for line, row in zip(obj["lines"]["data"], shown["lines"]["data"], strict=True):
        _older_line(line, row)


def _older_line(line: Obj, shown: Obj) -> None:
    for name in ("parent", "pricing", "quantity_decimal", "subtotal", "taxes"):
        del shown[name]
    parent = line["parent"]
    details = parent[parent["type"]]
    price = line["_price"]
    shown.update(
        amount_excluding_tax=line["amount"],
        invoice_item=details["invoice_item"],
        plan=plan_of(price) if price["recurring"] else None,
        price=_strip(price),
        proration=details["proration"],
        proration_details=details["proration_details"],
        tax_amounts=[],
        tax_rates=[],
        type="invoiceitem" if details["invoice_item"] else "subscription",
        unit_amount_excluding_tax=price["unit_amount_decimal"],
    )
    if "subscription_item" in details:
        shown["subscription_item"] = details["subscription_item"]


def _older_subscription(obj: Obj, shown: Obj) -> None:
    for name in ("billing_mode", "customer_account"):
        del shown[name]
    shown["discount"] = None
    first = obj["items"]["data"][0]
    shown.update({name: first[name] for name in _PERIOD})
    shown["plan"] = first["plan"] if len(obj["items"]["data"]) == 1 else None
    for item in shown["items"]["data"]:
        for name in _PERIOD:
            del item[name]


def _older_charge(obj: Obj, shown: Obj) -> None:
    shown["invoice"] = obj["_invoice"]


def _older_intent(obj: Obj, shown: Obj) -> None:
    shown["invoice"] = obj["_invoice"]
    for name in ("customer_account", "excluded_payment_method_types"):
        del shown[name]


def _older_session(obj: Obj, shown: Obj) -> None:
    del obj
    for name in (
        "collected_information",
        "customer_account",
        "integration_identifier",
        "origin_context",
        "permissions",
        "wallet_options",
    ):
        del shown[name]
    shown["shipping_details"] = None
    shown["ui_mode"] = "hosted"


def _older_refund(obj: Obj, shown: Obj) -> None:
    del obj
    for name in ("customer", "customer_account", "payment_method"):
        del shown[name]


_OLDER: Mapping[str, Callable[[Obj, Obj], None]] = {
    "charge": _older_charge,
    "checkout.session": _older_session,
    "invoice": _older_invoice,
    "payment_intent": _older_intent,
    "refund": _older_refund,
    "subscription": _older_subscription,
}
