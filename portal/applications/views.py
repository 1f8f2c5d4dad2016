"""The application that was sent, as its applicant sees it."""

from http import HTTPStatus

from flask import Blueprint, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _

from portal.accounts.access import public
from portal.applications import access, queries, service
from portal.applications.forms import ReplyForm
from portal.applications.models import Application, ApplicationStatus
from portal.applications.queries import NoSuchApplication
from portal.applications.references_in_urls import understand_references
from portal.extensions import db
from portal.kit.clock import utc_now
from portal.kit.db import transaction
from portal.kit.errors import Invalid
from portal.web import flashes

bp = Blueprint("applications_status", __name__, url_prefix="/application")
understand_references(bp)


@bp.before_request
def refuse_files() -> None:
    """Refuse uploads.

    Raises:
        Invalid: The form brings a file.
    """
    if any(upload.filename for upload in request.files.values()):
        raise Invalid(_("You cannot attach files here."), field="file")


@bp.errorhandler(NoSuchApplication)
def not_opened_here(error: NoSuchApplication) -> ResponseReturnValue:
    """Say how to get in, whether there is such an application or not."""
    del error
    return render_template("applications/public/not_opened.html"), HTTPStatus.NOT_FOUND


@bp.get("/<reference:reference>")
@public
def show(reference: str) -> ResponseReturnValue:
    """Show where the application stands."""
    application = access.opened(db.session(), reference)
    if application.status is ApplicationStatus.DRAFT:
        return redirect(url_for("applications.tasks", reference=reference))
    return _render(application, ReplyForm())


@bp.post("/<reference:reference>/reply")
@public
def reply(reference: str) -> ResponseReturnValue:
    """Answer the reviewer's question."""
    form = ReplyForm(request.form)
    application = access.opened(db.session(), reference)
    if not form.validate():
        return _render(application, form), HTTPStatus.UNPROCESSABLE_ENTITY
    with transaction(db.session()) as session:
        service.reply(
            session,
            access.opened(session, reference, lock=True),
            text=form.text.data or "",
            now=utc_now(),
        )
    flashes.success(_("Your answer is sent."))
    return redirect(url_for(".show", reference=reference), HTTPStatus.SEE_OTHER)


@bp.post("/<reference:reference>/withdraw")
@public
def withdraw(reference: str) -> ResponseReturnValue:
    """End the application."""
    with transaction(db.session()) as session:
        application = access.opened(session, reference, lock=True)
        service.withdraw(session, application, now=utc_now())
    flashes.success(_("Your application is withdrawn."))
    return redirect(url_for(".show", reference=reference), HTTPStatus.SEE_OTHER)


def _render(application: Application, form: ReplyForm) -> str:
    now = utc_now()
    today = now.astimezone(application.definition.zone).date()
    return render_template(
        "applications/public/status.html",
        application=application,
        status=application.shown_status(now),
        messages=queries.messages(db.session(), application.id),
        may_reapply=application.reapply_on is None or application.reapply_on <= today,
        form=form,
    )
