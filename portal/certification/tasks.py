from datetime import timedelta

from portal import jobs
from portal.certification import queries, service, team_queries
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


LOOK_BACK = timedelta(days=2)
"""How far back a new place in a program is looked for."""


@jobs.periodic("certification.follow_gates", cron="*/5 * * * *")
def follow_gates() -> None:
    """Open the gates of partners who joined a program with certificates that count."""
    now = utc_now()
    since = now - LOOK_BACK
    for partner_id in team_queries.joined_with_certificate(db.session(), since=since):
        with transaction(db.session()) as session:
            service.meet_gates(session, partner_id, None, now=now, since=since)
