"""Whether a partner still looks after a customer, as staff see and change it.

It lives here because a change queues new commissions, which lie above credit.
"""

from datetime import date
from http import HTTPStatus
from typing import cast
from uuid import UUID

from flask import Blueprint, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext
from flask_babel import lazy_gettext as _
from sqlalchemy.orm import Session
from wtforms import DateField
from wtforms.validators import InputRequired

from portal.accounts.access import requires, signed_in_user
from portal.accounts.permissions import Permission
from portal.attribution import care
from portal.attribution.care import Credit
from portal.commissions import service as commissions
from portal.enrollments import queries as enrollments
from portal.enrollments.forms import WithdrawForm
from portal.extensions import db
from portal.kit.clock import day_start, utc_now
from portal.kit.db import transaction
from portal.kit.errors import Invalid
from portal.web import flashes
from portal.web.forms import blame

bp = Blueprint(
    "care_admin",
    __name__,
    url_prefix="/admin/partners/<pid(prt):partner_id>/programs/"
    "<pid(enr):enrollment_id>/customers/<pid(cus):customer_id>/care",
)


class CareForm(WithdrawForm):
    """Since when a partner no longer looks after a customer, and why."""

    since_on = DateField(
        _("Not looked after since"),
        [InputRequired(_("Enter the first day on which it was so, like 2026-11-15."))],
        description=_("Sales since that day are worked out again."),
    )


@bp.get("")
@requires(Permission.PARTNERS_READ)
def show(partner_id: UUID, enrollment_id: UUID, customer_id: UUID) -> str:
    """Show whether the partner looks after the customer, and which rules ask."""
    found = _credit(db.session(), partner_id, enrollment_id, customer_id)
    return _page(found, partner_id, CareForm())


@bp.post("")
@requires(Permission.PARTNERS_MANAGE)
def stop(
    partner_id: UUID, enrollment_id: UUID, customer_id: UUID
) -> ResponseReturnValue:
    """Write down since when the partner does not look after the customer."""
    form = CareForm(request.form)
    found = _credit(db.session(), partner_id, enrollment_id, customer_id)
    if not (form.validate() and _stopped(found, form)):
        page = _page(found, partner_id, form)
        return page, HTTPStatus.UNPROCESSABLE_ENTITY
    flashes.success(gettext("Written down. Commissions are worked out again now."))
    return _back(partner_id, enrollment_id, customer_id)


@bp.post("/again")
@requires(Permission.PARTNERS_MANAGE)
def again(
    partner_id: UUID, enrollment_id: UUID, customer_id: UUID
) -> ResponseReturnValue:
    """Take it back: the partner looks after the customer."""
    found = _credit(db.session(), partner_id, enrollment_id, customer_id)
    try:
        with transaction(db.session()) as session:
            care.manage_again(session, found, actor=signed_in_user(), now=utc_now())
            commissions.recompute_later(session, enrollment_id)
    except care.LookedAfter as refusal:
        # A second click, or a colleague was faster; the page shows how things are.
        flashes.warning(refusal.message)
    else:
        flashes.success(gettext("Taken back. Commissions are worked out again now."))
    return _back(partner_id, enrollment_id, customer_id)


def _stopped(found: Credit, form: CareForm) -> bool:
    """Save and queue what follows; a refusal is put next to its field."""
    first_day = cast("date", form.since_on.data)
    try:
        with transaction(db.session()) as session:
            row = care.stop_managing(
                session,
                found,
                since=day_start(first_day, found.version.definition.zone),
                reason=form.reason.data or "",
                actor=signed_in_user(),
                now=utc_now(),
            )
            commissions.recompute_later(session, row.enrollment_id)
    except Invalid as refusal:
        blame(form, refusal)
        return False
    return True


def _credit(
    session: Session, partner_id: UUID, enrollment_id: UUID, customer_id: UUID
) -> Credit:
    enrollment = enrollments.get(session, enrollment_id, partner_id=partner_id)
    return care.credit(session, enrollment.id, customer_id)


def _back(
    partner_id: UUID, enrollment_id: UUID, customer_id: UUID
) -> ResponseReturnValue:
    here = url_for(
        ".show",
        partner_id=partner_id,
        enrollment_id=enrollment_id,
        customer_id=customer_id,
    )
    return redirect(here, HTTPStatus.SEE_OTHER)


def _page(found: Credit, partner_id: UUID, form: CareForm) -> str:
    session, definition = db.session(), found.version.definition
    enrollment = enrollments.get(session, found.enrollment_id, partner_id=partner_id)
    return render_template(
        "dashboard/admin/care.html",
        partner=enrollment.partner,
        enrollment=enrollment,
        customer=found.customer,
        program=definition.name,
        zone=definition.zone,
        unmanaged=care.unmanaged(session, found),
        rules=[
            rule for rule in definition.rules if rule.when and rule.when.managed_from
        ],
        form=form,
    )
