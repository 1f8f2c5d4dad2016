"""The table of Stripe's events: what each type does.

A handler acts on the object, not on the event: it may be called again, and in any
order, and the sales and refunds come out the same. To that end every moment comes
from the object, and where only the event has one, from the one type that is used.
"""

from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from types import MappingProxyType
from typing import Any

from sqlalchemy.orm import Session

from portal.fees import webhook_events as fees
from portal.sales import queries as sales
from portal.sales import reading, service
from portal.sales import rules as facts
from portal.sales.facts import PaymentLink, RefundFacts
from portal.sales.models import OtherPayment, ReferenceKind, RefundKind, Sale
from portal.webhooks.outcomes import Outcome, handled, ignored, parked

Event = dict[str, Any]
Handler = Callable[[Session, Event, datetime], Outcome]

ENTRY_FEE = "entry fee"
NOTHING_PAID = "Nothing was paid."


def outcome_of(session: Session, event: Event, now: datetime) -> Outcome:
    """Act on an event.

    Raises:
        Unreadable: Its object lacks what it always has.
    """
    if fees.concerns_a_fee(session, event["data"]["object"]):
        return _entry_fee(session, event, now)
    handler = HANDLERS.get(event["type"])
    if handler is None:
        return ignored("Nothing here acts on events of this type.")
    return handler(session, event, now)


def _customer(session: Session, event: Event, now: datetime) -> Outcome:
    del now
    obj, told_at = _object(event), _moment(event)
    customer = service.record_customer(
        session,
        external_id=obj["id"],
        seen_at=facts.moment_of(obj),
        email=obj.get("email"),
        name=obj.get("name"),
        described_at=told_at,
        click_reference=facts.click_of(obj),
        click_told_at=told_at,
        country=reading.country(obj.get("address")),
    )
    return handled(customers=[customer.id])


def _checkout(session: Session, event: Event, now: datetime) -> Outcome:
    told_at, checkout = _moment(event), facts.read_checkout(_object(event))
    payments = (checkout.id, *checkout.payment_intents)
    is_sale = checkout.is_sale and checkout.paid_minor > 0
    if checkout.customer is None and not is_sale:
        return ignored("It names no customer.")
    service.lock(session, payments)
    customer = service.record_customer(
        session,
        external_id=checkout.customer or checkout.id,
        seen_at=checkout.created_at,
        email=checkout.customer_email,
        name=checkout.customer_name,
        described_at=told_at,
        click_reference=checkout.click,
        click_told_at=told_at,
        country=checkout.customer_country,
    )
    if not is_sale:
        return handled(customers=[customer.id])
    sale, _ = service.record_sale(
        session,
        customer=customer,
        external_id=checkout.id,
        currency=checkout.currency,
        gross_minor=checkout.paid_minor,
        tax_minor=checkout.tax_minor,
        occurred_at=told_at,
        now=now,
        country=checkout.customer_country,
        lines=checkout.lines,
    )
    link = PaymentLink(invoice=None, payment_intents=checkout.payment_intents)
    references = {checkout.id: ReferenceKind.CHECKOUT, **_references(link)}
    service.add_references(session, sale.id, references)
    return handled(customers=[customer.id], known=references)


def _subscription(session: Session, event: Event, now: datetime) -> Outcome:
    del now
    subscription = facts.read_subscription(_object(event))
    customer = service.record_customer(
        session,
        external_id=subscription.customer,
        seen_at=subscription.created_at,
        click_reference=subscription.click,
        click_told_at=_moment(event),
    )
    service.record_subscription(
        session,
        customer=customer,
        external_id=subscription.id,
        has_begun=subscription.has_begun,
        ended_at=subscription.ended_at,
    )
    return handled(customers=[customer.id])


def _invoice_paid(session: Session, event: Event, now: datetime) -> Outcome:
    invoice = facts.read_invoice(_object(event))
    link = PaymentLink(
        invoice=invoice.id,
        charges=invoice.charges,
        payment_intents=invoice.payment_intents,
    )
    references = _references(link)
    if not invoice.is_paid:
        return ignored("The invoice is not paid yet.")
    if invoice.customer is None:
        return ignored("It names no customer.")
    service.lock(session, references)
    if invoice.paid_minor <= 0:
        service.note_other_payments(session, references, reason=NOTHING_PAID, now=now)
        return ignored(NOTHING_PAID, known=references)
    customer = service.record_customer(
        session,
        external_id=invoice.customer,
        seen_at=invoice.occurred_at,
        email=invoice.customer_email,
        name=invoice.customer_name,
        described_at=invoice.occurred_at,
        click_reference=invoice.metadata.get("gh_click"),
        click_told_at=invoice.occurred_at,
        country=invoice.customer_country,
    )
    if invoice.subscription is not None:
        service.record_subscription(
            session,
            customer=customer,
            external_id=invoice.subscription,
            has_begun=True,
        )
    sale, _ = service.record_sale(
        session,
        customer=customer,
        external_id=invoice.id,
        currency=invoice.currency,
        gross_minor=invoice.paid_minor,
        tax_minor=invoice.tax_minor,
        occurred_at=invoice.occurred_at,
        now=now,
        description=invoice.description,
        product=invoice.product,
        country=invoice.customer_country,
        lines=invoice.lines,
    )
    service.add_references(session, sale.id, references)
    return handled(customers=[customer.id], known=references)


def _invoice_payment(session: Session, event: Event, now: datetime) -> Outcome:
    return _link(session, event, facts.read_invoice_payment(_object(event)), now)


def _charge_succeeded(session: Session, event: Event, now: datetime) -> Outcome:
    link = facts.read_charge(_object(event))
    if link.invoice is None:
        return ignored("It names no invoice; its payment does.")
    return _link(session, event, link, now)


def _link(session: Session, event: Event, link: PaymentLink, now: datetime) -> Outcome:
    """Note which payment belongs to an invoice, once that is known."""
    references = _references(link)
    invoice = link.invoice or ""
    service.lock(session, references)
    sale = sales.sale_behind(session, [invoice])
    if sale is not None:
        service.add_references(session, sale.id, references)
        return handled(known=references)
    other = sales.other_payment(session, [invoice])
    if other is not None:
        service.note_other_payments(session, references, reason=other.reason, now=now)
        return _about_other(session, event, other, now, known=tuple(references))
    return parked(invoice, "Its invoice has not been paid yet.")


def _charge_refunded(session: Session, event: Event, now: datetime) -> Outcome:
    refunds = facts.read_charge_refunds(_object(event))
    if not refunds:
        return ignored("Each refund counts by its own event.")
    outcomes = [_refund_of(session, event, refund, now) for refund in refunds]
    # They are of one charge: either all find its sale, or none does.
    return next((o for o in outcomes if o.parked_for or o.customers), outcomes[0])


def _refund(session: Session, event: Event, now: datetime) -> Outcome:
    return _refund_of(session, event, facts.read_refund(_object(event)), now)


def _refund_of(
    session: Session, event: Event, refund: RefundFacts, now: datetime
) -> Outcome:
    if refund.status == "succeeded":
        moves = {refund.id: (RefundKind.REFUND, refund.occurred_at)}
    elif refund.status == "failed":
        # It may have counted before, or not; writing both comes to the same.
        moves = {
            refund.id: (RefundKind.REFUND, refund.occurred_at),
            f"{refund.id}:failed": (RefundKind.REFUND_FAILED, refund.occurred_at),
        }
    else:
        return ignored(f"The refund has not gone through: it is {refund.status}.")
    return _take_back(session, event, refund, moves, now)


def _credit_note(session: Session, event: Event, now: datetime) -> Outcome:
    note = facts.read_credit_note(_object(event))
    if note.status == "void":
        return ignored("The credit note is void.")
    moves = {note.id: (RefundKind.REFUND, note.occurred_at)}
    return _take_back(session, event, note, moves, now)


def _dispute(session: Session, event: Event, now: datetime) -> Outcome:
    dispute = facts.read_dispute(_object(event))
    if not facts.moves_money(dispute):
        return ignored("The bank only asks; no money moved.")
    moves = {dispute.id: (RefundKind.DISPUTE, dispute.occurred_at)}
    if event["type"] == "charge.dispute.closed" and dispute.status == "won":
        won = (RefundKind.DISPUTE_WON, _moment(event))
        moves[f"{dispute.id}:won"] = won
    return _take_back(session, event, dispute, moves, now)


def _take_back(
    session: Session,
    event: Event,
    refund: RefundFacts,
    moves: Mapping[str, tuple[RefundKind, datetime]],
    now: datetime,
) -> Outcome:
    """Record money that moved back or forth, once its sale is known."""
    if refund.gross_minor == 0:
        return ignored("It moves no money by itself.")
    if not refund.payments:
        return ignored("It names no payment.")
    service.lock(session, refund.payments)
    sale = sales.sale_behind(session, refund.payments)
    if sale is None:
        other = sales.other_payment(session, refund.payments)
        if other is not None:
            return _about_other(session, event, other, now)
        return parked(refund.payments[0], "The sale it belongs to is not known yet.")
    for external_id, (kind, moment) in moves.items():
        service.record_refund(
            session,
            sale=sale,
            external_id=external_id,
            kind=kind,
            currency=refund.currency,
            gross_minor=refund.gross_minor,
            occurred_at=moment,
            now=now,
        )
    return handled(customers=[sale.customer_id])


def _invoice_given_up(session: Session, event: Event, now: datetime) -> Outcome:
    del now
    sale: Sale | None = sales.sale_behind(session, [_object(event)["id"]])
    if sale is None:
        return ignored(NOTHING_PAID)
    return handled(
        f"The invoice counts as sale {sale.public_id} and still does. If the money "
        "went back, refund it in Stripe."
    )


def _entry_fee(session: Session, event: Event, now: datetime) -> Outcome:
    """Pass an event on to the entry fees, and remember that it is no sale."""
    payments = _payments_of(_object(event))
    service.lock(session, payments)
    service.note_other_payments(session, payments, reason=ENTRY_FEE, now=now)
    return handled(fees.act(session, event, now=now), known=payments)


def _about_other(
    session: Session,
    event: Event,
    other: OtherPayment,
    now: datetime,
    *,
    known: tuple[str, ...] = (),
) -> Outcome:
    """Act on an event about a payment that is no sale."""
    if other.reason == ENTRY_FEE:
        return handled(fees.act(session, event, now=now), known=known)
    return ignored(other.reason, known=known)


def _payments_of(obj: Mapping[str, Any]) -> tuple[str, ...]:
    """Return the Stripe ids by which events about a payment may come later."""
    if obj.get("object") == "invoice":
        invoice = facts.read_invoice(obj)
        return (invoice.id, *invoice.payment_intents, *invoice.charges)
    if obj.get("object") == "checkout.session":
        checkout = facts.read_checkout(obj)
        return (checkout.id, *checkout.payment_intents)
    return ()


def _references(link: PaymentLink) -> dict[str, ReferenceKind]:
    invoices = (link.invoice,) if link.invoice else ()
    return {
        **dict.fromkeys(invoices, ReferenceKind.INVOICE),
        **dict.fromkeys(link.payment_intents, ReferenceKind.PAYMENT_INTENT),
        **dict.fromkeys(link.charges, ReferenceKind.CHARGE),
    }


def _object(event: Event) -> dict[str, Any]:
    obj: dict[str, Any] = event["data"]["object"]
    return obj


def _moment(event: Event) -> datetime:
    return datetime.fromtimestamp(event["created"], UTC)


HANDLERS: Mapping[str, Handler] = MappingProxyType(
    {
        "charge.dispute.closed": _dispute,
        "charge.dispute.created": _dispute,
        "charge.dispute.funds_withdrawn": _dispute,
        "charge.dispute.updated": _dispute,
        "charge.refund.updated": _refund,
        "charge.refunded": _charge_refunded,
        "charge.succeeded": _charge_succeeded,
        "checkout.session.async_payment_succeeded": _checkout,
        "checkout.session.completed": _checkout,
        "credit_note.created": _credit_note,
        "customer.created": _customer,
        "customer.subscription.created": _subscription,
        "customer.subscription.deleted": _subscription,
        "customer.subscription.updated": _subscription,
        "customer.updated": _customer,
        "invoice.marked_uncollectible": _invoice_given_up,
        "invoice.paid": _invoice_paid,
        "invoice.payment_succeeded": _invoice_paid,
        "invoice.voided": _invoice_given_up,
        "invoice_payment.paid": _invoice_payment,
        "refund.created": _refund,
        "refund.failed": _refund,
        "refund.updated": _refund,
    }
)
"""What is done about sales, by type."""

EVENTS = frozenset(HANDLERS) | fees.EVENTS
"""Subscribe the webhook endpoint to these types."""
