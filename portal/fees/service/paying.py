"""A partner is about to pay: written down before Stripe is asked."""

from dataclasses import dataclass
from datetime import datetime

from flask_babel import gettext as _
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from portal.accounts.models import User
from portal.audit import service as audit
from portal.enrollments.models import Enrollment, EnrollmentStatus
from portal.fees import queries
from portal.fees.models import ONE_LIVE_SUBSCRIPTION, FeeSubscription
from portal.fees.rules import FeeStatus
from portal.kit.db import violates
from portal.kit.errors import Conflict, Invalid
from portal.kit.ids import new_id


class NoFee(Conflict):
    """The program asks for no fee."""

    code = "no_fee"


class FeeRuns(Conflict):
    """The fee is paid by a subscription that runs."""

    code = "fee_runs"


class NothingToManage(Conflict):
    """There is no payment yet that could be managed."""

    code = "nothing_to_manage"


class NoSuchInterval(Invalid):
    """The fee is not paid in that interval."""

    code = "no_such_interval"


class CannotEnd(Conflict):
    """There is no running subscription that could end or go on."""

    code = "cannot_end"


@dataclass(frozen=True, slots=True)
class Begun:
    """What a partner is about to pay.

    Attributes:
        subscription: Written down, not yet paid.
        trial_days: Days before the first payment: none for who had a fee before.
        replaced: Stripe's id of a payment page that must be closed: it asks for
            another price. None if there is no such page.
    """

    subscription: FeeSubscription
    trial_days: int
    replaced: str | None


def begin(
    session: Session,
    enrollment: Enrollment,
    *,
    interval: str | None = None,
    actor: User,
    now: datetime,
) -> Begun:
    """Write down that a partner is about to pay, before Stripe is asked.

    The price is the program's, never the browser's: that of the partner's tier, country
    and chosen interval. A checkout that was begun and not paid is gone on with, if it
    still asks for that price.

    Args:
        session: The session that holds the open transaction.
        enrollment: The enrollment, locked by the caller.
        interval: How often to pay; none for the program's usual interval.
        actor: Who pays.
        now: The moment.

    Raises:
        NoFee: The program asks for none, or the enrollment has ended.
        NoSuchInterval: The fee is not paid in that interval.
        FeeRuns: A subscription runs already.
    """
    fee = enrollment.version.definition.fee
    if fee is None or enrollment.status is EnrollmentStatus.TERMINATED:
        raise NoFee(_("There is no fee to pay for this program."))
    chosen = next((one for one in fee.choices if one.interval == interval), None)
    if interval is not None and chosen is None:
        raise NoSuchInterval(
            _("The fee is not paid in that interval: choose one of those shown."),
            field="interval",
        )
    wanted = FeeSubscription(
        id=new_id(),
        enrollment_id=enrollment.id,
        tier=enrollment.tier,
        amount_minor=fee.price(
            enrollment.tier,
            enrollment.partner.country,
            chosen.interval if chosen else None,
        ),
        currency=fee.currency,
        interval=chosen.interval if chosen else fee.interval,
        status=FeeStatus.PENDING,
        created_at=now,
    )
    trial_days = 0 if queries.ever_ran(session, enrollment.id) else fee.trial_days
    replaced = None
    current = queries.live(session, enrollment.id, lock=True)
    if current is not None:
        if current.status is not FeeStatus.PENDING:
            raise FeeRuns(_("The fee is paid by a subscription that runs already."))
        if current.asks_like(wanted):
            return Begun(current, trial_days, None)
        replaced = current.stripe_checkout_id
        current.move_to(FeeStatus.EXPIRED)
        current.ended_at = now
        session.flush()
    _add(session, wanted)
    audit.record(
        session,
        "fee.begun",
        enrollment.id,
        actor=actor,
        at=now,
        amount_minor=wanted.amount_minor,
        currency=wanted.currency,
        interval=wanted.interval,
    )
    return Begun(wanted, trial_days, replaced)


def _add(session: Session, subscription: FeeSubscription) -> None:
    try:
        with session.begin_nested():
            session.add(subscription)
    except IntegrityError as error:
        if not violates(error, ONE_LIVE_SUBSCRIPTION):
            raise
        raise FeeRuns(_("Somebody else of your team is paying just now.")) from error


def ask_to_end(
    session: Session,
    subscription: FeeSubscription,
    *,
    ends: bool,
    actor: User,
    now: datetime,
) -> str:
    """Note that a partner wants the fee to end with the paid period, or to go on.

    What comes of it, Stripe decides: our record follows.

    Args:
        session: The session that holds the open transaction.
        subscription: Which one.
        ends: Whether it is to end.
        actor: Who wants it.
        now: The moment.

    Returns:
        Stripe's id of the subscription.

    Raises:
        CannotEnd: It does not run.
    """
    runs = subscription.status in (FeeStatus.ACTIVE, FeeStatus.PAST_DUE)
    if not runs or subscription.stripe_subscription_id is None:
        raise CannotEnd(_("This fee does not run: there is nothing to cancel."))
    audit.record(
        session,
        "fee.asked_to_end" if ends else "fee.asked_to_go_on",
        subscription.enrollment_id,
        actor=actor,
        at=now,
    )
    return subscription.stripe_subscription_id


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
