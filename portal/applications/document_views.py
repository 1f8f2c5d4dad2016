"""What staff do with an applicant's documents and with decisions made by rule."""

from http import HTTPStatus
from uuid import UUID

from flask import Blueprint, redirect, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _

from portal.accounts.access import requires, signed_in_user
from portal.accounts.permissions import Permission
from portal.applications import document_queries, queries, service
from portal.extensions import db
from portal.kit.clock import utc_now
from portal.kit.db import transaction
from portal.web import flashes
from portal.web.downloads import download

bp = Blueprint("applications_documents", __name__, url_prefix="/admin/applications")


@bp.get("/<pid(app):application_id>/documents/<pid(doc):document_id>")
@requires(Permission.APPLICATIONS_READ)
def document(application_id: UUID, document_id: UUID) -> ResponseReturnValue:
    """Give out one document, always as a file to keep."""
    session = db.session()
    application = queries.get(session, application_id)
    found = document_queries.with_content(session, application, document_id)
    return download(found.content, filename=found.name, mimetype=found.media_type)


@bp.post("/<pid(app):application_id>/look-again")
@requires(Permission.APPLICATIONS_REVIEW)
def look_again(application_id: UUID) -> ResponseReturnValue:
    """Put an application that a rule rejected back into the queue."""
    with transaction(db.session()) as session:
        application = queries.get(session, application_id, lock=True)
        service.look_again(session, application, actor=signed_in_user(), now=utc_now())
    flashes.success(_("The application waits for a decision again."))
    address = url_for("applications_admin.show", application_id=application_id)
    return redirect(address, HTTPStatus.SEE_OTHER)
