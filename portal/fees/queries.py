from collections.abc import Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from flask_babel import gettext as _
from sqlalchemy import func, or_, select, union_all
from sqlalchemy.dialects.postgresql import array
from sqlalchemy.orm import Session, contains_eager, joinedload

from portal.enrollments.models import Enrollment
from portal.fees import rules
from portal.fees.models import (
    FeeInvoice,
    FeeMove,
    FeeNotice,
    FeeSubscription,
    FeeWaiver,
)
from portal.fees.rules import FeeStatus
from portal.kit.errors import NotFound

LIVE = (FeeStatus.PENDING, FeeStatus.ACTIVE, FeeStatus.PAST_DUE)


def live(
    session: Session, enrollment_id: UUID, *, lock: bool = False
) -> FeeSubscription | None:
    """Return the enrollment's pending or running subscription, if there is one."""
    query = select(FeeSubscription).where(
        FeeSubscription.enrollment_id == enrollment_id,
        FeeSubscription.status.in_(LIVE),
        FeeSubscription.duplicate_of_id.is_(None),
    )
    return session.scalar(query.with_for_update() if lock else query)


def ever_ran(session: Session, enrollment_id: UUID) -> bool:
    """Tell whether the enrollment ever had a subscription at Stripe."""
    return bool(
        session.scalar(
            select(
                select(FeeSubscription.id)
                .where(
                    FeeSubscription.enrollment_id == enrollment_id,
                    FeeSubscription.stripe_subscription_id.is_not(None),
                )
                .exists()
            )
        )
    )


def waivers(session: Session, enrollment_id: UUID) -> Sequence[FeeWaiver]:
    """Return when the enrollment's fee was waived, the oldest first."""
    return session.scalars(
        select(FeeWaiver)
        .where(FeeWaiver.enrollment_id == enrollment_id)
        .order_by(FeeWaiver.from_at, FeeWaiver.id)
    ).all()


def waiver(session: Session, enrollment_id: UUID, *, at: datetime) -> FeeWaiver | None:
    """Return the waiver that holds at a moment, if there is one."""
    found = waivers(session, enrollment_id)
    return next((one for one in found if one.spell.holds(at)), None)


def waived_now(session: Session, *, now: datetime) -> Sequence[FeeWaiver]:
    """Return the waivers that hold, with partner and program, first to end first."""
    return session.scalars(
        select(FeeWaiver)
        .where(FeeWaiver.ended_at.is_(None), FeeWaiver.until_at > now)
        .options(
            joinedload(FeeWaiver.enrollment).options(
                joinedload(Enrollment.partner), joinedload(Enrollment.version)
            )
        )
        .order_by(FeeWaiver.until_at, FeeWaiver.id)
    ).all()


def waived_of_partner(
    session: Session, partner_id: UUID, *, now: datetime
) -> dict[UUID, FeeWaiver]:
    """Return the waivers of a partner that hold, by enrollment."""
    found = session.scalars(
        select(FeeWaiver)
        .join(FeeWaiver.enrollment)
        .where(
            Enrollment.partner_id == partner_id,
            FeeWaiver.ended_at.is_(None),
            FeeWaiver.until_at > now,
        )
    )
    return {one.enrollment_id: one for one in found}


def last_at_stripe(session: Session, enrollment_id: UUID) -> FeeSubscription | None:
    """Return the subscription that decides about the gate, if there ever was one."""
    key = governing(session, enrollment_id)
    return session.get(FeeSubscription, key) if key else None


def overdue(session: Session, subscription_id: UUID) -> Sequence[FeeInvoice]:
    """Return the invoices that could not be charged, oldest first."""
    return session.scalars(
        select(FeeInvoice)
        .where(
            FeeInvoice.subscription_id == subscription_id,
            FeeInvoice.status == "open",
            FeeInvoice.attempts > 0,
        )
        .order_by(FeeInvoice.created_at, FeeInvoice.id)
    ).all()


def steps_told(session: Session, invoice_id: UUID) -> Sequence[int]:
    """Return on which days after the failure the partner was told."""
    return session.scalars(
        select(FeeNotice.step).where(FeeNotice.invoice_id == invoice_id)
    ).all()


def last_steps(session: Session, keys: Sequence[UUID]) -> dict[UUID, int]:
    """Return the last reminder of each subscription that has an unpaid invoice."""
    rows = session.execute(
        select(FeeInvoice.subscription_id, func.max(FeeNotice.step))
        .join(FeeNotice, FeeNotice.invoice_id == FeeInvoice.id)
        .where(FeeInvoice.subscription_id.in_(keys), FeeInvoice.status == "open")
        .group_by(FeeInvoice.subscription_id)
    )
    return dict(row for row in rows)


def to_keep_up(session: Session, *, now: datetime) -> Sequence[UUID]:
    """Return the enrollments whose fee may need something, ordered by id.

    What is past due, what should have renewed, and what has the price of another tier.
    """
    return session.scalars(
        select(Enrollment.id)
        .join(FeeSubscription, FeeSubscription.enrollment_id == Enrollment.id)
        .where(
            FeeSubscription.duplicate_of_id.is_(None),
            FeeSubscription.stripe_subscription_id.is_not(None),
            FeeSubscription.status.in_((FeeStatus.ACTIVE, FeeStatus.PAST_DUE)),
            or_(
                FeeSubscription.status == FeeStatus.PAST_DUE,
                FeeSubscription.current_period_end <= now,
                FeeSubscription.tier.is_distinct_from(Enrollment.tier),
            ),
        )
        .order_by(Enrollment.id)
    ).all()


def open_move(session: Session, subscription_id: UUID) -> FeeMove | None:
    """Return the change of price that was begun and is not done, if there is one."""
    return session.scalar(
        select(FeeMove).where(
            FeeMove.subscription_id == subscription_id, FeeMove.done_at.is_(None)
        )
    )


def move(session: Session, move_id: UUID) -> FeeMove:
    """Return a change of price with its subscription."""
    return session.scalars(
        select(FeeMove)
        .where(FeeMove.id == move_id)
        .options(joinedload(FeeMove.subscription))
        .execution_options(populate_existing=True)
    ).one()


def governing(session: Session, enrollment_id: UUID) -> UUID | None:
    """Return which subscription decides about the enrollment's gate.

    The one that runs; if none does, the last one that ran. So a late event about an
    earlier subscription changes nothing for the partner.
    """
    runs = FeeSubscription.status.in_((FeeStatus.ACTIVE, FeeStatus.PAST_DUE))
    return session.scalar(
        select(FeeSubscription.id)
        .where(
            FeeSubscription.enrollment_id == enrollment_id,
            FeeSubscription.stripe_subscription_id.is_not(None),
            FeeSubscription.duplicate_of_id.is_(None),
        )
        .order_by(
            runs.desc(), FeeSubscription.created_at.desc(), FeeSubscription.id.desc()
        )
        .limit(1)
    )


def of_partner(session: Session, partner_id: UUID) -> Sequence[FeeSubscription]:
    """Return the partner's subscriptions, newest first."""
    return session.scalars(
        select(FeeSubscription)
        .join(FeeSubscription.enrollment)
        .where(Enrollment.partner_id == partner_id)
        .options(contains_eager(FeeSubscription.enrollment))
        .order_by(FeeSubscription.created_at.desc(), FeeSubscription.id)
    ).all()


def invoices_of_partner(session: Session, partner_id: UUID) -> Sequence[FeeInvoice]:
    """Return the partner's invoices, newest first."""
    return session.scalars(
        select(FeeInvoice)
        .join(FeeInvoice.subscription)
        .join(FeeSubscription.enrollment)
        .where(Enrollment.partner_id == partner_id)
        .options(
            contains_eager(FeeInvoice.subscription).contains_eager(
                FeeSubscription.enrollment
            )
        )
        .order_by(FeeInvoice.created_at.desc(), FeeInvoice.id)
    ).all()


def invoices(session: Session, subscription_id: UUID) -> Sequence[FeeInvoice]:
    """Return the invoices of one subscription, oldest first."""
    return session.scalars(
        select(FeeInvoice)
        .where(FeeInvoice.subscription_id == subscription_id)
        .order_by(FeeInvoice.created_at, FeeInvoice.id)
    ).all()


def get_of_partner(
    session: Session, subscription_id: UUID, partner_id: UUID
) -> FeeSubscription:
    """Return one of the partner's subscriptions.

    Raises:
        NotFound: There is none, or it is another partner's.
    """
    found = session.scalar(
        select(FeeSubscription)
        .join(FeeSubscription.enrollment)
        .where(
            FeeSubscription.id == subscription_id, Enrollment.partner_id == partner_id
        )
    )
    if found is None:
        raise NotFound(_("There is no such fee."))
    return found


def by_stripe_subscription(
    session: Session, stripe_id: str, *, lock: bool = False
) -> FeeSubscription | None:
    """Return the subscription that Stripe knows by this id."""
    query = select(FeeSubscription).where(
        FeeSubscription.stripe_subscription_id == stripe_id
    )
    return session.scalar(query.with_for_update() if lock else query)


def by_checkout(
    session: Session, checkout_id: str, *, lock: bool = False
) -> FeeSubscription | None:
    """Return the subscription that was begun on this checkout page."""
    query = select(FeeSubscription).where(
        FeeSubscription.stripe_checkout_id == checkout_id
    )
    return session.scalar(query.with_for_update() if lock else query)


def stripe_subscription_of(
    session: Session, stripe_object: dict[str, Any]
) -> str | None:
    """Return the fee subscription that an event's object belongs to, if to one.

    A charge or refund does not name its invoice; it is known by its payment.
    """
    named = rules.subscription_id_of(stripe_object)
    if named is not None and rules.is_marked(stripe_object):
        return named
    payments = [
        stripe_object[name]
        for name in ("id", "charge", "payment_intent")
        if isinstance(stripe_object.get(name), str)
    ]
    ways = []
    if named is not None:
        known = FeeSubscription.stripe_subscription_id == named
        ways.append(select(FeeSubscription.stripe_subscription_id).where(known))
    if payments:
        paid = FeeInvoice.payment_ids.has_any(array(payments))
        ways.append(
            select(FeeSubscription.stripe_subscription_id)
            .join(FeeInvoice, FeeInvoice.subscription_id == FeeSubscription.id)
            .where(paid)
        )
    if not ways:
        return None
    found = {key for key in session.scalars(union_all(*ways)) if key}
    return named if named in found else min(found, default=None)


def for_staff(
    session: Session, status: FeeStatus | None, *, limit: int
) -> Sequence[FeeSubscription]:
    """Return subscriptions with partner and program, newest first."""
    query = (
        select(FeeSubscription)
        .options(
            joinedload(FeeSubscription.enrollment).options(
                joinedload(Enrollment.partner), joinedload(Enrollment.version)
            )
        )
        .order_by(FeeSubscription.created_at.desc(), FeeSubscription.id)
        .limit(limit)
    )
    if status is not None:
        query = query.where(FeeSubscription.status == status)
    return session.scalars(query).all()
