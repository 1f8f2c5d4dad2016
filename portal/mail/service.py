from datetime import datetime
from typing import Any

from sqlalchemy.orm import Session

from portal import jobs
from portal.kit.ids import new_id
from portal.mail.models import OutboxEmail

DELIVER = "mail.deliver"


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
            `base_url` in front.
        now: The moment of the promise.
        hold_until: Not before this moment; `OutboxEmail.cancel` works until then.
        locale: The reader's language.
    """
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
