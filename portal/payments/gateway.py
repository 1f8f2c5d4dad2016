"""The only module that knows Stripe's own library."""

import json
import logging
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Literal
from uuid import UUID

import stripe
from flask_babel import gettext as _
from stripe.params.checkout import SessionCreateParams

from portal.kit.db import refuse_inside_transaction
from portal.kit.errors import DomainError
from portal.kit.money import Money

log = logging.getLogger(__name__)
logging.getLogger("stripe").setLevel(logging.WARNING)
# At the level INFO it writes two lines for every call, over what a command prints.

EXTENSION = "portal.payments.gateway"
"""Where `create_app` puts the gateway in `app.extensions`."""

SANDBOX_KEY = "sk_test_gatehouse_sandbox"
"""The key that the sandbox lets in; it opens nothing else."""

TOLERANCE = timedelta(seconds=300)

_ENDED = frozenset({"canceled", "incomplete_expired"})
"""The states of a subscription that Stripe never leaves."""


class ForgedEvent(DomainError):
    """A webhook is not from Stripe, was changed on the way, or is an old one."""

    code = "forged_event"


def verified_event(
    payload: bytes, signature: str, secrets: Sequence[str], *, now: datetime
) -> dict[str, Any]:
    """Return the event of a webhook.

    Args:
        payload: The body, byte for byte as it came.
        signature: The header `Stripe-Signature`.
        secrets: Any of these may have signed it; there are two during a rotation.
        now: The moment of arrival; the signature is at most 300 s away from it.

    Raises:
        ForgedEvent: No secret signed these bytes at about this time.
    """
    try:
        body = payload.decode()
    except UnicodeDecodeError as error:
        raise ForgedEvent(_("The body is not text.")) from error
    if not any(_is_signed(body, signature, secret) for secret in secrets):
        raise ForgedEvent(_("The signature does not fit the body."))
    # The library refuses old signatures by a clock of its own, and accepts those of
    # the future; both are refused here, by the clock of the request.
    if abs(now.timestamp() - _signed_at(signature)) > TOLERANCE.total_seconds():
        raise ForgedEvent(_("The signature is too old or from the future."))
    try:
        event = json.loads(body)
    except (ValueError, RecursionError) as error:
        raise ForgedEvent(_("The body is not JSON.")) from error
    if not isinstance(event, dict):
        raise ForgedEvent(_("The body is not an event."))
    return event


def _is_signed(body: str, signature: str, secret: str) -> bool:
    try:
        stripe.WebhookSignature.verify_header(body, signature, secret, tolerance=None)
    except stripe.SignatureVerificationError:
        return False
    return True


def _signed_at(signature: str) -> int:
    """Return the moment that was signed: the first `t`, as the library reads it."""
    parts = (part.split("=", 2) for part in signature.split(","))
    return next(int(part[1]) for part in parts if part[0] == "t")


class GatewayUnavailable(DomainError):
    """Stripe does not answer, or refuses the request."""

    code = "gateway_unavailable"


@dataclass(frozen=True, slots=True)
class CheckoutPage:
    """Where a partner goes to pay."""

    id: str
    url: str


@dataclass(frozen=True, slots=True, kw_only=True)
class PageOptions:
    """What a payment page offers and asks for.

    Attributes:
        trial_days: Days before the first payment.
        coupon: A coupon of Stripe that is taken off; none for no discount.
        promotion_codes: Whether the payer may type a code; not with a coupon.
        address: Whether the billing address is asked for.
        tax_id: Whether a tax id is asked for.
    """

    trial_days: int = 0
    coupon: str | None = None
    promotion_codes: bool = False
    address: bool = False
    tax_id: bool = False


@dataclass(frozen=True, slots=True)
class FetchedInvoice:
    """An invoice with the charges that paid it, and the disputes about those."""

    invoice: dict[str, Any]
    charges: list[dict[str, Any]]
    disputes: list[dict[str, Any]]


@dataclass(frozen=True, slots=True)
class FetchedSubscription:
    """A subscription with its invoices."""

    subscription: dict[str, Any]
    invoices: list[FetchedInvoice]


@dataclass(frozen=True, slots=True)
class StripeGateway:
    """What the portal asks of Stripe, or of the sandbox that stands in for it."""

    client: stripe.StripeClient

    @classmethod
    def connect(cls, secret_key: str, *, sandbox_url: str) -> "StripeGateway":
        """Return a gateway to Stripe, or to the sandbox when there is no key."""
        if secret_key:
            return cls(stripe.StripeClient(secret_key, max_network_retries=2))
        return cls(
            stripe.StripeClient(
                SANDBOX_KEY,
                base_addresses={"api": sandbox_url},
                max_network_retries=1,
            )
        )

    def open_fee_checkout(
        self,
        *,
        key: str,
        enrollment_id: UUID,
        product: str,
        amount: Money,
        interval: Literal["month", "year"],
        email: str,
        success_url: str,
        cancel_url: str,
        options: PageOptions = PageOptions(),
    ) -> CheckoutPage:
        """Open the page that takes an entry fee; the same key, the same page.

        Args:
            key: Our own id of the payment, which makes repeating harmless.
            enrollment_id: Kept in Stripe's metadata, so that events find their way.
            product: What is bought, as the payer reads it.
            amount: The price of one interval.
            interval: How often it is paid.
            email: The payer's address, filled in for them.
            success_url: Where they return to after paying.
            cancel_url: Where they return to without.
            options: What the page offers and asks for.

        Raises:
            GatewayUnavailable: Stripe does not answer, or refuses.
        """
        refuse_inside_transaction()
        mark = {"gatehouse": "fee", "enrollment": str(enrollment_id)}
        params: SessionCreateParams = {
            "mode": "subscription",
            "customer_email": email,
            "client_reference_id": key,
            "metadata": mark,
            "subscription_data": {"metadata": mark},
            "success_url": success_url,
            "cancel_url": cancel_url,
            "line_items": [
                {
                    "quantity": 1,
                    "price_data": {
                        "currency": amount.currency.lower(),
                        "unit_amount": amount.minor,
                        "recurring": {"interval": interval},
                        "product_data": {"name": product},
                    },
                }
            ],
        }
        _add(params, options)
        with _plainly():
            session = self.client.v1.checkout.sessions.create(
                params, {"idempotency_key": f"fee-checkout:{key}:{email}"}
            )
        return CheckoutPage(session.id, session.url or cancel_url)

    def open_page(self, checkout_id: str) -> str | None:
        """Return the address of a payment page that was opened, while it is open.

        Raises:
            GatewayUnavailable: Stripe does not answer, or refuses.
        """
        refuse_inside_transaction()
        with _plainly():
            session = self.client.v1.checkout.sessions.retrieve(checkout_id)
        return session.url if session.status == "open" else None

    def close_page(self, checkout_id: str) -> None:
        """Close a payment page; one that is paid or closed stays as it is.

        Raises:
            GatewayUnavailable: Stripe does not answer, or refuses.
        """
        refuse_inside_transaction()
        with _plainly():
            session = self.client.v1.checkout.sessions.retrieve(checkout_id)
            if session.status == "open":
                self.client.v1.checkout.sessions.expire(checkout_id)

    def set_ending(self, subscription_id: str, *, ends: bool) -> None:
        """Let a subscription end with its paid period, or go on after all.

        Raises:
            GatewayUnavailable: Stripe does not answer, or refuses.
        """
        refuse_inside_transaction()
        with _plainly():
            self.client.v1.subscriptions.update(
                subscription_id, {"cancel_at_period_end": ends}
            )

    def open_billing_portal(self, customer_id: str, *, return_url: str) -> str:
        """Return the address of the page where a payer manages card and fee.

        Raises:
            GatewayUnavailable: Stripe does not answer, or refuses.
        """
        refuse_inside_transaction()
        with _plainly():
            session = self.client.v1.billing_portal.sessions.create(
                {"customer": customer_id, "return_url": return_url}
            )
        return session.url

    def move_price(
        self, subscription_id: str, price: Money, *, key: str, at_once: bool
    ) -> bool:
        """Let a running subscription cost something else; the same key, one change.

        One that has the price already, and one that has ended, stay as they are.

        Args:
            subscription_id: Stripe's id.
            price: What each interval costs; the currency is the subscription's.
            key: What makes Stripe act once, however often and by whom it is asked.
            at_once: Whether the difference for the rest of the period is charged now;
                if not, it is settled on the next invoice.

        Returns:
            Whether it has that price now; not if it has ended.

        Raises:
            GatewayUnavailable: Stripe does not answer, or refuses.
        """
        refuse_inside_transaction()
        with _plainly():
            found = self.client.v1.subscriptions.retrieve(subscription_id)
            item = found.to_dict()["items"]["data"][0]
            if found.status in _ENDED:
                return False
            if item["price"]["unit_amount"] == price.minor:
                return True
            recurring = item["price"]["recurring"]
            self.client.v1.subscriptions.update(
                subscription_id,
                {
                    "items": [
                        {
                            "id": item["id"],
                            "price_data": {
                                "currency": price.currency.lower(),
                                "product": item["price"]["product"],
                                "unit_amount": price.minor,
                                "recurring": {"interval": recurring["interval"]},
                            },
                        }
                    ],
                    "proration_behavior": "always_invoice"
                    if at_once
                    else "create_prorations",
                },
                {"idempotency_key": key},
            )
        return True

    def match_pause(self, subscription_id: str, until: datetime | None) -> None:
        """Let a subscription charge nothing up to a moment, or charge again.

        Its invoices are written and voided meanwhile. One that is so already, and one
        that has ended, stay as they are.

        Args:
            subscription_id: Stripe's id.
            until: When it charges again; none: now.

        Raises:
            GatewayUnavailable: Stripe does not answer, or refuses.
        """
        refuse_inside_transaction()
        wanted = int(until.timestamp()) if until else None
        with _plainly():
            found = self.client.v1.subscriptions.retrieve(subscription_id).to_dict()
            pause = found["pause_collection"] or {}
            if found["status"] in _ENDED or pause.get("resumes_at") == wanted:
                return
            self.client.v1.subscriptions.update(
                subscription_id,
                {
                    "pause_collection": {"behavior": "void", "resumes_at": wanted}
                    if wanted
                    else ""
                },
            )

    def fetch_subscription(self, subscription_id: str) -> FetchedSubscription:
        """Return a subscription as Stripe has it now, with all its invoices.

        Raises:
            GatewayUnavailable: Stripe does not answer, or refuses.
        """
        refuse_inside_transaction()
        with _plainly():
            subscription = self.client.v1.subscriptions.retrieve(subscription_id)
            invoices = self.client.v1.invoices.list(
                {
                    "subscription": subscription_id,
                    "limit": 100,
                    "expand": ["data.payments"],
                }
            )
            fetched = [
                self._with_charges(invoice.to_dict())
                for invoice in invoices.auto_paging_iter()
            ]
        return FetchedSubscription(subscription.to_dict(), fetched)

    def cancel_now(self, subscription_id: str) -> None:
        """End a subscription at once; one that has ended already stays as it is.

        Raises:
            GatewayUnavailable: Stripe does not answer, or refuses.
        """
        refuse_inside_transaction()
        with _plainly():
            found = self.client.v1.subscriptions.retrieve(subscription_id)
            if found.status not in _ENDED:
                self.client.v1.subscriptions.cancel(subscription_id)

    def refund(self, charge_id: str, *, key: str) -> None:
        """Give back what is left of a charge; the same key, the same refund.

        Raises:
            GatewayUnavailable: Stripe does not answer, or refuses.
        """
        refuse_inside_transaction()
        with _plainly():
            self.client.v1.refunds.create(
                {"charge": charge_id, "reason": "duplicate"}, {"idempotency_key": key}
            )

    def _with_charges(self, invoice: dict[str, Any]) -> FetchedInvoice:
        charges = self._charges(invoice)
        disputes = [
            dispute.to_dict()
            for charge in charges
            if charge["disputed"]
            for dispute in self.client.v1.disputes.list({"charge": charge["id"]}).data
        ]
        return FetchedInvoice(invoice, charges, disputes)

    def _charges(self, invoice: dict[str, Any]) -> list[dict[str, Any]]:
        """Return the charges that paid an invoice, by its payments."""
        charges = []
        for payment in (invoice.get("payments") or {}).get("data", []):
            paid_by = payment["payment"]
            if paid_by["type"] == "payment_intent" and payment["status"] == "paid":
                found = self.client.v1.charges.list(
                    {"payment_intent": paid_by["payment_intent"]}
                )
                charges += [c.to_dict() for c in found.data if c.paid]
        return charges


def _add(params: SessionCreateParams, options: PageOptions) -> None:
    """Add to a payment page what it offers and asks for."""
    if options.trial_days:
        params["subscription_data"]["trial_period_days"] = options.trial_days
    if options.coupon:
        params["discounts"] = [{"coupon": options.coupon}]
    elif options.promotion_codes:
        params["allow_promotion_codes"] = True
    if options.address:
        params["billing_address_collection"] = "required"
    if options.tax_id:
        params["tax_id_collection"] = {"enabled": True}


@contextmanager
def _plainly() -> Iterator[None]:
    """Turn the library's errors into one refusal that people understand."""
    try:
        yield
    except stripe.StripeError as error:
        log.warning("stripe.refused %s", error)
        raise GatewayUnavailable(
            _(
                "The payment service does not answer just now. Nothing was charged; "
                "try again in a minute."
            )
        ) from error
