"""What an applicant can do with an application that was sent."""

from datetime import datetime, timedelta

from flask_babel import gettext as _
from sqlalchemy.orm import Session

from portal.applications.models import (
    Application,
    ApplicationMessage,
    ApplicationStatus,
)
from portal.applications.service.deciding import (
    take_back,
)
from portal.audit import service as audit
from portal.kit.errors import Conflict
from portal.kit.ids import new_id


class BeingDecided(Conflict):
    """The decision has just been made and is about to be told."""

    code = "application_being_decided"


def reply(
    session: Session, application: Application, *, text: str, now: datetime
) -> ApplicationMessage:
    """Answer the reviewer's question; the application is theirs again.

    Returns the reply, to which files may be added.

    Args:
        session: The session that holds the open transaction.
        application: The application, locked by the caller.
        text: The answer.
        now: The moment.

    Raises:
        BeingDecided: The reviewer did not wait for it.
        ApplicationTransition: Nobody asked.
    """
    if application.is_held(now):
        raise BeingDecided(
            _(
                "Your application is being decided right now. "
                "Open this page again in a minute."
            )
        )
    application.move_to(ApplicationStatus.SUBMITTED)
    days = application.definition.join.answer_within_days
    application.answer_by = now + timedelta(days=days)
    application.updated_at = now
    message = ApplicationMessage(
        id=new_id(), application_id=application.id, text=text, written_at=now
    )
    session.add(message)
    audit.record(session, "application.replied", application.id, actor=None, at=now)
    return message


def withdraw(session: Session, application: Application, *, now: datetime) -> None:
    """End an application because the applicant wants so.

    A decision that the applicant does not know of yet is taken back first.

    Raises:
        ApplicationTransition: It is decided, or withdrawn already.
    """
    if application.is_held(now):
        take_back(session, application, now=now)
    application.move_to(ApplicationStatus.WITHDRAWN)
    application.updated_at = now
    audit.record(session, "application.withdrawn", application.id, actor=None, at=now)
