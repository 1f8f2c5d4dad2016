"""What Acme's shop sells, and how it takes money: through Stripe's own library."""

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

import stripe  # noqa: TID251 - the vendor's shop is not the portal: it has its own way to Stripe

from portal.payments.gateway import SANDBOX_KEY
from portal.stripe_sandbox.client import SandboxHTTPClient
from portal.stripe_sandbox.sandbox import Sandbox

CURRENCY = "usd"
_MOST_INVOICES = 24


@dataclass(frozen=True, slots=True)
class Plan:
    """One plan of the price list."""

    key: str
    name: str
    minor: int
    """The price of a month, in cents."""
    pitch: str
    features: tuple[str, ...]


_ALL = (
    Plan(
        "team",
        "Team",
        4_900,
        "For a small team that wants one place for its work.",
        ("Up to 10 people", "Boards, lists and calendar", "Answers by e-mail"),
    ),
    Plan(
        "growth",
        "Growth",
        14_900,
        "For companies that outgrew their spreadsheets.",
        ("Up to 50 people", "Automations and forms", "Answers within a day"),
    ),
    Plan(
        "scale",
        "Scale",
        49_000,
        "For many teams, with rules of their own.",
        ("Everyone you have", "Rights, audit log, sign-on", "A person to call"),
    ),
)
PLANS: Mapping[str, Plan] = MappingProxyType({plan.key: plan for plan in _ALL})


class ShopError(Exception):
    """Stripe does not answer, or refuses; the message is for the buyer."""


@dataclass(frozen=True, slots=True)
class Invoice:
    """A paid or open invoice, as the account page shows it; amounts in cents."""

    number: str
    created: int
    status: str
    total: int
    refunded: int
    payment_intent: str | None

    @property
    def half(self) -> int:
        """What a refund of half would give back now."""
        return min((self.total + 1) // 2, self.total - self.refunded)


@dataclass(frozen=True, slots=True)
class Checkout:
    """A checkout session."""

    id: str
    url: str
    is_paid: bool
    customer: str | None
    email: str


class Shop:
    """Acme's side of Stripe."""

    def __init__(self, client: stripe.StripeClient) -> None:
        self.client = client

    @classmethod
    def over_http(cls, sandbox_url: str) -> "Shop":
        """Return a shop that talks to the running sandbox."""
        return cls(
            stripe.StripeClient(
                SANDBOX_KEY,
                base_addresses={"api": sandbox_url},
                max_network_retries=1,
            )
        )

    @classmethod
    def in_process(cls, sandbox: Sandbox) -> "Shop":
        """Return a shop whose Stripe is a sandbox in this process."""
        client = SandboxHTTPClient(sandbox)
        return cls(stripe.StripeClient(SANDBOX_KEY, http_client=client))

    def open_checkout(
        self, plan: Plan, *, click: str | None, success_url: str, cancel_url: str
    ) -> Checkout:
        """Open the page on which a buyer pays for a plan.

        The click travels with the order, so that the portal learns who sent the buyer.

        Args:
            plan: What is bought.
            click: The value of `gh_click`, if the buyer came through a partner's link.
            success_url: Where the buyer goes after paying.
            cancel_url: Where the buyer goes without.

        Raises:
            ShopError: Stripe does not answer, or refuses.
        """
        params: dict[str, Any] = {
            "mode": "subscription",
            "success_url": success_url,
            "cancel_url": cancel_url,
            "line_items": [
                {
                    "quantity": 1,
                    "price_data": {
                        "currency": CURRENCY,
                        "unit_amount": plan.minor,
                        "recurring": {"interval": "month"},
                        "product_data": {"name": f"Acme {plan.name}"},
                    },
                }
            ],
        }
        if click:
            params["client_reference_id"] = click
            params["subscription_data"] = {"metadata": {"gh_click": click}}
        try:
            return _checkout(self.client.v1.checkout.sessions.create(params))  # type: ignore[arg-type]  # a plain dict in the shape of its TypedDict
        except stripe.StripeError as error:
            raise ShopError(_words_of(error)) from error

    def checkout(self, session_id: str) -> Checkout:
        """Return a checkout session.

        Raises:
            ShopError: There is none, or Stripe does not answer.
        """
        try:
            return _checkout(self.client.v1.checkout.sessions.retrieve(session_id))
        except stripe.StripeError as error:
            raise ShopError(_words_of(error)) from error

    def invoices(self, customer: str) -> list[Invoice]:
        """Return what a customer was asked to pay, the newest first.

        Raises:
            ShopError: Stripe does not answer, or refuses.
        """
        try:
            found = self.client.v1.invoices.list(
                {
                    "customer": customer,
                    "limit": _MOST_INVOICES,
                    "expand": ["data.payments"],
                }
            )
            charges = self.client.v1.charges.list({"customer": customer, "limit": 100})
        except stripe.StripeError as error:
            raise ShopError(_words_of(error)) from error
        refunded = {str(c.payment_intent): c.amount_refunded for c in charges.data}
        return [_invoice(one.to_dict(), refunded) for one in found.data]

    def refund(self, payment_intent: str, minor: int, *, key: str) -> None:
        """Give back a part of a payment; the same key, the same refund.

        Raises:
            ShopError: Less than that is left, or Stripe does not answer.
        """
        try:
            self.client.v1.refunds.create(
                {"payment_intent": payment_intent, "amount": minor},
                {"idempotency_key": f"shop-refund:{key}"},
            )
        except stripe.StripeError as error:
            raise ShopError(_words_of(error)) from error


def _checkout(session: stripe.checkout.Session) -> Checkout:
    details = session.customer_details
    return Checkout(
        id=session.id,
        url=session.url or "",
        is_paid=session.payment_status == "paid",
        customer=str(session.customer) if session.customer else None,
        email=(details.email or "") if details else "",
    )


def _invoice(data: dict[str, Any], refunded: Mapping[str, int]) -> Invoice:
    payments = (data.get("payments") or {}).get("data", [])
    intents = [
        p["payment"]["payment_intent"] for p in payments if p["status"] == "paid"
    ]
    intent = intents[0] if intents else None
    return Invoice(
        number=data.get("number") or data["id"],
        created=data["created"],
        status=data["status"],
        total=data["total"],
        refunded=refunded.get(intent or "", 0),
        payment_intent=intent,
    )


def _words_of(error: stripe.StripeError) -> str:
    return error.user_message or "The payment service does not answer just now."
