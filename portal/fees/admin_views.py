"""Entry fees as staff see them."""

from http import HTTPStatus
from uuid import UUID

from flask import Blueprint, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _

from portal.accounts.access import requires, signed_in_user
from portal.accounts.permissions import Permission
from portal.enrollments import queries as enrollments
from portal.extensions import db
from portal.fees import queries, service
from portal.fees.forms import WaiveForm
from portal.fees.rules import FeeStatus
from portal.kit.clock import utc_now
from portal.kit.db import transaction
from portal.kit.errors import Invalid, NotFound
from portal.web import flashes
from portal.web.forms import blame

bp = Blueprint("fees_admin", __name__, url_prefix="/admin/fees")

NEWEST = 200
"""How many subscriptions the list shows."""


@bp.get("")
@requires(Permission.FEES_READ)
def index() -> ResponseReturnValue:
    """List the subscriptions of all partners, newest first."""
    asked = request.args.get("status", "")
    status = FeeStatus(asked) if asked in set(FeeStatus) else None
    subscriptions = queries.for_staff(db.session(), status, limit=NEWEST)
    return render_template(
        "fees/admin/index.html",
        subscriptions=subscriptions,
        steps=queries.last_steps(db.session(), [one.id for one in subscriptions]),
        waivers=queries.waived_now(db.session(), now=utc_now()),
        statuses=list(FeeStatus),
        status=status,
        now=utc_now(),
    )


@bp.get("/<pid(enr):enrollment_id>/waive")
@requires(Permission.FEES_WAIVE)
def ask(enrollment_id: UUID) -> ResponseReturnValue:
    """Ask why and until when a fee is waived; if it is, offer to end that."""
    return _waive_page(enrollment_id, WaiveForm())


@bp.post("/<pid(enr):enrollment_id>/waive")
@requires(Permission.FEES_WAIVE)
def waive(enrollment_id: UUID) -> ResponseReturnValue:
    """Waive a fee."""
    form = WaiveForm(request.form)
    if not (form.validate() and _saved(enrollment_id, form)):
        return _waive_page(enrollment_id, form), HTTPStatus.UNPROCESSABLE_ENTITY
    flashes.success(_("Waived. The partner gets a mail with the reason."))
    return redirect(url_for(".index"), code=HTTPStatus.SEE_OTHER)


@bp.post("/<pid(enr):enrollment_id>/waive/end")
@requires(Permission.FEES_WAIVE)
def end_waiver(enrollment_id: UUID) -> ResponseReturnValue:
    """Ask for the fee again."""
    try:
        with transaction(db.session()) as session:
            enrollment = enrollments.get(session, enrollment_id, lock=True)
            service.end_waiver(
                session, enrollment, actor=signed_in_user(), now=utc_now()
            )
    except service.NotWaived as refusal:
        # A second click, or a colleague was faster; the page shows how things are.
        flashes.warning(refusal.message)
    else:
        flashes.success(_("Ended. The fee is asked for again."))
    return redirect(url_for(".index"), code=HTTPStatus.SEE_OTHER)


def _saved(enrollment_id: UUID, form: WaiveForm) -> bool:
    """Save; a refusal is put next to its field."""
    try:
        with transaction(db.session()) as session:
            enrollment = enrollments.get(session, enrollment_id, lock=True)
            service.waive(
                session,
                enrollment,
                reason=form.reason.data or "",
                until_at=form.until_at(enrollment.version.definition.zone),
                actor=signed_in_user(),
                now=utc_now(),
            )
    except Invalid as refusal:
        blame(form, refusal)
        return False
    return True


def _waive_page(enrollment_id: UUID, form: WaiveForm) -> str:
    session = db.session()
    enrollment = enrollments.get(session, enrollment_id)
    if enrollment.version.definition.fee is None:
        raise NotFound(_("This program asks for no fee."))
    return render_template(
        "fees/admin/waive.html",
        enrollment=enrollment,
        form=form,
        waiver=queries.waiver(session, enrollment_id, at=utc_now()),
        current=queries.live(session, enrollment_id),
    )
