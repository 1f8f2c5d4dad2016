from datetime import timedelta

from portal import jobs
from portal.extensions import db
from portal.kit.clock import utc_now
from portal.kit.db import transaction
from portal.payouts import queries, service

LOOK_BACK = timedelta(days=2)
"""How far back a new place in a program is looked for."""


@jobs.periodic("payouts.follow_gates", cron="*/5 * * * *")
def follow_gates() -> None:
    """Open the gates of partners who joined a program with a payout account."""
    now = utc_now()
    for partner_id in queries.joined_with_account(db.session(), since=now - LOOK_BACK):
        with transaction(db.session()) as session:
            service.follow_gates(session, partner_id, now=now)
