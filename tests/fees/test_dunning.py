"""A payment fails: what is said, what stops, and how it comes back."""

from collections.abc import Sequence
from datetime import datetime, timedelta

import pytest
from flask import Flask
from sqlalchemy import select, text
from sqlalchemy.orm import Session

from portal.accounts.models import User
from portal.enrollments import queries as enrollments
from portal.enrollments import service as gates
from portal.enrollments.models import Enrollment
from portal.fees import service, tasks
from portal.fees.models import FeeInvoice, FeeNotice, FeeSubscription
from portal.mail.models import OutboxEmail
from portal.partners.models import PartnerMember
from portal.payments.gateway import StripeGateway
from portal.stripe_sandbox.sandbox import Sandbox
from tests.conftest import SignIn
from tests.factories.base_factory import NOW
from tests.factories.people import UserFactory
from tests.fees.conftest import CARD_THAT_FAILS_LATER, Deliver, PayerOf
from tests.fees.test_choices import gate_is_met, opened

DAY = timedelta(days=1)
FAILED = NOW + 31 * DAY


@pytest.fixture
def overdue(
    sign_in: SignIn, sandbox: Sandbox, deliver: Deliver, payer_of: PayerOf
) -> Enrollment:
    """A partner whose renewal on FAILED is not paid, and whose links earned before."""
    user, enrollment = payer_of()
    page = opened(sign_in(user), enrollment)
    sandbox.complete_checkout(page, card=CARD_THAT_FAILS_LATER)
    deliver()
    sandbox.advance_to(FAILED + timedelta(minutes=1))
    return enrollment


def run(app: Flask, session: Session, at: datetime) -> None:
    with app.app_context():
        tasks.keep_up_at(at)
    session.expire_all()


def mails(
    session: Session, *, template: str = "fees/failed"
) -> list[dict[str, object]]:
    query = (
        select(OutboxEmail.context)
        .where(OutboxEmail.template == template)
        .order_by(OutboxEmail.queued_at, OutboxEmail.id)
    )
    return list(session.scalars(query))


def steps(session: Session) -> list[int]:
    return sorted(session.scalars(select(FeeNotice.step)))


def test_it_is_said_on_day_0_3_and_7_and_what_stops_and_when(
    app: Flask, session: Session, deliver: Deliver, overdue: Enrollment
) -> None:
    deliver()
    assert steps(session) == [0]

    for day in range(1, 10):
        run(app, session, FAILED + day * DAY + timedelta(hours=1))

    assert steps(session) == [0, 3, 7]
    said = mails(session)
    assert [mail["is_over"] for mail in said] == [False, False, True]
    assert {mail["stops_at"] for mail in said} == {"April 8, 2026"}
    assert gate_is_met(session, overdue, FAILED + 6 * DAY)
    assert not gate_is_met(session, overdue, FAILED + 8 * DAY)


@pytest.mark.parametrize(
    ("days", "told"),
    [
        (range(11), [0, 3, 7]),
        ([0, 0, 3, 3, 3, 7, 7, 10, 10], [0, 3, 7]),
        ([10], [7]),
    ],
    ids=["every day", "twice", "a week late"],
)
def test_however_it_is_run_it_comes_to_the_same(
    *,
    app: Flask,
    session: Session,
    deliver: Deliver,
    overdue: Enrollment,
    days: Sequence[int],
    told: list[int],
) -> None:
    deliver(FAILED + days[0] * DAY + timedelta(hours=1))
    for day in days:
        at = FAILED + day * DAY + timedelta(hours=1)
        run(app, session, at)
        found = enrollments.get(session, overdue.id, lock=True)
        gates.notify(session, found, now=at)
    session.flush()

    assert steps(session) == told
    row = session.scalars(select(FeeSubscription)).one()
    answer = {at: gate_is_met(session, overdue, FAILED + at * DAY) for at in (0, 6, 8)}
    assert answer == {0: True, 6: True, 8: False}
    assert row.status == "past_due"
    # That it has shut is told by the last reminder, and not a second time.
    assert mails(session, template="enrollments/gate_shut") == []
    assert mails(session, template="enrollments/gate_warning") == []


def test_a_payment_ends_the_reminders_and_brings_everything_back(
    *,
    app: Flask,
    session: Session,
    sandbox: Sandbox,
    gateway: StripeGateway,
    deliver: Deliver,
    overdue: Enrollment,
) -> None:
    deliver()
    run(app, session, FAILED + 8 * DAY)
    assert not gate_is_met(session, overdue, FAILED + 8 * DAY)
    method = next(sandbox.store.every("payment_method"))
    method["_card"] = "4242424242424242"
    unpaid = next(sandbox.store.every("invoice"))
    sandbox.advance_to(FAILED + timedelta(hours=1))

    gateway.client.v1.invoices.pay(unpaid["id"])
    deliver()
    run(app, session, FAILED + 20 * DAY)

    assert gate_is_met(session, overdue, FAILED + 20 * DAY)
    assert steps(session) == [0, 7]
    receipts = mails(session, template="fees/paid")
    assert [receipt["was_late"] for receipt in receipts] == [False, True]


def test_a_renewal_that_no_event_told_is_looked_for(
    *,
    app: Flask,
    session: Session,
    sandbox: Sandbox,
    deliver: Deliver,
    payer_of: PayerOf,
    sign_in: SignIn,
) -> None:
    user, enrollment = payer_of()
    sandbox.complete_checkout(opened(sign_in(user), enrollment))
    deliver()

    row = session.scalars(select(FeeSubscription)).one()
    session.execute(text("DELETE FROM procrastinate_jobs"))

    run(app, session, NOW + 30 * DAY)
    assert queued(session, service.FOLLOW) == []
    run(app, session, NOW + 32 * DAY)

    assert queued(session, service.FOLLOW) == [row.stripe_subscription_id]


def test_a_tier_that_no_job_followed_is_looked_for(
    *,
    app: Flask,
    session: Session,
    sandbox: Sandbox,
    deliver: Deliver,
    payer_of: PayerOf,
    sign_in: SignIn,
) -> None:
    user, enrollment = payer_of()
    sandbox.complete_checkout(opened(sign_in(user), enrollment))
    deliver()
    enrollment.tier = "gold"
    session.flush()

    run(app, session, NOW + DAY)

    assert queued(session, service.MATCH_PRICE) == [str(enrollment.id)]


def queued(session: Session, task: str) -> list[str]:
    """Return what the queued jobs are about."""
    return list(
        session.scalars(
            text(
                "SELECT jsonb_path_query_first(args, '$.*') #>> '{}' "
                "FROM procrastinate_jobs WHERE task_name = :name"
            ),
            {"name": task},
        )
    )


def test_the_pages_say_since_when_and_how_often_it_was_said(
    *,
    app: Flask,
    session: Session,
    sign_in: SignIn,
    deliver: Deliver,
    overdue: Enrollment,
) -> None:
    deliver()
    run(app, session, FAILED + 3 * DAY)
    owner = session.scalars(
        select(User)
        .join(PartnerMember, PartnerMember.user_id == User.id)
        .where(PartnerMember.partner_id == overdue.partner_id)
    ).one()
    staff = UserFactory.create(finance=True)

    mine = sign_in(owner).get("/app/billing").text
    theirs = sign_in(staff).get("/admin/fees").text

    assert "your links go on working but earn nothing. Change your card" in mine
    assert "Reminded on day 3" in theirs
    assert session.scalars(select(FeeInvoice.status)).all().count("open") == 1
