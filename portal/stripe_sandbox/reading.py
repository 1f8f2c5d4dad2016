"""Retrieving, listing and expanding objects."""

from collections.abc import Callable, Mapping
from typing import Any

from portal.stripe_sandbox.errors import ApiError, no_such
from portal.stripe_sandbox.store import Json, Obj, Store
from portal.stripe_sandbox.versions import render, render_event

Params = dict[str, Any]
Test = Callable[[Obj, Any], bool]

_LIMIT = range(1, 101)
_USUAL_LIMIT = 10
_DEPTH = 4


def _equal(name: str) -> Test:
    return lambda obj, wanted: obj[name] == wanted


def _subscription_status(obj: Obj, wanted: str) -> bool:
    if wanted == "ended":
        return obj["status"] in {"canceled", "incomplete_expired"}
    return wanted == "all" or obj["status"] == wanted


def _payment(obj: Obj, wanted: Params) -> bool:
    intent = wanted.get("payment_intent")
    return intent is None or obj["payment"]["payment_intent"] == intent


_EXACT: Mapping[str, tuple[str, ...]] = {
    "charge": ("customer", "payment_intent"),
    "checkout.session": ("customer", "payment_intent", "subscription", "status"),
    "coupon": (),
    "credit_note": ("customer", "invoice"),
    "customer": ("email",),
    "dispute": ("charge", "payment_intent"),
    "event": ("type",),
    "invoice": ("customer", "status"),
    "invoice_payment": ("invoice", "status"),
    "payment_intent": ("customer",),
    "payment_method": ("customer", "type"),
    "price": ("active", "currency", "product", "type"),
    "product": ("active", "url"),
    "promotion_code": ("active", "code"),
    "refund": ("charge", "payment_intent"),
    "subscription": ("customer",),
    "webhook_endpoint": (),
}
_SPECIAL: Mapping[str, Mapping[str, Test]] = {
    "event": {"types": lambda obj, wanted: obj["type"] in wanted},
    "invoice": {"subscription": _equal("_subscription")},
    "invoice_payment": {"payment": _payment},
    "price": {"lookup_keys": lambda obj, wanted: obj["lookup_key"] in wanted},
    "product": {"ids": lambda obj, wanted: obj["id"] in wanted},
    "subscription": {
        "status": _subscription_status,
        "price": lambda obj, wanted: any(
            item["price"]["id"] == wanted for item in obj["items"]["data"]
        ),
    },
}
_PAGING = frozenset({"limit", "starting_after", "ending_before", "expand", "created"})


def filters_of(kind: str) -> frozenset[str]:
    """Return the parameters that a list of this kind takes."""
    return frozenset({*_EXACT[kind], *_SPECIAL.get(kind, {}), *_PAGING})


def list_objects(store: Store, kind: str, params: Params, url: str) -> Obj:
    """Return one page of a kind, the newest first."""
    if kind == "subscription" and "status" not in params:
        found = [s for s in store.every(kind) if s["status"] != "canceled"]
    elif kind == "event":
        found = list(reversed(store.events.values()))
    else:
        found = list(store.every(kind))
    special = _SPECIAL.get(kind, {})
    for name, wanted in params.items():
        if name == "created":
            found = [obj for obj in found if _created_within(obj, wanted)]
        elif name not in _PAGING:
            test = special.get(name) or _equal(name)
            found = [obj for obj in found if test(obj, wanted)]
    return page(found, params, url)


def page(found: list[Obj], params: Params, url: str) -> Obj:
    """Cut one page out of a list.

    Raises:
        ApiError: The limit is not between 1 and 100, or the cursor is not in the list.
    """
    limit = params.get("limit", _USUAL_LIMIT)
    if limit not in _LIMIT:
        bound = (
            "greater than or equal to 1" if limit < 1 else "less than or equal to 100"
        )
        raise ApiError(
            f"This value must be {bound} (it currently is '{limit}').", param="limit"
        )
    keys = [obj["id"] for obj in found]
    if "ending_before" in params:
        until = _position(keys, params, "ending_before")
        first = max(until - limit, 0)
        data, more = found[first:until], first > 0
    else:
        first = 0
        if "starting_after" in params:
            first = _position(keys, params, "starting_after") + 1
        data, more = found[first : first + limit], first + limit < len(found)
    return {"object": "list", "data": data, "has_more": more, "url": url}


def _position(keys: list[str], params: Params, name: str) -> int:
    if params[name] not in keys:
        raise no_such("object", params[name], param=name)
    return keys.index(params[name])


def _created_within(obj: Obj, wanted: int | Params) -> bool:
    created: int = obj["created"]
    if isinstance(wanted, int):
        return created == wanted
    tests = {
        "gt": created.__gt__,
        "gte": created.__ge__,
        "lt": created.__lt__,
        "lte": created.__le__,
    }
    return all(tests[name](bound) is True for name, bound in wanted.items())


def present(store: Store, obj: Obj, version: str, expand: list[str]) -> Obj:
    """Return what a version shows of an object or page, expanded as asked.

    Raises:
        ApiError: A property cannot be expanded.
    """
    shown = _render(store, obj, version)
    for path in expand:
        steps = path.split(".")
        if len(steps) > _DEPTH:
            raise ApiError(
                "You cannot expand more than 4 levels of a property.", param="expand"
            )
        _expand(store, version, shown, steps)
    return shown


def _render(store: Store, obj: Obj, version: str) -> Obj:
    if obj.get("object") == "list":
        data = [_render(store, item, version) for item in obj["data"]]
        return {**obj, "data": data}
    if "snapshot" in obj:
        endpoints = store.objects.get("webhook_endpoint", {})
        pending = sum(f"{obj['id']} {key}" in store.pending for key in endpoints)
        return render_event(obj, store.api_version, pending)
    return render(obj, version)


def _expand(store: Store, version: str, node: Json, steps: list[str]) -> None:
    if not steps or node is None:
        return
    if isinstance(node, list):
        for item in node:
            _expand(store, version, item, steps)
        return
    name, *rest = steps
    value = node.get(name)
    if isinstance(value, str):
        target = store.find(value)
        if target is None:
            raise _not_expandable(name)
        node[name] = render(target, version)
    elif value is None and name not in node:
        node[name] = _included(store, version, node, name)
    elif not isinstance(value, dict | list) and value is not None:
        raise _not_expandable(name)
    _expand(store, version, node[name], rest)


def _not_expandable(name: str) -> ApiError:
    return ApiError(f"This property cannot be expanded ({name}).", param="expand")


_INCLUDED = {
    ("charge", "refunds"): ("refund", "charge", "/v1/charges/{}/refunds"),
    ("customer", "subscriptions"): (
        "subscription",
        "customer",
        "/v1/customers/{}/subscriptions",
    ),
    ("invoice", "payments"): (
        "invoice_payment",
        "invoice",
        "/v1/invoice_payments?invoice={}",
    ),
}


def _included(store: Store, version: str, node: Obj, name: str) -> Obj:
    """Return a list that is only shown when asked for."""
    kind, key = node.get("object", ""), node.get("id", "")
    if (kind, name) == ("checkout.session", "line_items"):
        items = store.get(kind, key)["_line_items"]
        return _render(
            store, page(items, {}, f"/v1/checkout/sessions/{key}/line_items"), version
        )
    if (kind, name) not in _INCLUDED:
        raise _not_expandable(name)
    other, field, url = _INCLUDED[kind, name]
    found = list_objects(store, other, {field: key}, url.format(key))
    return _render(store, found, version)
