from collections.abc import Callable
from datetime import datetime
from typing import cast

import pytest
from flask import Flask
from sqlalchemy.orm import Session

from portal.accounts.models import User
from portal.enrollments.models import Enrollment
from portal.fees import queries, tasks, webhook_events
from portal.payments.gateway import EXTENSION, StripeGateway
from portal.programs.documents import preset
from portal.stripe_sandbox.sandbox import Sandbox
from tests.factories.people import PartnerFactory, PartnerMemberFactory
from tests.factories.programs import EnrollmentFactory, ProgramVersionFactory

CARD_THAT_FAILS_LATER = "4000000000000341"

Deliver = Callable[..., None]


@pytest.fixture
def payer(session: Session) -> tuple[User, Enrollment]:
    """An owner whose partner's program asks for a monthly fee."""
    del session
    member = PartnerMemberFactory.create()
    return member.user, EnrollmentFactory.create(partner=member.partner)


@pytest.fixture
def gateway(app: Flask, sandbox: Sandbox) -> StripeGateway:
    """The gateway to the test's own Stripe account."""
    del sandbox
    return cast("StripeGateway", app.extensions[EXTENSION])


PayerOf = Callable[..., tuple[User, Enrollment]]


@pytest.fixture
def payer_of(session: Session) -> PayerOf:
    """Make an owner whose partner's program asks for a fee of the test's own."""
    del session

    def made(
        country: str = "US", tier: str | None = None, **fee: object
    ) -> tuple[User, Enrollment]:
        partner = PartnerFactory.create(country=country)
        member = PartnerMemberFactory.create(partner=partner)
        definition = preset("hubspot-solutions-partner").model_dump(mode="json")
        definition["fee"] |= fee
        version = ProgramVersionFactory.create(definition_json=definition)
        enrollment = EnrollmentFactory.create(
            partner=partner, version=version, tier=tier
        )
        return member.user, enrollment

    return made


@pytest.fixture
def deliver(app: Flask, session: Session, sandbox: Sandbox) -> Deliver:
    """Act on every event that Stripe has not told us of, then on its job.

    It happens at the sandbox's moment, or at the one that is given.
    """
    told: set[str] = set()

    def deliver(now: datetime | None = None) -> None:
        now = now or sandbox.clock
        followed: set[str] = set()
        for event in sandbox.events():
            if event["id"] in told:
                continue
            told.add(event["id"])
            stripe_object = event["data"]["object"]
            if webhook_events.concerns_a_fee(session, stripe_object):
                webhook_events.act(session, dict(event), now=now)
                session.flush()
                named = queries.stripe_subscription_of(session, stripe_object)
                if named is not None:
                    followed.add(named)
        for subscription_id in followed:
            with app.app_context():
                tasks.bring_in_line(subscription_id, now=now)
        session.expire_all()

    return deliver
