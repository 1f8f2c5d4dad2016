import logging
from collections.abc import Callable
from datetime import datetime

from sqlalchemy.orm import Session

from portal import jobs
from portal.extensions import db
from portal.kit.clock import utc_now
from portal.kit.db import snapshot, transaction
from portal.verification import service
from portal.verification.findings import Finding

log = logging.getLogger(__name__)


@jobs.periodic("verification.recent", cron="*/10 * * * *")
def recent() -> None:
    """Check what was written lately."""
    _watch(
        lambda session, now: service.verify(
            session, now, since=service.recent_from(session, now)
        )
    )


@jobs.periodic("verification.full", cron="15 2 * * *")
def full() -> None:
    """Check everything."""
    _watch(service.verify)


def _watch(check: Callable[[Session, datetime], list[Finding]]) -> None:
    now = utc_now()
    try:
        with snapshot(db.session()) as session:
            findings = check(session, now)
    except Exception as error:  # a check that cannot be done has not been passed
        log.exception("verification.crashed")
        findings = [Finding("verification", "none", f"could not be done: {error}")]
    for finding in findings:
        log.error("verification.broken %s", finding)
    if findings:
        with transaction(db.session()) as session:
            service.react(session, findings, now=utc_now())
