"""What can happen to an entry fee. Stripe decides; we follow. No commit, no network."""

from collections.abc import Sequence
from datetime import datetime, timedelta

from flask_babel import gettext as _
from sqlalchemy import select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from portal.accounts.models import User
from portal.audit import service as audit
from portal.enrollments import queries as enrollments
from portal.enrollments import service as gates
from portal.enrollments.models import Enrollment, EnrollmentStatus
from portal.fees import emails, queries, rules
from portal.fees.models import ONE_LIVE_SUBSCRIPTION, FeeInvoice, FeeSubscription
from portal.fees.rules import FeeStatus, InvoiceFacts, SubscriptionFacts
from portal.kit.db import violates
from portal.kit.errors import Conflict
from portal.kit.ids import new_id
from portal.kit.money import Money
from portal.ledger import service as ledger
from portal.ledger.models import LedgerAccount
from portal.programs.definition import GateKind


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
    audit.record(session, "fee.begun", enrollment.id, actor=actor, at=now)
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
    subscription = _find(session, facts)
    if subscription is None:
        return None
    enrollment = enrollments.get(session, subscription.enrollment_id, lock=True)
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
    _follow_gate(session, enrollment, facts, invoices, now=now)
    return subscription


def _find(session: Session, facts: SubscriptionFacts) -> FeeSubscription | None:
    known = queries.by_stripe_subscription(session, facts.id, lock=True)
    if known is not None or not facts.enrollment_id:
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
    newly_failed = facts.status == "open" and facts.attempts > invoice.attempts
    invoice.mirror(facts.status)
    invoice.number = facts.number
    invoice.currency = facts.currency
    invoice.amount_minor = facts.amount_due
    invoice.paid_minor = facts.amount_paid
    invoice.refunded_minor = facts.amount_refunded
    invoice.period_start = facts.period_start
    invoice.period_end = facts.period_end
    invoice.created_at = facts.created_at
    invoice.paid_at = facts.paid_at
    invoice.attempts = facts.attempts
    invoice.hosted_url = facts.hosted_url
    invoice.payment_ids = list(facts.payment_ids)
    session.flush()  # Booking below names the invoice's partner.
    if newly_paid:
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
    if facts.amount_refunded:
        booked = _refunds_booked(session, facts.id)
        key = f"fee-refund:{facts.id}:{facts.amount_refunded}"
        movements.append((key, booked - facts.amount_refunded, now))
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


def _refunds_booked(session: Session, stripe_invoice_id: str) -> int:
    """Return how much of an invoice's refunds is in the books already."""
    entries = ledger.entries_with_prefix(session, f"fee-refund:{stripe_invoice_id}:")
    return sum(
        posting.amount_minor
        for entry in entries
        for posting in entry.postings
        if posting.account is LedgerAccount.ENTRY_FEE_CASH
    )


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
        elif plan.met_until <= now and facts.status is FeeStatus.CANCELED:
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


def grace_of(enrollment: Enrollment) -> timedelta:
    """Return how long a failed renewal keeps the gate open."""
    fee = enrollment.version.definition.fee
    return timedelta(days=fee.grace_days if fee else 0)
