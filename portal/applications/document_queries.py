"""Reads of the files that applicants added. Their content is read one at a time."""

from collections import defaultdict
from collections.abc import Sequence
from uuid import UUID

from flask_babel import gettext as _
from sqlalchemy import func, select
from sqlalchemy.orm import Session, undefer

from portal.applications.models import Application, ApplicationDocument
from portal.kit.errors import NotFound


class NoSuchDocument(NotFound):
    """The application has no such document."""

    code = "document_not_found"


def documents_of(
    session: Session, application: Application
) -> Sequence[ApplicationDocument]:
    """Return an application's documents without their content, oldest first."""
    return session.scalars(
        select(ApplicationDocument)
        .where(ApplicationDocument.application_id == application.id)
        .order_by(ApplicationDocument.uploaded_at, ApplicationDocument.id)
    ).all()


def by_question(
    session: Session, application: Application
) -> dict[str, list[ApplicationDocument]]:
    """Return the documents by the key of their question; `""` has those of replies."""
    found: dict[str, list[ApplicationDocument]] = defaultdict(list)
    for document in documents_of(session, application):
        found[document.question_key].append(document)
    return found


def with_content(
    session: Session, application: Application, document_id: UUID
) -> ApplicationDocument:
    """Return one document of an application, ready to be given out.

    Raises:
        NoSuchDocument: The application has none with this id.
    """
    document = session.scalar(
        select(ApplicationDocument)
        .where(
            ApplicationDocument.id == document_id,
            ApplicationDocument.application_id == application.id,
        )
        .options(undefer(ApplicationDocument.content))
        .execution_options(populate_existing=True)
    )
    if document is None:
        raise NoSuchDocument(_("There is no such document."))
    return document


def one_of(
    session: Session, application: Application, document_id: UUID
) -> ApplicationDocument:
    """Return one document of an application without its content.

    Raises:
        NoSuchDocument: The application has none with this id.
    """
    document = session.get(ApplicationDocument, document_id)
    if document is None or document.application_id != application.id:
        raise NoSuchDocument(_("There is no such document."))
    return document


def room_taken(session: Session, application: Application) -> tuple[int, int]:
    """Return how many documents an application has, and their bytes together."""
    count, size = session.execute(
        select(
            func.count(), func.coalesce(func.sum(ApplicationDocument.size), 0)
        ).where(ApplicationDocument.application_id == application.id)
    ).one()
    return count, int(size)
