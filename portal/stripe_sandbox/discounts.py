"""Coupons, the codes that stand for them, and what they take off."""

import json
from typing import Any

from portal.kit.money import Rounding, divide
from portal.stripe_sandbox.catalog import merge_metadata
from portal.stripe_sandbox.errors import ApiError, missing
from portal.stripe_sandbox.store import Obj, Store

_HUNDRED_PERCENT = 10_000
"""In basis points, which is what a coupon keeps its share in."""


def create_coupon(store: Store, params: dict[str, Any]) -> Obj:
    """Make a coupon.

    Raises:
        ApiError: It takes nothing off, or not for a known time.
    """
    if ("percent_off" in params) == ("amount_off" in params):
        raise ApiError(
            "You must pass either `percent_off` or `amount_off`, and not both.",
            param="percent_off",
        )
    if "amount_off" in params and "currency" not in params:
        raise missing("currency")
    duration = params.get("duration", "once")
    if (duration == "repeating") != ("duration_in_months" in params):
        raise missing("duration_in_months")
    coupon: Obj = {
        "id": params.get("id") or store.letters(8),
        "object": "coupon",
        "amount_off": params.get("amount_off"),
        "created": store.now,
        "currency": params.get("currency"),
        "duration": duration,
        "duration_in_months": params.get("duration_in_months"),
        "livemode": False,
        "max_redemptions": None,
        "metadata": {},
        "name": params.get("name"),
        "percent_off": None,
        "redeem_by": None,
        "times_redeemed": 0,
        "valid": True,
        "_bps": None,
    }
    if "percent_off" in params:
        coupon["_bps"] = _basis_points(params["percent_off"])
        coupon["percent_off"] = json.loads(params["percent_off"])
    if coupon["id"] in store.objects.get("coupon", {}):
        raise ApiError("Coupon already exists.", code="resource_already_exists")
    merge_metadata(coupon, params.get("metadata"))
    return store.add(coupon)


def _basis_points(percent: str) -> int:
    whole, _, part = percent.partition(".")
    if (whole + part).isdigit():
        bps = int(whole + part[:2].ljust(2, "0"))
        if 0 < bps <= _HUNDRED_PERCENT:
            return bps
    raise ApiError("Invalid percent_off: from 0 to 100.", param="percent_off")


def create_code(store: Store, params: dict[str, Any]) -> Obj:
    """Make a promotion code, which buyers type, for a coupon.

    Raises:
        ApiError: There is no such coupon, or the code is taken.
    """
    name = params["promotion"].get("coupon")
    if name is None:
        raise missing("promotion[coupon]")
    coupon = store.get("coupon", name, param="promotion[coupon]")
    code = params.get("code") or store.letters(8).upper()
    if find_code(store, code) is not None:
        raise ApiError(
            "An active promotion code with this code exists already.", param="code"
        )
    made: Obj = {
        "id": store.new_id("promotion_code"),
        "object": "promotion_code",
        "active": True,
        "code": code,
        "created": store.now,
        "customer": None,
        "customer_account": None,
        "expires_at": None,
        "livemode": False,
        "max_redemptions": None,
        "metadata": {},
        "promotion": {"coupon": coupon["id"], "type": "coupon"},
        "restrictions": {
            "first_time_transaction": False,
            "minimum_amount": None,
            "minimum_amount_currency": None,
        },
        "times_redeemed": 0,
    }
    merge_metadata(made, params.get("metadata"))
    return store.add(made)


def find_code(store: Store, code: str) -> Obj | None:
    """Return the active code that a buyer typed, whatever its case, or none."""
    return next(
        (
            one
            for one in store.every("promotion_code")
            if one["active"] and one["code"].lower() == code.strip().lower()
        ),
        None,
    )


def coupon_of(store: Store, wanted: Obj) -> Obj:
    """Return the coupon that `{"coupon": ...}` or `{"promotion_code": ...}` names."""
    key = wanted.get("coupon")
    if wanted.get("promotion_code"):
        name = "promotion_code"
        key = store.get(name, wanted[name], param=name)["promotion"]["coupon"]
    return store.get("coupon", key or "", param="coupon")


def taken_off(coupon: Obj, amount: int) -> int:
    """Return what a coupon takes off an amount, in minor units."""
    if coupon["_bps"] is not None:
        return divide(amount * coupon["_bps"], _HUNDRED_PERCENT, Rounding.HALF_AWAY)
    return min(int(coupon["amount_off"]), amount)


def redeem(store: Store, wanted: Obj, subscription: Obj) -> None:
    """Let a subscription be cheaper from its next invoice on."""
    coupon = coupon_of(store, wanted)
    coupon["times_redeemed"] += 1
    code = wanted.get("promotion_code")
    if code:
        store.get("promotion_code", code)["times_redeemed"] += 1
    discount: Obj = {
        "id": store.new_id("discount"),
        "object": "discount",
        "checkout_session": None,
        "customer": subscription["customer"],
        "customer_account": None,
        "end": None,
        "invoice": None,
        "invoice_item": None,
        "promotion_code": code,
        "source": {"coupon": coupon["id"], "type": "coupon"},
        "start": store.now,
        "subscription": subscription["id"],
        "subscription_item": None,
    }
    store.add(discount)
    subscription["discounts"] = [discount["id"]]


def use(store: Store, subscription: Obj, months: int) -> tuple[Obj, Obj] | None:
    """Return the discount of the next invoice with its coupon; none without one.

    Args:
        store: The account.
        subscription: Whose invoice it is; a discount that is used up leaves it.
        months: How many months since the discount began, for one that repeats.
    """
    if not subscription["discounts"]:
        return None
    discount = store.get("discount", subscription["discounts"][0])
    coupon = store.get("coupon", discount["source"]["coupon"])
    if coupon["duration"] == "repeating" and months >= coupon["duration_in_months"]:
        subscription["discounts"] = []
        return None
    if coupon["duration"] == "once":
        subscription["discounts"] = []
    return discount, coupon
