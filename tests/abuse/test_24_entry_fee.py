"""Abuse case 24: pay and charge back, pay twice, pay less."""

from dataclasses import replace
from datetime import timedelta
from uuid import UUID

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import select, text
from sqlalchemy.orm import Session

from portal.accounts.models import User
from portal.audit.models import AuditEvent
from portal.enrollments import queries as enrollments
from portal.enrollments.models import Enrollment
from portal.fees import rules, service, tasks
from portal.fees.models import FeeInvoice, FeeSubscription
from portal.fees.rules import FeeStatus
from portal.kit.clock import utc_now
from portal.kit.money import Money
from portal.ledger.models import LedgerAccount, Posting
from portal.mail.models import OutboxEmail
from portal.payments.gateway import EXTENSION, StripeGateway
from portal.stripe_sandbox.sandbox import Sandbox
from tests.conftest import SignIn
from tests.fees.conftest import Deliver, deliver, payer

__all__ = ["deliver", "payer"]

Payer = tuple[User, Enrollment]


def open_page(client: FlaskClient, enrollment: Enrollment, **form: str) -> str:
    """Open the payment page; return the id of the checkout."""
    answer = client.post(f"/app/billing/{enrollment.public_id}/pay", data=form)
    assert answer.status_code == 303
    return answer.headers["Location"].rsplit("/", 1)[-1]


def gate_is_met(session: Session, enrollment: Enrollment) -> bool:
    found = enrollments.get(session, enrollment.id)
    checklist = enrollments.checklist(session, found, now=utc_now())
    return next(s for s in checklist if s.gate.kind == "fee").is_met


def audited(session: Session, enrollment: Enrollment) -> list[str]:
    query = (
        select(AuditEvent.action)
        .where(
            AuditEvent.subject_id == enrollment.id,
            AuditEvent.action.startswith("fee."),
        )
        .order_by(AuditEvent.at, AuditEvent.id)
    )
    return list(session.scalars(query))


def cash(session: Session) -> int:
    """Return what the books say came in and stayed, in minor units."""
    query = select(Posting.amount_minor).where(
        Posting.account == LedgerAccount.ENTRY_FEE_CASH
    )
    return -sum(session.scalars(query))


def run_give_back(app: Flask, session: Session) -> int:
    """Do the queued refunds of fees that were paid twice; return how many."""
    queued = session.scalars(
        text("SELECT args FROM procrastinate_jobs WHERE task_name = :name"),
        {"name": service.GIVE_BACK},
    ).all()
    with app.app_context():
        for args in queued:
            tasks.give_back(**args)
            tasks.give_back(**args)  # A worker died after it and tries again.
    return len(queued)


@pytest.fixture(autouse=True)
def today(sandbox: Sandbox) -> None:
    """Let Stripe's clock be ours, by which the gate is asked about."""
    sandbox.advance_to(max(sandbox.clock, utc_now()))


class TestChargeBack:
    def test_who_takes_the_money_back_loses_the_gate_until_the_dispute_is_won(
        self,
        session: Session,
        sign_in: SignIn,
        sandbox: Sandbox,
        deliver: Deliver,
        payer: Payer,
    ) -> None:
        user, enrollment = payer
        client = sign_in(user)
        sandbox.complete_checkout(open_page(client, enrollment))
        deliver()
        invoice = session.scalars(select(FeeInvoice)).one()
        charge = next(i for i in invoice.payment_ids if i.startswith("ch_"))
        assert gate_is_met(session, enrollment)

        dispute = sandbox.open_dispute(charge)
        deliver()

        assert not gate_is_met(session, enrollment)
        assert invoice.taken_back == invoice.amount
        assert cash(session) == 0
        assert b"took the payment back" in client.get("/app/billing").data

        sandbox.close_dispute(dispute["id"], won=True)
        deliver()

        assert gate_is_met(session, enrollment)
        assert cash(session) == invoice.amount_minor
        about_it = [one for one in audited(session, enrollment) if "dispute" in one]
        assert about_it == [
            "fee.disputed",
            "fee.dispute_returned",
        ]

    def test_without_a_look_at_disputes_the_access_would_stay(
        self, app: Flask, session: Session, sandbox: Sandbox, payer: Payer
    ) -> None:
        gateway = app.extensions[EXTENSION]
        paid = bought(gateway, sandbox, payer[1].id)
        fetched = gateway.fetch_subscription(paid)
        sandbox.open_dispute(fetched.invoices[0].charges[0]["id"])
        fetched = gateway.fetch_subscription(paid)
        one = fetched.invoices[0]
        facts = rules.read_subscription(fetched.subscription)
        seen = rules.read_invoice(one.invoice, one.charges, one.disputes)
        blind = replace(seen, amount_taken_back=0)
        grace = timedelta(days=7)
        del session

        assert rules.plan_gate(facts, [seen], grace=grace).met_until is None
        assert rules.plan_gate(facts, [blind], grace=grace).met_until is not None

    def test_a_lost_dispute_leaves_the_gate_shut(
        self,
        session: Session,
        sign_in: SignIn,
        sandbox: Sandbox,
        deliver: Deliver,
        payer: Payer,
    ) -> None:
        user, enrollment = payer
        sandbox.complete_checkout(open_page(sign_in(user), enrollment))
        deliver()
        invoice = session.scalars(select(FeeInvoice)).one()
        charge = next(i for i in invoice.payment_ids if i.startswith("ch_"))

        dispute = sandbox.open_dispute(charge)
        sandbox.close_dispute(dispute["id"], won=False)
        deliver()

        assert not gate_is_met(session, enrollment)
        assert cash(session) == 0


def bought(
    gateway: StripeGateway, sandbox: Sandbox, enrollment_id: UUID, minor: int = 5_000
) -> str:
    """Pay on a page that is not ours to know; return Stripe's subscription."""
    page = gateway.open_fee_checkout(
        key=f"another-{minor}",
        enrollment_id=enrollment_id,
        product="Fee",
        amount=Money(minor, "USD"),
        interval="month",
        email="payer@partner.example",
        success_url="https://portal.example/paid",
        cancel_url="https://portal.example/",
    )
    return str(sandbox.complete_checkout(page.id)["subscription"])


class TestPaidTwice:
    def test_two_pages_that_are_paid_make_one_fee_and_one_refund(
        self,
        session: Session,
        sign_in: SignIn,
        sandbox: Sandbox,
        deliver: Deliver,
        payer: Payer,
    ) -> None:
        user, enrollment = payer
        client = sign_in(user)
        first = open_page(client, enrollment)
        # The first page is paid in the moment in which we hear that it expired.
        service.expire_checkout(session, first, now=sandbox.clock)
        session.flush()
        second = open_page(client, enrollment)
        assert first != second
        sandbox.complete_checkout(first)
        deliver()
        sandbox.complete_checkout(second)
        deliver()

        assert run_give_back(client.application, session) == 1
        deliver()

        rows = session.scalars(
            select(FeeSubscription).order_by(FeeSubscription.created_at)
        ).all()
        assert [row.status for row in rows] == [FeeStatus.ACTIVE, FeeStatus.CANCELED]
        assert rows[1].duplicate_of_id == rows[0].id
        assert gate_is_met(session, enrollment)
        assert cash(session) == rows[0].amount_minor
        assert len(list(sandbox.store.every("refund"))) == 1
        assert audited(session, enrollment).count("fee.paid_twice") == 1
        templates = list(session.scalars(select(OutboxEmail.template)))
        assert sorted(templates) == ["fees/paid", "fees/paid_twice"]
        page = client.get("/app/billing").data
        assert b"paid twice" in page

    def test_a_page_that_stripe_opened_again_is_given_back_too(
        self,
        session: Session,
        sign_in: SignIn,
        sandbox: Sandbox,
        deliver: Deliver,
        payer: Payer,
    ) -> None:
        user, enrollment = payer
        client = sign_in(user)
        app = client.application
        sandbox.complete_checkout(open_page(client, enrollment))
        deliver()

        unknown = bought(app.extensions[EXTENSION], sandbox, enrollment.id)
        deliver()
        # Until it is given back, there are two: what would go on charging for ever.
        assert sandbox.store.get("subscription", unknown)["status"] == "active"
        assert run_give_back(app, session) == 1
        deliver()

        assert sandbox.store.get("subscription", unknown)["status"] == "canceled"
        assert len(list(sandbox.store.every("refund"))) == 1
        assert gate_is_met(session, enrollment)

    @pytest.mark.parametrize("mark", ["by hand", str(UUID(int=7))])
    def test_a_mark_that_names_no_enrollment_is_left_alone(
        self, app: Flask, session: Session, sandbox: Sandbox, mark: str
    ) -> None:
        gateway = app.extensions[EXTENSION]
        paid = bought(gateway, sandbox, UUID(int=7))
        sandbox.store.get("subscription", paid)["metadata"]["enrollment"] = mark

        with app.app_context():
            tasks.bring_in_line(paid, now=sandbox.clock)

        assert session.scalars(select(FeeSubscription)).all() == []


class TestPaysLess:
    def test_an_amount_from_the_browser_is_ignored_up_to_the_charge(
        self,
        app: Flask,
        session: Session,
        sign_in: SignIn,
        sandbox: Sandbox,
        payer: Payer,
    ) -> None:
        user, enrollment = payer
        fee = enrollment.version.definition.fee
        assert fee is not None
        page = open_page(
            sign_in(user), enrollment, amount_minor="1", unit_amount="1", tier="any"
        )

        sandbox.complete_checkout(page)

        charged = [one["amount"] for one in sandbox.store.every("charge")]
        assert charged == [fee.minor_for(None)]
        begun = select(AuditEvent.details).where(AuditEvent.action == "fee.begun")
        assert session.scalars(begun).one()["amount_minor"] == fee.minor_for(None)
        # Were the amount taken from whoever asks, Stripe would charge just that.
        bought(app.extensions[EXTENSION], sandbox, enrollment.id, minor=100)
        assert 100 in [one["amount"] for one in sandbox.store.every("charge")]
