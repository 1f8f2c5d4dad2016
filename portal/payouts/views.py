from http import HTTPStatus

from flask import Blueprint, current_app, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _

from portal.accounts import service as accounts
from portal.accounts.access import requires, signed_in_user
from portal.accounts.permissions import Permission
from portal.config import Settings
from portal.extensions import db
from portal.kit.clock import utc_now
from portal.kit.db import transaction
from portal.kit.errors import Invalid
from portal.partners import queries as partners
from portal.partners.access import current_partner_id
from portal.payouts import queries, service
from portal.payouts.forms import AccountForm, SepaAccountForm, UsBankAccountForm
from portal.payouts.rules import AccountKind
from portal.web import flashes
from portal.web.formats import datetime_text
from portal.web.forms import blame

bp = Blueprint("payouts", __name__, url_prefix="/app/payouts")


@bp.get("")
@requires(Permission.STATEMENTS_READ)
def index() -> ResponseReturnValue:
    """Show what was sent, for which statements and to which account."""
    session, partner_id = db.session(), current_partner_id()
    everything = queries.accounts(session, partner_id)
    return render_template(
        "payouts/index.html",
        payouts=queries.of_partner(session, partner_id),
        current={one.kind: one for one in everything if one.ended_at is None},
        former=[one for one in everything if one.ended_at is not None],
        kinds=AccountKind,
        now=utc_now(),
    )


@bp.get("/accounts/sepa")
@requires(Permission.PAYOUT_ACCOUNT_CHANGE)
def sepa() -> ResponseReturnValue:
    """Ask for an account in Europe."""
    return _form_page(AccountKind.SEPA, SepaAccountForm())


@bp.post("/accounts/sepa")
@requires(Permission.PAYOUT_ACCOUNT_CHANGE)
def change_sepa() -> ResponseReturnValue:
    """Change the account in Europe."""
    return _change(AccountKind.SEPA, SepaAccountForm(request.form))


@bp.get("/accounts/us-bank")
@requires(Permission.PAYOUT_ACCOUNT_CHANGE)
def us_bank() -> ResponseReturnValue:
    """Ask for an account in the United States."""
    return _form_page(AccountKind.US_BANK, UsBankAccountForm())


@bp.post("/accounts/us-bank")
@requires(Permission.PAYOUT_ACCOUNT_CHANGE)
def change_us_bank() -> ResponseReturnValue:
    """Change the account in the United States."""
    return _change(AccountKind.US_BANK, UsBankAccountForm(request.form))


def _change(kind: AccountKind, form: AccountForm) -> ResponseReturnValue:
    """Check the password, then the account.

    The try is counted in a transaction of its own, as at the sign-in.
    """
    partner_id, now = current_partner_id(), utc_now()
    if not form.validate():
        return _form_page(kind, form), HTTPStatus.UNPROCESSABLE_ENTITY
    email = signed_in_user().email
    with transaction(db.session()) as session:
        accounts.count_sign_in(
            session, email=email, address=request.remote_addr, now=now
        )
    settings: Settings = current_app.extensions["portal.settings"]
    try:
        with transaction(db.session()) as session:
            actor = signed_in_user()
            accounts.confirm_password(session, actor, form.password.data or "")
            account, told = service.change_account(
                session,
                partners.get(session, partner_id, lock=True),
                kind,
                holder=form.holder.data or "",
                details=form.details,
                actor=actor,
                keys=settings.data_keys,
                now=now,
            )
            addresses = ", ".join(user.email for user in told)
            masked, usable_from = account.masked, account.usable_from
    except Invalid as refusal:
        blame(form, refusal)
        return _form_page(kind, form), HTTPStatus.UNPROCESSABLE_ENTITY
    except service.SameAccount as refusal:
        form.form_errors.append(refusal.message)
        return _form_page(kind, form), HTTPStatus.UNPROCESSABLE_ENTITY
    flashes.success(
        _(
            "You are paid to %(account)s from %(moment)s on. We wrote to the owners of "
            "your team: %(addresses)s.",
            account=masked,
            moment=datetime_text(usable_from),
            addresses=addresses,
        )
    )
    return redirect(url_for(".index"), HTTPStatus.SEE_OTHER)


def _form_page(kind: AccountKind, form: AccountForm) -> str:
    session, partner_id = db.session(), current_partner_id()
    return render_template(
        "payouts/account.html",
        form=form,
        kind=kind,
        current=queries.current_account(session, partner_id, kind),
        owners=partners.owners(session, partner_id),
    )
