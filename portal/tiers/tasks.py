from portal import jobs
from portal.enrollments import queries as enrollments
from portal.enrollments.models import EnrollmentStatus
from portal.extensions import db
from portal.kit.clock import utc_now
from portal.kit.db import transaction
from portal.programs import queries as programs
from portal.tiers import service

_RUNNING = [s for s in EnrollmentStatus if s is not EnrollmentStatus.TERMINATED]


@jobs.periodic("tiers.keep_up", cron="40 */6 * * *")
def keep_up() -> None:
    """Bring the kept levels in line with what follows from time alone.

    Sales become too old, the dates of moves come, overrides end, a duty is missed.
    Rating works levels out by itself and needs no job; this is for the pages, and for
    the price of the fee.
    """
    now = utc_now()
    waiting = [
        enrollment.id
        for version in programs.all_current(db.session(), now)
        if version.definition.tiers is not None
        for enrollment in enrollments.in_program(
            db.session(), version.program_id, _RUNNING
        )
    ]
    for enrollment_id in waiting:
        with transaction(db.session()) as session:
            enrollment = enrollments.get(session, enrollment_id, lock=True)
            service.keep_up(session, enrollment, now=now)
