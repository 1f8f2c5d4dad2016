"""The sandbox as other programs use it: answers the API, moves the clock."""

import os
import secrets
import threading
from collections.abc import Mapping
from datetime import datetime
from pathlib import Path
from typing import Any

from portal.kit.clock import utc_now
from portal.stripe_sandbox import (
    api,
    catalog,
    checkout,
    disputes,
    refunds,
    timeline,
    webhooks,
)
from portal.stripe_sandbox.cards import TypedCard, card_of
from portal.stripe_sandbox.client import LIBRARY_API_VERSION
from portal.stripe_sandbox.store import Obj, Store
from portal.stripe_sandbox.versions import render, render_event

_VALID_YEARS = 5


class Sandbox:
    """A Stripe account in test mode, in memory.

    Safe to use from several threads: everything happens under one lock.

    Attributes:
        store: The state; hold `lock` to touch it.
        lock: Held while the state is read or changed.
        secret_key: The API key that is let in; none lets every test key in.
    """

    def __init__(
        self,
        *,
        now: datetime,
        account_api_version: str = LIBRARY_API_VERSION,
        seed: str | None = None,
        secret_key: str | None = None,
        base_url: str = "http://127.0.0.1:8026",
    ) -> None:
        """Open an empty account.

        Args:
            now: Where its clock begins, timezone-aware.
            account_api_version: The API version of its events by default.
            seed: Makes ids and secrets the same in each run; none for random ones.
            secret_key: The one key that is let in; none for every `sk_test_` key.
            base_url: Where the hosted pages are served.
        """
        if now.tzinfo is None:
            raise ValueError(f"naive datetime {now!r}")
        self.lock = threading.RLock()
        self.secret_key = secret_key
        self.store = Store(
            now=int(now.timestamp()),
            api_version=account_api_version,
            seed=seed if seed is not None else secrets.token_hex(16),
            base_url=base_url.rstrip("/"),
        )

    @property
    def clock(self) -> datetime:
        """The sandbox's time."""
        return self.store.clock()

    def handle(
        self, method: str, url: str, headers: Mapping[str, str], body: str
    ) -> tuple[str, int, dict[str, str]]:
        """Answer a request of the API: body, status and headers."""
        with self.lock:
            request = (method, url, headers, body)
            return api.answer(self.store, self.secret_key, request)

    def advance_to(self, instant: datetime) -> None:
        """Move the clock; renewals, retries and expiries happen on the way.

        Raises:
            ValueError: The instant is in the sandbox's past.
        """
        with self.lock:
            if instant < self.clock:
                raise ValueError(f"The clock is at {self.clock} and never goes back.")
            timeline.advance(self.store, int(instant.timestamp()))

    def complete_checkout(
        self,
        session_id: str,
        card: str = "4242424242424242",
        name: str = "Test Buyer",
        email: str | None = None,
        country: str = "US",
        *,
        code: str = "",
        tax_id: str = "",
    ) -> Obj:
        """Do what a buyer does on the checkout page.

        Args:
            session_id: The `cs_test_...` id.
            card: The number of a test card.
            name: The name on the card.
            email: The buyer's address; by default the one the session knows.
            country: Where the buyer is, an ISO 3166 code.
            code: The promotion code that they type, if any.
            tax_id: Their tax id, if they type one.

        Returns:
            The session as the API shows it.

        Raises:
            CardDeclined: The card was declined; the session is still open.
            ApiError: There is no such session or code, or it has expired.
        """
        with self.lock:
            store = self.store
            session = store.get("checkout.session", session_id)
            typed = TypedCard(card_of(card), 12, self.clock.year + _VALID_YEARS)
            if code:
                checkout.use_code(store, session, code)
            email = email or email_of(store, session) or "buyer@example.com"
            buyer = checkout.Buyer(
                name=name, email=email, country=country, tax_id=tax_id
            )
            try:
                checkout.complete_session(store, session, typed, buyer)
            finally:
                timeline.advance(store, store.now)
            return render(session, store.api_version)

    def refund(self, charge_id: str, amount: int | None = None) -> Obj:
        """Give back a charge, or `amount` of it; returns the refund.

        Raises:
            ApiError: Less than that is left.
        """
        params: dict[str, Any] = {"charge": charge_id}
        if amount is not None:
            params["amount"] = amount
        with self.lock:
            refund = refunds.create_refund(self.store, params)
            return render(refund, self.store.api_version)

    def open_dispute(self, charge_id: str, reason: str = "fraudulent") -> Obj:
        """Let the buyer's bank take a charge back; returns the dispute."""
        with self.lock:
            charge = self.store.get("charge", charge_id)
            dispute = disputes.open_dispute(self.store, charge, reason)
            return render(dispute, self.store.api_version)

    def close_dispute(self, dispute_id: str, *, won: bool) -> Obj:
        """Decide a dispute, for the seller when `won`; returns it."""
        with self.lock:
            dispute = self.store.get("dispute", dispute_id)
            disputes.close_dispute(self.store, dispute, won=won)
            return render(dispute, self.store.api_version)

    def events(self, since: datetime | None = None) -> list[Obj]:
        """Return the events from an instant on, the oldest first."""
        first = 0 if since is None else int(since.timestamp())
        with self.lock:
            return [
                render_event(event, self.store.api_version, 0)
                for event in self.store.events.values()
                if event["created"] >= first
            ]

    def register_endpoint(
        self,
        url: str,
        secret: str,
        *,
        events: tuple[str, ...] = ("*",),
        api_version: str | None = None,
    ) -> str:
        """Send events to `url`, signed with `secret`; the same URL is kept once.

        Returns:
            The endpoint's id.
        """
        with self.lock:
            for endpoint in self.store.every("webhook_endpoint"):
                if endpoint["url"] == url:
                    endpoint.update(_secret=secret, api_version=api_version)
                    return str(endpoint["id"])
            params = {
                "url": url,
                "enabled_events": list(events),
                "api_version": api_version,
                "_secret": secret,
            }
            return str(catalog.create_endpoint(self.store, params)["id"])

    def pending_events(self, endpoint: str | None = None) -> list[Obj]:
        """Return the events that were not delivered yet, the oldest first.

        Args:
            endpoint: The endpoint's id; may be left out when there is only one.
        """
        with self.lock:
            key, version = self._endpoint(endpoint)
            return [
                render_event(self.store.events[event], version, 1)
                for event in self._pending_for(key)
            ]

    def drain_webhooks(
        self, endpoint: str | None = None, *, sent_at: datetime | None = None
    ) -> list[tuple[bytes, str]]:
        """Take the pending deliveries, to be posted by the caller.

        Args:
            endpoint: The endpoint's id; may be left out when there is only one.
            sent_at: The time in the signatures; by default the real time.

        Returns:
            Pairs of a body and its `Stripe-Signature`, the oldest event first.
        """
        with self.lock:
            key, _ = self._endpoint(endpoint)
            secret = self.store.get("webhook_endpoint", key)["_secret"]
            taken = []
            for event in self._pending_for(key):
                delivery = f"{event} {key}"
                body = webhooks.body_of(self.store, delivery)
                signature = webhooks.sign(body, secret, sent_at or utc_now())
                self.store.settle(delivery, "delivered")
                taken.append((body, signature))
            return taken

    def _endpoint(self, key: str | None) -> tuple[str, str]:
        if key is None:
            known = list(self.store.every("webhook_endpoint"))
            if len(known) != 1:
                raise ValueError(f"{len(known)} endpoints: say which one.")
            key = str(known[0]["id"])
        endpoint = self.store.get("webhook_endpoint", key)
        return key, str(endpoint["api_version"] or self.store.api_version)

    def _pending_for(self, endpoint: str) -> list[str]:
        pairs = [delivery.split(" ") for delivery in self.store.pending]
        return [event for event, target in pairs if target == endpoint]

    def save(self, path: Path | str) -> None:
        """Write everything to a file, wholly or not at all."""
        target = Path(path)
        with self.lock:
            text = self.store.dump()
        draft = target.with_name(f".{target.name}.{os.getpid()}.tmp")
        with draft.open("w", encoding="utf-8") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        draft.chmod(0o600)
        draft.replace(target)

    @classmethod
    def load(cls, path: Path | str, *, secret_key: str | None = None) -> "Sandbox":
        """Return the sandbox that `save` wrote.

        Raises:
            ValueError: The file holds something else.
        """
        store = Store.restore(Path(path).read_text(encoding="utf-8"))
        sandbox = cls(now=store.clock(), secret_key=secret_key)
        sandbox.store = store
        return sandbox


def email_of(store: Store, session: Obj) -> str:
    """Return the buyer's address as far as a checkout session knows it."""
    if session["customer_email"]:
        return str(session["customer_email"])
    if session["customer"]:
        return str(store.get("customer", session["customer"])["email"] or "")
    return ""
