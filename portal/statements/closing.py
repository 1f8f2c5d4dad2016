"""A close without a worker: for the command line and the demo."""

from datetime import datetime
from uuid import UUID

from portal.extensions import db
from portal.kit.db import transaction
from portal.statements import queries, service


def run_close(period_id: UUID, *, now: datetime) -> None:
    """Do all that a begun close still needs, here and now.

    The jobs that are queued as well find nothing
    left to do.
    """
    numbers = [chunk.number for chunk in queries.chunks(db.session(), period_id)]
    for number in numbers:
        with transaction(db.session()) as session:
            service.close_chunk(session, period_id, number)
    with transaction(db.session()) as session:
        service.finish_close(session, period_id, now=now)
