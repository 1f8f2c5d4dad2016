"""Adding files to an application and taking them away."""

from datetime import datetime
from uuid import UUID

from flask_babel import gettext as _
from flask_babel import ngettext
from sqlalchemy.orm import Session

from portal.applications import document_queries as queries
from portal.applications.models import (
    Application,
    ApplicationDocument,
    ApplicationMessage,
)
from portal.applications.service.answering import require_draft
from portal.audit import service as audit
from portal.kit.errors import Invalid
from portal.kit.ids import new_id
from portal.kit.uploads import CleanFile, Refusal
from portal.programs.definition import Question

MOST_DOCUMENTS = 30
MOST_BYTES = 60 * 1_048_576
"""Of one application, all its documents together."""


class TooManyDocuments(Invalid):
    """There is no room for one more file; the message says what would help."""

    code = "too_many_documents"


def answer_with_file(
    session: Session,
    application: Application,
    question: Question,
    file: CleanFile,
    *,
    name: str,
    now: datetime,
) -> ApplicationDocument:
    """Add a file to the answer of a question.

    Args:
        session: The session that holds the open transaction.
        application: The draft, locked by the caller.
        question: The question that asks for files.
        file: The file in its harmless form.
        name: The name to show, harmless too.
        now: The moment.

    Raises:
        NoDraft: It is no draft any more.
        TooManyDocuments: The question or the application has enough.
    """
    require_draft(application)
    before = list(application.answer(question.key) or [])
    if len(before) >= question.most_files:
        raise TooManyDocuments(
            ngettext(
                "There is room for %(num)d file here. Remove one to add another.",
                "There is room for %(num)d files here. Remove one to add another.",
                question.most_files,
            ),
            field=question.key,
        )
    document = _add(
        session,
        application,
        file,
        name=name,
        field=question.key,
        question_key=question.key,
        now=now,
    )
    _answer(application, question.key, [*before, document.public_id], now)
    return document


def send_with_reply(
    session: Session,
    application: Application,
    message: ApplicationMessage,
    file: CleanFile,
    *,
    name: str,
    now: datetime,
) -> ApplicationDocument:
    """Add a file to a reply that was just written.

    Raises:
        TooManyDocuments: The application has enough.
    """
    session.flush()  # The document's foreign key needs the reply to be there.
    return _add(
        session,
        application,
        file,
        name=name,
        field="files",
        message_id=message.id,
        now=now,
    )


def remove_file(
    session: Session, application: Application, document_id: UUID, *, now: datetime
) -> None:
    """Take a file out of a draft's answer.

    Raises:
        NoDraft: It is no draft any more.
        NoSuchDocument: The draft has none with this id.
    """
    require_draft(application)
    document = queries.one_of(session, application, document_id)
    key, gone = document.question_key, document.public_id
    left = [known for known in application.answer(key) if known != gone]
    session.delete(document)
    _answer(application, key, left, now)
    audit.record(
        session,
        "application.document_removed",
        application.id,
        actor=None,
        at=now,
        document=gone,
    )


def note_refusal(
    session: Session, application: Application, why: Refusal, *, now: datetime
) -> None:
    """Leave a trace of a file that was not taken."""
    audit.record(
        session,
        "application.document_refused",
        application.id,
        actor=None,
        at=now,
        why=why.value,
    )


def _add(
    session: Session,
    application: Application,
    file: CleanFile,
    *,
    name: str,
    field: str,
    now: datetime,
    question_key: str = "",
    message_id: UUID | None = None,
) -> ApplicationDocument:
    count, size = queries.room_taken(session, application)
    if count >= MOST_DOCUMENTS or size + len(file.content) > MOST_BYTES:
        raise TooManyDocuments(
            _(
                "An application holds %(number)s files and %(size)s MB. There is no "
                "room for one more.",
                number=MOST_DOCUMENTS,
                size=MOST_BYTES // 1_048_576,
            ),
            field=field,
        )
    document = ApplicationDocument(
        id=new_id(),
        application_id=application.id,
        question_key=question_key,
        message_id=message_id,
        name=name,
        media_type=file.media_type,
        size=len(file.content),
        sent_sha256=file.sent_sha256,
        content=file.content,
        uploaded_at=now,
    )
    session.add(document)
    audit.record(
        session,
        "application.document_added",
        application.id,
        actor=None,
        at=now,
        document=document.public_id,
        media_type=file.media_type,
        size=document.size,
    )
    return document


def _answer(
    application: Application, key: str, documents: list[str], now: datetime
) -> None:
    # No mark: files that two windows add do not overwrite each other.
    application.answers = application.answers | {key: documents}
    application.answers_version += 1
    application.updated_at = now
