"""A partner changes tier: the running fee is moved and settled, never doubled."""

from collections.abc import Mapping
from datetime import timedelta
from threading import Barrier
from typing import Any

import pytest
import stripe
from sqlalchemy import Engine, select, text
from sqlalchemy.orm import Session

from portal.enrollments import queries as enrollments
from portal.enrollments.models import Enrollment
from portal.fees import queries, service, tasks
from portal.fees.models import FeeInvoice, FeeMove, FeeSubscription
from portal.fees.rules import FeeStatus
from portal.kit.ids import new_id
from portal.kit.money import Money
from portal.mail.models import OutboxEmail
from portal.payments.gateway import GatewayUnavailable, StripeGateway
from portal.programs.documents import preset
from portal.stripe_sandbox.client import SandboxHTTPClient
from portal.stripe_sandbox.sandbox import Sandbox
from tests.committed import at_once, committed
from tests.conftest import SignIn
from tests.factories import base_factory
from tests.factories.base_factory import NOW
from tests.factories.people import PartnerMemberFactory
from tests.factories.programs import EnrollmentFactory, ProgramVersionFactory
from tests.fees.conftest import CARD_THAT_FAILS_LATER, Deliver, PayerOf
from tests.fees.test_choices import opened

__all__ = ["committed"]

DAY = timedelta(days=1)
MIDDLE = NOW + timedelta(days=15, hours=12)
"""Half of the month that was paid on NOW, which has 31 days."""
PRICES = {"any": 35_00, "gold": 95_00, "elite": 155_00}


def totals(sandbox: Sandbox) -> list[int]:
    """Return what each invoice came to, oldest first."""
    return [invoice["total"] for invoice in sandbox.store.every("invoice")][::-1]


def live_at_stripe(sandbox: Sandbox) -> int:
    return sum(s["status"] != "canceled" for s in sandbox.store.every("subscription"))


@pytest.fixture
def paying(
    session: Session,
    sign_in: SignIn,
    sandbox: Sandbox,
    deliver: Deliver,
    payer_of: PayerOf,
) -> Enrollment:
    """A partner who pays 35.00 a month since NOW."""
    user, enrollment = payer_of(minor_by_tier=PRICES)
    sandbox.complete_checkout(opened(sign_in(user), enrollment))
    deliver()
    del session
    return enrollment


@pytest.fixture
def fee(session: Session, paying: Enrollment) -> FeeSubscription:
    found = queries.live(session, paying.id)
    assert found is not None
    return found


def put_on(
    session: Session, gateway: StripeGateway, enrollment: Enrollment, tier: str
) -> None:
    enrollment.tier = tier
    session.flush()
    tasks.bring_price_in_line(session, gateway, enrollment.id, now=MIDDLE)


class TestMoving:
    def test_up_the_difference_for_the_rest_of_the_period_is_charged_at_once(
        self,
        *,
        session: Session,
        sandbox: Sandbox,
        gateway: StripeGateway,
        deliver: Deliver,
        paying: Enrollment,
        fee: FeeSubscription,
    ) -> None:
        sandbox.advance_to(MIDDLE)

        put_on(session, gateway, paying, "gold")
        deliver()

        assert totals(sandbox) == [35_00, 30_00]
        assert (fee.tier, fee.amount_minor) == ("gold", 95_00)
        assert live_at_stripe(sandbox) == 1
        invoices = session.scalars(select(FeeInvoice)).all()
        assert sorted(i.paid_minor for i in invoices) == [30_00, 35_00]
        mails = session.scalars(select(OutboxEmail.template)).all()
        assert sorted(mails) == ["fees/moved", "fees/paid", "fees/paid"]

    def test_down_the_rest_is_taken_off_the_next_invoice(
        self,
        *,
        session: Session,
        sandbox: Sandbox,
        gateway: StripeGateway,
        deliver: Deliver,
        paying: Enrollment,
        fee: FeeSubscription,
    ) -> None:
        put_on(session, gateway, paying, "gold")
        sandbox.advance_to(MIDDLE)

        put_on(session, gateway, paying, "platinum")
        sandbox.advance_to(NOW + 32 * DAY)
        deliver()

        assert totals(sandbox) == [35_00, 60_00, 5_00]
        assert (fee.tier, fee.amount_minor) == ("platinum", 35_00)

    def test_a_tier_of_the_same_price_moves_nothing(
        self,
        *,
        session: Session,
        sandbox: Sandbox,
        gateway: StripeGateway,
        paying: Enrollment,
        fee: FeeSubscription,
    ) -> None:
        put_on(session, gateway, paying, "platinum")

        assert fee.tier == "platinum"
        assert session.scalars(select(FeeMove)).all() == []
        assert totals(sandbox) == [35_00]

    def test_a_worker_that_died_after_stripe_acted_is_followed_by_one_that_ends_it(
        self,
        *,
        session: Session,
        sandbox: Sandbox,
        gateway: StripeGateway,
        paying: Enrollment,
    ) -> None:
        paying = enrollments.get(session, paying.id)
        paying.tier = "gold"
        move = service.plan_move(session, paying, now=MIDDLE)
        assert move is not None
        sandbox.advance_to(MIDDLE)
        key = f"fee-move:{move.id}"
        gateway.move_price(move.stripe_id, move.price, key=key, at_once=True)
        # It dies here. Meanwhile the partner reaches a third tier.
        paying.tier = "elite"
        session.flush()

        tasks.bring_price_in_line(session, gateway, paying.id, now=MIDDLE)
        # And it was not dead but slow: it asks once more.
        gateway.move_price(move.stripe_id, move.price, key=key, at_once=True)
        service.finish_move(session, paying, move.id, has_moved=True, now=MIDDLE)

        assert totals(sandbox) == [35_00, 30_00, 30_00]
        bought = next(sandbox.store.every("subscription"))
        assert bought["items"]["data"][0]["price"]["unit_amount"] == 155_00
        moves = session.scalars(select(FeeMove).order_by(FeeMove.created_at)).all()
        assert sorted(m.to_minor for m in moves) == [95_00, 155_00]
        assert all(m.done_at for m in moves)

    def test_what_is_past_due_waits_until_it_is_paid(
        self,
        *,
        session: Session,
        sign_in: SignIn,
        sandbox: Sandbox,
        gateway: StripeGateway,
        deliver: Deliver,
        payer_of: PayerOf,
    ) -> None:
        user, enrollment = payer_of(minor_by_tier=PRICES)
        page = opened(sign_in(user), enrollment)
        sandbox.complete_checkout(page, card=CARD_THAT_FAILS_LATER)
        sandbox.advance_to(NOW + 32 * DAY)
        deliver()
        enrollment.tier = "gold"
        session.flush()
        tasks.bring_price_in_line(session, gateway, enrollment.id, now=MIDDLE)
        assert session.scalars(select(FeeMove)).all() == []

        method = next(sandbox.store.every("payment_method"))
        method["_card"] = "4242424242424242"
        open_one = next(sandbox.store.every("invoice"))
        gateway.client.v1.invoices.pay(open_one["id"])
        deliver()

        queued = session.scalars(
            text(
                "SELECT args ->> 'enrollment_id' FROM procrastinate_jobs"
                " WHERE task_name = :name"
            ),
            {"name": service.MATCH_PRICE},
        ).all()
        assert str(enrollment.id) in queued
        tasks.bring_price_in_line(session, gateway, enrollment.id, now=MIDDLE)
        assert [m.to_minor for m in session.scalars(select(FeeMove))] == [95_00]

    def test_what_ends_with_its_period_keeps_its_price(
        self,
        *,
        session: Session,
        gateway: StripeGateway,
        deliver: Deliver,
        paying: Enrollment,
        fee: FeeSubscription,
    ) -> None:
        assert fee.stripe_subscription_id
        gateway.set_ending(fee.stripe_subscription_id, ends=True)
        deliver()

        put_on(session, gateway, paying, "gold")

        assert session.scalars(select(FeeMove)).all() == []

    def test_what_has_ended_before_we_heard_of_it_keeps_the_price_it_had(
        self,
        *,
        session: Session,
        gateway: StripeGateway,
        deliver: Deliver,
        paying: Enrollment,
        fee: FeeSubscription,
    ) -> None:
        assert fee.stripe_subscription_id
        gateway.cancel_now(fee.stripe_subscription_id)

        put_on(session, gateway, paying, "gold")
        deliver()

        assert (fee.status, fee.amount_minor) == (FeeStatus.CANCELED, 35_00)
        assert "fees/moved" not in session.scalars(select(OutboxEmail.template)).all()

    def test_a_page_that_waits_asks_for_the_price_of_the_new_tier(
        self,
        session: Session,
        sign_in: SignIn,
        sandbox: Sandbox,
        gateway: StripeGateway,
        payer_of: PayerOf,
    ) -> None:
        user, enrollment = payer_of(minor_by_tier=PRICES)
        client = sign_in(user)
        before = opened(client, enrollment)
        put_on(session, gateway, enrollment, "gold")

        after = opened(client, enrollment)

        asked = sandbox.store.get("checkout.session", after)
        assert asked["amount_total"] == 95_00
        assert sandbox.store.get("checkout.session", before)["status"] == "expired"

    def test_when_stripe_is_away_the_move_waits(
        self,
        *,
        session: Session,
        sandbox: Sandbox,
        gateway: StripeGateway,
        paying: Enrollment,
    ) -> None:
        sandbox.secret_key = "sk_test_another"
        with pytest.raises(GatewayUnavailable):
            put_on(session, gateway, paying, "gold")
        sandbox.secret_key = None

        put_on(session, gateway, paying, "gold")

        assert totals(sandbox) == [35_00, 60_00]


class Meeting(SandboxHTTPClient):
    """Lets two workers stand side by side in the moment before Stripe acts."""

    def __init__(self, sandbox: Sandbox, barrier: Barrier, *, forget: bool) -> None:
        super().__init__(sandbox)
        self._barrier = barrier
        self._forget = forget

    def request(
        self,
        method: str,
        url: str,
        headers: Mapping[str, str] | None,
        post_data: Any = None,  # noqa: ANN401 (the library's own signature)
        *,
        _usage: list[str] | None = None,
    ) -> tuple[str, int, Mapping[str, str]]:
        head = dict(headers or {})
        if method == "post":
            self._barrier.wait()
            if self._forget:
                head["Idempotency-Key"] = str(new_id())
        return super().request(method, url, head, post_data, _usage=_usage)


@pytest.mark.parametrize(
    ("forget", "invoices"),
    [(False, 2), (True, 3)],
    ids=["the stored key", "control: a key of each worker's own"],
)
def test_two_workers_at_once_move_it_once(
    committed: Engine, *, forget: bool, invoices: int
) -> None:
    sandbox = Sandbox(now=NOW, seed=f"race {forget}")
    client = stripe.StripeClient("sk_test_x", http_client=SandboxHTTPClient(sandbox))
    enrollment_id = None
    with Session(committed) as session:
        base_factory.bind(session)
        definition = preset("hubspot-solutions-partner").model_dump(mode="json")
        definition["fee"]["minor_by_tier"] = PRICES
        version = ProgramVersionFactory.create(
            definition_json=definition, program__key=f"race-{forget}".lower()
        )
        member = PartnerMemberFactory.create()
        enrollment = EnrollmentFactory.create(
            partner=member.partner, version=version, tier="gold"
        )
        enrollment_id = enrollment.id
        page = StripeGateway(client).open_fee_checkout(
            key=str(enrollment_id),
            enrollment_id=enrollment_id,
            product="Fee",
            amount=Money(35_00, "USD"),
            interval="month",
            email="payer@partner.example",
            success_url="https://portal.example/paid",
            cancel_url="https://portal.example/",
        )
        paid = sandbox.complete_checkout(page.id)
        session.add(
            FeeSubscription(
                enrollment_id=enrollment_id,
                amount_minor=35_00,
                currency="USD",
                interval="month",
                status=FeeStatus.ACTIVE,
                stripe_subscription_id=paid["subscription"],
                created_at=NOW,
            )
        )
        session.commit()
    sandbox.advance_to(MIDDLE)

    def work(number: int, together: Barrier) -> None:
        del number
        meeting = Meeting(sandbox, together, forget=forget)
        gateway = StripeGateway(stripe.StripeClient("sk_test_x", http_client=meeting))
        with Session(committed) as session:
            tasks.bring_price_in_line(session, gateway, enrollment_id, now=MIDDLE)

    at_once(work)

    assert live_at_stripe(sandbox) == 1
    assert len(totals(sandbox)) == invoices
    with Session(committed) as session:
        found = enrollments.get(session, enrollment_id)
        live = queries.live(session, found.id)
        assert live is not None
        assert (live.tier, live.amount_minor) == ("gold", 95_00)
        moves = session.scalars(
            select(FeeMove).where(FeeMove.subscription_id == live.id)
        ).all()
        assert len(moves) == 1
