"""Customers, products, prices and webhook endpoints."""

from typing import Any

from portal.stripe_sandbox.errors import ApiError, missing
from portal.stripe_sandbox.store import Obj, Store

Params = dict[str, Any]

_CUSTOMER_FIELDS = ("name", "email", "description", "phone", "preferred_locales")
_PRODUCT_FIELDS = (
    "name",
    "active",
    "description",
    "images",
    "statement_descriptor",
    "unit_label",
    "url",
)


def merge_metadata(obj: Obj, given: Params | str | None) -> None:
    """Add metadata as Stripe does: an empty value removes, "" removes all."""
    if given is None:
        return
    if isinstance(given, str):
        obj["metadata"] = {}
        return
    merged = {**obj["metadata"], **given}
    obj["metadata"] = {k: v for k, v in merged.items() if v not in {"", None}}


def take(obj: Obj, params: Params, names: tuple[str, ...]) -> Obj:
    """Overwrite the named fields that were given.

    Returns:
        The old values of those that changed.
    """
    previous = {}
    for name in names:
        if name in params:
            value = params[name] if params[name] != "" else None
            if obj[name] != value:
                previous[name] = obj[name]
                obj[name] = value
    return previous


def create_customer(store: Store, params: Params) -> Obj:
    """Make a customer and tell so."""
    customer: Obj = {
        "id": store.new_id("customer"),
        "object": "customer",
        "address": None,
        "balance": 0,
        "created": store.now,
        "currency": None,
        "default_source": None,
        "delinquent": False,
        "description": None,
        "discount": None,
        "email": None,
        "invoice_prefix": store.letters(8).upper(),
        "invoice_settings": {
            "custom_fields": None,
            "default_payment_method": None,
            "footer": None,
            "rendering_options": None,
        },
        "livemode": False,
        "metadata": {},
        "name": None,
        "next_invoice_sequence": 1,
        "phone": None,
        "preferred_locales": [],
        "shipping": None,
        "tax_exempt": "none",
        "test_clock": None,
    }
    _fill_customer(store, customer, params)
    store.add(customer)
    store.emit("customer.created", customer)
    return customer


def update_customer(store: Store, customer: Obj, params: Params) -> Obj:
    """Change a customer."""
    previous = _fill_customer(store, customer, params)
    if previous:
        store.emit("customer.updated", customer, previous)
    return customer


def _fill_customer(store: Store, customer: Obj, params: Params) -> Obj:
    previous = take(customer, params, _CUSTOMER_FIELDS)
    if "address" in params:
        previous["address"] = customer["address"]
        names = ("city", "country", "line1", "line2", "postal_code", "state")
        given = params["address"] or None
        customer["address"] = given and {n: given.get(n) for n in names}
    method = params.get("invoice_settings", {}).get("default_payment_method")
    if method:
        param = "invoice_settings[default_payment_method]"
        store.get("payment_method", method, param=param)
        previous["invoice_settings"] = dict(customer["invoice_settings"])
        customer["invoice_settings"]["default_payment_method"] = method
    if "metadata" in params:
        previous["metadata"] = customer["metadata"]
        merge_metadata(customer, params["metadata"])
    return previous


def create_product(store: Store, params: Params) -> Obj:
    """Make a product and tell so."""
    product: Obj = {
        "id": params.get("id") or store.new_id("product"),
        "object": "product",
        "active": True,
        "created": store.now,
        "default_price": None,
        "description": None,
        "images": [],
        "livemode": False,
        "marketing_features": [],
        "metadata": {},
        "name": "",
        "package_dimensions": None,
        "shippable": None,
        "statement_descriptor": None,
        "tax_code": None,
        "type": "service",
        "unit_label": None,
        "updated": store.now,
        "url": None,
    }
    if product["id"] in store.objects.get("product", {}):
        raise ApiError(
            "Product already exists.", code="resource_already_exists", param="id"
        )
    take(product, params, _PRODUCT_FIELDS)
    merge_metadata(product, params.get("metadata"))
    store.add(product)
    store.emit("product.created", product)
    if data := params.get("default_price_data"):
        product["default_price"] = create_price(
            store, {**data, "product": product["id"]}
        )["id"]
    return product


def update_product(store: Store, product: Obj, params: Params) -> Obj:
    """Change a product."""
    previous = take(product, params, _PRODUCT_FIELDS)
    if default := params.get("default_price"):
        store.get("price", default, param="default_price")
        previous["default_price"] = product["default_price"]
        product["default_price"] = default
    if "metadata" in params:
        previous["metadata"] = product["metadata"]
        merge_metadata(product, params["metadata"])
    product["updated"] = store.now
    store.emit("product.updated", product, previous)
    return product


def create_price(store: Store, params: Params) -> Obj:
    """Make a price and tell so.

    Raises:
        ApiError: It has no product or no amount, or its lookup key is taken.
    """
    if "product" in params:
        product = store.get("product", params["product"], param="product")
    elif "product_data" in params:
        product = create_product(store, params["product_data"])
    else:
        raise missing("product")
    amount = params.get("unit_amount")
    if amount is None:
        raise missing("unit_amount")
    if amount < 0:
        raise ApiError(
            "Invalid non-negative integer",
            code="parameter_invalid_integer",
            param="unit_amount",
        )
    price: Obj = {
        "id": store.new_id("price"),
        "object": "price",
        "active": params.get("active", True),
        "billing_scheme": "per_unit",
        "created": store.now,
        "currency": params["currency"].lower(),
        "custom_unit_amount": None,
        "livemode": False,
        "lookup_key": _lookup_key(store, params),
        "metadata": {},
        "nickname": params.get("nickname"),
        "product": product["id"],
        "recurring": _recurring(params.get("recurring")),
        "tax_behavior": params.get("tax_behavior", "unspecified"),
        "tiers_mode": None,
        "transform_quantity": None,
        "type": "recurring" if "recurring" in params else "one_time",
        "unit_amount": amount,
        "unit_amount_decimal": str(amount),
    }
    merge_metadata(price, params.get("metadata"))
    store.add(price)
    store.emit("price.created", price)
    return price


def _recurring(given: Params | None) -> Obj | None:
    if given is None:
        return None
    return {
        "interval": given["interval"],
        "interval_count": given.get("interval_count", 1),
        "meter": None,
        "trial_period_days": None,
        "usage_type": "licensed",
    }


def _lookup_key(store: Store, params: Params) -> str | None:
    key: str | None = params.get("lookup_key")
    holders = [p for p in store.every("price") if key and p["lookup_key"] == key]
    if holders and not params.get("transfer_lookup_key"):
        raise ApiError(
            f"A price (`{holders[0]['id']}`) already uses that lookup key.",
            param="lookup_key",
        )
    for holder in holders:
        holder["lookup_key"] = None
    return key


def update_price(store: Store, price: Obj, params: Params) -> Obj:
    """Change what may change about a price."""
    previous = take(price, params, ("active", "nickname"))
    if "lookup_key" in params:
        previous["lookup_key"] = price["lookup_key"]
        price["lookup_key"] = _lookup_key(store, params)
    if "metadata" in params:
        previous["metadata"] = price["metadata"]
        merge_metadata(price, params["metadata"])
    store.emit("price.updated", price, previous)
    return price


def create_endpoint(store: Store, params: Params) -> Obj:
    """Register where events go.

    Returns:
        The endpoint with its `secret`, which is told this once only.
    """
    endpoint: Obj = {
        "id": store.new_id("webhook_endpoint"),
        "object": "webhook_endpoint",
        "api_version": params.get("api_version"),
        "application": None,
        "created": store.now,
        "description": params.get("description"),
        "enabled_events": params["enabled_events"],
        "livemode": False,
        "metadata": {},
        "status": "enabled",
        "url": web_address(params["url"], "url"),
        "_secret": params.get("_secret") or f"whsec_{store.letters(32)}",
    }
    merge_metadata(endpoint, params.get("metadata"))
    store.add(endpoint)
    return {**endpoint, "secret": endpoint["_secret"]}


def update_endpoint(store: Store, endpoint: Obj, params: Params) -> Obj:
    """Change where events go, or which."""
    del store
    if "url" in params:
        web_address(params["url"], "url")
    take(endpoint, params, ("url", "enabled_events", "description"))
    if "disabled" in params:
        endpoint["status"] = "disabled" if params["disabled"] else "enabled"
    merge_metadata(endpoint, params.get("metadata"))
    return endpoint


def delete_endpoint(store: Store, endpoint: Obj) -> Obj:
    """Forget an endpoint and what was still to be sent there."""
    store.remove(endpoint)
    for key in [k for k in store.pending if k.endswith(f" {endpoint['id']}")]:
        store.settle(key, "failed")
    return {"id": endpoint["id"], "object": "webhook_endpoint", "deleted": True}


def web_address(url: str, param: str) -> str:
    """Return `url` when it could be one.

    Raises:
        ApiError: It does not begin with http:// or https://.
    """
    if not url.startswith(("http://", "https://")) or " " in url:
        raise ApiError("Not a valid URL", code="url_invalid", param=param)
    return url
