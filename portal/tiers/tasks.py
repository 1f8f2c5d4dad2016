from portal import jobs
from portal.enrollments import queries as enrollments
from portal.extensions import db
from portal.kit.clock import utc_now
from portal.kit.db import transaction
from portal.tiers import standing


@jobs.periodic("standing.keep_up", cron="40 */6 * * *")
def keep_up() -> None:
    """Bring everybody's standing in line with what follows from time alone.

    Gates end, sales become too old, the dates of moves come, overrides end, a duty is
    missed; and partners are told before and after. Rating works all this out by itself
    and needs no job; this is for the pages, the price of the fee, and the mails. More
    than once a day, because each program has its own midnight.
    """
    now = utc_now()
    for enrollment_id in standing.running(db.session()):
        with transaction(db.session()) as session:
            enrollment = enrollments.get(session, enrollment_id, lock=True)
            standing.act(session, enrollment, now=now)
