"""The mails about an application. Each brings a link that opens it."""

from datetime import date, datetime, timedelta
from typing import Any

from babel.dates import format_date
from sqlalchemy.orm import Session

from portal.accounts.tokens import token_hash
from portal.applications.models import Application, ApplicationLink
from portal.applications.rules import LINK_DAYS, RejectionReason
from portal.kit.ids import new_token
from portal.mail import service as mail
from portal.mail.models import OutboxEmail


def send_confirmation(
    session: Session, application: Application, *, code: str, now: datetime
) -> OutboxEmail:
    """Ask whoever reads this address to confirm it, by link or by code."""
    path = new_link(session, application, now=now)
    return _send(
        session, application, "confirm", now=now, secret_path=path, secret_code=code
    )


def send_link(
    session: Session, application: Application, *, now: datetime
) -> OutboxEmail:
    """Send the way back to an application that was sent already."""
    path = new_link(session, application, now=now)
    return _send(session, application, "link", now=now, secret_path=path)


def send_received(
    session: Session, application: Application, *, answer_by: datetime, now: datetime
) -> OutboxEmail:
    """Say that the application has arrived and when the answer comes."""
    path = new_link(session, application, now=now)
    day = answer_by.astimezone(application.definition.zone).date()
    return _send(
        session,
        application,
        "received",
        now=now,
        secret_path=path,
        answer_day=_day(day, application),
    )


def send_question(
    session: Session, application: Application, *, question: str, now: datetime
) -> OutboxEmail:
    """Put the reviewer's question to the applicant."""
    path = new_link(session, application, now=now)
    return _send(
        session, application, "question", now=now, secret_path=path, question=question
    )


def send_approved(
    session: Session,
    application: Application,
    *,
    path: str,
    is_new_user: bool,
    is_open: bool = False,
    now: datetime,
) -> OutboxEmail:
    """Tell the applicant that they are in, and where to go on.

    With `is_open`, nobody had to decide: the program takes in everybody.
    """
    return _send(
        session,
        application,
        "approved",
        now=now,
        secret_path=path,
        is_new_user=is_new_user,
        is_open=is_open,
        note=application.decision_note,
    )


def send_rejected(
    session: Session,
    application: Application,
    *,
    reason: RejectionReason,
    reapply_on: date,
    hold_until: datetime,
    now: datetime,
) -> OutboxEmail:
    """Tell the applicant why not, and when they may try again."""
    path = new_link(session, application, now=now)
    return _send(
        session,
        application,
        "rejected",
        now=now,
        hold_until=hold_until,
        secret_path=path,
        reason=reason.value,
        is_by_rule=bool(application.decided_by_rule),
        note=application.decision_note,
        reapply_day=_day(reapply_on, application),
    )


def new_link(session: Session, application: Application, *, now: datetime) -> str:
    """Return the path of a fresh link that opens the application."""
    token = new_token()
    session.add(
        ApplicationLink(
            application_id=application.id,
            token_sha256=token_hash(token),
            created_at=now,
            expires_at=now + timedelta(days=LINK_DAYS),
        )
    )
    return f"/apply/confirm/{token}"


def _send(
    session: Session,
    application: Application,
    name: str,
    *,
    now: datetime,
    hold_until: datetime | None = None,
    **context: Any,  # noqa: ANN401 - JSON values for the template
) -> OutboxEmail:
    return mail.enqueue(
        session,
        to=application.email,
        template=f"applications/{name}",
        context={
            "program": application.definition.name,
            "company": application.company,
            "reference": application.reference,
            **context,
        },
        now=now,
        hold_until=hold_until,
        locale=application.locale,
    )


def _day(day: date, application: Application) -> str:
    return str(format_date(day, "long", locale=application.locale))
