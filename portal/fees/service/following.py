"""What Stripe has now becomes what we have."""

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import select
from sqlalchemy.orm import Session

from portal import jobs
from portal.audit import service as audit
from portal.enrollments import queries as enrollments
from portal.enrollments.models import Enrollment
from portal.fees import emails, queries
from portal.fees.models import FeeInvoice, FeeSubscription
from portal.fees.rules import FeeStatus, InvoiceFacts, SubscriptionFacts
from portal.fees.service.booking import book
from portal.fees.service.dunning import remind
from portal.fees.service.gate import follow_gate
from portal.fees.service.moving import match_later
from portal.kit.errors import NotFound
from portal.kit.ids import new_id

GIVE_BACK = "fees.give_back"
"""The job that ends and refunds a fee that was paid twice."""


def follow(
    session: Session,
    facts: SubscriptionFacts,
    invoices: Sequence[InvoiceFacts],
    *,
    now: datetime,
) -> FeeSubscription | None:
    """Bring our record and the gate in line with what Stripe has now.

    Safe to repeat and in any order: only the present state counts, not the event that
    led here.

    Args:
        session: The session that holds the open transaction.
        facts: The subscription, just fetched.
        invoices: All its invoices, just fetched.
        now: The moment.

    Returns:
        The subscription, or none when it is not one of ours.
    """
    subscription = _find(session, facts) or _unexpected(session, facts, now=now)
    if subscription is None:
        return None
    enrollment = enrollments.get(session, subscription.enrollment_id, lock=True)
    _make_room(session, enrollment, subscription, facts, now=now)
    subscription.stripe_subscription_id = facts.id
    subscription.stripe_customer_id = facts.customer_id
    subscription.current_period_end = facts.period_end
    subscription.cancel_at_period_end = facts.cancel_at_period_end
    subscription.trial_end = facts.trial_end
    subscription.ended_at = facts.ended_at
    if subscription.status is not facts.status:
        was = subscription.status
        subscription.move_to(facts.status)
        audit.record(
            session,
            f"fee.{facts.status}",
            enrollment.id,
            actor=None,
            at=now,
            was=was,
        )
    for invoice in invoices:
        _follow_invoice(session, enrollment, subscription, invoice, now=now)
    session.flush()
    if queries.governing(session, enrollment.id) == subscription.id:
        follow_gate(session, enrollment, facts, invoices, now=now)
    remind(session, enrollment, subscription, now=now)
    if subscription.tier != enrollment.tier:
        match_later(session, enrollment)
    return subscription


def _find(session: Session, facts: SubscriptionFacts) -> FeeSubscription | None:
    known = queries.by_stripe_subscription(session, facts.id, lock=True)
    if known is not None or facts.enrollment_id is None:
        return known
    # The return page and the webhooks race: the checkout's own event, which ties the
    # two ids together, may not have been acted on yet.
    return session.scalar(
        select(FeeSubscription)
        .where(
            FeeSubscription.enrollment_id == facts.enrollment_id,
            FeeSubscription.stripe_subscription_id.is_(None),
        )
        .order_by(FeeSubscription.created_at.desc())
        .limit(1)
        .with_for_update()
    )


def _unexpected(
    session: Session, facts: SubscriptionFacts, *, now: datetime
) -> FeeSubscription | None:
    """Record a subscription that carries our mark and was begun on no page we know.

    Two pages of one fee can both be paid: Stripe forgets after a day that it opened
    the first. Left alone, such a subscription would charge the partner for ever.
    """
    if facts.enrollment_id is None:
        return None
    try:
        enrollment = enrollments.get(session, facts.enrollment_id, lock=True)
    except NotFound:
        return None  # Another portal's, on the same account.
    fee = enrollment.version.definition.fee
    if fee is None:
        return None
    subscription = FeeSubscription(
        id=new_id(),
        enrollment_id=enrollment.id,
        tier=enrollment.tier,
        amount_minor=fee.price(enrollment.tier, enrollment.partner.country),
        currency=fee.currency,
        interval=fee.interval,
        status=FeeStatus.EXPIRED,
        stripe_subscription_id=facts.id,
        created_at=now,
    )
    session.add(subscription)
    session.flush()
    return subscription


def _make_room(
    session: Session,
    enrollment: Enrollment,
    subscription: FeeSubscription,
    facts: SubscriptionFacts,
    *,
    now: datetime,
) -> None:
    """See to it that only one subscription runs, when another one is there already.

    A page on which nobody paid yet makes room. Of two that are paid, the first one
    that we heard of stays, and the other is given back.
    """
    if facts.status not in queries.LIVE or subscription.duplicate_of_id is not None:
        return
    other = queries.live(session, enrollment.id, lock=True)
    if other is None or other.id == subscription.id:
        return
    if other.stripe_subscription_id is None:
        other.move_to(FeeStatus.EXPIRED)
        other.ended_at = now
        session.flush()
        return
    subscription.duplicate_of_id = other.id
    audit.record(
        session,
        "fee.paid_twice",
        enrollment.id,
        actor=None,
        at=now,
        kept=other.stripe_subscription_id,
        given_back=facts.id,
    )
    emails.send_paid_twice(session, enrollment.partner, subscription, now=now)
    jobs.defer(
        session,
        GIVE_BACK,
        {"stripe_subscription_id": facts.id},
        lock=f"{GIVE_BACK}:{facts.id}",
    )


def _follow_invoice(
    session: Session,
    enrollment: Enrollment,
    subscription: FeeSubscription,
    facts: InvoiceFacts,
    *,
    now: datetime,
) -> None:
    invoice = session.scalar(
        select(FeeInvoice).where(FeeInvoice.stripe_invoice_id == facts.id)
    )
    if invoice is None:
        invoice = FeeInvoice(
            id=new_id(),
            subscription_id=subscription.id,
            stripe_invoice_id=facts.id,
            status="",
            attempts=0,
            refunded_minor=0,
        )
        session.add(invoice)
    newly_paid = facts.paid_at is not None and invoice.paid_at is None
    newly_taken = facts.amount_taken_back > (invoice.taken_back_minor or 0)
    newly_returned = facts.amount_taken_back < (invoice.taken_back_minor or 0)
    invoice.mirror(facts.status)
    invoice.number = facts.number
    invoice.currency = facts.currency
    invoice.amount_minor = facts.amount_due
    invoice.paid_minor = facts.amount_paid
    invoice.refunded_minor = facts.amount_refunded
    invoice.taken_back_minor = facts.amount_taken_back
    invoice.period_start = facts.period_start
    invoice.period_end = facts.period_end
    invoice.created_at = facts.created_at
    invoice.paid_at = facts.paid_at
    invoice.due_at = facts.due_at
    invoice.attempts = facts.attempts
    invoice.hosted_url = facts.hosted_url
    invoice.pdf_url = facts.pdf_url
    invoice.payment_ids = list(facts.payment_ids)
    session.flush()  # Booking below names the invoice's partner.
    if newly_taken or newly_returned:
        audit.record(
            session,
            "fee.disputed" if newly_taken else "fee.dispute_returned",
            enrollment.id,
            actor=None,
            at=now,
            invoice=facts.number or facts.id,
        )
    # Nothing was paid for a trial, or under a discount of all: no receipt.
    if newly_paid and facts.amount_paid and subscription.duplicate_of_id is None:
        was_late = bool(queries.steps_told(session, invoice.id))
        emails.send_paid(
            session, enrollment.partner, invoice, was_late=was_late, now=now
        )
    book(session, enrollment, facts, now=now)
