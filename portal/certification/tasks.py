from portal import jobs
from portal.certification import queries, service
from portal.extensions import db
from portal.kit.clock import utc_now
from portal.kit.db import transaction


@jobs.periodic("certification.close_overdue", cron="* * * * *")
def close_overdue() -> None:
    """Score the attempts whose time is over with what was saved by then."""
    now = utc_now()
    waiting = [(a.id, a.user_id) for a in queries.overdue(db.session(), now)]
    for attempt_id, user_id in waiting:
        with transaction(db.session()) as session:
            attempt = queries.attempt_of(session, attempt_id, user_id, lock=True)
            if attempt.submitted_at is None:  # Submitted a moment ago: nothing to do.
                service.submit(session, attempt, now=now)
