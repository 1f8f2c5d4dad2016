from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from flask_babel import gettext as _
from sqlalchemy import ColumnElement, func, select
from sqlalchemy.orm import Session, joinedload

from portal.accounts.models import User
from portal.accounts.tokens import token_hash
from portal.applications import rules
from portal.applications.models import (
    OPEN,
    Application,
    ApplicationLink,
    ApplicationMessage,
    ApplicationStatus,
)
from portal.audit.models import AuditEvent
from portal.kit.errors import NotFound
from portal.web.pagination import Page, PageRequest

QUEUE_SIZE = 50

WITH = (
    joinedload(Application.version),
    joinedload(Application.decided_by),
    joinedload(Application.assigned_to),
    joinedload(Application.first_approver),
)
"""What every page about applications needs at once."""


class NoSuchApplication(NotFound):
    """There is no such application, or it is somebody else's."""

    code = "application_not_found"


@dataclass(frozen=True, slots=True)
class TrailEntry:
    """One audited event and the name of who caused it; none for the applicant."""

    action: str
    at: datetime
    by: str | None
    details: Mapping[str, object]


def get(session: Session, application_id: UUID, *, lock: bool = False) -> Application:
    """Return one application with its program's version.

    Args:
        session: The session to read from.
        application_id: Which one.
        lock: Hold the row until the transaction ends; pass it before changing it.

    Raises:
        NoSuchApplication: There is none with this id.
    """
    return _one(session, Application.id == application_id, lock=lock)


def by_reference(
    session: Session, reference: str, *, lock: bool = False
) -> Application:
    """Return the application that people call by this reference.

    Raises:
        NoSuchApplication: There is none.
    """
    return _one(session, Application.reference == reference, lock=lock)


def _one(
    session: Session, condition: ColumnElement[bool], *, lock: bool
) -> Application:
    query = select(Application).where(condition).options(*WITH)
    if lock:
        query = query.with_for_update(of=Application).execution_options(
            populate_existing=True
        )
    application = session.scalar(query)
    if application is None:
        raise NoSuchApplication(_("There is no such application."))
    return application


def by_token(
    session: Session, token: str
) -> tuple[Application, ApplicationLink] | None:
    """Return the application that a mailed link opens, and the link."""
    row = session.execute(
        select(Application, ApplicationLink)
        .join(ApplicationLink, ApplicationLink.application_id == Application.id)
        .where(ApplicationLink.token_sha256 == token_hash(token))
        .options(*WITH)
        .with_for_update(of=Application)
    ).one_or_none()
    return None if row is None else (row.Application, row.ApplicationLink)


def latest_locked(session: Session, program_id: UUID, email: str) -> Application | None:
    """Return the newest application of an address that was not withdrawn.

    An open one comes first. The row is held until the transaction ends.
    """
    return session.scalar(
        select(Application)
        .where(
            Application.program_id == program_id,
            Application.email == email,
            Application.status != ApplicationStatus.WITHDRAWN,
        )
        .options(*WITH)
        .order_by(
            Application.status.in_(OPEN).desc(),
            Application.created_at.desc(),
            Application.id.desc(),
        )
        .limit(1)
        .with_for_update(of=Application)
    )


def stale_drafts(session: Session, now: datetime) -> Sequence[Application]:
    """Return the drafts whose time is over, locked; those in use are left out."""
    return session.scalars(
        select(Application)
        .where(
            Application.status == ApplicationStatus.DRAFT,
            Application.updated_at < now - timedelta(days=rules.DRAFT_DAYS),
        )
        .order_by(Application.id)
        .with_for_update(skip_locked=True)
    ).all()


def messages(session: Session, application_id: UUID) -> Sequence[ApplicationMessage]:
    """Return questions and replies with who asked, oldest first."""
    return session.scalars(
        select(ApplicationMessage)
        .where(ApplicationMessage.application_id == application_id)
        .options(joinedload(ApplicationMessage.author))
        .order_by(ApplicationMessage.written_at, ApplicationMessage.id)
    ).all()


def counts(session: Session) -> dict[ApplicationStatus, int]:
    """Return how many applications there are in each status, drafts left out."""
    rows = session.execute(
        select(Application.status, func.count())
        .where(Application.status != ApplicationStatus.DRAFT)
        .group_by(Application.status)
    )
    found: dict[ApplicationStatus, int] = dict(rows.all())
    return {
        s: found.get(s, 0)
        for s in ApplicationStatus
        if s is not ApplicationStatus.DRAFT
    }


def awaiting_review(session: Session, limit: int = QUEUE_SIZE) -> Sequence[Application]:
    """Return the applications that wait for us, the one due first at the top."""
    return in_queue(session, ApplicationStatus.SUBMITTED, limit)


def in_queue(
    session: Session, status: ApplicationStatus, limit: int = QUEUE_SIZE
) -> Sequence[Application]:
    """Return the open applications in one status, the one due first at the top."""
    return session.scalars(
        select(Application)
        .where(Application.status == status)
        .options(*WITH)
        .order_by(Application.answer_by, Application.id)
        .limit(limit)
    ).all()


def newest(
    session: Session, asked: PageRequest, status: ApplicationStatus | None = None
) -> Page[Application]:
    """Return one page of the applications that were sent, newest first."""
    query = select(Application).options(*WITH)
    if status is None:
        query = query.where(
            Application.status != ApplicationStatus.DRAFT,
            Application.submitted_at.is_not(None),
        )
    else:
        query = query.where(Application.status == status)
    rows = session.scalars(
        asked.limit(query, Application.created_at, Application.id)
    ).all()
    return asked.page(rows, key=lambda row: (row.created_at, row.id))


def trail(session: Session, application_id: UUID) -> list[TrailEntry]:
    """Return what was done to an application, newest first."""
    rows = session.execute(
        select(AuditEvent, User.name)
        .outerjoin(User, User.id == AuditEvent.actor_id)
        .where(AuditEvent.subject_id == application_id)
        .order_by(AuditEvent.at.desc(), AuditEvent.id.desc())
    )
    return [
        TrailEntry(event.action, event.at, name, event.details) for event, name in rows
    ]
