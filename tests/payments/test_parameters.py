"""What we send to Stripe, held against the types of Stripe's own library."""

from collections.abc import Callable, Iterator, Mapping
from datetime import timedelta
from typing import Any
from urllib.parse import urlencode, urlsplit
from uuid import UUID

import pytest
import stripe

from portal.kit.money import Money
from portal.payments.gateway import PageOptions, StripeGateway
from portal.stripe_sandbox.client import SandboxHTTPClient, parameters_of
from portal.stripe_sandbox.errors import ApiError
from portal.stripe_sandbox.parameters import check, decode
from portal.stripe_sandbox.routes import route_for
from portal.stripe_sandbox.sandbox import Sandbox
from tests.factories.base_factory import NOW

Request = tuple[str, str, str]


class Recording:
    """A sandbox that remembers what it was asked."""

    def __init__(self, sandbox: Sandbox) -> None:
        self.sandbox = sandbox
        self.asked: list[Request] = []

    def handle(
        self, method: str, url: str, headers: Mapping[str, str], body: str
    ) -> tuple[str, int, dict[str, str]]:
        parts = urlsplit(url)
        self.asked.append((method.upper(), parts.path, body or parts.query))
        return self.sandbox.handle(method, url, headers, body)


@pytest.fixture(scope="module")
def recording() -> Recording:
    """Every verb of the gateway, called once over a fee's life."""
    recording = Recording(Sandbox(now=NOW, seed="parameters"))
    client = stripe.StripeClient("sk_test_x", http_client=SandboxHTTPClient(recording))
    for verb in verbs(StripeGateway(client), recording.sandbox):
        verb()
    return recording


def verbs(gateway: StripeGateway, sandbox: Sandbox) -> Iterator[Callable[[], object]]:
    asked: dict[str, Any] = {
        "enrollment_id": UUID(int=1),
        "product": "Fee",
        "amount": Money(3_500, "USD"),
        "interval": "month",
        "email": "payer@partner.example",
        "success_url": "https://portal.example/paid",
        "cancel_url": "https://portal.example/",
    }
    page = gateway.open_fee_checkout(
        **asked,
        key="one",
        options=PageOptions(
            trial_days=14, promotion_codes=True, address=True, tax_id=True
        ),
    )
    assert gateway.open_page(page.id) == page.url
    gateway.client.v1.coupons.create({"id": "TEN", "percent_off": 10})
    another = gateway.open_fee_checkout(
        **asked, key="two", options=PageOptions(coupon="TEN")
    )
    paid = sandbox.complete_checkout(page.id)
    sandbox.advance_to(NOW + timedelta(days=15))
    subscription = str(paid["subscription"])
    fetched = gateway.fetch_subscription(subscription)
    customer = fetched.subscription["customer"]
    charge = next(c["id"] for one in fetched.invoices for c in one.charges)
    yield lambda: gateway.open_billing_portal(
        customer, return_url="https://portal.example/"
    )
    yield lambda: gateway.move_price(
        subscription, Money(9_500, "USD"), key="move", at_once=True
    )
    yield lambda: gateway.match_pause(subscription, NOW + timedelta(days=60))
    yield lambda: gateway.match_pause(subscription, None)
    yield lambda: gateway.set_ending(subscription, ends=True)
    yield lambda: gateway.close_page(another.id)
    yield lambda: gateway.refund(charge, key="refund")
    yield lambda: gateway.cancel_now(subscription)


def read(asked: Request, **more: str) -> None:
    """Hold one request against its type; `more` are fields to add to it."""
    method, path, form = asked
    found = route_for(method, path)
    assert found is not None
    added = urlencode(more)
    check(parameters_of(found[0].library_type), decode(f"{form}&{added}".strip("&")))


def test_every_verb_sends_what_the_library_knows(recording: Recording) -> None:
    for asked in recording.asked:
        read(asked)


def test_a_field_that_the_library_does_not_know_would_be_found(
    recording: Recording,
) -> None:
    for asked in recording.asked:
        with pytest.raises(ApiError, match="unknown parameter: colour"):
            read(asked, colour="red")


def test_no_verb_of_the_gateway_is_left_out() -> None:
    used: set[str] = set()

    class Watched(StripeGateway):
        def __getattribute__(self, name: str) -> Any:  # noqa: ANN401 (any member)
            used.add(name)
            return super().__getattribute__(name)

    sandbox = Sandbox(now=NOW, seed="parameters")
    client = stripe.StripeClient("sk_test_x", http_client=SandboxHTTPClient(sandbox))
    for verb in verbs(Watched(client), sandbox):
        verb()
    all_of_them = {name for name in vars(StripeGateway) if not name.startswith("_")}

    assert all_of_them - {"client", "connect"} <= used
