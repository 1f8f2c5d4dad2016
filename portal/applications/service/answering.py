"""Filling in a draft and sending it."""

from collections.abc import Mapping
from datetime import datetime, timedelta
from uuid import UUID

from flask_babel import gettext as _
from sqlalchemy.orm import Session

from portal.applications import document_queries, emails, queries, rules
from portal.applications.models import Application, ApplicationStatus
from portal.applications.rules import Answer
from portal.applications.service.automatic import judge_and_decide
from portal.applications.service.deciding import (
    approve_of_itself,
)
from portal.applications.service.reviewing import note_fingerprints
from portal.audit import service as audit
from portal.kit.errors import Conflict, Invalid
from portal.programs import queries as programs
from portal.programs.definition import FormStep


class NoDraft(Conflict):
    """The application was sent or withdrawn; its answers stand."""

    code = "application_not_a_draft"


class DraftChanged(Conflict):
    """Another window changed the same answers; `keys` says which."""

    code = "draft_changed"

    def __init__(self, message: str, *, keys: tuple[str, ...]) -> None:
        super().__init__(message)
        self.keys = keys


class AnswersMissing(Conflict):
    """Something still has to be answered or put right."""

    code = "answers_missing"


def save_answers(
    session: Session,
    application: Application,
    step: FormStep,
    answers: Mapping[str, Answer],
    *,
    seen_version: int,
    form_id: str,
    now: datetime,
) -> None:
    """Keep the answers of one step, finished or not.

    What can never be an answer, such as one that is too long, is left out; the step
    keeps what it had.

    Args:
        session: The session that holds the open transaction.
        application: The draft, locked by the caller.
        step: The step whose form was sent.
        answers: The answers by question key, tidy.
        seen_version: The `answers_version` that the form was made from.
        form_id: The window's own id: what it wrote itself does not conflict.
        now: The moment.

    Raises:
        NoDraft: It is no draft any more.
        DraftChanged: Another window changed the same questions since.
    """
    require_draft(application)
    keep = rules.keepable(step, answers, application.definition.join)
    changed = {
        key: answers[key]
        for key in keep
        if (application.answer(key) or "") != (answers[key] or "")
    }
    conflicts = tuple(
        question.key
        for question in rules.typed_questions(step)
        if question.key in changed
        and _changed_elsewhere(application, question.key, seen_version, form_id)
    )
    if conflicts:
        raise DraftChanged(
            _("This draft was changed in another window."), keys=conflicts
        )
    application.updated_at = now
    if not changed:
        return
    version = application.answers_version + 1
    marks = {key: [version, form_id] for key in changed}
    application.answers = application.answers | changed
    application.answer_marks = application.answer_marks | marks
    application.answers_version = version
    audit.record(
        session,
        "application.answers_saved",
        application.id,
        actor=None,
        at=now,
        step=step.key,
        version=version,
    )


def _changed_elsewhere(
    application: Application, key: str, seen_version: int, form_id: str
) -> bool:
    version, writer = application.answer_marks.get(key, (0, form_id))
    return bool(version > seen_version and writer != form_id)


def submit(
    session: Session, application: Application, *, agrees_to_checks: bool, now: datetime
) -> None:
    """Put a finished draft in front of the reviewers.

    In a program that takes in everybody it is approved at once, and nothing is checked.
    Else the program's rules may decide. Answers to questions that are not asked, given
    the other answers, are not sent.

    Args:
        session: The session that holds the open transaction.
        application: The draft, locked by the caller.
        agrees_to_checks: Whether the applicant lets us check what they wrote.
        now: The moment.

    Raises:
        NoDraft: It was sent already, or withdrawn.
        AnswersMissing: A step is not finished.
        Invalid: The applicant does not agree to the checks.
        StaffAddress: It would be approved, but the address is a staff member's.
        AlreadyInProgram: It would be approved, but the company is in the program.
    """
    require_draft(application)
    join = application.definition.join
    if rules.unfinished(join.questions, application.answers, join):
        raise AnswersMissing(_("Some questions still need an answer."))
    is_open = takes_in_everybody(session, application, now=now)
    if not (is_open or agrees_to_checks):
        raise Invalid(
            _("Agree that we may check what you wrote. We cannot decide without."),
            field="agree",
        )
    asked = {question.key for question in join.asked(application.answers)}
    application.answers = {
        key: answer for key, answer in application.answers.items() if key in asked
    }
    sent_documents = []
    for document in document_queries.documents_of(session, application):
        if document.question_key not in asked:
            session.delete(document)
        else:
            sent_documents.append(document.sent_sha256)
    application.move_to(ApplicationStatus.SUBMITTED)
    application.checks_agreed_at = now if agrees_to_checks else None
    application.submitted_at = now
    days = 0 if is_open else join.answer_within_days
    answer_by = now + timedelta(days=days)
    application.answer_by = answer_by
    application.updated_at = now
    note_fingerprints(session, application, sent_documents)
    audit.record(session, "application.submitted", application.id, actor=None, at=now)
    if is_open:
        approve_of_itself(session, application, now=now)
    else:
        emails.send_received(session, application, answer_by=answer_by, now=now)
        judge_and_decide(session, application, now=now)


def takes_in_everybody(
    session: Session, application: Application, *, now: datetime
) -> bool:
    """Tell whether an application needs no review: it did not, and still does not."""
    if application.definition.join.mode != "open":
        return False
    version = programs.current_version(session, application.program_id, now)
    return version.definition.join.mode == "open"


def expire_drafts(session: Session, *, now: datetime) -> list[UUID]:
    """Delete the drafts that nobody touched for long; return their ids."""
    expired = []
    for application in queries.stale_drafts(session, now):
        audit.record(
            session,
            "application.draft_deleted",
            application.id,
            actor=None,
            at=now,
            reference=application.reference,
        )
        expired.append(application.id)
        session.delete(application)
    return expired


def require_draft(application: Application) -> None:
    """Refuse to change what was sent.

    Raises:
        NoDraft: The application is no draft any more.
    """
    if application.status is not ApplicationStatus.DRAFT:
        raise NoDraft(_("This application was sent already. Its answers stand."))
