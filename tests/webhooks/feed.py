"""Events in, rows out."""

import json
from collections.abc import Iterable
from datetime import timedelta
from typing import Any

import stripe
from sqlalchemy import select, text
from sqlalchemy.orm import Session

from portal.payments.models import InboxEvent
from portal.sales.models import (
    Customer,
    CustomerSubscription,
    Refund,
    Sale,
    SaleLine,
)
from portal.stripe_sandbox.client import SandboxHTTPClient
from portal.stripe_sandbox.sandbox import Sandbox
from portal.webhooks.imports import Tally, take_in
from tests.factories.base_factory import NOW

Event = dict[str, Any]
OLDER = "2025-02-24.acacia"
CURRENT = "2026-08-26.dahlia"
DAY = timedelta(days=1)


def feed(session: Session, events: Iterable[Event]) -> Tally:
    """Take events in, one after the other, as they come."""
    tally = Tally()
    take_in(session, list(events), tally, now=NOW)
    session.flush()
    return tally


def inbox(session: Session, event_id: str) -> InboxEvent:
    session.expire_all()
    return session.get_one(InboxEvent, event_id)


def unhappy(session: Session) -> list[tuple[str, str, str]]:
    """What is parked or failed, with the note."""
    rows = session.scalars(
        select(InboxEvent).where(InboxEvent.status.in_(["parked", "failed"]))
    )
    return [(row.type, row.status, row.note) for row in rows]


def dump(session: Session) -> bytes:
    """Customers, sales and refunds as bytes: everything but keys and arrival."""
    session.execute(text("SET CONSTRAINTS ALL IMMEDIATE"))
    customers = session.execute(
        select(
            Customer.external_id,
            Customer.email,
            Customer.name,
            Customer.described_at,
            Customer.click_reference,
            Customer.first_seen_at,
            Customer.country,
            Customer.country_told_at,
            Customer.left_at,
        )
    )
    subscriptions = session.execute(
        select(
            CustomerSubscription.external_id,
            Customer.external_id,
            CustomerSubscription.has_begun,
            CustomerSubscription.ended_at,
        ).join(Customer, Customer.id == CustomerSubscription.customer_id)
    )
    sales = session.execute(
        select(
            Sale.external_id,
            Customer.external_id,
            Sale.currency,
            Sale.gross_minor,
            Sale.tax_minor,
            Sale.net_minor,
            Sale.occurred_at,
            Sale.description,
            Sale.product,
        ).join(Customer, Customer.id == Sale.customer_id)
    )
    lines = session.execute(
        select(
            Sale.external_id,
            SaleLine.position,
            SaleLine.product,
            SaleLine.description,
            SaleLine.units,
            SaleLine.net_minor,
            SaleLine.discount_minor,
            SaleLine.tax_minor,
        ).join(Sale, Sale.id == SaleLine.sale_id)
    )
    refunds = session.execute(
        select(
            Refund.external_id,
            Sale.external_id,
            Refund.kind,
            Refund.gross_minor,
            Refund.net_minor,
            Refund.occurred_at,
        ).join(Sale, Sale.id == Refund.sale_id)
    )
    tables = [
        sorted(repr(tuple(row)) for row in rows)
        for rows in (customers, subscriptions, sales, lines, refunds)
    ]
    return json.dumps(tables).encode()


def busy_account(
    version: str = CURRENT, *, click: str = "", fee: bool = True, seed: str = "busy"
) -> list[Event]:
    """A year's worth of trouble: the same one in either shape."""
    sandbox = Sandbox(now=NOW, account_api_version=version, seed=seed)
    client = stripe.StripeClient("sk_test_x", http_client=SandboxHTTPClient(sandbox))
    product = client.v1.products.create({"name": "=HYPERLINK(plan)"})
    price = client.v1.prices.create(
        {
            "product": product.id,
            "currency": "usd",
            "unit_amount": 9_999,
            "recurring": {"interval": "month"},
        }
    )

    seat = client.v1.prices.create(
        {
            "product_data": {"name": "Seat"},
            "currency": "usd",
            "unit_amount": 501,
            "recurring": {"interval": "month"},
        }
    )

    def subscribe(name: str, **more: Any) -> str:  # noqa: ANN401 - any parameter
        params: Any = {
            "mode": "subscription",
            "line_items": [{"price": price.id, "quantity": 1}],
            "success_url": "https://vendor.example/thanks",
            "cancel_url": "https://vendor.example/",
            **more,
        }
        opened = client.v1.checkout.sessions.create(params)
        done = sandbox.complete_checkout(
            opened.id, name=name, email=f"{len(name)}@buyers.example", country="DE"
        )
        return str(done["subscription"])

    seats = [{"price": price.id, "quantity": 1}, {"price": seat.id, "quantity": 5}]
    ada = subscribe(
        "Ada",
        line_items=seats,
        **({"client_reference_id": click} if click else {}),
    )
    going = subscribe("Goes", client_reference_id=click or "-")
    subscribe(
        "=HYPERLINK(0)", subscription_data={"metadata": {"gh_click": click or "-"}}
    )
    if fee:
        mark = {"gatehouse": "fee", "enrollment": "x"}
        subscribe("Partner", metadata=mark, subscription_data={"metadata": mark})
    once = client.v1.checkout.sessions.create(
        {
            "mode": "payment",
            "success_url": "https://vendor.example/thanks",
            "line_items": [
                {
                    "price_data": {
                        "currency": "jpy",
                        "unit_amount": 4_800,
                        "product_data": {"name": "Workshop"},
                    },
                    "quantity": 1,
                }
            ],
        }
    )
    sandbox.complete_checkout(once.id, name="Guest", email="guest@buyers.example")
    sandbox.advance_to(NOW + 10 * DAY)
    running = client.v1.subscriptions.retrieve(ada)
    client.v1.customers.update(
        str(running.customer), {"address": {"country": "AT", "city": "Wien"}}
    )
    _plan, own_seats = running["items"].data
    client.v1.subscriptions.update(
        ada, {"items": [{"id": own_seats.id, "quantity": 3}]}
    )
    client.v1.subscriptions.update(going, {"cancel_at_period_end": True})
    sandbox.advance_to(NOW + 70 * DAY)
    charges = [c for c in client.v1.charges.list({"limit": 100}).data if c.paid]
    for number, charge in enumerate(charges):
        later = NOW + (71 + number) * DAY
        sandbox.advance_to(later)
        if number % 4 == 0:
            for part in (3_333, 3_333):
                sandbox.refund(charge.id, min(part, charge.amount // 3))
            sandbox.refund(charge.id)
        elif number % 4 == 1:
            opened = sandbox.open_dispute(charge.id)
            sandbox.advance_to(later + DAY / 2)
            sandbox.close_dispute(opened["id"], won=number % 8 == 1)
        elif number % 4 == 2:
            sandbox.refund(charge.id, 1)
    invoices = client.v1.invoices.list({"limit": 100}).data
    sandbox.advance_to(NOW + 100 * DAY)
    paid = next(
        i for i in invoices if i.status == "paid" and "fee" not in str(i.parent)
    )
    client.v1.credit_notes.create(
        {"invoice": paid.id, "out_of_band_amount": 17, "amount": 17}
    )
    return sandbox.events()
