"""Promising mails. Callers own the transaction."""

import re
from datetime import datetime
from typing import Any

from flask_babel import gettext as _
from sqlalchemy.orm import Session

from portal import jobs
from portal.kit.errors import Conflict, Invalid
from portal.kit.ids import new_id
from portal.mail.models import OutboxEmail

DELIVER = "mail.deliver"
_LINE_ENDS = re.compile(r"[\r\n\x00]")


class NotFailed(Conflict):
    """Only a mail that failed is sent again."""

    code = "mail_not_failed"


def enqueue(
    session: Session,
    *,
    to: str,
    template: str,
    context: dict[str, Any],
    now: datetime,
    hold_until: datetime | None = None,
    locale: str = "en",
) -> OutboxEmail:
    """Promise one mail; it leaves after the current transaction commits.

    Args:
        session: The session that holds the open transaction.
        to: The address.
        template: Folder under `templates/emails/`.
        context: JSON values for the template; links as paths, the template puts
            `base_url` in front. A key `secret_...` holds what only the reader may
            see, such as the path of an invitation: staff never see it.
        now: The moment of the promise.
        hold_until: Not before this moment; `OutboxEmail.cancel` works until then.
        locale: The reader's language.

    Raises:
        Invalid: The address would add headers of its own.
    """
    if _LINE_ENDS.search(to):
        raise Invalid(_("An e-mail address has no line ends."), field="email")
    email = OutboxEmail(
        id=new_id(),
        to=to,
        template=template,
        context=context,
        locale=locale,
        queued_at=now,
        hold_until=hold_until,
    )
    session.add(email)
    jobs.defer(session, DELIVER, {"email_id": str(email.id)}, at=hold_until)
    return email


def resend(session: Session, email: OutboxEmail) -> None:
    """Have a failed mail tried again, at once.

    Raises:
        NotFailed: It waits, was sent, or was taken back.
    """
    if not email.queue_again():
        raise NotFailed(_("This mail has not failed, so there is nothing to repeat."))
    jobs.defer(session, DELIVER, {"email_id": str(email.id)})
