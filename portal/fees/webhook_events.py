"""What the fee does with a Stripe event: note it, and fetch the present state."""

from datetime import datetime
from typing import Any

from sqlalchemy.orm import Session

from portal.fees import queries, rules, service

EVENTS = frozenset(
    {
        "charge.dispute.closed",
        "charge.dispute.created",
        "charge.dispute.funds_withdrawn",
        "charge.dispute.updated",
        "charge.refund.updated",
        "charge.refunded",
        "checkout.session.completed",
        "checkout.session.expired",
        "customer.subscription.created",
        "customer.subscription.deleted",
        "customer.subscription.updated",
        "invoice.marked_uncollectible",
        "invoice.paid",
        "invoice.payment_failed",
        "invoice.voided",
        "refund.created",
        "refund.failed",
        "refund.updated",
    }
)
"""What an entry fee needs to hear of; about others it does nothing."""


def concerns_a_fee(session: Session, stripe_object: dict[str, Any]) -> bool:
    """Tell whether an event's object belongs to an entry fee and not to a sale."""
    return (
        rules.is_marked(stripe_object)
        or queries.stripe_subscription_of(session, stripe_object) is not None
    )


def act(session: Session, event: dict[str, Any], *, now: datetime) -> str:
    """Act on an event about a fee; return what was done, in words for staff.

    Only the checkout's own facts are taken from the event. Everything else is fetched
    afterwards by a job, so that order and repetition of events do not matter.
    """
    stripe_object = event["data"]["object"]
    if event["type"] not in EVENTS:
        return "entry fee: nothing to do"
    if stripe_object["object"] == "checkout.session":
        if event["type"] == "checkout.session.expired":
            service.expire_checkout(session, stripe_object["id"], now=now)
            return "entry fee: checkout expired"
        if stripe_object.get("subscription"):
            service.link_checkout(
                session, stripe_object["id"], stripe_object["subscription"]
            )
    subscription_id = queries.stripe_subscription_of(session, stripe_object)
    if subscription_id is None:
        return "entry fee: nothing to do"
    service.follow_later(session, subscription_id)
    return "entry fee: followed"
