"""The application that was sent, as its applicant sees it."""

from http import HTTPStatus
from uuid import UUID

from flask import Blueprint, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _

from portal.accounts.access import public
from portal.applications import (
    access,
    document_queries,
    queries,
    service,
    uploading,
    words,
)
from portal.applications.forms import ReplyWithFilesForm
from portal.applications.models import Application, ApplicationStatus
from portal.applications.queries import NoSuchApplication
from portal.applications.references_in_urls import understand_references
from portal.applications.uploading import Taken, has_files
from portal.extensions import db
from portal.kit.clock import utc_now
from portal.kit.db import transaction
from portal.kit.errors import Invalid
from portal.web import flashes
from portal.web.downloads import download
from portal.web.forms import blame

bp = Blueprint("applications_status", __name__, url_prefix="/application")
understand_references(bp)


@bp.url_value_preprocessor
def take_files(endpoint: str | None, values: dict[str, object] | None) -> None:
    """Let a reply bring files."""
    del values
    if endpoint == "applications_status.reply":
        uploading.allow_files()


@bp.before_request
def refuse_files() -> None:
    """Refuse uploads where none is asked for.

    Raises:
        Invalid: The form brings a file.
    """
    if request.endpoint != "applications_status.reply" and has_files():
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
    return _render(application, ReplyWithFilesForm())


@bp.post("/<reference:reference>/reply")
@public
def reply(reference: str) -> ResponseReturnValue:
    """Answer the reviewer's question; with a file that is refused, nothing is sent."""
    form = ReplyWithFilesForm(uploading.texts_and_files())
    application = access.opened(db.session(), reference)
    if not form.validate():
        return _render(application, form), HTTPStatus.UNPROCESSABLE_ENTITY
    taken = uploading.take(reference, uploading.came_with(form.files))
    form.files.errors = taken.refused
    if not taken.refused:
        try:
            _reply(reference, form.text.data or "", taken)
        except service.TooManyDocuments as refusal:
            blame(form, refusal)
    if form.errors:
        application = access.opened(db.session(), reference)
        return _render(application, form), HTTPStatus.UNPROCESSABLE_ENTITY
    flashes.success(_("Your answer is sent."))
    return redirect(url_for(".show", reference=reference), HTTPStatus.SEE_OTHER)


def _reply(reference: str, text: str, taken: Taken) -> None:
    now = utc_now()
    with transaction(db.session()) as session:
        application = access.opened(session, reference, lock=True)
        message = service.reply(session, application, text=text, now=now)
        for file, name in taken.files:
            service.send_with_reply(
                session, application, message, file, name=name, now=now
            )


@bp.post("/<reference:reference>/look-again")
@public
def look_again(reference: str) -> ResponseReturnValue:
    """Ask for a person where a rule said no."""
    with transaction(db.session()) as session:
        application = access.opened(session, reference, lock=True)
        service.reopen(session, application, actor=None, now=utc_now())
    flashes.success(_("A person will look at your application."))
    return redirect(url_for(".show", reference=reference), HTTPStatus.SEE_OTHER)


@bp.get("/<reference:reference>/documents/<pid(doc):document_id>")
@public
def document(reference: str, document_id: UUID) -> ResponseReturnValue:
    """Give applicants back what they sent."""
    session = db.session()
    application = access.opened(session, reference)
    found = document_queries.with_content(session, application, document_id)
    return download(found.content, filename=found.name, mimetype=found.media_type)


@bp.post("/<reference:reference>/withdraw")
@public
def withdraw(reference: str) -> ResponseReturnValue:
    """End the application."""
    with transaction(db.session()) as session:
        application = access.opened(session, reference, lock=True)
        service.withdraw(session, application, now=utc_now())
    flashes.success(_("Your application is withdrawn."))
    return redirect(url_for(".show", reference=reference), HTTPStatus.SEE_OTHER)


def _render(application: Application, form: ReplyWithFilesForm) -> str:
    now = utc_now()
    today = now.astimezone(application.definition.zone).date()
    return render_template(
        "applications/public/status.html",
        application=application,
        status=application.shown_status(now),
        messages=queries.messages(db.session(), application.id),
        may_reapply=application.reapply_on is None or application.reapply_on <= today,
        documents=document_queries.documents_of(db.session(), application),
        accept=uploading.ACCEPT,
        size_text=words.size_text,
        form=form,
    )
