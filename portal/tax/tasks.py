from datetime import UTC, timedelta

from portal import jobs
from portal.extensions import db
from portal.kit.clock import utc_now
from portal.kit.db import transaction
from portal.tax import queries, rules, service

LOOK_BACK = timedelta(days=2)
"""How far back a new place in a program is looked for."""


@jobs.periodic("tax.remind", cron="20 7 * * *")
def remind() -> None:
    """Remind partners whose form ends within 60, 30 and 7 days, each once."""
    now = utc_now()
    on = now.astimezone(UTC).date()
    last = on + timedelta(days=max(rules.REMINDER_DAYS))
    for form_id in queries.ending(db.session(), since=on, until=last):
        with transaction(db.session()) as session:
            form = queries.get(session, form_id, lock=True)
            service.remind(session, form, now=now)


@jobs.periodic("tax.follow_gates", cron="*/5 * * * *")
def follow_gates() -> None:
    """Open the tax gates of partners who joined a program with a form that counts."""
    now = utc_now()
    joined = queries.joined_with_form(db.session(), since=now - LOOK_BACK)
    for partner_id in joined:
        with transaction(db.session()) as session:
            service.follow_gates(session, partner_id, now=now)
