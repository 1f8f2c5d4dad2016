"""Sales, refunds, closes and payouts in any order: the books always hold.

A state machine over the real services and the real database, beside a model of a few
lines. `make experiments` runs 500 examples of 50 steps; this is a small share.
"""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date, datetime, timedelta
from typing import Any
from uuid import UUID

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    precondition,
    rule,
    run_state_machine_as_test,
)
from sqlalchemy import Connection, Engine, text
from sqlalchemy.orm import Session

from portal.adjustments import service as adjusting
from portal.adjustments.rules import AdjustmentReason
from portal.kit.ids import new_id
from portal.kit.money import Money, Rounding, divide
from portal.ledger import service as ledger
from portal.ledger.models import LedgerAccount
from portal.payouts import service
from portal.payouts.models import BatchStatus, PayoutBatch, RowStatus
from portal.payouts.rules import FileFormat
from portal.sales.models import RefundKind, Sale
from portal.verification.service import verify
from tests.commissions.story import Story, a_version
from tests.committed import committed
from tests.factories import base_factory
from tests.factories.people import UserFactory
from tests.payouts.paying import (
    KEYS,
    PAYER,
    an_account,
    collected,
    loaded,
    results,
)
from tests.statements.books import a_period, at, close

__all__ = ["committed"]

EXAMPLES = int(os.environ.get("EXPERIMENT_EXAMPLES", "4"))
STEPS = int(os.environ.get("EXPERIMENT_STEPS", "12"))
RATE_PERCENT = 20
CURRENCIES = ("USD", "EUR")
KNOWN = ("negative_balances", "adjustments_waiting", "new_terms", "events_parked")


class Books(RuleBasedStateMachine):
    """Two programs, one in each currency, with a partner each."""

    connection: Connection
    is_broken = False
    """Whether refunds forget to be taken back: the control."""

    def __init__(self) -> None:
        super().__init__()
        self.savepoint = self.connection.begin_nested()
        self.session = Session(
            self.connection, join_transaction_mode="create_savepoint"
        )
        base_factory.bind(self.session)
        self.stories = [
            Story(self.session, a_version(currency=currency)) for currency in CURRENCIES
        ]
        self.customers = [
            story.credited(first_seen_at=at("2025-12-02")) for story in self.stories
        ]
        for story in self.stories:
            an_account(
                self.session,
                story.enrollment.partner,
                usable_from=at("2025-12-01"),
            )
        self.staff = [UserFactory.create(finance=True) for _ in range(2)]
        self.now = at("2026-01-02")
        self.left: dict[UUID, int] = {}
        self.sales: list[tuple[int, Sale]] = []
        self.adjusted = [0, 0]
        self.paid = [0, 0]
        self.batches: list[tuple[int, PayoutBatch]] = []
        self.number = 0

    def tick(self, **step: int) -> datetime:
        self.now += timedelta(**step or {"minutes": 7})
        return self.now

    def rate(self) -> None:
        for story in self.stories:
            story.recompute(self.now)

    @rule(
        which=st.integers(0, 1),
        minor=st.integers(1, 200_000),
        days_late=st.integers(0, 20),
    )
    def charge(self, which: int, minor: int, days_late: int) -> None:
        """A sale comes in, sometimes long after it was made."""
        when = max(self.tick() - timedelta(days=days_late), at("2026-01-01"))
        self.number += 1
        sale = Sale(
            external_id=f"in_any_{self.number}",
            customer_id=self.customers[which].id,
            currency=CURRENCIES[which],
            gross_minor=minor,
            tax_minor=0,
            net_minor=minor,
            occurred_at=when,
            recorded_at=self.now,
            description="",
        )
        self.session.add(sale)
        self.session.flush()
        self.sales.append((which, sale))
        self.left[sale.id] = minor
        self.rate()

    @precondition(lambda self: self.sales)
    @rule(data=st.data(), whole=st.booleans())
    def refund(self, data: st.DataObject, *, whole: bool) -> None:
        """All or a part is given back, or is disputed."""
        which, sale = data.draw(st.sampled_from(self.sales))
        left = self.left[sale.id]
        if left == 0:
            return
        part = left if whole else data.draw(st.integers(1, left))
        kind = data.draw(st.sampled_from([RefundKind.REFUND, RefundKind.DISPUTE]))
        self.stories[which].refund(sale, self.tick(), part, kind)
        self.left[sale.id] -= part
        self.rate()

    @rule()
    def redeliver(self) -> None:
        """The same events once more."""
        self.rate()

    @rule(which=st.integers(0, 1), minor=st.integers(-9_000, 9_000))
    def adjust(self, which: int, minor: int) -> None:
        """One person proposes, another approves."""
        if minor == 0:
            return
        found = adjusting.propose(
            self.session,
            self.stories[which].enrollment,
            amount=Money(minor, CURRENCIES[which]),
            reason=AdjustmentReason.GOODWILL,
            note="So be it.",
            form_id=new_id(),
            actor=self.staff[0],
            now=self.tick(),
        )
        adjusting.approve(
            self.session, found, note="Yes.", actor=self.staff[1], now=self.tick()
        )
        self.session.flush()
        self.adjusted[which] += minor

    @rule()
    def close_month(self) -> None:
        """The month ends; every balance is what the model says."""
        label = f"{self.now:%Y-%m}"
        self.now = (self.now.replace(day=1) + timedelta(days=32)).replace(day=1)
        for story in self.stories:
            close(
                self.session,
                a_period(self.session, story.version.program_id, label),
                notes=dict.fromkeys(KNOWN, "known"),
                now=self.now,
            )
        self.check()
        for which in range(2):
            assert self.owed(which) == self.expected(which)

    @rule(which=st.integers(0, 1), part=st.integers(1, 100))
    def record_transfer(self, which: int, part: int) -> None:
        """Finance pays a part by hand."""
        story = self.stories[which]
        free = service.payable(
            self.session,
            partner_id=story.enrollment.partner_id,
            program_id=story.version.program_id,
            currency=CURRENCIES[which],
        ).minor
        amount = free * part // 100
        if amount <= 0:
            return
        self.number += 1
        service.record(
            self.session,
            enrollment_id=story.enrollment.id,
            amount=Money(amount, CURRENCIES[which]),
            paid_on=self.tick().date(),
            reference=f"T-{self.number}",
            form_id=new_id(),
            actor=self.staff[0],
            now=self.now,
        )
        self.paid[which] += amount

    @rule(which=st.integers(0, 1))
    def send_batch(self, which: int) -> None:
        """What is due goes into a batch, is approved and sent."""
        asked: dict[str, Any] = {
            "currency": CURRENCIES[which],
            "file_format": FileFormat.CSV,
            "pay_on": self.working_day(),
        }
        found = collected(self.session, **asked, now=self.now)
        if not found.payable:
            return
        batch = service.make_batch(
            self.session,
            **asked,
            fingerprint=found.fingerprint,
            form_id=new_id(),
            payer=PAYER,
            four_eyes=True,
            actor=self.staff[0],
            now=self.now,
        )
        batch = loaded(self.session, batch)
        service.approve(
            self.session,
            batch,
            payer=PAYER,
            keys=KEYS,
            actor=self.staff[1],
            now=self.now,
        )
        service.mark_sent(self.session, batch, actor=self.staff[0], now=self.now)
        self.paid[which] += sum(row.amount_minor for row in batch.rows)
        self.batches.append((which, batch))

    @precondition(lambda self: self.batches)
    @rule(data=st.data(), result=st.sampled_from(["paid", "failed"]))
    def answer(self, data: st.DataObject, result: str) -> None:
        """The bank answers, perhaps twice; what failed is owed again."""
        which, batch = data.draw(st.sampled_from(self.batches))
        batch = loaded(self.session, batch)
        rows = [row for row in batch.rows if row.status is RowStatus.SENT]
        if batch.status is BatchStatus.SETTLED or not rows:
            return
        content = results(*(f"{row.end_to_end_id},{result},said so" for row in rows))
        for _ in range(2):
            service.import_results(
                self.session,
                loaded(self.session, batch),
                content,
                actor=self.staff[0],
                now=self.tick(),
            )
        if result == "failed":
            self.paid[which] -= sum(row.amount_minor for row in rows)

    def working_day(self) -> date:
        day = self.now.date()
        while day.weekday() >= 5:
            day += timedelta(days=1)
        return day

    def expected(self, which: int) -> int:
        """What the model says is owed once everything is on a statement."""
        earned = sum(
            divide(
                (sale.net_minor if self.is_broken else self.left[sale.id])
                * RATE_PERCENT,
                100,
                Rounding.HALF_AWAY,
            )
            for owner, sale in self.sales
            if owner == which
        )
        return earned + self.adjusted[which] - self.paid[which]

    def owed(self, which: int) -> int:
        story = self.stories[which]
        return ledger.balance(
            self.session,
            LedgerAccount.PARTNER_PAYABLE,
            partner_id=story.enrollment.partner_id,
            program_id=story.version.program_id,
            currency=CURRENCIES[which],
        ).minor

    def check(self) -> None:
        self.session.flush()
        self.session.execute(text("SET CONSTRAINTS ALL IMMEDIATE"))
        self.session.execute(text("SET CONSTRAINTS ALL DEFERRED"))
        self.session.expire_all()
        assert verify(self.session, self.now) == []

    def teardown(self) -> None:
        try:
            self.check()
        finally:
            self.session.close()
            self.savepoint.rollback()


@contextmanager
def on(engine: Engine) -> Iterator[None]:
    with engine.connect() as connection:
        outer = connection.begin()
        Books.connection = connection
        yield
        outer.rollback()


def test_in_any_order_the_books_hold(committed: Engine) -> None:
    with on(committed):
        run_state_machine_as_test(
            Books,
            settings=settings(
                max_examples=EXAMPLES,
                stateful_step_count=STEPS,
                deadline=None,
                suppress_health_check=list(HealthCheck),
                database=None,
            ),
        )


def test_control_a_refund_that_is_not_taken_back_is_noticed(
    committed: Engine,
) -> None:
    with on(committed):
        machine = Books()
        machine.charge(which=0, minor=10_000, days_late=0)
        which, sale = machine.sales[0]
        machine.stories[which].refund(sale, machine.tick(), sale.gross_minor)
        machine.left[sale.id] = 0
        machine.rate()
        machine.is_broken = True

        with pytest.raises(AssertionError):
            machine.close_month()
        machine.teardown()
