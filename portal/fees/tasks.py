from datetime import datetime
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
    bring_in_line(stripe_subscription_id, now=utc_now())


def bring_in_line(stripe_subscription_id: str, *, now: datetime) -> None:
    """Do what `follow` does, at the moment `now`."""
    fetched = _gateway().fetch_subscription(stripe_subscription_id)
    facts = rules.read_subscription(fetched.subscription)
    invoices = [
        rules.read_invoice(one.invoice, one.charges, one.disputes)
        for one in fetched.invoices
    ]
    with transaction(db.session()) as session:
        service.follow(session, facts, invoices, now=now)


@jobs.task(service.GIVE_BACK)
def give_back(stripe_subscription_id: str) -> None:
    """End a fee that was paid twice and refund it.

    Dying anywhere is harmless: what is done already is not done again. The record
    follows by the events that this causes.
    """
    gateway = _gateway()
    gateway.cancel_now(stripe_subscription_id)
    fetched = gateway.fetch_subscription(stripe_subscription_id)
    for one in fetched.invoices:
        for charge in one.charges:
            # What the bank holds cannot be refunded; the bank gives it back.
            if not charge["refunded"] and not charge["disputed"]:
                gateway.refund(charge["id"], key=f"fee-duplicate:{charge['id']}")


def _gateway() -> StripeGateway:
    return cast("StripeGateway", current_app.extensions[EXTENSION])
