"""The reviewers' queue: a list on the left, one application on the right."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from http import HTTPStatus
from types import MappingProxyType
from uuid import UUID

from flask import Blueprint, current_app, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _
from flask_babel import lazy_gettext
from flask_babel.speaklater import LazyString
from sqlalchemy.orm import Session

from portal.accounts.access import requires, signed_in_user
from portal.accounts.permissions import Permission
from portal.applications import document_queries, queries, rules, service, words
from portal.applications.forms import (
    ApproveForm,
    NoteForm,
    QuestionForm,
    RejectForm,
)
from portal.applications.models import DECIDED, Application, ApplicationStatus
from portal.applications.rules import RejectionReason
from portal.config import Settings
from portal.extensions import db
from portal.kit.clock import utc_now
from portal.kit.db import transaction
from portal.web import flashes
from portal.web.pagination import Page, page_request

bp = Blueprint("applications_admin", __name__, url_prefix="/admin/applications")


@dataclass(frozen=True, slots=True)
class View:
    """One chip above the queue."""

    label: LazyString
    status: ApplicationStatus | None
    is_queue: bool
    """Whether we are expected to act, so that the one due first is at the top."""


_S = ApplicationStatus
VIEWS: Mapping[str, View] = MappingProxyType(
    {
        "review": View(lazy_gettext("Needs review"), _S.SUBMITTED, is_queue=True),
        "waiting": View(
            lazy_gettext("Waiting for applicant"), _S.INFO_REQUESTED, is_queue=True
        ),
        "approved": View(lazy_gettext("Approved"), _S.APPROVED, is_queue=False),
        "rejected": View(lazy_gettext("Rejected"), _S.REJECTED, is_queue=False),
        "all": View(lazy_gettext("All"), None, is_queue=False),
    }
)
_VIEW_OF: Mapping[ApplicationStatus, str] = MappingProxyType(
    {view.status: name for name, view in VIEWS.items() if view.status is not None}
)


@bp.get("")
@requires(Permission.APPLICATIONS_READ)
def queue() -> ResponseReturnValue:
    """Show a queue with its first application open."""
    name = request.args.get("state", "review")
    if name not in VIEWS:
        return redirect(url_for(".queue"))
    return _render(name, None)


@bp.get("/<pid(app):application_id>")
@requires(Permission.APPLICATIONS_READ)
def show(application_id: UUID) -> ResponseReturnValue:
    """Show one application, beside the queue it is in."""
    return _render_one(application_id)


@bp.post("/<pid(app):application_id>/ask")
@requires(Permission.APPLICATIONS_REVIEW)
def ask(application_id: UUID) -> ResponseReturnValue:
    """Send the applicant a question."""
    form = QuestionForm(request.form, prefix="ask-")
    if not form.validate():
        return _render_one(application_id, question_form=form)
    with transaction(db.session()) as session:
        application = queries.get(session, application_id, lock=True)
        company = application.company
        service.ask(
            session,
            application,
            reviewer=signed_in_user(),
            question=form.text.data or "",
            now=utc_now(),
        )
    flashes.success(_("Your question to %(company)s is sent.", company=company))
    return redirect(url_for(".queue"), HTTPStatus.SEE_OTHER)


@bp.post("/<pid(app):application_id>/approve")
@requires(Permission.APPLICATIONS_REVIEW)
def approve(application_id: UUID) -> ResponseReturnValue:
    """Approve, and offer to undo it."""
    definition = queries.get(db.session(), application_id).definition
    form = ApproveForm(request.form, prefix="approve-").for_program(definition)
    if not form.validate():
        return _render_one(application_id, note_form=form)

    def decide(session: Session, application: Application, now: datetime) -> str:
        service.approve(
            session,
            application,
            reviewer=signed_in_user(),
            note=form.text.data or "",
            confirmed=form.confirmed_keys,
            hold_seconds=_hold_seconds(),
            now=now,
        )
        return str(_("Approved %(company)s.", company=application.company))

    return _decide(application_id, decide)


@bp.post("/<pid(app):application_id>/reject")
@requires(Permission.APPLICATIONS_REVIEW)
def reject(application_id: UUID) -> ResponseReturnValue:
    """Reject, and offer to undo it."""
    form = RejectForm(request.form, prefix="reject-")
    if not form.validate():
        return _render_one(application_id, reject_form=form)

    def decide(session: Session, application: Application, now: datetime) -> str:
        service.reject(
            session,
            application,
            reviewer=signed_in_user(),
            reason=RejectionReason(form.reason.data),
            note=form.text.data or "",
            hold_seconds=_hold_seconds(),
            now=now,
        )
        return str(_("Rejected %(company)s.", company=application.company))

    return _decide(application_id, decide)


@bp.post("/<pid(app):application_id>/undo")
@requires(Permission.APPLICATIONS_REVIEW)
def undo(application_id: UUID) -> ResponseReturnValue:
    """Take a decision back while its mail is held."""
    with transaction(db.session()) as session:
        application = queries.get(session, application_id, lock=True)
        service.undo_decision(
            session, application, actor=signed_in_user(), now=utc_now()
        )
    flashes.success(_("Undone. Nobody outside has noticed."))
    address = url_for(".show", application_id=application_id)
    return redirect(address, HTTPStatus.SEE_OTHER)


def _decide(
    application_id: UUID, decide: Callable[[Session, Application, datetime], str]
) -> ResponseReturnValue:
    """Make a decision, offer the undo, and go on to the next application."""
    with transaction(db.session()) as session:
        application = queries.get(session, application_id, lock=True)
        message = decide(session, application, utc_now())
        held_until = application.held_until
    if held_until is not None and held_until > utc_now():
        address = url_for(".undo", application_id=application_id)
        flashes.undo(message, url=address, until=held_until)
    else:
        flashes.success(message)
    return redirect(url_for(".queue"), HTTPStatus.SEE_OTHER)


def _hold_seconds() -> int:
    settings: Settings = current_app.extensions["portal.settings"]
    return settings.mail_hold_seconds


def _render_one(
    application_id: UUID,
    *,
    question_form: QuestionForm | None = None,
    note_form: NoteForm | None = None,
    reject_form: RejectForm | None = None,
) -> ResponseReturnValue:
    """Show one application; with a form that was sent, what is wrong with it."""
    application = queries.get(db.session(), application_id)
    name = request.args.get("state") or _VIEW_OF.get(application.status, "all")
    sent = question_form or note_form or reject_form
    page = _render(
        name if name in VIEWS else "all",
        application,
        form=sent,
        question_form=question_form,
        note_form=note_form,
        reject_form=reject_form,
    )
    return page, HTTPStatus.UNPROCESSABLE_ENTITY if sent else HTTPStatus.OK


def _render(name: str, application: Application | None, **forms: object) -> str:
    session, now, view = db.session(), utc_now(), VIEWS[name]
    page = _page_of(session, view)
    if application is None and page.items:
        application = page.items[0]
    details = _details(session, application, now) if application else {}
    given = {key: form for key, form in forms.items() if form is not None}
    return render_template(
        "applications/admin/queue.html",
        views=VIEWS,
        name=name,
        page=page,
        counts=queries.counts(session),
        application=application,
        neighbours=_neighbours(page, application),
        now=now,
        soon=now + timedelta(days=1),
        **(
            {
                "question_form": QuestionForm(prefix="ask-"),
                "reject_form": RejectForm(prefix="reject-"),
            }
            | details
            | given
        ),
    )


def _page_of(session: Session, view: View) -> Page[Application]:
    if view.is_queue and view.status is not None:
        return Page(queries.in_queue(session, view.status))
    return queries.newest(session, page_request(request.args), view.status)


def _neighbours(
    page: Page[Application], application: Application | None
) -> tuple[Application | None, Application | None, int]:
    """Return the application before and after this one in the list, and its place."""
    ids = [row.id for row in page.items]
    if application is None or application.id not in ids:
        return None, page.items[0] if page.items else None, 0
    place = ids.index(application.id)
    before = page.items[place - 1] if place else None
    after = page.items[place + 1] if place + 1 < len(ids) else None
    return before, after, place + 1


def _details(
    session: Session, application: Application, now: datetime
) -> dict[str, object]:
    return {
        "note_form": ApproveForm(prefix="approve-").for_program(application.definition),
        "must_confirm": bool(rules.confirmed_by_reviewer(application.definition)),
        "messages": queries.messages(session, application.id),
        "trail": queries.trail(session, application.id),
        "checks": queries.review_checks(session, application),
        "documents": document_queries.documents_of(session, application),
        "size_text": words.size_text,
        "is_held": application.is_held(now),
        "is_decided": application.status in DECIDED,
        "reasons": words.REASONS,
        "shown_answer": words.shown_answer,
        "country_name": words.country_name,
    }
