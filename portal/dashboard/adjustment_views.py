"""Adjustments by hand: proposed by one of the staff, decided by another.

They live here because the pages show what the next statement will say, and statements
lie above adjustments.
"""

from collections.abc import Callable, Mapping
from http import HTTPStatus
from uuid import UUID

from flask import Blueprint, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _
from sqlalchemy.orm import Session

from portal.accounts.access import requires, signed_in_user
from portal.accounts.permissions import Permission
from portal.adjustments import queries, service
from portal.adjustments.forms import AdjustmentForm, DecisionForm
from portal.adjustments.models import Adjustment, AdjustmentStatus
from portal.adjustments.wording import REASONS
from portal.enrollments import queries as enrollments
from portal.enrollments.models import Enrollment
from portal.extensions import db
from portal.kit.clock import utc_now
from portal.kit.db import transaction
from portal.kit.errors import Invalid
from portal.kit.ids import parse_public_id
from portal.programs import queries as programs
from portal.statements import queries as statements
from portal.threads import queries as threads
from portal.threads import service as thread_service
from portal.threads.models import Thread
from portal.web import flashes
from portal.web.formats import money_text
from portal.web.forms import blame, form_id_of
from portal.web.pagination import page_request
from portal.web.states import state_label

bp = Blueprint("adjustments_admin", __name__, url_prefix="/admin")

_OF_ONE = "/adjustments/<pid(adj):adjustment_id>"
_OF_PLACE = "/partners/<pid(prt):partner_id>/programs/<pid(enr):enrollment_id>"


@bp.get("/adjustments")
@requires(Permission.ADJUSTMENTS_READ)
def index() -> ResponseReturnValue:
    """List adjustments, newest first; all of them, or those of one state."""
    wanted = request.args.get("state", "")
    status = AdjustmentStatus(wanted) if wanted in set(AdjustmentStatus) else None
    page = queries.page(db.session(), page_request(request.args), status=status)
    return render_template(
        "adjustments/admin/index.html",
        page=page,
        states=[(state.value, state_label(state)) for state in AdjustmentStatus],
        reasons=REASONS,
    )


@bp.get(f"{_OF_PLACE}/adjustments/new")
@requires(Permission.ADJUSTMENTS_PROPOSE)
def new(partner_id: UUID, enrollment_id: UUID) -> ResponseReturnValue:
    """Show the form that proposes an adjustment."""
    session = db.session()
    enrollment = enrollments.get(session, enrollment_id, partner_id=partner_id)
    form = AdjustmentForm(None, _currency_of(session, enrollment))
    return _form_page(enrollment, form, _thread(session, request.args))


@bp.post(f"{_OF_PLACE}/adjustments/new")
@requires(Permission.ADJUSTMENTS_PROPOSE)
def propose(partner_id: UUID, enrollment_id: UUID) -> ResponseReturnValue:
    """Write a proposal down, then show it; a question may have led to it."""
    session = db.session()
    thread = _thread(session, request.form)
    enrollment = enrollments.get(session, enrollment_id, partner_id=partner_id)
    form = AdjustmentForm(request.form, _currency_of(session, enrollment))
    if not form.validate():
        page = _form_page(enrollment, form, thread)
        return page, HTTPStatus.UNPROCESSABLE_ENTITY
    actor, now = signed_in_user(), utc_now()
    try:
        with transaction(session):
            adjustment = service.propose(
                session,
                enrollments.get(
                    session, enrollment_id, partner_id=partner_id, lock=True
                ),
                amount=form.money,
                reason=form.kind,
                note=form.note.data or "",
                form_id=form_id_of(request.form),
                actor=actor,
                now=now,
            )
            adjustment_id = adjustment.id
            if thread:
                thread_service.link(
                    session,
                    threads.get(session, thread.id, lock=True),
                    adjustment,
                    actor=actor,
                    now=now,
                )
    except Invalid as refusal:
        blame(form, refusal)
        enrollment = enrollments.get(session, enrollment_id, partner_id=partner_id)
        page = _form_page(enrollment, form, thread)
        return page, HTTPStatus.UNPROCESSABLE_ENTITY
    flashes.success(_("Proposed. A second person decides on it now."))
    return _to(adjustment_id)


@bp.get(_OF_ONE)
@requires(Permission.ADJUSTMENTS_READ)
def show(adjustment_id: UUID) -> ResponseReturnValue:
    """Show one adjustment, and what it does to the next statement."""
    session = db.session()
    return _page(queries.get(session, adjustment_id), DecisionForm())


@bp.post(f"{_OF_ONE}/<any(approve, reject, withdraw):verb>")
@requires(Permission.ADJUSTMENTS_PROPOSE)
def decide(adjustment_id: UUID, verb: str) -> ResponseReturnValue:
    """Approve it, reject it, or take one's own proposal back."""
    form = DecisionForm(request.form)
    session = db.session()
    if not form.validate():
        page = _page(queries.get(session, adjustment_id), form)
        return page, HTTPStatus.UNPROCESSABLE_ENTITY
    note, actor, now = form.note.data or "", signed_in_user(), utc_now()
    with transaction(session):
        adjustment = queries.get(session, adjustment_id, lock=True)
        if verb == "approve":
            service.approve(session, adjustment, note=note, actor=actor, now=now)
            thread_service.tell_adjusted(session, adjustment, now=now)
        elif verb == "reject":
            service.reject(session, adjustment, note=note, actor=actor, now=now)
        else:
            service.withdraw(session, adjustment, actor=actor, now=now)
    _DONE[verb]()
    return _to(adjustment_id)


_DONE: dict[str, Callable[[], None]] = {
    "approve": lambda: flashes.success(_("Approved. The next statement shows it.")),
    "reject": lambda: flashes.success(_("Rejected. Nothing changes.")),
    "withdraw": lambda: flashes.success(_("Withdrawn. Nothing changes.")),
}


def _to(adjustment_id: UUID) -> ResponseReturnValue:
    here = url_for(".show", adjustment_id=adjustment_id)
    return redirect(here, HTTPStatus.SEE_OTHER)


def _currency_of(session: Session, enrollment: Enrollment) -> str:
    version = programs.current_version(session, enrollment.program_id, utc_now())
    return version.definition.currency


def _running(session: Session, enrollment: Enrollment) -> statements.SoFar | None:
    """Return what the next statement would say now; none before the first month."""
    found = statements.so_far(session, enrollment.partner_id)
    return next((one for one in found if one.enrollment.id == enrollment.id), None)


def _thread(session: Session, values: Mapping[str, str]) -> Thread | None:
    """Return the question that leads to the adjustment, if one is named.

    Raises:
        NoSuchThread: There is none with this id.
    """
    named = values.get("thread", "")
    if not named:
        return None
    try:
        thread_id = parse_public_id("thr", named)
    except ValueError as error:
        raise threads.NoSuchThread(_("There is no such question.")) from error
    return threads.get(session, thread_id)


def _form_page(
    enrollment: Enrollment, form: AdjustmentForm, thread: Thread | None
) -> str:
    return render_template(
        "adjustments/admin/new.html",
        enrollment=enrollment,
        form=form,
        thread=thread,
        running=_running(db.session(), enrollment),
    )


def _page(adjustment: Adjustment, form: DecisionForm) -> str:
    session = db.session()
    return render_template(
        "adjustments/admin/show.html",
        adjustment=adjustment,
        reason=REASONS[adjustment.reason],
        form=form,
        running=_running(session, adjustment.enrollment),
        statement=statements.stating(session, adjustment.id),
        thread=threads.behind(session, adjustment.id),
        is_mine=adjustment.proposed_by_id == signed_in_user().id,
        amount_text=money_text(adjustment.amount),
    )
