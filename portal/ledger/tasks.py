from portal import jobs
from portal.extensions import db
from portal.kit.clock import utc_now
from portal.kit.db import transaction
from portal.ledger import sealing


@jobs.periodic("ledger.seal", cron="* * * * *")
def seal() -> None:
    """Seal what was booked, one batch after the other."""
    done = 1
    while done:
        with transaction(db.session()) as session:
            done = sealing.seal(session, now=utc_now())
