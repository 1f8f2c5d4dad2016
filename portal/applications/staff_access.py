"""Which applications a reviewer may open, and a trail of those they may not."""

from collections.abc import Iterator
from contextlib import contextmanager
from uuid import UUID

from sqlalchemy.orm import Session

from portal.accounts.access import signed_in_user
from portal.applications import queries, service
from portal.applications.models import Application
from portal.audit import service as audit
from portal.extensions import db
from portal.kit.clock import utc_now
from portal.kit.db import transaction


@contextmanager
def refusals_recorded(application_id: UUID) -> Iterator[None]:
    """Note who was kept away from an application, although nothing else is kept.

    Put it around the transaction: what happens inside is rolled back.
    """
    try:
        yield
    except service.ConflictOfInterest as refusal:
        with transaction(db.session()) as session:
            audit.record(
                session,
                "application.conflict_refused",
                application_id,
                actor=signed_in_user(),
                at=utc_now(),
                kind=refusal.kind.value,
            )
        raise


@contextmanager
def reviewing(application_id: UUID) -> Iterator[tuple[Session, Application]]:
    """Hold an application while a reviewer does something to it, then commit.

    Raises:
        NoSuchApplication: There is none with this id.
    """
    with refusals_recorded(application_id), transaction(db.session()) as session:
        yield session, queries.get(session, application_id, lock=True)


def opened(session: Session, application_id: UUID) -> Application:
    """Return an application that the person who is signed in may read.

    Raises:
        NoSuchApplication: There is none with this id.
        ConflictOfInterest: They and the applicant belong together.
    """
    application = queries.get(session, application_id)
    with refusals_recorded(application_id):
        service.require_independence(session, application, signed_in_user())
    return application
