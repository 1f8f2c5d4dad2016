from uuid import UUID

from portal import jobs
from portal.attribution import queries as attribution
from portal.extensions import db
from portal.kit.clock import utc_now
from portal.kit.db import transaction
from portal.webhooks import queries, service


@jobs.task(service.HANDLE)
def handle(event_id: str) -> None:
    """Act on one event of the inbox."""
    with transaction(db.session()) as session:
        service.act_and_queue(session, event_id, now=utc_now())


@jobs.task(service.CREDIT)
def credit(customer_id: str) -> None:
    """Decide who gets the credit for a customer that something happened to."""
    with transaction(db.session()) as session:
        service.credit(session, UUID(customer_id), now=utc_now())


@jobs.periodic("webhooks.sweep", cron="*/10 * * * *")
def sweep() -> None:
    """Queue again what nobody acts on any more."""
    now = utc_now()
    with transaction(db.session()) as session:
        for event_id in queries.left_behind(session, now):
            jobs.defer(
                session,
                service.HANDLE,
                {"event_id": event_id},
                queueing_lock=f"{service.HANDLE}:{event_id}",
            )
        for customer_id in attribution.undecided(session, seen_before=now):
            service.credit_later(session, customer_id)
