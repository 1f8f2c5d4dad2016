"""Which address does what, and which parameters it takes."""

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from portal.stripe_sandbox import (
    billing,
    catalog,
    changes,
    checkout,
    discounts,
    portals,
    reading,
    refunds,
)
from portal.stripe_sandbox.store import Obj, Store

Params = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Route:
    """One method of one address.

    Attributes:
        method: The HTTP method.
        pattern: Matches the path; its group `key` is the object's id.
        library_type: The library's type of the parameters, in `stripe.params`.
        supported: The parameters that the sandbox acts on.
        run: Does it: store, parameters, id.
    """

    method: str
    pattern: re.Pattern[str]
    library_type: str
    supported: frozenset[str]
    run: Callable[[Store, Params, str], Obj]


_PRICE_DATA = (
    "{0}.currency {0}.product {0}.product_data.name {0}.product_data.description "
    "{0}.product_data.metadata {0}.product_data.images {0}.recurring.interval "
    "{0}.recurring.interval_count {0}.unit_amount {0}.tax_behavior"
)
_CUSTOMER = (
    "name email description phone preferred_locales address metadata "
    "invoice_settings.default_payment_method"
)
_PRODUCT = "name active description images statement_descriptor unit_label url metadata"
_ENDPOINT = "url enabled_events description metadata"
_SESSION = (
    "mode success_url cancel_url client_reference_id customer customer_email "
    "customer_creation metadata expires_at line_items.price line_items.quantity "
    "subscription_data.metadata subscription_data.description "
    "subscription_data.trial_period_days discounts.coupon discounts.promotion_code "
    "allow_promotion_codes tax_id_collection.enabled "
    "payment_intent_data.metadata payment_intent_data.description "
    "billing_address_collection locale submit_type ui_mode "
    + _PRICE_DATA.format("line_items.price_data")
)
_PRICE_OF_ITEM = (
    "items.price_data.currency items.price_data.product items.price_data.unit_amount "
    "items.price_data.recurring.interval items.price_data.recurring.interval_count "
    "items.price_data.tax_behavior"
)
_CREDIT_NOTE = (
    "invoice amount refund_amount credit_amount out_of_band_amount reason memo metadata"
)

_KINDS = {
    "charges": ("charge", "Charge"),
    "checkout/sessions": ("checkout.session", "checkout.Session"),
    "coupons": ("coupon", "Coupon"),
    "credit_notes": ("credit_note", "CreditNote"),
    "customers": ("customer", "Customer"),
    "disputes": ("dispute", "Dispute"),
    "events": ("event", "Event"),
    "invoice_payments": ("invoice_payment", "InvoicePayment"),
    "invoices": ("invoice", "Invoice"),
    "payment_intents": ("payment_intent", "PaymentIntent"),
    "payment_methods": ("payment_method", "PaymentMethod"),
    "prices": ("price", "Price"),
    "products": ("product", "Product"),
    "promotion_codes": ("promotion_code", "PromotionCode"),
    "refunds": ("refund", "Refund"),
    "subscriptions": ("subscription", "Subscription"),
    "webhook_endpoints": ("webhook_endpoint", "WebhookEndpoint"),
}
_KEY = r"(?P<key>[A-Za-z0-9_.-]+)"


def _pattern(path: str) -> re.Pattern[str]:
    return re.compile("/v1/" + path.replace("<key>", _KEY))


def _route(
    method: str,
    path: str,
    library_type: str,
    supported: str,
    run: Callable[[Store, Params, str], Obj],
) -> Route:
    names = frozenset(supported.split()) | {"expand"}
    return Route(method, _pattern(path), f"{library_type}Params", names, run)


def _retrieve(path: str) -> Route:
    kind, name = _KINDS[path]

    def run(store: Store, params: Params, key: str) -> Obj:
        del params
        if kind == "event" and key in store.events:
            return store.events[key]
        return store.get(kind, key)

    return _route("GET", f"{path}/<key>", f"{name}Retrieve", "", run)


def _list(path: str) -> Route:
    kind, name = _KINDS[path]

    def run(store: Store, params: Params, key: str) -> Obj:
        del key
        return reading.list_objects(store, kind, params, f"/v1/{path}")

    supported = " ".join(reading.filters_of(kind))
    return _route("GET", path, f"{name}List", supported, run)


def _create(
    path: str, library_type: str, supported: str, make: Callable[[Store, Params], Obj]
) -> Route:
    return _route(
        "POST",
        path,
        library_type,
        supported,
        lambda store, params, _: make(store, params),
    )


def _update(
    path: str,
    supported: str,
    change: Callable[[Store, Obj, Params], Obj],
    *,
    method: str = "POST",
    verb: str = "Update",
) -> Route:
    kind, name = _KINDS[path]

    def run(store: Store, params: Params, key: str) -> Obj:
        return change(store, store.get(kind, key), params)

    return _route(method, f"{path}/<key>", f"{name}{verb}", supported, run)


def _verb(
    path: str, word: str, library_type: str, act: Callable[[Store, Obj], Obj]
) -> Route:
    kind, _ = _KINDS[path]

    def run(store: Store, params: Params, key: str) -> Obj:
        del params
        return act(store, store.get(kind, key))

    return _route("POST", f"{path}/<key>/{word}", library_type, "", run)


def _session_items(store: Store, params: Params, key: str) -> Obj:
    items = store.get("checkout.session", key)["_line_items"]
    return reading.page(items, params, f"/v1/checkout/sessions/{key}/line_items")


def _invoice_lines(store: Store, params: Params, key: str) -> Obj:
    lines = store.get("invoice", key)["lines"]
    return reading.page(lines["data"], params, lines["url"])


def _charge_refunds(store: Store, params: Params, key: str) -> Obj:
    url = f"/v1/charges/{store.get('charge', key)['id']}/refunds"
    return reading.list_objects(store, "refund", {**params, "charge": key}, url)


def _pay(store: Store, params: Params, key: str) -> Obj:
    invoice = store.get("invoice", key)
    name = params.get("payment_method")
    if name is None and invoice["_subscription"]:
        subscription = store.get("subscription", invoice["_subscription"])
        name = subscription["default_payment_method"]
    method = store.get("payment_method", name or "", param="payment_method")
    billing.collect_now(store, invoice, method)
    return changes.recover(store, invoice)


_PAGE = "limit starting_after ending_before"
ROUTES: tuple[Route, ...] = (
    *(_list(path) for path in _KINDS),
    *(_retrieve(path) for path in _KINDS),
    _create("customers", "CustomerCreate", _CUSTOMER, catalog.create_customer),
    _update("customers", _CUSTOMER, catalog.update_customer),
    _create(
        "products",
        "ProductCreate",
        f"id {_PRODUCT} default_price_data.currency default_price_data.unit_amount "
        "default_price_data.recurring.interval "
        "default_price_data.recurring.interval_count default_price_data.metadata",
        catalog.create_product,
    ),
    _update("products", f"{_PRODUCT} default_price", catalog.update_product),
    _create(
        "prices",
        "PriceCreate",
        "currency product product_data.name product_data.metadata unit_amount "
        "recurring.interval recurring.interval_count recurring.usage_type active "
        "lookup_key transfer_lookup_key nickname tax_behavior metadata",
        catalog.create_price,
    ),
    _update(
        "prices",
        "active nickname lookup_key transfer_lookup_key metadata",
        catalog.update_price,
    ),
    _create(
        "checkout/sessions",
        "checkout.SessionCreate",
        _SESSION,
        checkout.create_session,
    ),
    _verb(
        "checkout/sessions", "expire", "checkout.SessionExpire", checkout.expire_session
    ),
    _route(
        "GET",
        "checkout/sessions/<key>/line_items",
        "checkout.SessionListLineItems",
        _PAGE,
        _session_items,
    ),
    _update(
        "subscriptions",
        "cancel_at_period_end metadata description default_payment_method "
        "proration_behavior cancellation_details.comment cancellation_details.feedback "
        "pause_collection.behavior pause_collection.resumes_at pause_collection "
        "items.id items.price items.quantity " + _PRICE_OF_ITEM,
        changes.update_subscription,
    ),
    _update(
        "subscriptions",
        "cancellation_details.comment cancellation_details.feedback",
        changes.cancel_subscription,
        method="DELETE",
        verb="Cancel",
    ),
    _route("GET", "invoices/<key>/lines", "InvoiceListLines", _PAGE, _invoice_lines),
    _route("POST", "invoices/<key>/pay", "InvoicePay", "payment_method", _pay),
    _verb("invoices", "void", "InvoiceVoidInvoice", billing.void),
    _verb(
        "invoices",
        "mark_uncollectible",
        "InvoiceMarkUncollectible",
        billing.mark_uncollectible,
    ),
    _create(
        "refunds",
        "RefundCreate",
        "charge payment_intent amount reason metadata",
        refunds.create_refund,
    ),
    _update("refunds", "metadata", refunds.update_refund),
    _route("GET", "charges/<key>/refunds", "ChargeListRefunds", _PAGE, _charge_refunds),
    _create(
        "coupons",
        "CouponCreate",
        "id amount_off currency percent_off duration duration_in_months name metadata",
        discounts.create_coupon,
    ),
    _create(
        "promotion_codes",
        "PromotionCodeCreate",
        "code promotion.type promotion.coupon metadata",
        discounts.create_code,
    ),
    _create(
        "credit_notes", "CreditNoteCreate", _CREDIT_NOTE, refunds.create_credit_note
    ),
    _create(
        "billing_portal/sessions",
        "billing_portal.SessionCreate",
        "customer return_url",
        portals.create_portal,
    ),
    _create(
        "webhook_endpoints",
        "WebhookEndpointCreate",
        f"{_ENDPOINT} api_version",
        catalog.create_endpoint,
    ),
    _update("webhook_endpoints", f"{_ENDPOINT} disabled", catalog.update_endpoint),
    _update(
        "webhook_endpoints",
        "",
        lambda store, endpoint, _: catalog.delete_endpoint(store, endpoint),
        method="DELETE",
        verb="Delete",
    ),
)


def route_for(method: str, path: str) -> tuple[Route, str] | None:
    """Return the route for a request and the id in its path, or none."""
    for route in ROUTES:
        if route.method == method and (match := route.pattern.fullmatch(path)):
            return route, match.groupdict().get("key", "")
    return None
