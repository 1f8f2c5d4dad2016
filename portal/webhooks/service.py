"""Keeping events, and acting on them. Callers own the transaction."""

import logging
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from flask_babel import gettext as _
from sqlalchemy.orm import Session

from portal import jobs
from portal.accounts.models import User
from portal.audit import service as audit
from portal.commissions import service as commissions
from portal.kit.errors import Conflict
from portal.payments import service as payments
from portal.payments.models import InboxEvent, InboxSource, InboxStatus
from portal.sales import queries as sales
from portal.webhooks import queries
from portal.webhooks.handlers import outcome_of
from portal.webhooks.outcomes import Outcome, failed

HANDLE = "webhooks.handle"
CREDIT = "webhooks.credit"
RETRIED = (InboxStatus.FAILED, InboxStatus.PARKED)

log = logging.getLogger(__name__)


class NothingToRetry(Conflict):
    """The event is done, or somebody is at it."""

    code = "nothing_to_retry"


@dataclass(frozen=True, slots=True)
class Acted:
    """What acting on an event leaves to do.

    Attributes:
        outcome: What became of it; none when somebody else has it, or had it.
        waiting: The ids of parked events that can go on now.
    """

    outcome: Outcome | None
    waiting: tuple[str, ...] = ()

    @property
    def customers(self) -> frozenset[UUID]:
        """Whose credit must be looked at."""
        return self.outcome.customers if self.outcome else frozenset()


def receive(session: Session, event: dict[str, Any], *, now: datetime) -> bool:
    """Keep an event from the webhook and queue acting on it; return if it is new."""
    is_new = payments.receive(session, event, source=InboxSource.WEBHOOK, now=now)
    if is_new:
        jobs.defer(session, HANDLE, {"event_id": event["id"]})
    return is_new


def act(session: Session, event_id: str, *, now: datetime) -> Acted:
    """Act on an event that waits in the inbox.

    An event that breaks does not break anything else: its changes are undone, and it
    is set aside with the error for a person.
    """
    event = payments.lock_waiting(session, event_id)
    if event is None:
        return Acted(None)
    try:
        with session.begin_nested():
            outcome = outcome_of(session, event.payload, now)
    except Exception as error:
        log.exception("webhooks.failed event=%s type=%s", event.id, event.type)
        outcome = failed(error)
    event.settle(
        outcome.status, at=now, note=outcome.note, parked_for=outcome.parked_for
    )
    waiting = payments.parked_for(session, outcome.known) if outcome.known else ()
    return Acted(outcome, tuple(key for key in waiting if key != event_id))


def act_and_queue(session: Session, event_id: str, *, now: datetime) -> Acted:
    """Act on an event, and queue what follows from it."""
    acted = act(session, event_id, now=now)
    for waiting in acted.waiting:
        jobs.defer(session, HANDLE, {"event_id": waiting})
    for customer_id in sorted(acted.customers):
        credit_later(session, customer_id)
    return acted


def credit_later(session: Session, customer_id: UUID) -> None:
    """Queue the look at who gets the credit; one that waits is enough."""
    jobs.defer(
        session,
        CREDIT,
        {"customer_id": str(customer_id)},
        queueing_lock=f"{CREDIT}:{customer_id}",
    )


def retry(session: Session, event_id: str, *, actor: User, now: datetime) -> InboxEvent:
    """Act again on an event that was set aside.

    Raises:
        NoSuchEvent: There is none with this id.
        NothingToRetry: The event is done.
    """
    event = queries.event(session, event_id)
    if event.status not in RETRIED:
        raise NothingToRetry(_("This event needs no second try."))
    act_and_queue(session, event_id, now=now)
    audit.record(
        session, "event.retried", actor.id, actor=actor, at=now, event=event_id
    )
    return event


def credit(session: Session, customer_id: UUID, *, now: datetime) -> list[UUID]:
    """Decide who gets the credit for a customer, and queue what they earn.

    Returns:
        The enrollments whose commissions are worked out anew.
    """
    customer = sales.customer(session, customer_id)
    return commissions.customer_changed(session, customer, now=now)
