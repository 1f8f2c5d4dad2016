"""What the hosted pages show: checkout, billing portal, invoice, overview."""

from collections.abc import Mapping
from typing import Any
from urllib.parse import urlsplit

from jinja2 import Environment, PackageLoader, StrictUndefined

from portal.stripe_sandbox.cards import CARDS
from portal.stripe_sandbox.sandbox import Sandbox, email_of
from portal.stripe_sandbox.store import Obj, Store
from portal.stripe_sandbox.subscriptions import LIVING, period_of
from portal.stripe_sandbox.wording import amount_text, interval_text, moment_text

_RECENT = 25

_templates = Environment(
    loader=PackageLoader("portal.stripe_sandbox"),
    autoescape=True,
    undefined=StrictUndefined,
    trim_blocks=True,
    lstrip_blocks=True,
)
_templates.filters["amount"] = amount_text
_templates.filters["interval"] = interval_text
_templates.filters["moment"] = moment_text


def policy(extra: str | None = None) -> str:
    """Return the content security policy of a page.

    Args:
        extra: An address that a form leads to in the end; browsers hold redirects
            after a form against the policy too.
    """
    parts = urlsplit(extra or "")
    origin = f" {parts.scheme}://{parts.netloc}" if parts.netloc else ""
    return (
        f"default-src 'none'; style-src 'self'; form-action 'self'{origin}; "
        "base-uri 'none'; frame-ancestors 'none'"
    )


def checkout_page(
    sandbox: Sandbox,
    session: Obj,
    typed: Mapping[str, str],
    errors: Mapping[str, str],
    declined: str = "",
) -> str:
    """Return the page on which a buyer pays.

    Args:
        sandbox: The account.
        session: An open checkout session.
        typed: What the buyer wrote; never the card's number or security code.
        errors: A message for each field that is wrong.
        declined: What the bank said, or nothing.
    """
    return _templates.get_template("checkout.html").render(
        session=session,
        items=session["_line_items"],
        email=email_of(sandbox.store, session),
        typed=typed,
        errors=errors,
        declined=declined,
        cards=[card for card in CARDS.values() if card.purpose],
    )


def closed_page(session: Obj) -> str:
    """Return the page of a session that can no longer be paid."""
    return _templates.get_template("closed.html").render(session=session)


def plain_page(title: str, text: str) -> str:
    """Return a page that says one thing."""
    return _templates.get_template("plain.html").render(title=title, text=text)


def portal_page(
    sandbox: Sandbox,
    session: Obj,
    typed: Mapping[str, str],
    errors: Mapping[str, str],
    done: str = "",
) -> str:
    """Return the page on which a buyer looks after subscriptions.

    Args:
        sandbox: The account.
        session: A billing portal session.
        typed: What the buyer wrote; never the card's number or security code.
        errors: A message for each field that is wrong.
        done: What was just done, in a sentence, or nothing.
    """
    store = sandbox.store
    key = session["customer"]
    subscriptions = [s for s in store.every("subscription") if s["customer"] == key]
    return _templates.get_template("portal.html").render(
        session=session,
        customer=store.get("customer", key),
        subscriptions=[_subscription(store, s) for s in subscriptions],
        invoices=[i for i in store.every("invoice") if i["customer"] == key],
        typed=typed,
        errors=errors,
        done=done,
        cards=[card for card in CARDS.values() if card.decline is None],
    )


def _subscription(store: Store, subscription: Obj) -> dict[str, Any]:
    method = store.get("payment_method", subscription["default_payment_method"])
    items = subscription["items"]["data"]
    return {
        "id": subscription["id"],
        "status": subscription["status"].replace("_", " "),
        "alive": subscription["status"] in LIVING,
        "ending": subscription["cancel_at_period_end"],
        "period_end": period_of(subscription)[1],
        "ended_at": subscription["ended_at"],
        "card": method["card"],
        "items": [
            {
                "name": store.get("product", item["price"]["product"])["name"],
                "price": item["price"],
                "amount": item["price"]["unit_amount"] * item["quantity"],
                "quantity": item["quantity"],
            }
            for item in items
        ],
    }


def invoice_page(sandbox: Sandbox, invoice: Obj) -> str:
    """Return an invoice, which is also its receipt."""
    return _templates.get_template("invoice.html").render(
        invoice=invoice, customer=sandbox.store.get("customer", invoice["customer"])
    )


def overview_page(sandbox: Sandbox, message: str = "", error: str = "") -> str:
    """Return the page with which people move the sandbox.

    Args:
        sandbox: The account.
        message: What was just done, in a sentence, or nothing.
        error: Why it was not, or nothing.
    """
    store = sandbox.store
    charges = list(store.every("charge"))[:_RECENT]
    disputes = {d["charge"]: d for d in store.every("dispute")}
    return _templates.get_template("overview.html").render(
        now=store.now,
        message=message,
        error=error,
        charges=[(charge, disputes.get(charge["id"])) for charge in charges],
        subscriptions=list(store.every("subscription"))[:_RECENT],
        sessions=list(store.every("checkout.session"))[:_RECENT],
        events=_events(store),
        endpoints=list(store.every("webhook_endpoint")),
        pending=len(store.pending),
    )


def _events(store: Store) -> list[dict[str, Any]]:
    recent = list(reversed(store.events.values()))[:_RECENT]
    endpoints = list(store.every("webhook_endpoint"))
    return [
        {
            "event": event,
            "deliveries": [
                store.deliveries[f"{event['id']} {endpoint['id']}"]
                for endpoint in endpoints
                if f"{event['id']} {endpoint['id']}" in store.deliveries
            ],
        }
        for event in recent
    ]
