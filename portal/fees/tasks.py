from datetime import datetime
from typing import cast
from uuid import UUID

from flask import current_app
from sqlalchemy.orm import Session

from portal import jobs
from portal.enrollments import queries as enrollments
from portal.extensions import db
from portal.fees import queries, rules, service
from portal.kit.clock import utc_now
from portal.kit.db import transaction
from portal.payments.gateway import EXTENSION, StripeGateway


@jobs.task(service.FOLLOW)
def follow(stripe_subscription_id: str) -> None:
    """Fetch a subscription from Stripe and bring our record in line with it."""
    bring_in_line(stripe_subscription_id, now=utc_now())


def bring_in_line(stripe_subscription_id: str, *, now: datetime) -> None:
    """Do what `follow` does, at the moment `now`."""
    fetched = _gateway().fetch_subscription(stripe_subscription_id)
    facts = rules.read_subscription(fetched.subscription)
    invoices = [
        rules.read_invoice(one.invoice, one.charges, one.disputes)
        for one in fetched.invoices
    ]
    with transaction(db.session()) as session:
        service.follow(session, facts, invoices, now=now)


@jobs.periodic("fees.keep_up", cron="20 */6 * * *")
def keep_up() -> None:
    """Remind of what is unpaid, and catch up with what no event told.

    More than once a day, so that a reminder comes on its day in every time zone.
    """
    keep_up_at(utc_now())


def keep_up_at(now: datetime) -> None:
    """Do what `keep_up` does, at the moment `now`."""
    for enrollment_id in queries.to_keep_up(db.session(), now=now):
        with transaction(db.session()) as session:
            enrollment = enrollments.get(session, enrollment_id, lock=True)
            service.keep_up(session, enrollment, now=now)


@jobs.task(service.MATCH_PRICE)
def match_price(enrollment_id: str) -> None:
    """Move a running fee to the price that the partner has now."""
    bring_price_in_line(db.session(), _gateway(), UUID(enrollment_id), now=utc_now())


def bring_price_in_line(
    session: Session, gateway: StripeGateway, enrollment_id: UUID, *, now: datetime
) -> None:
    """Do what `match_price` does, at the moment `now`.

    Three steps: write down the move, ask Stripe under its key, note that it is done.
    Dying between them is harmless, and so is a second worker: both ask for the same
    under the same key. The price may have changed meanwhile, so it is looked at again.

    Args:
        session: A session without an open transaction.
        gateway: Whom to ask.
        enrollment_id: Whose fee.
        now: The moment.
    """
    while True:
        with transaction(session):
            enrollment = enrollments.get(session, enrollment_id, lock=True)
            move = service.plan_move(session, enrollment, now=now)
        if move is None:
            return
        has_moved = gateway.move_price(
            move.stripe_id,
            move.price,
            key=f"fee-move:{move.id}",
            at_once=move.is_dearer,
        )
        with transaction(session):
            enrollment = enrollments.get(session, enrollment_id, lock=True)
            service.finish_move(
                session, enrollment, move.id, has_moved=has_moved, now=now
            )
        if not has_moved:
            return


@jobs.task(service.MATCH_PAUSE)
def match_pause(enrollment_id: str) -> None:
    """Have Stripe charge nothing while the fee is waived, and again after."""
    pause_at(UUID(enrollment_id), now=utc_now())


def pause_at(enrollment_id: UUID, *, now: datetime) -> None:
    """Do what `match_pause` does, at the moment `now`. Safe to repeat."""
    session = db.session()
    current = queries.live(session, enrollment_id)
    waiver = queries.waiver(session, enrollment_id, at=now)
    session.rollback()  # Nothing is held while Stripe is asked.
    if current is not None and current.stripe_subscription_id is not None:
        _gateway().match_pause(
            current.stripe_subscription_id, waiver.until_at if waiver else None
        )


@jobs.task(service.GIVE_BACK)
def give_back(stripe_subscription_id: str) -> None:
    """End a fee that was paid twice and refund it.

    Dying anywhere is harmless: what is done already is not done again. The record
    follows by the events that this causes.
    """
    gateway = _gateway()
    gateway.cancel_now(stripe_subscription_id)
    fetched = gateway.fetch_subscription(stripe_subscription_id)
    for one in fetched.invoices:
        for charge in one.charges:
            # What the bank holds cannot be refunded; the bank gives it back.
            if not charge["refunded"] and not charge["disputed"]:
                gateway.refund(charge["id"], key=f"fee-duplicate:{charge['id']}")


def _gateway() -> StripeGateway:
    return cast("StripeGateway", current_app.extensions[EXTENSION])
