"""What Stripe's objects say about an entry fee, and what follows; pure."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import Any
from uuid import UUID

from portal.enrollments.notices import FEE_REMINDER_DAYS

FEE_MARK = "fee"
"""Value of the metadata key `gatehouse` on everything that belongs to an entry fee."""


DUNNING_DAYS = FEE_REMINDER_DAYS
"""On which days after a payment failed the partner is written to."""


class FeeStatus(StrEnum):
    """Where a subscription of an entry fee stands."""

    PENDING = "pending"
    """The checkout page is open; nothing is paid yet."""
    ACTIVE = "active"
    PAST_DUE = "past_due"
    """A renewal failed; Stripe tries again, and the grace days run."""
    CANCELED = "canceled"
    EXPIRED = "expired"
    """The checkout page closed without a payment."""


_STATUS_OF_STRIPE = {
    "incomplete": FeeStatus.PENDING,
    "incomplete_expired": FeeStatus.EXPIRED,
    "trialing": FeeStatus.ACTIVE,
    "active": FeeStatus.ACTIVE,
    "past_due": FeeStatus.PAST_DUE,
    # Stripe has stopped trying, by a setting of the account; a payment revives it.
    "unpaid": FeeStatus.PAST_DUE,
    "canceled": FeeStatus.CANCELED,
    "paused": FeeStatus.PAST_DUE,
}


_TAKES_MONEY = frozenset(
    {
        "needs_response",
        "under_review",
        "appeal_needs_response",
        "appeal_under_review",
        "lost",
    }
)
"""States of a dispute in which the bank has the money. An inquiry (`warning_...`)
takes none, one that was won gave it back, and one that was prevented is a refund."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SubscriptionFacts:
    """A Stripe subscription, reduced to what the fee needs."""

    id: str
    customer_id: str
    status: FeeStatus
    period_end: datetime
    cancel_at_period_end: bool
    trial_end: datetime | None
    ended_at: datetime | None
    enrollment_id: UUID | None
    """Read from our own mark; none where somebody wrote something else there."""


@dataclass(frozen=True, slots=True, kw_only=True)
class InvoiceFacts:
    """A Stripe invoice of the subscription; amounts in minor units."""

    id: str
    number: str
    status: str
    currency: str
    amount_due: int
    amount_paid: int
    amount_refunded: int
    amount_taken_back: int
    """What the payer's bank took, in disputes that are open or lost."""
    period_start: datetime
    period_end: datetime
    paid_at: datetime | None
    due_at: datetime | None
    """When it was first to be charged; none for a draft."""
    created_at: datetime
    attempts: int
    hosted_url: str
    pdf_url: str
    payment_ids: tuple[str, ...]
    """Payment intents and charges that paid it."""

    @property
    def amount_gone(self) -> int:
        """What was paid and is not with us any more."""
        return min(self.amount_paid, self.amount_refunded + self.amount_taken_back)

    @property
    def is_kept(self) -> bool:
        """Whether it was paid, and neither given nor taken back.

        A part that was refunded is goodwill. A dispute of any part is none.
        """
        if self.paid_at is None or self.amount_taken_back > 0:
            return False
        return self.amount_paid == 0 or self.amount_refunded < self.amount_paid


def _moment(seconds: int | None) -> datetime | None:
    return None if seconds is None else datetime.fromtimestamp(seconds, UTC)


def _at(seconds: int) -> datetime:
    return datetime.fromtimestamp(seconds, UTC)


def read_subscription(stripe_object: dict[str, Any]) -> SubscriptionFacts:
    """Read a subscription of the current or the older API.

    Since March 2025 the period is on the subscription's items.
    """
    items = stripe_object["items"]["data"]
    ends = [
        item["current_period_end"] for item in items if "current_period_end" in item
    ]
    end = max(ends) if ends else stripe_object["current_period_end"]
    return SubscriptionFacts(
        id=stripe_object["id"],
        customer_id=stripe_object["customer"],
        status=_STATUS_OF_STRIPE[stripe_object["status"]],
        period_end=_at(end),
        cancel_at_period_end=bool(stripe_object["cancel_at_period_end"]),
        trial_end=_moment(stripe_object.get("trial_end")),
        ended_at=_moment(stripe_object["ended_at"]),
        enrollment_id=_marked_enrollment(stripe_object.get("metadata") or {}),
    )


def _marked_enrollment(metadata: dict[str, Any]) -> UUID | None:
    try:
        return UUID(metadata.get("enrollment", ""))
    except ValueError:
        return None


def read_invoice(
    stripe_object: dict[str, Any],
    charges: Sequence[dict[str, Any]],
    disputes: Sequence[dict[str, Any]] = (),
) -> InvoiceFacts:
    """Read an invoice, with the charges that paid it and the disputes about them."""
    lines = stripe_object["lines"]["data"]
    starts = [line["period"]["start"] for line in lines]
    ends = [line["period"]["end"] for line in lines]
    payment_ids = [charge["id"] for charge in charges]
    payment_ids += [
        charge["payment_intent"] for charge in charges if charge.get("payment_intent")
    ]
    return InvoiceFacts(
        id=stripe_object["id"],
        number=stripe_object.get("number") or "",
        status=stripe_object["status"],
        currency=stripe_object["currency"].upper(),
        amount_due=stripe_object["amount_due"],
        amount_paid=stripe_object["amount_paid"],
        amount_refunded=sum(charge["amount_refunded"] for charge in charges),
        amount_taken_back=sum(
            dispute["amount"]
            for dispute in disputes
            if dispute["status"] in _TAKES_MONEY
        ),
        period_start=_at(max(starts, default=stripe_object["period_start"])),
        period_end=_at(max(ends, default=stripe_object["period_end"])),
        paid_at=_moment(stripe_object["status_transitions"]["paid_at"]),
        due_at=_moment(stripe_object["status_transitions"]["finalized_at"]),
        created_at=_at(stripe_object["created"]),
        attempts=stripe_object["attempt_count"],
        hosted_url=stripe_object.get("hosted_invoice_url") or "",
        pdf_url=stripe_object.get("invoice_pdf") or "",
        payment_ids=tuple(dict.fromkeys(payment_ids)),
    )


def subscription_id_of(stripe_object: dict[str, Any]) -> str | None:
    """Return the subscription that an event's object is about, if it says so.

    Reads subscriptions, checkout sessions, and invoices of both shapes.
    """
    if stripe_object["object"] == "subscription":
        return str(stripe_object["id"])
    parent = (stripe_object.get("parent") or {}).get("subscription_details") or {}
    found = parent.get("subscription") or stripe_object.get("subscription")
    return found["id"] if isinstance(found, dict) else found


def is_marked(stripe_object: dict[str, Any]) -> bool:
    """Tell whether the object carries the mark of an entry fee."""
    parent = (stripe_object.get("parent") or {}).get("subscription_details") or {}
    older = stripe_object.get("subscription_details") or {}
    return any(
        (place.get("metadata") or {}).get("gatehouse") == FEE_MARK
        for place in (stripe_object, parent, older)
    )


def dunning_step(failed_at: datetime, now: datetime) -> int:
    """Return the latest day of `DUNNING_DAYS` that has come since the failure."""
    days = (now - failed_at) // timedelta(days=1)
    return max((day for day in DUNNING_DAYS if day <= days), default=0)


@dataclass(frozen=True, slots=True)
class Spell:
    """A time in which a fee was or is waived: from its first moment up to the end."""

    since: datetime
    until: datetime

    def holds(self, moment: datetime) -> bool:
        """Tell whether `moment` lies in it."""
        return self.since <= moment < self.until


@dataclass(frozen=True, slots=True)
class GatePlan:
    """What the gate of the fee becomes.

    Attributes:
        met_from: The payment that opened it; none: it is not open.
        met_until: When it closes by itself unless the next payment comes.
    """

    met_from: datetime | None
    met_until: datetime | None


def plan_gate(
    subscription: SubscriptionFacts,
    invoices: Sequence[InvoiceFacts],
    *,
    grace: timedelta,
    waived: Sequence[Spell] = (),
) -> GatePlan:
    """Return since and until when the payments hold the gate open.

    A paid period holds it to its end and through the grace days, in which a failed
    renewal may still succeed. A payment that was refunded in full or that the payer's
    bank took back, and a subscription that ended, hold nothing.

    Args:
        subscription: The subscription.
        invoices: All its invoices.
        grace: How long a failed renewal keeps the gate open.
        waived: When the fee was waived: a period that began then is free to its end.
    """
    kept = [one for one in invoices if one.is_kept or _is_free(one, waived)]
    if not kept or subscription.status in (FeeStatus.PENDING, FeeStatus.EXPIRED):
        return GatePlan(None, None)
    last = max(kept, key=lambda invoice: (invoice.period_end, invoice.id))
    until = last.period_end + grace
    if subscription.status is FeeStatus.ACTIVE and subscription.cancel_at_period_end:
        until = last.period_end  # No renewal follows that could fail.
    if subscription.status is FeeStatus.CANCELED:
        ended = subscription.ended_at or last.period_end
        until = min(until, ended)
    return GatePlan(last.paid_at or last.created_at, until)


def _is_free(invoice: InvoiceFacts, waived: Sequence[Spell]) -> bool:
    return invoice.status == "void" and any(
        spell.holds(invoice.period_start) for spell in waived
    )


def with_waiver(plan: GatePlan, spell: Spell) -> GatePlan:
    """Return when the gate is open, of a fee that is waived now.

    Args:
        plan: What the payments alone come to.
        spell: The time in which it is waived.
    """
    since, until = plan.met_from, plan.met_until
    if since is None or until is None or until <= spell.since:
        return GatePlan(spell.since, spell.until)
    return GatePlan(min(since, spell.since), max(until, spell.until))
