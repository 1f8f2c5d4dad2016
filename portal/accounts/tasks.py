from portal import jobs
from portal.accounts import service
from portal.extensions import db
from portal.kit.clock import utc_now
from portal.kit.db import transaction


@jobs.task(service.MAIL_RESET_LINK)
def mail_reset_link(email: str) -> None:
    """Mail a link that sets a new password, if there is such a user."""
    with transaction(db.session()) as session:
        service.mail_reset_link(session, email, now=utc_now())


@jobs.periodic("accounts.tidy", "41 * * * *")
def tidy() -> None:
    """Take away what has expired; once an hour."""
    with transaction(db.session()) as session:
        service.tidy(session, now=utc_now())
