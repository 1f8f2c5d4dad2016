"""What a partner may choose, and what the payment page offers and asks for."""

from datetime import datetime, timedelta
from typing import Any

import pytest
from flask.testing import FlaskClient
from sqlalchemy import select
from sqlalchemy.orm import Session

from portal.audit.models import AuditEvent
from portal.enrollments import queries as enrollments
from portal.enrollments.models import Enrollment
from portal.fees.models import FeeInvoice, FeeSubscription
from portal.fees.rules import FeeStatus
from portal.mail.models import OutboxEmail
from portal.payments.gateway import StripeGateway
from portal.stripe_sandbox.sandbox import Sandbox
from tests.conftest import SignIn
from tests.factories.base_factory import NOW
from tests.fees.conftest import CARD_THAT_FAILS_LATER, Deliver, PayerOf

DAY = timedelta(days=1)
YEARLY: dict[str, Any] = {
    "or_intervals": [
        {
            "interval": "year",
            "minor_by_tier": {"any": 350_00, "gold": 700_00},
            "growth_minor_by_tier": {"any": 250_00},
        }
    ],
    "growth_countries": ["BR", "IN"],
    "growth_minor_by_tier": {"any": 25_00},
}


def opened(client: FlaskClient, enrollment: Enrollment, **form: str) -> str:
    """Press a button to pay; return the id of the checkout."""
    answer = client.post(f"/app/billing/{enrollment.public_id}/pay", data=form)
    assert answer.status_code == 303
    return answer.headers["Location"].rsplit("/", 1)[-1]


def gate_is_met(session: Session, enrollment: Enrollment, at: datetime) -> bool:
    found = enrollments.get(session, enrollment.id)
    checklist = enrollments.checklist(session, found, now=at)
    return next(s for s in checklist if s.gate.kind == "fee").is_met


class TestPrice:
    @pytest.mark.parametrize(
        ("country", "tier", "interval", "minor"),
        [
            ("US", None, "month", 35_00),
            ("US", None, "year", 350_00),
            ("US", "gold", "year", 700_00),
            ("IN", None, "month", 25_00),
            ("IN", "gold", "year", 250_00),
        ],
    )
    def test_it_is_that_of_tier_country_and_interval_up_to_the_charge(
        self,
        *,
        session: Session,
        sign_in: SignIn,
        sandbox: Sandbox,
        deliver: Deliver,
        payer_of: PayerOf,
        country: str,
        tier: str | None,
        interval: str,
        minor: int,
    ) -> None:
        user, enrollment = payer_of(country, tier, **YEARLY)

        page = opened(sign_in(user), enrollment, interval=interval, country="IN")
        sandbox.complete_checkout(page)
        deliver()

        assert [c["amount"] for c in sandbox.store.every("charge")] == [minor]
        subscription = session.scalars(select(FeeSubscription)).one()
        assert (subscription.interval, subscription.tier) == (interval, tier)
        bought = next(sandbox.store.every("subscription"))
        price = bought["items"]["data"][0]["price"]
        assert price["recurring"]["interval"] == interval

    def test_both_buttons_are_there_and_a_third_interval_is_refused(
        self, session: Session, sign_in: SignIn, payer_of: PayerOf
    ) -> None:
        user, enrollment = payer_of(**YEARLY)
        client = sign_in(user)

        page = client.get("/app/billing").text
        answer = client.post(
            f"/app/billing/{enrollment.public_id}/pay", data={"interval": "week"}
        )

        assert ">$35.00</bdi> a month</button>" in page
        assert ">$350.00</bdi> a year</button>" in page
        assert answer.status_code == 422
        assert session.scalars(select(FeeSubscription)).all() == []

    def test_who_changes_their_mind_has_one_page_and_one_fee(
        self,
        session: Session,
        sign_in: SignIn,
        sandbox: Sandbox,
        deliver: Deliver,
        payer_of: PayerOf,
    ) -> None:
        user, enrollment = payer_of(**YEARLY)
        client = sign_in(user)
        monthly = opened(client, enrollment, interval="month")
        assert opened(client, enrollment, interval="month") == monthly

        yearly = opened(client, enrollment, interval="year")
        again = opened(client, enrollment, interval="month")
        sandbox.complete_checkout(again)
        deliver()

        states = {s["id"]: s["status"] for s in sandbox.store.every("checkout.session")}
        assert states == {monthly: "expired", yearly: "expired", again: "complete"}
        rows = session.scalars(select(FeeSubscription.status)).all()
        assert sorted(rows) == [FeeStatus.ACTIVE, FeeStatus.EXPIRED, FeeStatus.EXPIRED]

    def test_a_page_that_was_left_for_a_day_is_opened_anew(
        self, sign_in: SignIn, sandbox: Sandbox, payer_of: PayerOf
    ) -> None:
        user, enrollment = payer_of()
        client = sign_in(user)
        first = opened(client, enrollment)
        sandbox.advance_to(NOW + 2 * DAY)

        second = opened(client, enrollment)

        assert second != first
        assert sandbox.store.get("checkout.session", second)["status"] == "open"


class TestTrial:
    def test_the_gate_is_open_from_the_first_day_and_no_receipt_is_sent(
        self,
        session: Session,
        sign_in: SignIn,
        sandbox: Sandbox,
        deliver: Deliver,
        payer_of: PayerOf,
    ) -> None:
        user, enrollment = payer_of(trial_days=14)
        client = sign_in(user)
        assert "first 14 days are free" in client.get("/app/billing").text

        sandbox.complete_checkout(opened(client, enrollment))
        deliver()

        assert gate_is_met(session, enrollment, NOW + DAY)
        assert session.scalars(select(OutboxEmail)).all() == []
        subscription = session.scalars(select(FeeSubscription)).one()
        assert subscription.trial_end == NOW + 14 * DAY

        sandbox.advance_to(NOW + 15 * DAY)
        deliver()

        assert gate_is_met(session, enrollment, NOW + 40 * DAY)
        assert session.scalars(select(OutboxEmail.template)).all() == ["fees/paid"]

    def test_a_card_that_fails_at_its_end_has_the_days_of_grace(
        self,
        session: Session,
        sign_in: SignIn,
        sandbox: Sandbox,
        deliver: Deliver,
        payer_of: PayerOf,
    ) -> None:
        user, enrollment = payer_of(trial_days=14)
        page = opened(sign_in(user), enrollment)
        sandbox.complete_checkout(page, card=CARD_THAT_FAILS_LATER)
        deliver()

        sandbox.advance_to(NOW + 15 * DAY)
        deliver()

        assert gate_is_met(session, enrollment, NOW + 20 * DAY)
        assert not gate_is_met(session, enrollment, NOW + 22 * DAY)

    def test_it_is_given_once(
        self,
        session: Session,
        sign_in: SignIn,
        sandbox: Sandbox,
        deliver: Deliver,
        payer_of: PayerOf,
    ) -> None:
        user, enrollment = payer_of(trial_days=14)
        client = sign_in(user)
        sandbox.complete_checkout(opened(client, enrollment))
        deliver()
        row = session.scalars(select(FeeSubscription)).one()
        client.post(f"/app/billing/{row.public_id}/end")
        sandbox.advance_to(NOW + 15 * DAY)
        deliver()

        sandbox.complete_checkout(opened(client, enrollment))

        assert [c["amount"] for c in sandbox.store.every("charge")] == [35_00]
        assert "days are free" not in client.get("/app/billing").text


class TestPage:
    def test_a_coupon_is_taken_off_and_the_books_say_what_came_in(
        self,
        *,
        session: Session,
        sign_in: SignIn,
        sandbox: Sandbox,
        gateway: StripeGateway,
        deliver: Deliver,
        payer_of: PayerOf,
    ) -> None:
        gateway.client.v1.coupons.create({"id": "TEN", "percent_off": 10})
        user, enrollment = payer_of(coupon="TEN")

        sandbox.complete_checkout(opened(sign_in(user), enrollment))
        deliver()

        invoice = session.scalars(select(FeeInvoice)).one()
        assert (invoice.amount_minor, invoice.paid_minor) == (31_50, 31_50)
        assert gate_is_met(session, enrollment, NOW + DAY)

    def test_a_code_of_all_opens_the_gate_without_a_payment(
        self,
        *,
        session: Session,
        sign_in: SignIn,
        sandbox: Sandbox,
        gateway: StripeGateway,
        deliver: Deliver,
        payer_of: PayerOf,
    ) -> None:
        v1 = gateway.client.v1
        v1.coupons.create({"id": "ALL", "percent_off": 100})
        v1.promotion_codes.create(
            {"code": "GIFT", "promotion": {"type": "coupon", "coupon": "ALL"}}
        )
        user, enrollment = payer_of(promotion_codes=True)

        sandbox.complete_checkout(opened(sign_in(user), enrollment), code="GIFT")
        deliver()

        assert list(sandbox.store.every("charge")) == []
        assert gate_is_met(session, enrollment, NOW + DAY)

    def test_address_and_tax_id_are_asked_for_and_stand_on_the_invoice(
        self,
        session: Session,
        sign_in: SignIn,
        sandbox: Sandbox,
        deliver: Deliver,
        payer_of: PayerOf,
    ) -> None:
        user, enrollment = payer_of(collects=["address", "tax_id"])
        client = sign_in(user)
        page = opened(client, enrollment)
        asked = sandbox.store.get("checkout.session", page)
        assert asked["billing_address_collection"] == "required"
        assert asked["tax_id_collection"]["enabled"]

        sandbox.complete_checkout(page, country="AT", tax_id="ATU12345675")
        deliver()

        written = next(sandbox.store.every("invoice"))
        assert written["customer_tax_ids"][0]["value"] == "ATU12345675"
        assert written["customer_address"]["country"] == "AT"
        invoice = session.scalars(select(FeeInvoice)).one()
        shown = client.get("/app/billing").text
        assert f'href="{invoice.pdf_url}"' in shown
        assert f'href="{invoice.hosted_url}"' in shown

    def test_without_a_wish_nothing_more_is_asked(
        self, sign_in: SignIn, sandbox: Sandbox, payer_of: PayerOf
    ) -> None:
        user, enrollment = payer_of()

        page = sandbox.store.get("checkout.session", opened(sign_in(user), enrollment))

        assert page["billing_address_collection"] is None
        assert page["allow_promotion_codes"] is None
        assert not page["tax_id_collection"]["enabled"]


class TestCancelling:
    def test_it_ends_with_the_paid_period_and_can_be_taken_back(
        self,
        session: Session,
        sign_in: SignIn,
        sandbox: Sandbox,
        deliver: Deliver,
        payer_of: PayerOf,
    ) -> None:
        user, enrollment = payer_of()
        client = sign_in(user)
        sandbox.complete_checkout(opened(client, enrollment))
        deliver()
        row = session.scalars(select(FeeSubscription)).one()
        path = f"/app/billing/{row.public_id}"

        asked = client.post(f"{path}/end", follow_redirects=True)
        assert "being confirmed" in asked.text
        # Stripe decides, and tells it.
        assert "Go on with the fee" not in client.get("/app/billing").text
        deliver()
        assert "Go on with the fee" in client.get("/app/billing").text
        client.post(f"{path}/go-on")
        deliver()

        assert not row.cancel_at_period_end
        asked_for = session.scalars(
            select(AuditEvent.action)
            .where(AuditEvent.action.startswith("fee.asked"))
            .order_by(AuditEvent.id)
        ).all()
        assert sorted(asked_for) == ["fee.asked_to_end", "fee.asked_to_go_on"]

    def test_what_does_not_run_cannot_be_cancelled(
        self, session: Session, sign_in: SignIn, sandbox: Sandbox, payer_of: PayerOf
    ) -> None:
        del sandbox
        user, enrollment = payer_of()
        client = sign_in(user)
        opened(client, enrollment)
        row = session.scalars(select(FeeSubscription)).one()

        answer = client.post(f"/app/billing/{row.public_id}/end")

        assert answer.status_code == 409

    def test_when_stripe_is_away_it_is_said(
        self,
        session: Session,
        sign_in: SignIn,
        sandbox: Sandbox,
        deliver: Deliver,
        payer_of: PayerOf,
    ) -> None:
        user, enrollment = payer_of()
        client = sign_in(user)
        sandbox.complete_checkout(opened(client, enrollment))
        deliver()
        row = session.scalars(select(FeeSubscription)).one()
        sandbox.secret_key = "sk_test_another"

        answer = client.post(f"/app/billing/{row.public_id}/end", follow_redirects=True)

        assert "The payment service does not answer" in answer.text
