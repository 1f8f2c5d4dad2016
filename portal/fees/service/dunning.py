"""What is said about a fee that could not be charged: on day 0, 3 and 7, once each.

What stops and when follows from the payments alone (`gate`). Here it is announced,
and told once it has happened.
"""

from datetime import datetime

from sqlalchemy.orm import Session

from portal import jobs
from portal.audit import service as audit
from portal.enrollments import queries as enrollments
from portal.enrollments.models import Enrollment
from portal.fees import emails, queries, rules
from portal.fees.models import FeeInvoice, FeeNotice, FeeSubscription
from portal.fees.rules import FeeStatus
from portal.fees.service.gate import grace_of
from portal.fees.service.moving import match_later
from portal.programs.definition import GateKind

FOLLOW = "fees.follow"
"""The job that fetches a subscription and brings our record in line with it."""


def follow_later(session: Session, stripe_subscription_id: str) -> None:
    """Queue a look at what Stripe has of a subscription."""
    lock = f"{FOLLOW}:{stripe_subscription_id}"
    jobs.defer(
        session,
        FOLLOW,
        {"stripe_subscription_id": stripe_subscription_id},
        # One after the other: else the slower of two could write what it fetched
        # before the faster one over what that one fetched after it.
        lock=lock,
        queueing_lock=lock,
    )


def remind(
    session: Session,
    enrollment: Enrollment,
    subscription: FeeSubscription,
    *,
    now: datetime,
) -> int:
    """Tell the partner what is due about unpaid invoices; return how many mails.

    Safe to repeat, and late: who was told nothing for a week is told the last step, not
    all of them.

    Args:
        session: The session that holds the open transaction.
        enrollment: The enrollment, locked by the caller.
        subscription: Whose invoices; of one that was paid twice nothing is told.
        now: The moment.
    """
    if subscription.status is not FeeStatus.PAST_DUE or subscription.duplicate_of_id:
        return 0
    if queries.waiver(session, enrollment.id, at=now) is not None:
        return 0
    sent = 0
    for invoice in queries.overdue(session, subscription.id):
        told = queries.steps_told(session, invoice.id)
        step = rules.dunning_step(invoice.due_at or invoice.created_at, now)
        if step <= max(told, default=-1):
            continue
        session.add(FeeNotice(invoice_id=invoice.id, step=step, sent_at=now))
        stops_at = _stops_at(session, enrollment, invoice, now=now)
        emails.send_failed(
            session, enrollment.partner, invoice, stops_at=stops_at, now=now
        )
        audit.record(
            session,
            "fee.reminded",
            enrollment.id,
            actor=None,
            at=now,
            invoice=invoice.number,
            day=step,
        )
        sent += 1
    session.flush()  # Asked again in the same transaction, it was told.
    return sent


def _stops_at(
    session: Session, enrollment: Enrollment, invoice: FeeInvoice, *, now: datetime
) -> datetime:
    """Return when the gate of the fee shuts, or did."""
    for status in enrollments.checklist(session, enrollment, now=now):
        if status.gate.kind is GateKind.FEE:
            found = status.until or status.lost_at
            if found is not None:
                return found
    return (invoice.due_at or invoice.created_at) + grace_of(enrollment)


def keep_up(session: Session, enrollment: Enrollment, *, now: datetime) -> None:
    """Do for a partner's fee what follows from time alone, and catch up.

    It can be run for any day, twice, or late by a week: what was told is not told
    again, and what Stripe says is fetched, not assumed.

    Args:
        session: The session that holds the open transaction.
        enrollment: The enrollment, locked by the caller.
        now: The moment.
    """
    current = queries.live(session, enrollment.id, lock=True)
    if current is None or current.stripe_subscription_id is None:
        return
    remind(session, enrollment, current, now=now)
    if current.tier != enrollment.tier:
        match_later(session, enrollment)
    if current.current_period_end is not None and current.current_period_end <= now:
        # Its renewal was not told: an event was lost, or is late.
        follow_later(session, current.stripe_subscription_id)
