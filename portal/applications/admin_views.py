"""What reviewers decide about one application."""

from collections.abc import Callable
from datetime import datetime
from http import HTTPStatus
from uuid import UUID

from flask import Blueprint, redirect, request, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _
from sqlalchemy.orm import Session

from portal.accounts.access import requires, signed_in_user
from portal.accounts.permissions import Permission
from portal.applications import queries, queue_views, service, staff_access
from portal.applications.forms import ApproveForm, QuestionForm, RejectForm
from portal.applications.models import Application
from portal.applications.rules import RejectionReason
from portal.extensions import db
from portal.kit.clock import utc_now
from portal.web import flashes

bp = Blueprint("applications_admin", __name__, url_prefix="/admin/applications")


@bp.get("")
@requires(Permission.APPLICATIONS_READ)
def queue() -> ResponseReturnValue:
    """Show a queue with its first application open."""
    name = request.args.get("state", "review")
    if name not in queue_views.VIEWS:
        return redirect(url_for(".queue"))
    return queue_views.page(name, None)


@bp.get("/<pid(app):application_id>")
@requires(Permission.APPLICATIONS_READ)
def show(application_id: UUID) -> ResponseReturnValue:
    """Show one application, beside the queue it is in."""
    return queue_views.page_of_one(application_id)


@bp.post("/<pid(app):application_id>/ask")
@requires(Permission.APPLICATIONS_REVIEW)
def ask(application_id: UUID) -> ResponseReturnValue:
    """Send the applicant a question."""
    form = QuestionForm(request.form, prefix="ask-")
    if not form.validate():
        return queue_views.page_of_one(application_id, question_form=form)
    with staff_access.reviewing(application_id) as (session, application):
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
        return queue_views.page_of_one(application_id, note_form=form)

    def decide(session: Session, application: Application, now: datetime) -> str:
        is_decided = service.approve(
            session,
            application,
            reviewer=signed_in_user(),
            note=form.text.data or "",
            confirmed=form.confirmed_keys,
            hold_seconds=queue_views.hold_seconds(),
            now=now,
        )
        if not is_decided:
            return str(
                _(
                    "You approved %(company)s. A second reviewer has to agree.",
                    company=application.company,
                )
            )
        return str(_("Approved %(company)s.", company=application.company))

    return _decide(application_id, decide)


@bp.post("/<pid(app):application_id>/reject")
@requires(Permission.APPLICATIONS_REVIEW)
def reject(application_id: UUID) -> ResponseReturnValue:
    """Reject, and offer to undo it."""
    form = RejectForm(request.form, prefix="reject-")
    if not form.validate():
        return queue_views.page_of_one(application_id, reject_form=form)

    def decide(session: Session, application: Application, now: datetime) -> str:
        service.reject(
            session,
            application,
            reviewer=signed_in_user(),
            reason=RejectionReason(form.reason.data),
            note=form.text.data or "",
            hold_seconds=queue_views.hold_seconds(),
            now=now,
        )
        return str(_("Rejected %(company)s.", company=application.company))

    return _decide(application_id, decide)


@bp.post("/<pid(app):application_id>/undo")
@requires(Permission.APPLICATIONS_REVIEW)
def undo(application_id: UUID) -> ResponseReturnValue:
    """Take a decision back while its mail is held."""
    with staff_access.reviewing(application_id) as (session, application):
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
    with staff_access.reviewing(application_id) as (session, application):
        message = decide(session, application, utc_now())
        held_until = application.held_until
    if held_until is not None and held_until > utc_now():
        address = url_for(".undo", application_id=application_id)
        flashes.undo(message, url=address, until=held_until)
    else:
        flashes.success(message)
    return redirect(url_for(".queue"), HTTPStatus.SEE_OTHER)
