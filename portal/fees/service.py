"""What can happen to an entry fee. Stripe decides; we follow. No commit, no network."""

from collections.abc import Sequence
from datetime import datetime, timedelta

from flask_babel import gettext as _
from sqlalchemy import select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from portal import jobs
from portal.accounts.models import User
from portal.audit import service as audit
from portal.enrollments import queries as enrollments
from portal.enrollments import service as gates
from portal.enrollments.models import Enrollment, EnrollmentStatus
from portal.fees import emails, queries, rules
from portal.fees.models import ONE_LIVE_SUBSCRIPTION, FeeInvoice, FeeSubscription
from portal.fees.rules import FeeStatus, InvoiceFacts, SubscriptionFacts
from portal.kit.db import violates
from portal.kit.errors import Conflict, NotFound
from portal.kit.ids import new_id
from portal.kit.money import Money
from portal.ledger import service as ledger
from portal.ledger.models import LedgerAccount
from portal.programs.definition import GateKind

GIVE_BACK = "fees.give_back"
"""The job that ends and refunds a fee that was paid twice."""


class NoFee(Conflict):
    """The program asks for no fee."""

    code = "no_fee"


class FeeRuns(Conflict):
    """The fee is paid by a subscription that runs."""

    code = "fee_runs"


class NothingToManage(Conflict):
    """There is no payment yet that could be managed."""

    code = "nothing_to_manage"


def begin(
    session: Session,
    enrollment: Enrollment,
    *,
    tier: str | None,
    actor: User,
    now: datetime,
) -> FeeSubscription:
    """Write down that a partner is about to pay, before Stripe is asked.

    The price is the program's, never the browser's. A checkout that was begun and not
    paid is gone on with.

    Args:
        session: The session that holds the open transaction.
        enrollment: The enrollment, locked by the caller.
        tier: The partner's tier; none in a program without tiers.
        actor: Who pays.
        now: The moment.

    Raises:
        NoFee: The program asks for none, or the enrollment has ended.
        FeeRuns: A subscription runs already.
    """
    fee = enrollment.version.definition.fee
    if fee is None or enrollment.status is EnrollmentStatus.TERMINATED:
        raise NoFee(_("There is no fee to pay for this program."))
    current = queries.live(session, enrollment.id, lock=True)
    if current is not None:
        if current.status is FeeStatus.PENDING:
            return current
        raise FeeRuns(_("The fee is paid by a subscription that runs already."))
    subscription = FeeSubscription(
        id=new_id(),
        enrollment_id=enrollment.id,
        tier=tier,
        amount_minor=fee.minor_for(tier),
        currency=fee.currency,
        interval=fee.interval,
        created_at=now,
    )
    try:
        with session.begin_nested():
            session.add(subscription)
    except IntegrityError as error:
        if not violates(error, ONE_LIVE_SUBSCRIPTION):
            raise
        raise FeeRuns(_("Somebody else of your team is paying just now.")) from error
    audit.record(
        session,
        "fee.begun",
        enrollment.id,
        actor=actor,
        at=now,
        amount_minor=subscription.amount_minor,
        currency=subscription.currency,
    )
    return subscription


def note_checkout(subscription: FeeSubscription, checkout_id: str) -> None:
    """Keep the id of the checkout page that Stripe opened."""
    subscription.stripe_checkout_id = checkout_id


def expire_checkout(session: Session, checkout_id: str, *, now: datetime) -> None:
    """Note that a checkout page closed without a payment."""
    found = queries.by_checkout(session, checkout_id, lock=True)
    if found is not None and found.status is FeeStatus.PENDING:
        found.move_to(FeeStatus.EXPIRED)
        found.ended_at = now


def link_checkout(
    session: Session, checkout_id: str, stripe_subscription_id: str
) -> None:
    """Tie the subscription that Stripe made to the checkout it came from."""
    found = queries.by_checkout(session, checkout_id, lock=True)
    if found is not None and found.stripe_subscription_id is None:
        found.stripe_subscription_id = stripe_subscription_id


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
        _follow_gate(session, enrollment, facts, invoices, now=now)
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
        amount_minor=fee.minor_for(enrollment.tier),
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
    newly_failed = facts.status == "open" and facts.attempts > invoice.attempts
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
    invoice.attempts = facts.attempts
    invoice.hosted_url = facts.hosted_url
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
    if newly_paid and subscription.duplicate_of_id is None:
        emails.send_paid(session, enrollment.partner, invoice, now=now)
    if newly_failed:
        emails.send_failed(
            session,
            enrollment.partner,
            invoice,
            grace_until=facts.period_start + grace_of(enrollment),
            now=now,
        )
    _book(session, enrollment, facts, now=now)


def _book(
    session: Session, enrollment: Enrollment, facts: InvoiceFacts, *, now: datetime
) -> None:
    """Book what came in and what went back; each sum once."""
    movements = [(f"fee:{facts.id}", facts.amount_paid, facts.paid_at)]
    # A refund can bounce and a dispute can be won: what is gone can come back, and go
    # again. So the difference is booked, under a number and not under its sum.
    booked, entries = _gone_booked(session, facts.id)
    key = f"fee-refund:{facts.id}:{entries + 1}"
    movements.append((key, booked - facts.amount_gone, now))
    for key, minor, occurred_at in movements:
        if minor == 0 or occurred_at is None:
            continue
        amount = Money(minor, facts.currency)
        ledger.book(
            session,
            key,
            [
                ledger.Line(
                    LedgerAccount.ENTRY_FEE_CASH,
                    -amount,
                    enrollment.partner_id,
                    enrollment.program_id,
                ),
                ledger.Line(
                    LedgerAccount.ENTRY_FEE_REVENUE,
                    amount,
                    enrollment.partner_id,
                    enrollment.program_id,
                ),
            ],
            occurred_at=occurred_at,
            now=now,
            description=f"Entry fee, invoice {facts.number or facts.id}",
        )


def _gone_booked(session: Session, stripe_invoice_id: str) -> tuple[int, int]:
    """Return how much of an invoice left us by the books, and in how many entries."""
    entries = ledger.entries_with_prefix(session, f"fee-refund:{stripe_invoice_id}:")
    gone = sum(
        posting.amount_minor
        for entry in entries
        for posting in entry.postings
        if posting.account is LedgerAccount.ENTRY_FEE_CASH
    )
    return gone, len(entries)


def _follow_gate(
    session: Session,
    enrollment: Enrollment,
    facts: SubscriptionFacts,
    invoices: Sequence[InvoiceFacts],
    *,
    now: datetime,
) -> None:
    plan = rules.plan_gate(facts, invoices, grace=grace_of(enrollment))
    for gate in enrollment.version.definition.gates:
        if gate.kind is not GateKind.FEE:
            continue
        if plan.met_from is None or plan.met_until is None:
            gates.lose_gate(session, enrollment, gate.key, now=now, note="fee")
            continue
        _shut_what_is_gone(session, enrollment, gate.key, plan.met_from, now=now)
        if plan.met_until <= now and facts.status is FeeStatus.CANCELED:
            gates.lose_gate(
                session, enrollment, gate.key, now=plan.met_until, note="fee ended"
            )
        else:
            gates.meet_gate(
                session,
                enrollment,
                gate.key,
                now=min(plan.met_from, now),
                until=plan.met_until,
                note=f"paid until {plan.met_until:%Y-%m-%d}",
                in_grace=facts.status is FeeStatus.PAST_DUE,
                renews=not facts.cancel_at_period_end,
            )
    gates.reevaluate(session, enrollment, now=now)


def _shut_what_is_gone(
    session: Session,
    enrollment: Enrollment,
    gate_key: str,
    met_from: datetime,
    *,
    now: datetime,
) -> None:
    """Shut a gate that a payment opened which is not kept any more.

    The plan rests on an earlier payment then, whose time is another interval: to move
    the end of that one would leave this one open.
    """
    session.flush()  # An interval added a moment ago must be found.
    if any(
        row.interval.holds(now) and row.met_from > met_from
        for row in enrollments.intervals(session, enrollment.id, gate_key)
    ):
        gates.lose_gate(session, enrollment, gate_key, now=now, note="fee taken back")


def grace_of(enrollment: Enrollment) -> timedelta:
    """Return how long a failed renewal keeps the gate open."""
    fee = enrollment.version.definition.fee
    return timedelta(days=fee.grace_days if fee else 0)
