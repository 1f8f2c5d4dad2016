"""Histories of a fee: what can happen at Stripe, told to us in any order and twice.

A history draws its steps and the order in which its events arrive from a seed. At its
end, when all was told, what we know must be what Stripe's own objects say.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from random import Random
from typing import Any
from uuid import UUID

import stripe
from flask import Flask
from sqlalchemy import select
from sqlalchemy.orm import Session

from portal.accounts.models import User
from portal.enrollments import queries as enrollments
from portal.extensions import db
from portal.fees import queries, rules, service, tasks, webhook_events
from portal.fees.models import FeeInvoice, FeeSubscription
from portal.kit.db import transaction
from portal.kit.money import Money
from portal.ledger.models import LedgerAccount, Posting
from portal.payments.gateway import EXTENSION, SANDBOX_KEY, PageOptions, StripeGateway
from portal.stripe_sandbox.client import SandboxHTTPClient
from portal.stripe_sandbox.sandbox import Sandbox
from tests.factories.base_factory import NOW

DAY = timedelta(days=1)
GOOD, FAILS_LATER = "4242424242424242", "4000000000000341"
MOST_STEPS = 6

Obj = dict[str, Any]


@dataclass
class History:
    """One life of a fee. `believes` trusts what an event carries: what we do not do."""

    app: Flask
    session: Session
    enrollment_id: UUID
    seed: int
    believes: bool = False
    steps: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.chance = Random(self.seed)  # noqa: S311 (no secret)
        self.sandbox = Sandbox(now=NOW, seed=str(self.seed), secret_key=SANDBOX_KEY)
        self.client = stripe.StripeClient(
            SANDBOX_KEY, http_client=SandboxHTTPClient(self.sandbox)
        )
        self.told: list[Obj] = []
        self.free: list[tuple[datetime, datetime]] = []

    def run(self) -> list[str]:
        """Live through it; return in what we differ from Stripe at the end."""
        self.created()
        step: Callable[[], object]
        for _n in range(self.chance.randint(1, MOST_STEPS)):
            step = self.chance.choice(
                [
                    self.renewed,
                    self.retried,
                    self.recovered,
                    self.cancelled,
                    self.resumed,
                    self.ended,
                    self.disputed,
                    self.won,
                    self.lost,
                    self.refunded,
                    self.moved,
                    self.waived,
                ]
            )
            self.steps.append(step.__name__)
            step()
            if self.chance.random() < 1 / 3:
                self.tell(self.chance.randint(1, 6))
        self.tell(None)
        return list(self.differences())

    # What happens at Stripe

    def created(self, card: str | None = None) -> None:
        card = card or self.chance.choice([GOOD, FAILS_LATER])
        enrollment = enrollments.get(self.session, self.enrollment_id)
        fee = enrollment.version.definition.fee
        assert fee is not None
        begun = FeeSubscription(
            enrollment_id=self.enrollment_id,
            amount_minor=fee.minor_for(None),
            currency=fee.currency,
            interval=fee.interval,
            created_at=NOW,
        )
        trial_days = self.chance.choice([0, 0, 14])
        self.session.add(begun)
        self.session.flush()
        page = StripeGateway(self.client).open_fee_checkout(
            key=str(begun.id),
            enrollment_id=self.enrollment_id,
            product="Fee",
            amount=Money(begun.amount_minor, begun.currency),
            interval="month",
            email="payer@partner.example",
            success_url="https://portal.example/paid",
            cancel_url="https://portal.example/",
            options=PageOptions(trial_days=trial_days),
        )
        service.note_checkout(begun, page.id)
        self.session.flush()
        self.steps.append("created")
        done = self.sandbox.complete_checkout(page.id, card=card)
        self.subscription_id = str(done["subscription"])

    def renewed(self) -> None:
        """Go past the next renewal, which succeeds or fails."""
        self.sandbox.advance_to(self.sandbox.clock + 31 * DAY)

    def retried(self) -> None:
        self.sandbox.advance_to(self.sandbox.clock + 4 * DAY)

    def recovered(self) -> None:
        """Pay what is open with another card."""
        for invoice in self.invoices:
            if invoice["status"] == "open" and self.truth["status"] != "canceled":
                method = self.client.v1.payment_methods.list(
                    {"customer": self.truth["customer"]}
                ).data[0]
                method_id = method.id
                store = self.sandbox.store
                store.get("payment_method", method_id)["_card"] = GOOD
                self.client.v1.invoices.pay(
                    invoice["id"], {"payment_method": method_id}
                )

    def cancelled(self) -> None:
        self._set_cancel(at_end=True)

    def resumed(self) -> None:
        self._set_cancel(at_end=False)

    def _set_cancel(self, *, at_end: bool) -> None:
        if self.truth["status"] != "canceled":
            self.client.v1.subscriptions.update(
                self.subscription_id, {"cancel_at_period_end": at_end}
            )

    def ended(self) -> None:
        if self.truth["status"] != "canceled":
            self.client.v1.subscriptions.cancel(self.subscription_id)

    def disputed(self) -> None:
        for charge in self.charges[:1]:
            if not charge["disputed"]:
                self.sandbox.open_dispute(charge["id"])

    def won(self) -> None:
        self._decide(won=True)

    def lost(self) -> None:
        self._decide(won=False)

    def _decide(self, *, won: bool) -> None:
        for dispute in list(self.sandbox.store.every("dispute")):
            if dispute["status"] == "needs_response":
                self.sandbox.close_dispute(dispute["id"], won=won)

    def refunded(self) -> None:
        for charge in self.charges[-1:]:
            left = charge["amount"] - charge["amount_refunded"]
            if left and not charge["disputed"]:
                self.sandbox.refund(charge["id"], self.chance.choice([left, 100, left]))

    def moved(self) -> None:
        """Reach another tier, which has another price; a worker may come twice."""
        enrollment = enrollments.get(self.session, self.enrollment_id)
        enrollment.tier = self.chance.choice(["gold", "elite", None])
        self.session.flush()
        for _n in range(self.chance.randint(1, 2)):
            with self.app.app_context():
                tasks.bring_price_in_line(
                    db.session(),
                    StripeGateway(self.client),
                    self.enrollment_id,
                    now=self.sandbox.clock,
                )
        self.session.expire_all()

    def waived(self) -> None:
        """Let staff waive the fee for 20 days, or end that."""
        now = self.sandbox.clock
        with self.app.app_context():
            with transaction(db.session()) as session:
                enrollment = enrollments.get(session, self.enrollment_id, lock=True)
                staff = session.scalars(select(User).limit(1)).one()
                running = queries.waiver(session, enrollment.id, at=now)
                if running is None:
                    service.waive(
                        session,
                        enrollment,
                        reason="A test",
                        until_at=now + 20 * DAY,
                        actor=staff,
                        now=now,
                    )
                    self.free.append((now, now + 20 * DAY))
                else:
                    service.end_waiver(session, enrollment, actor=staff, now=now)
                    self.free[-1] = (self.free[-1][0], now)
            tasks.pause_at(self.enrollment_id, now=now)
            tasks.bring_in_line(self.subscription_id, now=now)
        self.session.expire_all()

    # What Stripe has

    @property
    def truth(self) -> Obj:
        return self.sandbox.store.get("subscription", self.subscription_id)

    @property
    def invoices(self) -> list[Obj]:
        return list(self.sandbox.store.every("invoice"))

    @property
    def subscriptions(self) -> list[Obj]:
        return list(self.sandbox.store.every("subscription"))

    @property
    def charges(self) -> list[Obj]:
        return [c for c in self.sandbox.store.every("charge") if c["paid"]]

    # What we are told

    def tell(self, most: int | None) -> None:
        """Act on events in any order, some of them again; none: all that are left."""
        known = {event["id"] for event in self.told}
        fresh = [
            event
            for event in self.sandbox.events()
            if event["id"] not in known and event["type"] in webhook_events.EVENTS
        ]
        self.chance.shuffle(fresh)
        fresh = fresh[:most]
        self.told += fresh
        again = self.chance.sample(self.told, k=min(2, len(self.told)))
        events = fresh + again
        self.chance.shuffle(events)
        must_follow = False
        for event in events:
            if not webhook_events.concerns_a_fee(self.session, event["data"]["object"]):
                continue
            did = webhook_events.act(self.session, event, now=self.sandbox.clock)
            must_follow = must_follow or did == "entry fee: followed"
            self.session.flush()
            if self.believes:
                self.believe(event["data"]["object"])
        if must_follow and not self.believes:
            with self.app.app_context():
                tasks.bring_in_line(self.subscription_id, now=self.sandbox.clock)
        self.session.expire_all()

    def believe(self, stripe_object: Obj) -> None:
        """Take the event at its word, instead of asking Stripe."""
        row = queries.by_stripe_subscription(self.session, self.subscription_id)
        if stripe_object["object"] == "subscription" and row is not None:
            row.status = rules.read_subscription(stripe_object).status

    # Whether both agree

    def differences(self) -> Iterator[str]:
        row = self.session.scalars(
            select(FeeSubscription).where(
                FeeSubscription.enrollment_id == self.enrollment_id
            )
        ).one()
        truth = self.truth
        status = "active" if truth["status"] == "trialing" else truth["status"]
        yield from differs("status", row.status.value, status)
        if self.believes:
            return
        yield from differs(
            "cancel", row.cancel_at_period_end, truth["cancel_at_period_end"]
        )
        ends = [item["current_period_end"] for item in truth["items"]["data"]]
        assert row.current_period_end is not None
        yield from differs("period", int(row.current_period_end.timestamp()), max(ends))
        ours = self.session.scalars(
            select(FeeInvoice).where(FeeInvoice.subscription_id == row.id)
        ).all()
        yield from differs(
            "invoices",
            {i.stripe_invoice_id: (i.status, i.paid_minor) for i in ours},
            {i["id"]: (i["status"], i["amount_paid"]) for i in self.invoices},
        )
        yield from differs(
            "refunded",
            sum(i.refunded_minor for i in ours),
            sum(c["amount_refunded"] for c in self.charges),
        )
        gone = [
            d["amount"]
            for d in self.sandbox.store.every("dispute")
            if d["status"] != "won"
        ]
        yield from differs("disputed", sum(i.taken_back_minor for i in ours), sum(gone))
        yield from differs("cash", self.cash_booked(), self.cash_held())
        live = [s for s in self.subscriptions if s["status"] != "canceled"]
        yield from differs("live", int(row.status in queries.LIVE), len(live))
        price = truth["items"]["data"][0]["price"]["unit_amount"]
        yield from differs("price", row.amount_minor, price)
        yield from differs("gate", self.gate_is_met(), self.gate_should_be_met())

    def cash_booked(self) -> int:
        query = select(Posting.amount_minor).where(
            Posting.account == LedgerAccount.ENTRY_FEE_CASH
        )
        return -sum(self.session.scalars(query))

    def cash_held(self) -> int:
        return sum(
            max(0, c["amount"] - c["amount_refunded"] - self.taken(c))
            for c in self.charges
        )

    def taken(self, charge: Obj) -> int:
        return sum(
            int(d["amount"])
            for d in self.sandbox.store.every("dispute")
            if d["charge"] == charge["id"] and d["status"] != "won"
        )

    def gate_is_met(self) -> bool:
        found = enrollments.get(self.session, self.enrollment_id)
        checklist = enrollments.checklist(self.session, found, now=self.sandbox.clock)
        return next(s for s in checklist if s.gate.kind == "fee").is_met

    def was_free(self, invoice: Obj) -> bool:
        """Tell whether the invoice's period began while the fee was waived."""
        began = max(line["period"]["start"] for line in invoice["lines"]["data"])
        at = datetime.fromtimestamp(began, UTC)
        return any(since <= at < until for since, until in self.free)

    def gate_should_be_met(self) -> bool:
        """Say in other words than the rules what a partner may expect."""
        truth, clock = self.truth, int(self.sandbox.clock.timestamp())
        if any(since <= self.sandbox.clock < until for since, until in self.free):
            return True
        if truth["status"] == "canceled":
            return False
        good = {
            c["payment_intent"]
            for c in self.charges
            if c["amount_refunded"] < c["amount"] and not self.taken(c)
        }
        paid_by = {
            p["invoice"]: p["payment"].get("payment_intent")
            for p in self.sandbox.store.every("invoice_payment")
        }
        ends = [
            max(line["period"]["end"] for line in i["lines"]["data"])
            for i in self.invoices
            if (
                i["status"] == "paid"
                and (not i["amount_paid"] or paid_by.get(i["id"]) in good)
            )
            or (i["status"] == "void" and self.was_free(i))
        ]
        runs = truth["status"] in ("active", "trialing")
        never_renews = runs and truth["cancel_at_period_end"]
        grace = 0 if never_renews else int((7 * DAY).total_seconds())
        return bool(ends) and clock < max(ends) + grace


def differs(what: str, ours: object, theirs: object) -> Iterator[str]:
    if ours != theirs:
        yield f"{what}: we have {ours}, Stripe has {theirs}"


@contextmanager
def account_of(history: History) -> Iterator[History]:
    """Let the app talk to the history's own Stripe, and forget all of it after."""
    before = history.app.extensions[EXTENSION]
    history.app.extensions[EXTENSION] = StripeGateway(history.client)
    undo = history.session.connection().begin_nested()
    try:
        yield history
    finally:
        undo.rollback()
        history.session.expire_all()
        history.app.extensions[EXTENSION] = before


def run_many(
    app: Flask,
    session: Session,
    enrollment_id: UUID,
    seeds: range,
    *,
    believes: bool = False,
) -> dict[str, list[str]]:
    """Live through many histories; return what went wrong, by steps."""
    wrong = {}
    for seed in seeds:
        history = History(app, session, enrollment_id, seed, believes=believes)
        with account_of(history):
            found = history.run()
            if found:
                wrong[f"{seed}: {' '.join(history.steps)}"] = found
    return wrong
