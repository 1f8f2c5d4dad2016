from typing import cast

from flask import current_app

from portal import jobs
from portal.extensions import db
from portal.fees import rules, service
from portal.kit.clock import utc_now
from portal.kit.db import transaction
from portal.payments.gateway import EXTENSION, StripeGateway

FOLLOW = "fees.follow"


@jobs.task(FOLLOW)
def follow(stripe_subscription_id: str) -> None:
    """Fetch a subscription from Stripe and bring our record in line with it."""
    gateway = cast("StripeGateway", current_app.extensions[EXTENSION])
    fetched = gateway.fetch_subscription(stripe_subscription_id)
    facts = rules.read_subscription(fetched.subscription)
    invoices = [rules.read_invoice(invoice, paid) for invoice, paid in fetched.invoices]
    with transaction(db.session()) as session:
        service.follow(session, facts, invoices, now=utc_now())
