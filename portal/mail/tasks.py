import logging
from datetime import datetime
from typing import Any, NamedTuple
from uuid import UUID

from portal import jobs
from portal.extensions import db
from portal.kit.clock import utc_now
from portal.kit.db import transaction
from portal.mail import gateway, queries
from portal.mail.models import MailStatus
from portal.mail.rendering import render
from portal.mail.service import DELIVER

log = logging.getLogger(__name__)


class _Claimed(NamedTuple):
    """What is needed of a row once its transaction has ended."""

    to: str
    template: str
    context: dict[str, Any]
    locale: str


@jobs.task(DELIVER)
def deliver(email_id: str) -> None:
    """Send one mail of the outbox.

    At least once, and nearly always exactly once. One short transaction claims the
    row, so that no other worker sends it; then the mail server is asked, with no
    transaction open; a second one notes the outcome. A worker that is killed between
    the last two leaves a claim that ends, and the mail is sent again with the same
    Message-ID.
    """
    mail = _claim(UUID(email_id), now=utc_now())
    if mail is None:
        return
    failure: Exception | None = None
    try:
        rendered = render(mail.template, mail.context, mail.locale)
        gateway.send(rendered, to=mail.to, email_id=email_id)
    except Exception as error:  # a broken template too must end up on the row
        log.warning("mail.failed email=%s", email_id, exc_info=True)
        failure = error
    _note(UUID(email_id), failure, now=utc_now())


def _claim(email_id: UUID, *, now: datetime) -> _Claimed | None:
    """Return the mail if it is this worker's to send; a later job does the rest."""
    with transaction(db.session()) as session:
        email = queries.get(session, email_id, lock=True)
        if email.may_be_claimed(now=now):
            email.claim(now=now)
            return _Claimed(email.to, email.template, email.context, email.locale)
        if email.status is MailStatus.QUEUED:
            due = max(filter(None, (email.hold_until, email.claimed_until, now)))
            jobs.defer(session, DELIVER, {"email_id": str(email_id)}, at=due)
        return None


def _note(email_id: UUID, failure: Exception | None, *, now: datetime) -> None:
    """Note how it went, and when to try again."""
    with transaction(db.session()) as session:
        email = queries.get(session, email_id, lock=True)
        if failure is None:
            email.mark_sent(at=now)
            return
        email.mark_failed(
            f"{type(failure).__name__}: {failure}",
            is_final=gateway.is_final(failure),
            now=now,
        )
        if email.status is MailStatus.QUEUED:
            jobs.defer(
                session, DELIVER, {"email_id": str(email_id)}, at=email.hold_until
            )
