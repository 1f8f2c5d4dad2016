from datetime import datetime
from uuid import UUID

from sqlalchemy.orm import Session

from portal import jobs
from portal.agreements import queries, service
from portal.enrollments import queries as enrollments
from portal.extensions import db
from portal.kit.clock import utc_now
from portal.kit.db import transaction
from portal.programs import queries as programs


@jobs.periodic("agreements.ask_again", cron="*/5 * * * *")
def ask_again() -> None:
    """Tell partners of a new text that they must sign, and when their gate ends."""
    now = utc_now()
    for enrollment_id in _waiting(db.session(), now):
        with transaction(db.session()) as session:
            enrollment = enrollments.get(session, enrollment_id, lock=True)
            service.ask_again(session, enrollment, now=now)


def _waiting(session: Session, now: datetime) -> list[UUID]:
    """Return the enrollments to look at, each once."""
    found: dict[UUID, None] = {}
    for program_id in programs.that_ask_again(session):
        terms = queries.terms_of(session, program_id)
        for place, one in enumerate(terms):
            if one.shuts_at is not None:
                later = terms[place:]
                found |= dict.fromkeys(
                    queries.to_ask(session, program_id, later, now=now)
                )
        asking = [one for one in terms if one.shuts_at is not None]
        found |= dict.fromkeys(queries.asked_in_vain(session, program_id, asking))
    return list(found)
