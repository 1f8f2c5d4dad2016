"""What happens to applications when nobody looks."""

from uuid import UUID

from portal import jobs
from portal.applications import queries, service
from portal.applications.service.deciding import (
    COMPLETE_APPROVAL,
    defer_completion,
)
from portal.extensions import db
from portal.kit.clock import utc_now
from portal.kit.db import transaction


@jobs.task(COMPLETE_APPROVAL)
def complete_approval(application_id: str) -> None:
    """Let an approved applicant in, once the hold is over."""
    now = utc_now()
    with transaction(db.session()) as session:
        application = queries.get(session, UUID(application_id), lock=True)
        if application.is_held(now):
            # Undone and approved again, or this machine's clock is behind.
            defer_completion(session, application)
            return
        service.complete_approval(session, application, now=now)


@jobs.periodic("applications.expire_drafts", cron="17 3 * * *")
def expire_drafts() -> None:
    """Delete the drafts whose time is over."""
    with transaction(db.session()) as session:
        service.expire_drafts(session, now=utc_now())
