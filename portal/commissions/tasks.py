from uuid import UUID

from portal import jobs
from portal.commissions import service
from portal.extensions import db
from portal.kit.clock import utc_now
from portal.kit.db import transaction


@jobs.task(service.TASK)
def recompute(enrollment_id: str) -> None:
    """Bring an enrollment's lines in line with what happened."""
    with transaction(db.session()) as session:
        service.recompute(session, UUID(enrollment_id), now=utc_now())
