from datetime import timedelta

from portal import jobs
from portal.enrollments import queries, service
from portal.extensions import db
from portal.kit.clock import utc_now
from portal.kit.db import transaction

LOOK_BACK = timedelta(days=2)
"""How far back an end is looked for: a worker may have been down for a day."""


@jobs.periodic("enrollments.close_expired", cron="*/5 * * * *")
def close_expired() -> None:
    """Re-evaluate the enrollments of which a gate ended, and say so to the partner.

    Whether a partner could earn at a moment is read from the intervals and needs no
    job; this brings the status that people see in line. What this misses while no
    worker runs, the daily look at everybody's standing does: `tiers.tasks`.
    """
    now = utc_now()
    ended = queries.with_gate_ended(db.session(), since=now - LOOK_BACK, now=now)
    for enrollment_id in ended:
        with transaction(db.session()) as session:
            enrollment = queries.get(session, enrollment_id, lock=True)
            service.reevaluate(session, enrollment, now=now)
            service.notify(session, enrollment, now=now)
