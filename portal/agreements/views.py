"""The agreement as partners read and sign it."""

from http import HTTPStatus
from uuid import UUID

from flask import (
    Blueprint,
    Response,
    redirect,
    render_template,
    request,
    url_for,
)
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _

from portal.accounts.access import requires, signed_in_user
from portal.accounts.permissions import Permission
from portal.agreements import documents, queries, service
from portal.agreements.forms import SignForm
from portal.agreements.reading import reading_of
from portal.enrollments import queries as enrollments
from portal.extensions import db
from portal.kit.clock import utc_now
from portal.kit.db import transaction
from portal.kit.errors import NotFound
from portal.partners.access import current_partner_id
from portal.programs.agreements import text_html
from portal.programs.rewording import passages
from portal.web import flashes
from portal.web.downloads import download
from portal.web.preferences import brand, lang

bp = Blueprint("agreements", __name__, url_prefix="/app")


@bp.get("/programs/<pid(enr):enrollment_id>/agreement")
@requires(Permission.WORKSPACE)
def show(enrollment_id: UUID) -> ResponseReturnValue:
    """Show the text to sign, what changed in it, and who signed what when."""
    return _page(enrollment_id, SignForm())


@bp.post("/programs/<pid(enr):enrollment_id>/agreement")
@requires(Permission.AGREEMENT_ACCEPT)
def sign(enrollment_id: UUID) -> ResponseReturnValue:
    """Sign the agreement for the partner."""
    form = SignForm(request.form)
    if not form.validate():
        return _page(enrollment_id, form), HTTPStatus.UNPROCESSABLE_ENTITY
    try:
        with transaction(db.session()) as session:
            service.sign(
                session,
                enrollments.get(
                    session, enrollment_id, partner_id=current_partner_id(), lock=True
                ),
                user=signed_in_user(),
                sha256=form.sha256.data or "",
                origin=service.Origin(
                    request.remote_addr or "",
                    request.headers.get("User-Agent", ""),
                    lang(),
                ),
                issuer_name=brand(),
                now=utc_now(),
            )
    except service.NothingToSign as refusal:
        # A second click, or a colleague was faster: the page says who it was.
        flashes.warning(refusal.message)
    except service.TextChanged as refusal:
        flashes.warning(refusal.message)
        return redirect(
            url_for(".show", enrollment_id=enrollment_id), HTTPStatus.SEE_OTHER
        )
    else:
        flashes.success(_("The agreement is accepted."))
    return redirect(url_for("enrollments.index"), HTTPStatus.SEE_OTHER)


@bp.get("/agreements/<pid(sig):signature_id>")
@requires(Permission.WORKSPACE)
def signature(signature_id: UUID) -> ResponseReturnValue:
    """Show what was signed, as it was signed."""
    found = queries.signature(
        db.session(), signature_id, partner_id=current_partner_id()
    )
    return render_template(
        "agreements/signature.html",
        signature=found,
        text=text_html(found.text.text),
    )


@bp.get("/agreements/<pid(sig):signature_id>.pdf")
@requires(Permission.WORKSPACE)
def pdf(signature_id: UUID) -> Response:
    """Answer with the signed agreement as a file."""
    found = queries.signature(
        db.session(), signature_id, partner_id=current_partner_id()
    )
    return download(
        documents.render(found, brand()),
        filename=documents.filename(found),
        mimetype=documents.MIMETYPE,
    )


def _page(enrollment_id: UUID, form: SignForm) -> str:
    session, now = db.session(), utc_now()
    enrollment = enrollments.get(
        session, enrollment_id, partner_id=current_partner_id()
    )
    standing = queries.standing(session, enrollment, now=now)
    if standing is None:
        raise NotFound(_("This program has no agreement."))
    reading = reading_of(enrollment, standing, now=now)
    form.sha256.data = reading.terms.sha256
    return render_template(
        "agreements/show.html",
        enrollment=enrollment,
        reading=reading,
        text=text_html(reading.terms.agreement.text),
        changes=passages(reading.earlier.text.text, reading.terms.agreement.text)
        if reading.earlier
        else [],
        signatures=standing.signatures,
        form=form,
    )
