from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import pytest
import stripe

from portal.stripe_sandbox.client import SandboxHTTPClient
from portal.stripe_sandbox.sandbox import Sandbox
from portal.stripe_sandbox.store import Json

NOW = datetime(2026, 1, 31, 9, tzinfo=UTC)
WORKS = "4242424242424242"
FAILS_LATER = "4000000000000341"
SUCCESS = "https://portal.test/paid?session={CHECKOUT_SESSION_ID}"

Subscribe = Callable[..., Any]


@pytest.fixture
def sandbox() -> Sandbox:
    return Sandbox(now=NOW, seed="tests")


@pytest.fixture
def client(sandbox: Sandbox) -> stripe.StripeClient:
    return stripe.StripeClient("sk_test_x", http_client=SandboxHTTPClient(sandbox))


@pytest.fixture
def price(client: stripe.StripeClient) -> str:
    product = client.v1.products.create({"name": "Partner plan"})
    made = client.v1.prices.create(
        {
            "product": product.id,
            "currency": "usd",
            "unit_amount": 4900,
            "recurring": {"interval": "month"},
            "lookup_key": "partner",
        }
    )
    return made.id


@pytest.fixture
def open_session(
    client: stripe.StripeClient, price: str
) -> Callable[..., stripe.checkout.Session]:
    def opened(**more: Json) -> stripe.checkout.Session:
        params: Any = {
            "mode": "subscription",
            "line_items": [{"price": price, "quantity": 1}],
            "success_url": SUCCESS,
            "cancel_url": "https://portal.test/back",
            **more,
        }
        return client.v1.checkout.sessions.create(params)

    return opened


@pytest.fixture
def subscribe(
    sandbox: Sandbox,
    client: stripe.StripeClient,
    open_session: Callable[..., stripe.checkout.Session],
) -> Subscribe:
    def subscribed(card: str = WORKS, **more: Json) -> stripe.Subscription:
        done = sandbox.complete_checkout(open_session(**more).id, card)
        return client.v1.subscriptions.retrieve(done["subscription"])

    return subscribed


@pytest.fixture
def pay_once(
    sandbox: Sandbox,
    client: stripe.StripeClient,
    open_session: Callable[..., stripe.checkout.Session],
) -> Callable[..., str]:
    """Pay 100.00 once; gives the charge's id."""

    def paid(card: str = WORKS, amount: int = 10_000) -> str:
        item = {
            "price_data": {
                "currency": "eur",
                "unit_amount": amount,
                "product_data": {"name": "Entry fee"},
            },
            "quantity": 1,
        }
        session = open_session(mode="payment", line_items=[item])
        done = sandbox.complete_checkout(session.id, card)
        intent = client.v1.payment_intents.retrieve(done["payment_intent"])
        return str(intent.latest_charge)

    return paid


def types_of(sandbox: Sandbox, since: datetime | None = None) -> list[str]:
    return [event["type"] for event in sandbox.events(since)]


def plain(obj: stripe.StripeObject | None) -> dict[str, Json]:
    """Return one of the library's objects as a dictionary."""
    assert obj is not None
    return obj.to_dict()


def moment(seconds: int) -> datetime:
    """Return the instant of one of Stripe's timestamps."""
    return datetime.fromtimestamp(seconds, UTC)
