"""The switch that stops payouts, as staff see it."""

from http import HTTPStatus

from flask import Blueprint, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _

from portal.accounts import service as accounts
from portal.accounts.access import requires, signed_in_user
from portal.accounts.permissions import Permission
from portal.extensions import db
from portal.kit.clock import utc_now
from portal.kit.db import transaction
from portal.kit.errors import Invalid
from portal.payouts import queries, service
from portal.payouts.forms import FreezeForm
from portal.web import flashes
from portal.web.forms import blame

bp = Blueprint("payout_freeze", __name__, url_prefix="/admin/payouts/freeze")


@bp.get("")
@requires(Permission.PAYOUTS_READ)
def show() -> ResponseReturnValue:
    """Show whether payouts are frozen, the switch, and the freezes before."""
    return _page(FreezeForm())


@bp.post("/<any(freeze, thaw):verb>")
@requires(Permission.PAYOUTS_APPROVE)
def switch(verb: str) -> ResponseReturnValue:
    """Stop payouts or let them go on, with a reason and one's own password."""
    form = FreezeForm(request.form)
    if not form.validate():
        return _page(form), HTTPStatus.UNPROCESSABLE_ENTITY
    now, email = utc_now(), signed_in_user().email
    with transaction(db.session()) as session:
        accounts.count_sign_in(
            session, email=email, address=request.remote_addr, now=now
        )
    reason = form.reason.data or ""
    try:
        with transaction(db.session()) as session:
            actor = signed_in_user()
            accounts.confirm_password(session, actor, form.password.data or "")
            if verb == "freeze":
                service.freeze(
                    session, reason=reason, findings=(), actor=actor, now=now
                )
            else:
                service.thaw(session, reason=reason, actor=actor, now=now)
    except Invalid as refusal:
        blame(form, refusal)
        return _page(form), HTTPStatus.UNPROCESSABLE_ENTITY
    if verb == "freeze":
        flashes.success(_("Nothing is paid out from now on. Admins and finance know."))
    else:
        flashes.success(_("Payouts go on."))
    return redirect(url_for(".show"), HTTPStatus.SEE_OTHER)


def _page(form: FreezeForm) -> str:
    session = db.session()
    return render_template(
        "payouts/admin/freeze.html",
        current=queries.freeze(session),
        former=queries.former_freezes(session),
        form=form,
    )
