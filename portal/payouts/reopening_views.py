"""The page on which a closed month is opened again."""

from http import HTTPStatus
from uuid import UUID

from flask import Blueprint, current_app, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _

from portal.accounts.access import requires, signed_in_user
from portal.accounts.permissions import Permission
from portal.extensions import db
from portal.kit.clock import utc_now
from portal.kit.db import transaction
from portal.kit.errors import Conflict
from portal.payouts import service
from portal.payouts.forms import ReopenForm
from portal.statements import queries as statements
from portal.statements import service as statement_service
from portal.statements.models import Period
from portal.web import flashes
from portal.web.formats import month

bp = Blueprint("reopening", __name__, url_prefix="/admin")

_MONTH = "/periods/<pid(per):period_id>/reopen"


@bp.get(_MONTH)
@requires(Permission.PERIODS_CLOSE)
def show(period_id: UUID) -> ResponseReturnValue:
    """Show what reopening a month would take back, or why it cannot be reopened."""
    return _page(statements.period(db.session(), period_id), ReopenForm())


@bp.post(_MONTH)
@requires(Permission.PERIODS_CLOSE)
def ask(period_id: UUID) -> ResponseReturnValue:
    """Reopen the month, or where it takes two people, ask for it."""
    session = db.session()
    form = ReopenForm(request.form)
    if not form.validate():
        page = _page(statements.period(session, period_id), form)
        return page, HTTPStatus.UNPROCESSABLE_ENTITY
    actor = signed_in_user()
    with transaction(session):
        count = service.ask_to_reopen(
            session,
            statements.period(session, period_id, lock=True),
            reason=form.reason.data or "",
            four_eyes=_four_eyes(),
            actor=actor,
            now=utc_now(),
        )
    if count is None:
        flashes.success(_("Asked for. A second person confirms it."))
    else:
        flashes.success(_("The month is open again. Its statements are reversed."))
    return _to_month(period_id)


@bp.post(f"{_MONTH}/<any(confirm, drop):verb>")
@requires(Permission.PERIODS_CLOSE)
def decide(period_id: UUID, verb: str) -> ResponseReturnValue:
    """Confirm as the second person, or leave the month closed."""
    session, actor, now = db.session(), signed_in_user(), utc_now()
    with transaction(session):
        period = statements.period(session, period_id, lock=True)
        if verb == "confirm":
            service.confirm_reopening(session, period, actor=actor, now=now)
        else:
            statement_service.drop_reopening(session, period, actor=actor, now=now)
    if verb == "confirm":
        flashes.success(_("The month is open again. Its statements are reversed."))
    else:
        flashes.success(_("The month stays closed."))
    return _to_month(period_id)


def _to_month(period_id: UUID) -> ResponseReturnValue:
    here = url_for("statements_admin.period", period_id=period_id)
    return redirect(here, HTTPStatus.SEE_OTHER)


def _four_eyes() -> bool:
    return bool(current_app.config["FOUR_EYES_CLOSE"])


def _why_not(period: Period) -> str:
    """Return why the month cannot be reopened now; empty if it can."""
    session = db.session()
    try:
        service.require_no_batch(session, period)
        statement_service.require_reopenable(session, period)
    except Conflict as refusal:
        return refusal.message
    return ""


def _page(period: Period, form: ReopenForm) -> str:
    session = db.session()
    why_not = _why_not(period)
    former = statements.reopenings(session, period.id)
    waiting = next((row for row in former if row.confirmed_at is None), None)
    return render_template(
        "payouts/admin/reopen.html",
        period=period,
        month_name=month(period.first_day),
        form=form,
        why_not=why_not,
        waiting=waiting,
        is_mine=waiting is not None and waiting.asked_by_id == signed_in_user().id,
        former=[row for row in former if row.confirmed_at],
        four_eyes=_four_eyes(),
        statements=statements.of_period(session, period.id),
    )
