"""The partner's programs: what is left to do, and the agreement."""

from http import HTTPStatus
from uuid import UUID

from flask import Blueprint, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _

from portal.accounts.access import requires, signed_in_user
from portal.accounts.permissions import Permission
from portal.enrollments import queries, service
from portal.enrollments.forms import AcceptForm
from portal.enrollments.steps import checklist_items
from portal.extensions import db
from portal.kit.clock import utc_now
from portal.kit.db import transaction
from portal.kit.errors import NotFound
from portal.partners.access import current_partner_id
from portal.programs.agreements import agreement_html
from portal.web import flashes

bp = Blueprint("enrollments", __name__, url_prefix="/app/programs")


@bp.get("")
@requires(Permission.WORKSPACE)
def index() -> ResponseReturnValue:
    """Show the partner's programs, each with its gates."""
    session, now = db.session(), utc_now()
    enrollments = queries.of_partner(session, current_partner_id())
    statuses = queries.checklists(session, enrollments, now=now)
    cards = [(one, checklist_items(one, statuses[one.id])) for one in enrollments]
    return render_template("enrollments/index.html", cards=cards)


@bp.get("/<pid(enr):enrollment_id>/agreement")
@requires(Permission.WORKSPACE)
def agreement(enrollment_id: UUID) -> ResponseReturnValue:
    """Show the agreement, and who accepted it when."""
    return _render_agreement(enrollment_id, AcceptForm())


@bp.post("/<pid(enr):enrollment_id>/agreement")
@requires(Permission.AGREEMENT_ACCEPT)
def accept_agreement(enrollment_id: UUID) -> ResponseReturnValue:
    """Accept the agreement for the partner."""
    form = AcceptForm(request.form)
    if not form.validate():
        page = _render_agreement(enrollment_id, form)
        return page, HTTPStatus.UNPROCESSABLE_ENTITY
    try:
        with transaction(db.session()) as session:
            service.accept_agreement(
                session,
                queries.get(
                    session, enrollment_id, partner_id=current_partner_id(), lock=True
                ),
                user=signed_in_user(),
                remote_address=request.remote_addr or "",
                now=utc_now(),
            )
    except service.NothingToAccept as refusal:
        # A second click, or a colleague was faster: the page says who it was.
        flashes.warning(refusal.message)
    else:
        flashes.success(_("The agreement is accepted."))
    return redirect(url_for(".index"), HTTPStatus.SEE_OTHER)


def _render_agreement(enrollment_id: UUID, form: AcceptForm) -> str:
    session = db.session()
    enrollment = queries.get(session, enrollment_id, partner_id=current_partner_id())
    definition = enrollment.version.definition
    if definition.agreement is None:
        raise NotFound(_("This program has no agreement."))
    signatures = queries.signatures(session, enrollment.id)
    accepted_versions = {acceptance.version for acceptance, _name in signatures}
    return render_template(
        "enrollments/agreement.html",
        enrollment=enrollment,
        agreement=definition.agreement,
        text=agreement_html(definition.agreement),
        signatures=signatures,
        is_accepted=definition.agreement.version in accepted_versions,
        form=form,
    )
