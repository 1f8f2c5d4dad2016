from uuid import UUID

from flask_babel import gettext as _
from sqlalchemy import func, select
from sqlalchemy.orm import Session

from portal.kit.errors import NotFound
from portal.mail.models import MailStatus, OutboxEmail
from portal.web.pagination import Page, PageRequest


def get(session: Session, email_id: UUID, *, lock: bool = False) -> OutboxEmail:
    """Return one mail.

    Raises:
        NotFound: There is none with this id.
    """
    email = session.get(
        OutboxEmail, email_id, with_for_update=lock or None, populate_existing=lock
    )
    if email is None:
        raise NotFound(_("There is no such mail."))
    return email


def outbox(
    session: Session, asked: PageRequest, *, status: MailStatus | None, to: str
) -> Page[OutboxEmail]:
    """Return one page of the outbox, the latest first."""
    statement = select(OutboxEmail)
    if status is not None:
        statement = statement.where(OutboxEmail.status == status)
    if to:
        statement = statement.where(
            OutboxEmail.to.contains(to.lower(), autoescape=True)
        )
    rows = session.scalars(
        asked.limit(statement, OutboxEmail.queued_at, OutboxEmail.id)
    ).all()
    return asked.page(rows, key=lambda email: (email.queued_at, email.id))


def counts(session: Session) -> dict[MailStatus, int]:
    """Return how many mails are in each state."""
    rows = session.execute(
        select(OutboxEmail.status, func.count()).group_by(OutboxEmail.status)
    )
    return {status: count for status, count in rows}  # noqa: C416 - rows are typed
