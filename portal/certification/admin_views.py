"""Exams and certificates as staff see them."""

from uuid import UUID

from flask import Blueprint, flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _

from portal.accounts.access import requires, signed_in_user
from portal.accounts.permissions import Permission
from portal.certification import queries, service
from portal.certification.forms import RevokeForm
from portal.extensions import db
from portal.kit.clock import utc_now
from portal.kit.db import transaction

bp = Blueprint("certification_admin", __name__, url_prefix="/admin/certifications")

NEWEST = 100
"""How many certificates the list shows."""


@bp.get("")
@requires(Permission.CERTIFICATION_READ)
def index() -> ResponseReturnValue:
    """List the exams and the newest certificates."""
    session = db.session()
    return render_template(
        "certification/admin/index.html",
        overviews=queries.overviews(session),
        certificates=queries.certificates(session, NEWEST),
        now=utc_now(),
    )


@bp.get("/certificates/<pid(cer):certificate_id>")
@requires(Permission.CERTIFICATION_READ)
def certificate(certificate_id: UUID) -> ResponseReturnValue:
    """Show one certificate, with the form that revokes it."""
    return _render_certificate(certificate_id, RevokeForm())


@bp.post("/certificates/<pid(cer):certificate_id>/revoke")
@requires(Permission.CERTIFICATION_MANAGE)
def revoke(certificate_id: UUID) -> ResponseReturnValue:
    """Take a certificate back."""
    form = RevokeForm(request.form)
    if not form.validate():
        return _render_certificate(certificate_id, form), 422
    with transaction(db.session()) as session:
        service.revoke(
            session,
            queries.get_certificate(session, certificate_id, lock=True),
            actor=signed_in_user(),
            reason=form.reason.data or "",
            now=utc_now(),
        )
    flash(_("The certificate is revoked."), "success")
    return redirect(url_for(".certificate", certificate_id=certificate_id), code=303)


def _render_certificate(certificate_id: UUID, form: RevokeForm) -> str:
    return render_template(
        "certification/admin/certificate.html",
        certificate=queries.get_certificate(db.session(), certificate_id),
        form=form,
        now=utc_now(),
    )
