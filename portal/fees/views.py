"""Fees and billing, as the partner sees them."""

from typing import Literal, cast
from uuid import UUID

from flask import Blueprint, current_app, flash, redirect, render_template, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _

from portal.accounts.access import requires, signed_in_user
from portal.accounts.permissions import Permission
from portal.config import Settings
from portal.enrollments import queries as enrollments
from portal.enrollments.models import Enrollment, EnrollmentStatus
from portal.extensions import db
from portal.fees import queries, service
from portal.fees.rules import FeeStatus
from portal.kit.clock import utc_now
from portal.kit.db import transaction
from portal.kit.money import Money
from portal.partners.access import current_partner_id
from portal.payments.gateway import EXTENSION, GatewayUnavailable, StripeGateway

bp = Blueprint("fees", __name__, url_prefix="/app/billing")


@bp.get("")
@requires(Permission.BILLING_READ)
def index() -> ResponseReturnValue:
    """Show what each program costs, how the fee stands, and the invoices."""
    session, partner_id = db.session(), current_partner_id()
    subscriptions = queries.of_partner(session, partner_id)
    cards = []
    for enrollment in enrollments.of_partner(session, partner_id):
        fee = enrollment.version.definition.fee
        if fee is None or enrollment.status is EnrollmentStatus.TERMINATED:
            continue
        all_of_it = [s for s in subscriptions if s.enrollment_id == enrollment.id]
        mine = [s for s in all_of_it if s.duplicate_of_id is None]
        current = next((s for s in mine if s.status in queries.LIVE), None)
        cards.append(
            {
                "enrollment": enrollment,
                "fee": fee,
                "price": Money(fee.minor_for(enrollment.tier), fee.currency),
                "given_back": any(s.duplicate_of_id == current.id for s in all_of_it)
                if current
                else False,
                "current": current or (mine[0] if mine else None),
                "can_pay": current is None or current.status is FeeStatus.PENDING,
            }
        )
    invoices = queries.invoices_of_partner(session, partner_id)
    return render_template(
        "fees/index.html",
        cards=cards,
        invoices=invoices,
        taken_back={i.subscription_id for i in invoices if i.taken_back_minor},
        now=utc_now(),
    )


@bp.post("/<pid(enr):enrollment_id>/pay")
@requires(Permission.BILLING_PAY)
def pay(enrollment_id: UUID) -> ResponseReturnValue:
    """Lead to the page that takes the fee.

    Three steps: write down what is to be paid, ask Stripe, keep its answer. Dying
    between them is harmless, since the same row asks for the same page again.
    """
    user, partner_id = signed_in_user(), current_partner_id()
    with transaction(db.session()) as session:
        enrollment = enrollments.get(
            session, enrollment_id, partner_id=partner_id, lock=True
        )
        begun = service.begin(
            session, enrollment, tier=enrollment.tier, actor=user, now=utc_now()
        )
        subscription_id = begun.id
        amount, interval = begun.amount, begun.interval
        product = f"{enrollment.version.definition.name} · {_fee_title(enrollment)}"
    back = _settings().base_url + url_for(".index")
    try:
        page = _gateway().open_fee_checkout(
            key=str(subscription_id),
            enrollment_id=enrollment_id,
            product=product,
            amount=amount,
            interval=cast("Literal['month', 'year']", interval),
            email=user.email,
            success_url=f"{_settings().base_url}{url_for('.paid')}",
            cancel_url=back,
        )
    except GatewayUnavailable as error:
        flash(error.message, "error")
        return redirect(url_for(".index"), code=303)
    with transaction(db.session()) as session:
        found = queries.get_of_partner(session, subscription_id, partner_id)
        service.note_checkout(found, page.id)
    return redirect(page.url, code=303)


@bp.get("/paid")
@requires(Permission.BILLING_READ)
def paid() -> ResponseReturnValue:
    """Welcome the payer back. Whether it is paid, Stripe's events alone decide."""
    flash(
        _("Thank you. Your payment is being confirmed; this takes a few seconds."),
        "info",
    )
    return redirect(url_for(".index"))


@bp.post("/<pid(fee):subscription_id>/manage")
@requires(Permission.BILLING_PAY)
def manage(subscription_id: UUID) -> ResponseReturnValue:
    """Lead to the page where card and subscription are managed."""
    found = queries.get_of_partner(db.session(), subscription_id, current_partner_id())
    if found.stripe_customer_id is None:
        raise service.NothingToManage(_("There is no payment to manage yet."))
    customer_id = found.stripe_customer_id
    return redirect(
        _gateway().open_billing_portal(
            customer_id, return_url=_settings().base_url + url_for(".index")
        ),
        code=303,
    )


def _fee_title(enrollment: Enrollment) -> str:
    fee = enrollment.version.definition.fee
    return fee.title if fee else ""


def _gateway() -> StripeGateway:
    return cast("StripeGateway", current_app.extensions[EXTENSION])


def _settings() -> Settings:
    return cast("Settings", current_app.extensions["portal.settings"])
