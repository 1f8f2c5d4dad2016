from collections.abc import Callable

import pytest
from flask import Flask
from sqlalchemy.orm import Session

from portal.accounts.models import User
from portal.enrollments.models import Enrollment
from portal.fees import queries, tasks, webhook_events
from portal.stripe_sandbox.sandbox import Sandbox
from tests.factories.people import PartnerMemberFactory
from tests.factories.programs import EnrollmentFactory

CARD_THAT_FAILS_LATER = "4000000000000341"

Deliver = Callable[[], None]


@pytest.fixture
def payer(session: Session) -> tuple[User, Enrollment]:
    """An owner whose partner's program asks for a monthly fee."""
    del session
    member = PartnerMemberFactory.create()
    return member.user, EnrollmentFactory.create(partner=member.partner)


@pytest.fixture
def deliver(app: Flask, session: Session, sandbox: Sandbox) -> Deliver:
    """Act on every event that Stripe has not told us of, then on its job."""
    told: set[str] = set()

    def deliver() -> None:
        followed: set[str] = set()
        for event in sandbox.events():
            if event["id"] in told:
                continue
            told.add(event["id"])
            stripe_object = event["data"]["object"]
            if webhook_events.concerns_a_fee(session, stripe_object):
                webhook_events.act(session, dict(event), now=sandbox.clock)
                session.flush()
                named = queries.stripe_subscription_of(session, stripe_object)
                if named is not None:
                    followed.add(named)
        for subscription_id in followed:
            with app.app_context():
                tasks.follow(subscription_id)
        session.expire_all()

    return deliver
