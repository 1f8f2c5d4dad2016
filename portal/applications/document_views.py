"""What applicants sent with their applications, given out to reviewers."""

from uuid import UUID

from flask import Blueprint
from flask.typing import ResponseReturnValue

from portal.accounts.access import requires
from portal.accounts.permissions import Permission
from portal.applications import document_queries, staff_access
from portal.extensions import db
from portal.web.downloads import download

bp = Blueprint("applications_documents", __name__, url_prefix="/admin/applications")


@bp.get("/<pid(app):application_id>/documents/<pid(doc):document_id>")
@requires(Permission.APPLICATIONS_READ)
def document(application_id: UUID, document_id: UUID) -> ResponseReturnValue:
    """Give out one document, always as a file to keep."""
    session = db.session()
    application = staff_access.opened(session, application_id)
    found = document_queries.with_content(session, application, document_id)
    return download(found.content, filename=found.name, mimetype=found.media_type)
