"""Tax forms as staff see them."""

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
from portal.tax import queries, service, words
from portal.tax.access import data_keys, signing_day
from portal.tax.forms import ReturnForm
from portal.tax.rules import FormStatus
from portal.web import flashes

bp = Blueprint("tax_admin", __name__, url_prefix="/admin/tax")

NEWEST = 200
"""How many forms the list shows."""


@bp.get("")
@requires(Permission.TAX_FORMS_READ)
def index() -> ResponseReturnValue:
    """List the forms of all partners; without a filter, those to look at first."""
    asked = request.args.get("status", "")
    status = FormStatus(asked) if asked in set(FormStatus) else None
    session = db.session()
    return render_template(
        "tax/admin/index.html",
        forms=queries.for_staff(session, status, limit=NEWEST),
        counts=queries.counts(session),
        statuses=list(FormStatus),
        status=status,
        on=signing_day(),
        words=words,
    )


@bp.get("/<pid(tax):form_id>")
@requires(Permission.TAX_FORMS_READ)
def show(form_id: UUID) -> ResponseReturnValue:
    """Show a form with what staff can decide."""
    return _page(form_id, ReturnForm())


@bp.post("/<pid(tax):form_id>/number")
@requires(Permission.TAX_FORMS_REVIEW)
def show_number(form_id: UUID) -> ResponseReturnValue:
    """Show the number and the address once; the log keeps who saw them."""
    with transaction(db.session()) as session:
        secret = service.show_number(
            session,
            queries.get(session, form_id),
            keys=data_keys(),
            actor=signed_in_user(),
            now=utc_now(),
        )
    return _page(form_id, ReturnForm(), secret)


@bp.post("/<pid(tax):form_id>/accept")
@requires(Permission.TAX_FORMS_REVIEW)
def accept(form_id: UUID) -> ResponseReturnValue:
    """Let a form count."""
    with transaction(db.session()) as session:
        service.accept(
            session,
            queries.get(session, form_id, lock=True),
            actor=signed_in_user(),
            now=utc_now(),
        )
    flashes.success(_("The form is accepted."))
    return redirect(url_for(".show", form_id=form_id), HTTPStatus.SEE_OTHER)


@bp.post("/<pid(tax):form_id>/return")
@requires(Permission.TAX_FORMS_REVIEW)
def send_back(form_id: UUID) -> ResponseReturnValue:
    """Return a form to the partner, with what is wrong."""
    form = ReturnForm(request.form)
    if not form.validate():
        return _page(form_id, form), HTTPStatus.UNPROCESSABLE_ENTITY
    with transaction(db.session()) as session:
        service.send_back(
            session,
            queries.get(session, form_id, lock=True),
            actor=signed_in_user(),
            reason=form.reason.data or "",
            now=utc_now(),
        )
    flashes.success(_("The form is returned; the partner gets a mail."))
    return redirect(url_for(".show", form_id=form_id), HTTPStatus.SEE_OTHER)


def _page(
    form_id: UUID, return_form: ReturnForm, secret: dict[str, str] | None = None
) -> str:
    session = db.session()
    form = queries.get(session, form_id)
    return render_template(
        "tax/admin/form.html",
        form=form,
        return_form=return_form,
        secret=secret,
        review_items=[
            ("warn", words.label(words.REVIEW_REASONS, reason), None)
            for reason in form.review_reasons
        ],
        is_open=form.status is FormStatus.SUBMITTED,
        counts=form.status is FormStatus.ACCEPTED,
        on=signing_day(),
        words=words,
    )
