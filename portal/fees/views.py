"""Fees and billing, as the partner sees them."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial
from typing import cast
from uuid import UUID

from flask import (
    Blueprint,
    current_app,
    flash,
    redirect,
    render_template,
    request,
    url_for,
)
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _

from portal.accounts.access import requires, signed_in_user
from portal.accounts.permissions import Permission
from portal.config import Settings
from portal.enrollments import queries as enrollments
from portal.enrollments.models import Enrollment, EnrollmentStatus
from portal.extensions import db
from portal.fees import queries, service
from portal.fees.models import FeeSubscription, FeeWaiver
from portal.fees.rules import FeeStatus
from portal.kit.clock import utc_now
from portal.kit.db import transaction
from portal.kit.money import Money
from portal.partners.access import current_partner_id
from portal.payments.gateway import (
    EXTENSION,
    CheckoutPage,
    GatewayUnavailable,
    PageOptions,
    StripeGateway,
)
from portal.programs.definition import Fee, FeeInterval

bp = Blueprint("fees", __name__, url_prefix="/app/billing")


@dataclass(frozen=True, slots=True)
class Choice:
    """One interval in which a fee can be paid, with its price."""

    interval: FeeInterval
    price: Money


@dataclass(frozen=True, slots=True)
class Card:
    """The fee of one program, as the page shows it.

    Attributes:
        enrollment: The partner in the program.
        fee: The program's fee.
        choices: What the partner may pay; the usual interval first.
        current: What runs or waits for its payment, else what ran last.
        given_back: Whether a second payment goes back.
        can_pay: Whether there is something to pay.
        trial_days: How many days are free before the first payment.
        stops_at: When an unpaid fee stops what it is needed for; none if it is paid.
        waiver: That the partner has it for nothing now; none: it is asked for.
    """

    enrollment: Enrollment
    fee: Fee
    choices: tuple[Choice, ...]
    current: FeeSubscription | None
    given_back: bool
    can_pay: bool
    trial_days: int
    stops_at: datetime | None
    waiver: FeeWaiver | None


@bp.get("")
@requires(Permission.BILLING_READ)
def index() -> ResponseReturnValue:
    """Show what each program costs, how the fee stands, and the invoices."""
    session, partner_id = db.session(), current_partner_id()
    subscriptions = queries.of_partner(session, partner_id)
    invoices = queries.invoices_of_partner(session, partner_id)
    waived = queries.waived_of_partner(session, partner_id, now=utc_now())
    return render_template(
        "fees/index.html",
        cards=[
            _card(one, one.version.definition.fee, subscriptions, waived.get(one.id))
            for one in enrollments.of_partner(session, partner_id)
            if one.version.definition.fee
            and one.status is not EnrollmentStatus.TERMINATED
        ],
        invoices=invoices,
        taken_back={i.subscription_id for i in invoices if i.taken_back_minor},
        now=utc_now(),
    )


def _card(
    enrollment: Enrollment,
    fee: Fee,
    subscriptions: Sequence[FeeSubscription],
    waiver: FeeWaiver | None,
) -> Card:
    all_of_it = [s for s in subscriptions if s.enrollment_id == enrollment.id]
    mine = [s for s in all_of_it if s.duplicate_of_id is None]
    current = next((s for s in mine if s.status in queries.LIVE), None)
    country = enrollment.partner.country
    ran = any(s.stripe_subscription_id for s in all_of_it)
    return Card(
        enrollment=enrollment,
        fee=fee,
        choices=tuple(
            Choice(
                one.interval,
                Money(fee.price(enrollment.tier, country, one.interval), fee.currency),
            )
            for one in fee.choices
        ),
        given_back=current is not None
        and any(s.duplicate_of_id == current.id for s in all_of_it),
        current=current or (mine[0] if mine else None),
        can_pay=waiver is None
        and (current is None or current.status is FeeStatus.PENDING),
        waiver=waiver,
        trial_days=0 if ran else fee.trial_days,
        stops_at=current.renewal_failed_at + timedelta(days=fee.grace_days)
        if current and current.status is FeeStatus.PAST_DUE
        else None,
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
            session,
            enrollment,
            interval=request.form.get("interval"),
            actor=user,
            now=utc_now(),
        )
        subscription_id = begun.subscription.id
        known = begun.subscription.stripe_checkout_id
        ask = partial(
            _gateway().open_fee_checkout,
            key=str(subscription_id),
            enrollment_id=enrollment_id,
            product=_product(enrollment),
            amount=begun.subscription.amount,
            interval=begun.subscription.fee_interval,
            email=user.email,
            success_url=f"{_settings().base_url}{url_for('.paid')}",
            cancel_url=_settings().base_url + url_for(".index"),
            options=_options(enrollment, begun.trial_days),
        )
    try:
        if begun.replaced is not None:
            _gateway().close_page(begun.replaced)
        still_open = _gateway().open_page(known) if known else None
        page = CheckoutPage(known, still_open) if known and still_open else ask()
    except GatewayUnavailable as error:
        flash(error.message, "error")
        return redirect(url_for(".index"), code=303)
    with transaction(db.session()) as session:
        found = queries.get_of_partner(session, subscription_id, partner_id)
        service.note_checkout(found, page.id)
    return redirect(page.url, code=303)


def _product(enrollment: Enrollment) -> str:
    fee = enrollment.version.definition.fee
    return f"{enrollment.version.definition.name} · {fee.title if fee else ''}"


def _options(enrollment: Enrollment, trial_days: int) -> PageOptions:
    fee = enrollment.version.definition.fee
    return PageOptions(
        trial_days=trial_days,
        coupon=fee.coupon if fee else None,
        promotion_codes=fee.promotion_codes if fee else False,
        address=fee is not None and "address" in fee.collects,
        tax_id=fee is not None and "tax_id" in fee.collects,
    )


@bp.post("/<pid(fee):subscription_id>/end")
@requires(Permission.BILLING_PAY)
def end(subscription_id: UUID) -> ResponseReturnValue:
    """Let the fee end with its paid period."""
    return _set_ending(
        subscription_id,
        _("Your cancellation is being confirmed; this takes a few seconds."),
        ends=True,
    )


@bp.post("/<pid(fee):subscription_id>/go-on")
@requires(Permission.BILLING_PAY)
def go_on(subscription_id: UUID) -> ResponseReturnValue:
    """Take a cancellation back."""
    return _set_ending(
        subscription_id,
        _("The fee goes on. This is being confirmed; it takes a few seconds."),
        ends=False,
    )


def _set_ending(subscription_id: UUID, done: str, *, ends: bool) -> ResponseReturnValue:
    with transaction(db.session()) as session:
        found = queries.get_of_partner(session, subscription_id, current_partner_id())
        stripe_id = service.ask_to_end(
            session, found, ends=ends, actor=signed_in_user(), now=utc_now()
        )
    try:
        _gateway().set_ending(stripe_id, ends=ends)
    except GatewayUnavailable as error:
        flash(error.message, "error")
    else:
        flash(done, "info")
    return redirect(url_for(".index"), code=303)


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


def _gateway() -> StripeGateway:
    return cast("StripeGateway", current_app.extensions[EXTENSION])


def _settings() -> Settings:
    return cast("Settings", current_app.extensions["portal.settings"])
