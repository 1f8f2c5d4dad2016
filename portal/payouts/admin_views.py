from http import HTTPStatus
from uuid import UUID

from flask import Blueprint, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _

from portal.accounts.access import requires, signed_in_user
from portal.accounts.permissions import Permission
from portal.extensions import db
from portal.kit.clock import utc_now
from portal.kit.db import transaction
from portal.kit.errors import Conflict, Invalid
from portal.payouts import service
from portal.payouts.forms import PayoutForm
from portal.statements import queries as statements
from portal.statements.models import Statement
from portal.web import flashes
from portal.web.formats import money_text
from portal.web.forms import blame, form_id_of

bp = Blueprint("payouts_admin", __name__, url_prefix="/admin/statements")


@bp.get("/<pid(stm):statement_id>/payment")
@requires(Permission.PAYOUTS_RECORD)
def new(statement_id: UUID) -> ResponseReturnValue:
    """Show the form that notes a transfer."""
    statement = statements.get(db.session(), statement_id).statement
    return _form_page(statement, PayoutForm(None, statement.currency))


@bp.post("/<pid(stm):statement_id>/payment")
@requires(Permission.PAYOUTS_RECORD)
def record(statement_id: UUID) -> ResponseReturnValue:
    """Note a transfer, then show the statement."""
    session = db.session()
    statement = statements.get(session, statement_id).statement
    form = PayoutForm(request.form, statement.currency)
    if not form.validate():
        return _form_page(statement, form), HTTPStatus.UNPROCESSABLE_ENTITY
    enrollment_id, actor = statement.enrollment_id, signed_in_user()
    try:
        with transaction(session):
            payout = service.record(
                session,
                enrollment_id=enrollment_id,
                amount=form.money,
                paid_on=form.day,
                reference=form.reference.data or "",
                form_id=form_id_of(request.form),
                actor=actor,
                now=utc_now(),
            )
            amount = money_text(payout.amount)
    except (Invalid, Conflict) as refusal:
        field = refusal.field if isinstance(refusal, Invalid) else "reference"
        blame(form, Invalid(refusal.message, field=field))
        statement = statements.get(db.session(), statement_id).statement
        return _form_page(statement, form), HTTPStatus.UNPROCESSABLE_ENTITY
    flashes.success(_("Recorded: %(amount)s was paid.", amount=amount))
    return redirect(
        url_for("statements_admin.show", statement_id=statement_id),
        HTTPStatus.SEE_OTHER,
    )


def _form_page(statement: Statement, form: PayoutForm) -> str:
    return render_template(
        "payouts/admin/record.html",
        statement=statement,
        form=form,
        owed=service.payable(
            db.session(),
            partner_id=statement.partner_id,
            program_id=statement.program_id,
            currency=statement.currency,
        ),
    )
