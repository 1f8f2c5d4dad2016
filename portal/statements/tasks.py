from uuid import UUID

from portal import jobs
from portal.extensions import db
from portal.kit.clock import utc_now
from portal.kit.db import transaction
from portal.statements import queries, service
from portal.statements.service.close import CLOSE_CHUNK, FINISH_CLOSE


@jobs.periodic("statements.ensure_periods", cron="7 * * * *")
def ensure_periods() -> None:
    """Begin the months that have begun."""
    now = utc_now()
    with transaction(db.session()) as session:
        service.ensure_all_periods(session, now)


@jobs.periodic("statements.release_reserves", cron="13 * * * *")
def release_reserves() -> None:
    """Book what was held back until today, a partner at a time."""
    now = utc_now()
    due = queries.held(db.session(), before=now)
    for enrollment_id in sorted({row.statement.enrollment_id for row in due}):
        with transaction(db.session()) as session:
            service.release(session, [enrollment_id], before=now, now=now)


@jobs.task(CLOSE_CHUNK)
def close_chunk(period_id: str, number: int) -> None:
    """Write the statements of one part of a close."""
    with transaction(db.session()) as session:
        service.close_chunk(session, UUID(period_id), number)


@jobs.task(FINISH_CLOSE)
def finish_close(period_id: str) -> None:
    """Call a month closed when every part is done."""
    with transaction(db.session()) as session:
        service.finish_close(session, UUID(period_id), now=utc_now())
