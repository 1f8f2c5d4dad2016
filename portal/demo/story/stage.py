"""Where the story plays: a clock, a Stripe account, and the portal's own services."""

import heapq
import json
import random
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import count
from pathlib import Path
from typing import Any
from uuid import UUID

from sqlalchemy.orm import Session

from portal.accounts import queries as accounts
from portal.accounts.models import User
from portal.demo.shop import Shop
from portal.demo.story.dates import Calendar
from portal.extensions import db
from portal.fees import rules as fee_rules
from portal.fees import service as fees
from portal.kit.db import transaction
from portal.payments import service as payments
from portal.payments.gateway import SANDBOX_KEY, StripeGateway
from portal.payments.models import InboxSource, InboxStatus
from portal.stripe_sandbox.sandbox import Sandbox
from portal.webhooks import service as webhooks

Event = dict[str, Any]

EVENTS = (
    "charge.dispute.closed",
    "charge.dispute.created",
    "checkout.session.completed",
    "checkout.session.expired",
    "credit_note.created",
    "customer.created",
    "customer.subscription.created",
    "customer.subscription.deleted",
    "customer.subscription.updated",
    "customer.updated",
    "invoice.marked_uncollectible",
    "invoice.paid",
    "invoice.payment_failed",
    "invoice.voided",
    "invoice_payment.paid",
    "refund.created",
    "refund.failed",
    "refund.updated",
)
"""What the portal's webhook endpoint in the sandbox is subscribed to."""
_QUIET = frozenset(
    {
        "customer.created",
        "customer.subscription.created",
        "customer.subscription.updated",
        "customer.updated",
        "invoice_payment.paid",
    }
)
"""What the story goes without, because other events tell it as well; in the older
shape, an invoice names its payment."""
_STORY_VERSION = "2024-12-18.acacia"
"""The shape of the story's events; the sandbox that is started tells in today's."""
_KEPT = timedelta(days=30)
"""How long Stripe keeps events."""
_FEE_EVENTS = frozenset(
    {
        "checkout.session.completed",
        "customer.subscription.created",
        "customer.subscription.deleted",
        "customer.subscription.updated",
        "invoice.paid",
        "invoice.payment_failed",
    }
)


class StoryBroken(Exception):
    """Something in the story did not happen as it should; the message says what."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Setting:
    """Where the story is told.

    Attributes:
        org_name: The vendor's name, on statements.
        base_url: Where the portal answers.
        shop_url: Where the vendor's shop answers.
        sandbox_url: Where the Stripe sandbox answers.
        webhook_secret: What signs its events.
        password: With which everybody signs in.
        seed: The seed of chance.
    """

    org_name: str
    base_url: str
    shop_url: str
    sandbox_url: str
    webhook_secret: str
    password: str
    seed: int = 14


Act = Callable[[datetime], None]


class Stage:
    """Plays noted acts in the order of time, each with its own moment as `now`.

    Between two acts the sandbox's clock moves on, and everything that Stripe tells on
    the way is acted on, with the moment of each event.
    """

    def __init__(self, setting: Setting, now: datetime) -> None:
        self.setting = setting
        self.dates = Calendar(now)
        self.rng = random.Random(setting.seed)  # noqa: S311 - a story, no secret
        self.sandbox = Sandbox(
            now=self.dates.start - timedelta(days=1),
            seed=f"story-{setting.seed}",
            secret_key=SANDBOX_KEY,
            base_url=setting.sandbox_url,
        )
        self.endpoint = self.sandbox.register_endpoint(
            f"{setting.base_url}/webhooks/stripe",
            setting.webhook_secret,
            events=tuple(kind for kind in EVENTS if kind not in _QUIET),
            api_version=_STORY_VERSION,
        )
        self.shop = Shop.in_process(self.sandbox)
        self.gateway = StripeGateway(self.shop.client)
        self.credited: set[UUID] = set()
        self._acts: list[tuple[datetime, int, Act]] = []
        self._order = count()

    def at(self, moment: datetime, act: Act) -> None:
        """Note an act; one that lies ahead of now does not happen."""
        if moment <= self.dates.now:
            heapq.heappush(self._acts, (moment, next(self._order), act))

    def play(self, until: datetime) -> None:
        """Play the acts up to a moment, those included that acts note."""
        while self._acts and self._acts[0][0] <= until:
            moment, _, act = heapq.heappop(self._acts)
            self.move_to(moment)
            act(moment)
            self.hear()
        self.move_to(until)

    def move_to(self, moment: datetime) -> None:
        """Move Stripe's clock on and act on what happened."""
        self.sandbox.advance_to(max(moment, self.sandbox.clock))
        self.hear()

    def hear(self) -> None:
        """Act on everything that Stripe has told and nobody heard yet."""
        told = self.sandbox.drain_webhooks(self.endpoint)
        if not told:
            return
        events: list[Event] = [json.loads(body) for body, _ in told]
        moment = _moment(events[-1])
        with transaction(db.session()) as session:
            customers = {
                customer
                for event in events
                for customer in self._act_on(session, event)
            }
            for customer in sorted(customers - self.credited):
                # Who has the credit is decided by the first purchase, and stays.
                webhooks.credit(session, customer, now=moment)
            self.credited |= customers
        objects = [e["data"]["object"] for e in events if e["type"] in _FEE_EVENTS]
        subscriptions = {
            found
            for obj in objects
            if fee_rules.is_marked(obj) and (found := fee_rules.subscription_id_of(obj))
        }
        for subscription in sorted(subscriptions):
            self._follow_fee(subscription, moment)

    def _act_on(self, session: Session, event: Event) -> set[UUID]:
        moment = _moment(event)
        payments.receive(session, event, source=InboxSource.WEBHOOK, now=moment)
        customers: set[UUID] = set()
        waiting = [event["id"]]
        while waiting:
            acted = webhooks.act(session, waiting.pop(0), now=moment)
            if acted.outcome and acted.outcome.status is InboxStatus.FAILED:
                raise StoryBroken(f"{event['type']}: {acted.outcome.note}")
            customers |= acted.customers
            waiting.extend(acted.waiting)
        return customers

    def _follow_fee(self, subscription: str, moment: datetime) -> None:
        """Bring the fee in line with Stripe.

        The portal's own job fetches all invoices, since anything may have happened to
        them. Here, only the last two can have changed.
        """
        client = self.shop.client
        found = client.v1.subscriptions.retrieve(subscription)
        facts = fee_rules.read_subscription(found.to_dict())
        listed = client.v1.invoices.list(
            {"subscription": subscription, "limit": 2, "expand": ["data.payments"]}
        )
        charges = client.v1.charges.list({"customer": facts.customer_id, "limit": 4})
        paid = [charge.to_dict() for charge in charges.data if charge.paid]
        invoices = [
            fee_rules.read_invoice(one, _charges_of(one, paid))
            for one in (invoice.to_dict() for invoice in listed.data)
        ]
        with transaction(db.session()) as session:
            fees.follow(session, facts, invoices, now=moment)

    @contextmanager
    def acting(self, email: str) -> Iterator[tuple[Session, User]]:
        """Open a transaction in which somebody does something."""
        with transaction(db.session()) as session:
            user = accounts.by_email(session, email)
            if user is None:
                raise StoryBroken(f"{email} is nobody.")
            yield session, user

    def leave(self, state: Path) -> None:
        """Write Stripe's account where the sandbox that is started goes on from it.

        As with Stripe, events older than thirty days are forgotten.
        """
        with self.sandbox.lock:
            store = self.sandbox.store
            endpoint = store.get("webhook_endpoint", self.endpoint)
            endpoint.update(enabled_events=[*EVENTS], api_version=None)
            oldest = (self.dates.now - _KEPT).timestamp()
            for key, event in list(store.events.items()):
                if event["created"] < oldest:
                    del store.events[key]
            for key, delivery in list(store.deliveries.items()):
                if delivery["event"] not in store.events:
                    del store.deliveries[key]
        state.parent.mkdir(parents=True, exist_ok=True)
        self.sandbox.save(state)


def _charges_of(invoice: Event, charges: list[Event]) -> list[Event]:
    """Return the charges that paid an invoice."""
    payments = (invoice.get("payments") or {}).get("data", [])
    intents = {payment["payment"].get("payment_intent") for payment in payments}
    return [charge for charge in charges if charge["payment_intent"] in intents]


def _moment(event: Event) -> datetime:
    return datetime.fromtimestamp(event["created"], UTC)
