"""From an invitation to a draft that its owner can write on."""

from datetime import datetime

from sqlalchemy.orm import Session

from portal.accounts import throttle
from portal.applications import emails, queries
from portal.applications.models import Application, ApplicationStatus
from portal.applications.service.starting import (
    MAILS_TO_APPLICANTS,
    confirm,
    new_draft,
)
from portal.programs.models import ProgramVersion


def start_invited(
    session: Session,
    version: ProgramVersion,
    *,
    email: str,
    known: dict[str, str],
    locale: str,
    now: datetime,
) -> Application:
    """Return the application of somebody who was invited: a new draft, or their own.

    The invitation came by mail, so its address is confirmed. Who was rejected before
    may begin anew: they were asked to.

    Args:
        session: The session that holds the open transaction.
        version: The program's version in force.
        email: The address that was invited, lower case.
        known: Answers that are known beforehand, by question key.
        locale: The applicant's language.
        now: The moment.
    """
    application = None
    while application is None:
        application = _to_go_on_with(session, version, email, now) or new_draft(
            session, version, email=email, country="", locale=locale, now=now
        )
    if application.status is ApplicationStatus.DRAFT:
        confirm(session, application, now=now)
        asked = {
            question.key: question for question in version.definition.join.questions
        }
        fresh = {
            key: text[: asked[key].max_length]
            for key, text in known.items()
            if key in asked and text and not application.answer(key)
        }
        application.answers = application.answers | fresh
    return application


def send_way_back(session: Session, application: Application, *, now: datetime) -> None:
    """Mail the applicant a link to an application that is there, unless too often."""
    if throttle.allows(session, MAILS_TO_APPLICANTS, application.email, now=now):
        emails.send_link(session, application, now=now)


def _to_go_on_with(
    session: Session, version: ProgramVersion, email: str, now: datetime
) -> Application | None:
    found = queries.latest_locked(session, version.program_id, email)
    if found is None or found.status is not ApplicationStatus.REJECTED:
        return found
    return found if found.is_held(now) else None
