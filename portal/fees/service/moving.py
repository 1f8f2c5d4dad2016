"""A partner's price changes: the running subscription is moved, never doubled."""

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from sqlalchemy.orm import Session

from portal import jobs
from portal.audit import service as audit
from portal.enrollments.models import Enrollment
from portal.fees import emails, queries
from portal.fees.models import FeeMove
from portal.fees.rules import FeeStatus
from portal.kit.ids import new_id
from portal.kit.money import Money

MATCH_PRICE = "fees.match_price"
"""The job that moves a running fee to the price that the partner has now."""


@dataclass(frozen=True, slots=True)
class Move:
    """What Stripe must be asked for.

    Attributes:
        id: Ours; the key under which Stripe is asked, so that it acts once.
        stripe_id: Stripe's id of the subscription.
        price: What each interval costs from now on.
        is_dearer: Whether the rest of the period is charged at once; if not, what was
            paid too much is taken off the next invoice.
    """

    id: UUID
    stripe_id: str
    price: Money
    is_dearer: bool


def match_later(session: Session, enrollment: Enrollment) -> None:
    """Queue a look at whether the partner's fee still has the right price."""
    if enrollment.version.definition.fee is None:
        return
    lock = f"{MATCH_PRICE}:{enrollment.id}"
    jobs.defer(
        session,
        MATCH_PRICE,
        {"enrollment_id": str(enrollment.id)},
        lock=lock,
        queueing_lock=lock,
    )


def plan_move(
    session: Session, enrollment: Enrollment, *, now: datetime
) -> Move | None:
    """Write down how the fee's price must change, before Stripe is asked.

    A move that was written down and not finished comes first, however the price has
    changed since: Stripe may have acted on it. A fee that is past due waits until it is
    paid, since Stripe would give credit for time that nobody paid for; one that ends
    with its period keeps its price.

    Args:
        session: The session that holds the open transaction.
        enrollment: The enrollment, locked by the caller.
        now: The moment.

    Returns:
        What to ask of Stripe; none if the price is right.
    """
    fee = enrollment.version.definition.fee
    current = queries.live(session, enrollment.id, lock=True)
    if fee is None or current is None or current.stripe_subscription_id is None:
        return None
    move = queries.open_move(session, current.id)
    if move is None:
        if current.status is not FeeStatus.ACTIVE or current.cancel_at_period_end:
            return None
        wanted = fee.price(
            enrollment.tier, enrollment.partner.country, current.fee_interval
        )
        if wanted == current.amount_minor:
            current.tier = enrollment.tier
            return None
        move = FeeMove(
            id=new_id(),
            subscription_id=current.id,
            tier=enrollment.tier,
            from_minor=current.amount_minor,
            to_minor=wanted,
            currency=current.currency,
            created_at=now,
        )
        session.add(move)
        session.flush()  # Two open moves of one fee must fail before Stripe is asked.
    return Move(
        move.id,
        current.stripe_subscription_id,
        Money(move.to_minor, move.currency),
        move.to_minor > move.from_minor,
    )


def finish_move(
    session: Session,
    enrollment: Enrollment,
    move_id: UUID,
    *,
    has_moved: bool,
    now: datetime,
) -> None:
    """Note what Stripe did about a move, and tell the partner; safe to repeat.

    Args:
        session: The session that holds the open transaction.
        enrollment: The enrollment, locked by the caller.
        move_id: Which move.
        has_moved: Whether Stripe has the new price; not if the subscription has ended
            before, so that there was nothing to move.
        now: The moment.
    """
    move = queries.move(session, move_id)
    if move.done_at is not None:
        return
    move.done_at = now
    if not has_moved:
        return
    subscription = move.subscription
    subscription.amount_minor = move.to_minor
    subscription.tier = move.tier
    audit.record(
        session,
        "fee.moved",
        enrollment.id,
        actor=None,
        at=now,
        tier=move.tier,
        from_minor=move.from_minor,
        to_minor=move.to_minor,
        currency=move.currency,
    )
    emails.send_moved(session, enrollment.partner, subscription, move, now=now)
