"""The fee through the pages, the real library and the sandbox."""

from datetime import datetime, timedelta

import pytest
from flask.testing import FlaskClient
from sqlalchemy import select
from sqlalchemy.orm import Session

from portal.accounts.models import User
from portal.accounts.permissions import Role
from portal.enrollments import queries as enrollments
from portal.enrollments.models import Enrollment
from portal.enrollments.rules import GateStatus
from portal.fees import service
from portal.fees.models import TRANSITIONS, FeeInvoice, FeeSubscription, FeeTransition
from portal.fees.rules import FeeStatus
from portal.kit.clock import utc_now
from portal.ledger.models import LedgerAccount, Posting
from portal.mail.models import OutboxEmail
from portal.stripe_sandbox.sandbox import Sandbox
from tests.conftest import CountQueries, SignIn
from tests.factories.base_factory import NOW
from tests.factories.people import PartnerMemberFactory, UserFactory
from tests.fees.conftest import CARD_THAT_FAILS_LATER, Deliver

DAY = timedelta(days=1)
Payer = tuple[User, Enrollment]


@pytest.mark.parametrize("here", FeeStatus)
@pytest.mark.parametrize("there", FeeStatus)
def test_a_subscription_makes_the_listed_moves_and_no_other(
    here: FeeStatus, there: FeeStatus
) -> None:
    subscription = FeeSubscription(status=here)

    if there is here or there in TRANSITIONS[here]:
        subscription.move_to(there)
        assert subscription.status is there
    else:
        with pytest.raises(FeeTransition):
            subscription.move_to(there)


def test_a_renewal_fails_at_the_beginning_of_the_period_it_was_for() -> None:
    yearly = FeeSubscription(created_at=NOW, interval="year")
    assert yearly.renewal_failed_at == NOW

    yearly.current_period_end = NOW.replace(year=2027)
    assert yearly.renewal_failed_at == NOW


def pay(client: FlaskClient, enrollment: Enrollment) -> str:
    """Open the payment page; return the id of the checkout."""
    answer = client.post(f"/app/billing/{enrollment.public_id}/pay")
    assert answer.status_code == 303
    return answer.headers["Location"].rsplit("/", 1)[-1]


def fee_gate(session: Session, enrollment: Enrollment, at: datetime) -> GateStatus:
    found = enrollments.get(session, enrollment.id)
    checklist = enrollments.checklist(session, found, now=at)
    return next(s for s in checklist if s.gate.kind == "fee")


def fee_gate_is_met(session: Session, enrollment: Enrollment, at: datetime) -> bool:
    return fee_gate(session, enrollment, at).is_met


def paid(
    session: Session,
    client: FlaskClient,
    sandbox: Sandbox,
    deliver: Deliver,
    enrollment: Enrollment,
    *,
    card: str = "4242424242424242",
) -> FeeSubscription:
    sandbox.complete_checkout(pay(client, enrollment), card=card)
    deliver()
    return session.scalars(select(FeeSubscription)).one()


class TestPaying:
    def test_a_paid_fee_opens_the_gate_and_is_in_the_books(
        self,
        session: Session,
        sign_in: SignIn,
        sandbox: Sandbox,
        deliver: Deliver,
        payer: Payer,
    ) -> None:
        user, enrollment = payer
        client = sign_in(user)

        subscription = paid(session, client, sandbox, deliver, enrollment)

        assert subscription.status is FeeStatus.ACTIVE
        assert fee_gate_is_met(session, enrollment, sandbox.clock)
        invoice = session.scalars(select(FeeInvoice)).one()
        assert (invoice.status, invoice.amount) == ("paid", subscription.amount)
        revenue = select(Posting).where(
            Posting.account == LedgerAccount.ENTRY_FEE_REVENUE
        )
        assert session.scalars(revenue).one().amount == subscription.amount
        mail = session.scalars(select(OutboxEmail)).one()
        assert (mail.to, mail.template) == (user.email, "fees/paid")
        page = client.get("/app/billing")
        assert b"Next payment" in page.data
        assert invoice.number.encode() in page.data

    def test_nothing_counts_before_stripe_says_so(
        self, session: Session, sign_in: SignIn, sandbox: Sandbox, payer: Payer
    ) -> None:
        user, enrollment = payer
        client = sign_in(user)
        sandbox.complete_checkout(pay(client, enrollment))

        page = client.get("/app/billing/paid", follow_redirects=True)

        assert b"being confirmed" in page.data
        assert not fee_gate_is_met(session, enrollment, sandbox.clock)

    def test_a_double_click_leads_to_the_same_page(
        self, session: Session, sign_in: SignIn, sandbox: Sandbox, payer: Payer
    ) -> None:
        del sandbox
        user, enrollment = payer
        client = sign_in(user)

        assert pay(client, enrollment) == pay(client, enrollment)
        assert len(session.scalars(select(FeeSubscription)).all()) == 1

    def test_paying_twice_is_refused(
        self,
        session: Session,
        sign_in: SignIn,
        sandbox: Sandbox,
        deliver: Deliver,
        payer: Payer,
    ) -> None:
        user, enrollment = payer
        client = sign_in(user)
        paid(session, client, sandbox, deliver, enrollment)

        answer = client.post(f"/app/billing/{enrollment.public_id}/pay")

        assert answer.status_code == 409

    def test_the_price_comes_from_the_program(
        self, session: Session, sign_in: SignIn, sandbox: Sandbox, payer: Payer
    ) -> None:
        del sandbox
        user, enrollment = payer
        path = f"/app/billing/{enrollment.public_id}/pay"

        sign_in(user).post(path, data={"amount_minor": "1", "price": "1"})

        fee = enrollment.version.definition.fee
        assert fee is not None
        subscription = session.scalars(select(FeeSubscription)).one()
        assert subscription.amount_minor == fee.minor_for(None)

    def test_events_in_any_order_and_twice_end_in_the_same_state(
        self,
        session: Session,
        sign_in: SignIn,
        sandbox: Sandbox,
        deliver: Deliver,
        payer: Payer,
    ) -> None:
        user, enrollment = payer
        subscription = paid(session, sign_in(user), sandbox, deliver, enrollment)
        before = (subscription.status, subscription.current_period_end)

        for event in reversed(sandbox.events()):
            service.expire_checkout(
                session, event["data"]["object"]["id"], now=sandbox.clock
            )
        deliver()

        assert (subscription.status, subscription.current_period_end) == before
        assert len(session.scalars(select(FeeInvoice)).all()) == 1
        assert len(session.scalars(select(OutboxEmail)).all()) == 1

    def test_a_checkout_that_expires_makes_room_for_a_new_one(
        self,
        session: Session,
        sign_in: SignIn,
        sandbox: Sandbox,
        deliver: Deliver,
        payer: Payer,
    ) -> None:
        user, enrollment = payer
        client = sign_in(user)
        first = pay(client, enrollment)
        sandbox.advance_to(NOW + 2 * DAY)
        deliver()

        assert pay(client, enrollment) != first
        states = session.scalars(select(FeeSubscription.status)).all()
        assert sorted(states) == [FeeStatus.EXPIRED, FeeStatus.PENDING]


class TestRenewing:
    def test_a_renewal_carries_the_gate_on(
        self,
        session: Session,
        sign_in: SignIn,
        sandbox: Sandbox,
        deliver: Deliver,
        payer: Payer,
    ) -> None:
        user, enrollment = payer
        paid(session, sign_in(user), sandbox, deliver, enrollment)

        sandbox.advance_to(NOW + 62 * DAY)
        deliver()

        assert len(session.scalars(select(FeeInvoice)).all()) == 3
        assert fee_gate_is_met(session, enrollment, NOW + 62 * DAY)
        assert not fee_gate(session, enrollment, NOW + 62 * DAY).in_grace

    def test_a_failed_renewal_leaves_the_grace_days_then_closes(
        self,
        session: Session,
        sign_in: SignIn,
        sandbox: Sandbox,
        deliver: Deliver,
        payer: Payer,
    ) -> None:
        user, enrollment = payer
        client = sign_in(user)
        paid(session, client, sandbox, deliver, enrollment, card=CARD_THAT_FAILS_LATER)
        renewal = NOW + 31 * DAY

        sandbox.advance_to(renewal + DAY)
        deliver()

        subscription = session.scalars(select(FeeSubscription)).one()
        assert subscription.status is FeeStatus.PAST_DUE
        assert abs(subscription.renewal_failed_at - renewal) < DAY
        assert b"Payment failed" in client.get("/app/billing").data
        assert fee_gate_is_met(session, enrollment, renewal + 6 * DAY)
        assert not fee_gate_is_met(session, enrollment, renewal + 8 * DAY)
        assert fee_gate(session, enrollment, renewal + 6 * DAY).in_grace
        templates = session.scalars(select(OutboxEmail.template)).all()
        assert "fees/failed" in templates

    def test_when_stripe_gives_up_the_subscription_ends(
        self,
        session: Session,
        sign_in: SignIn,
        sandbox: Sandbox,
        deliver: Deliver,
        payer: Payer,
    ) -> None:
        user, enrollment = payer
        paid(
            session,
            sign_in(user),
            sandbox,
            deliver,
            enrollment,
            card=CARD_THAT_FAILS_LATER,
        )

        sandbox.advance_to(NOW + 60 * DAY)
        deliver()

        subscription = session.scalars(select(FeeSubscription)).one()
        assert subscription.status is FeeStatus.CANCELED
        assert not fee_gate_is_met(session, enrollment, sandbox.clock)


class TestRefund:
    def test_a_fee_given_back_in_full_closes_the_gate_and_is_booked_once(
        self,
        session: Session,
        sign_in: SignIn,
        sandbox: Sandbox,
        deliver: Deliver,
        payer: Payer,
    ) -> None:
        user, enrollment = payer
        subscription = paid(session, sign_in(user), sandbox, deliver, enrollment)
        invoice = session.scalars(select(FeeInvoice)).one()
        charge = next(i for i in invoice.payment_ids if i.startswith("ch_"))

        for part in (1_000, subscription.amount_minor - 1_000):
            sandbox.refund(charge, part)
            deliver()

        assert invoice.refunded == subscription.amount
        cash = session.scalars(
            select(Posting.amount_minor).where(
                Posting.account == LedgerAccount.ENTRY_FEE_CASH
            )
        ).all()
        assert sum(cash) == 0
        assert not fee_gate_is_met(session, enrollment, utc_now())


class TestPages:
    def test_the_billing_portal_opens_for_who_has_paid(
        self,
        session: Session,
        sign_in: SignIn,
        sandbox: Sandbox,
        deliver: Deliver,
        payer: Payer,
    ) -> None:
        user, enrollment = payer
        client = sign_in(user)
        pay(client, enrollment)
        subscription = session.scalars(select(FeeSubscription)).one()
        path = f"/app/billing/{subscription.public_id}/manage"

        assert client.post(path).status_code == 409
        paid(session, client, sandbox, deliver, enrollment)
        answer = client.post(path)

        assert answer.status_code == 303
        assert "/p/session/" in answer.headers["Location"]

    def test_another_partner_finds_nothing(
        self, session: Session, sign_in: SignIn, sandbox: Sandbox, payer: Payer
    ) -> None:
        user, enrollment = payer
        pay(sign_in(user), enrollment)
        del sandbox
        subscription = session.scalars(select(FeeSubscription)).one()
        other = sign_in(PartnerMemberFactory.create().user)

        assert b"You have no fees" in other.get("/app/billing").data
        pay_path = f"/app/billing/{enrollment.public_id}/pay"
        manage_path = f"/app/billing/{subscription.public_id}/manage"
        assert other.post(pay_path).status_code == 404
        assert other.post(manage_path).status_code == 404

    def test_a_viewer_sees_but_does_not_pay(
        self, sign_in: SignIn, payer: Payer
    ) -> None:
        _, enrollment = payer
        viewer = UserFactory.create(role=Role.PARTNER_VIEWER)
        PartnerMemberFactory.create(user=viewer, partner=enrollment.partner)
        client = sign_in(viewer)

        assert b"finance person of your team can pay" in client.get("/app/billing").data
        path = f"/app/billing/{enrollment.public_id}/pay"
        assert client.post(path).status_code == 403

    def test_when_stripe_is_away_the_page_says_so_and_nothing_is_lost(
        self, session: Session, sign_in: SignIn, sandbox: Sandbox, payer: Payer
    ) -> None:
        user, enrollment = payer
        client = sign_in(user)
        sandbox.secret_key = "sk_test_another"

        answer = client.post(
            f"/app/billing/{enrollment.public_id}/pay", follow_redirects=True
        )

        assert b"The payment service does not answer" in answer.data
        subscription = session.scalars(select(FeeSubscription)).one()
        assert subscription.status is FeeStatus.PENDING

    def test_staff_list_costs_the_same_however_long_it_is(
        self,
        session: Session,
        sign_in: SignIn,
        sandbox: Sandbox,
        payer: Payer,
        count_queries: CountQueries,
    ) -> None:
        user, enrollment = payer
        staff = sign_in(UserFactory.create(finance=True))
        assert b"No fee yet" in staff.get("/admin/fees").data
        pay(sign_in(user), enrollment)
        del session, sandbox

        with count_queries() as statements:
            page = staff.get("/admin/fees?status=pending")

        assert enrollment.partner.name.encode() in page.data
        # Who is signed in, the list, its reminders, the waivers, a freeze.
        assert len(statements) == 5
        assert b"No fee is in this state" in staff.get("/admin/fees?status=active").data
