"""Tax forms and VAT, as the partner sees them."""

from datetime import date
from http import HTTPStatus
from typing import Any, cast
from uuid import UUID

from flask import Blueprint, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _

from portal.accounts.access import requires, signed_in_user
from portal.accounts.permissions import Permission
from portal.enrollments import queries as enrollments
from portal.enrollments.models import EnrollmentStatus
from portal.extensions import db
from portal.kit.clock import utc_now
from portal.kit.db import transaction
from portal.kit.errors import Invalid
from portal.partners.access import current_partner, current_partner_id
from portal.programs.definition import GateKind
from portal.tax import queries, service, words
from portal.tax.access import data_keys, signing_day
from portal.tax.forms import ChooseForm, TaxFormForm, VatForm, form_of
from portal.tax.models import TaxForm
from portal.tax.rules import FormKind, FormStatus, Place, form_for
from portal.web import flashes
from portal.web.forms import blame

bp = Blueprint("tax", __name__, url_prefix="/app/tax")


@bp.get("")
@requires(Permission.TAX_READ)
def index() -> ResponseReturnValue:
    """Show which form counts, until when, what it changes, and the VAT status."""
    session, partner_id, on = db.session(), current_partner_id(), signing_day()
    forms = queries.of_partner(session, partner_id)
    by_status = {form.status: form for form in reversed(forms)}
    decision = queries.payees(session, [partner_id])[partner_id].withholding(on)
    return render_template(
        "tax/index.html",
        forms=forms,
        newest=forms[0] if forms else None,
        accepted=by_status.get(FormStatus.ACCEPTED),
        waiting=by_status.get(FormStatus.SUBMITTED),
        decision=decision,
        demanding=_demanding(partner_id),
        vat=queries.vat_on(session, [partner_id], on).get(partner_id),
        vat_history=queries.vat_history(session, partner_id),
        on=on,
        words=words,
    )


def _demanding(partner_id: UUID) -> list[str]:
    """Return the names of the partner's programs that pay only with a tax form."""
    return [
        enrollment.version.definition.name
        for enrollment in enrollments.of_partner(db.session(), partner_id)
        if enrollment.status is not EnrollmentStatus.TERMINATED
        and any(
            gate.kind is GateKind.TAX_FORM
            for gate in enrollment.version.definition.gates
        )
    ]


@bp.get("/choose")
@requires(Permission.TAX_SIGN)
def choose() -> ResponseReturnValue:
    """Ask what decides which form is the right one."""
    return render_template("tax/choose.html", form=ChooseForm())


@bp.post("/choose")
@requires(Permission.TAX_SIGN)
def chosen() -> ResponseReturnValue:
    """Lead to the right form."""
    form = ChooseForm(request.form)
    if not form.validate():
        page = render_template("tax/choose.html", form=form)
        return page, HTTPStatus.UNPROCESSABLE_ENTITY
    kind = form_for(
        is_us_person=form.us_person.data == "yes",
        is_company=form.payee.data == "company",
    )
    return redirect(
        url_for(".fill_in", kind=kind.value, place=form.place.data),
        HTTPStatus.SEE_OTHER,
    )


@bp.get("/forms/w-9/new", defaults={"kind": "w-9"})
@bp.get("/forms/w-8ben/new", defaults={"kind": "w-8ben"})
@bp.get("/forms/w-8ben-e/new", defaults={"kind": "w-8ben-e"})
@requires(Permission.TAX_SIGN)
def fill_in(kind: str) -> ResponseReturnValue:
    """Show a form to fill in, with what is known already."""
    form_kind = FormKind(kind)
    form = form_of(form_kind, known=_known(form_kind), today=signing_day())
    return _page(form_kind, form)


@bp.post("/forms/w-9/new", defaults={"kind": "w-9"})
@bp.post("/forms/w-8ben/new", defaults={"kind": "w-8ben"})
@bp.post("/forms/w-8ben-e/new", defaults={"kind": "w-8ben-e"})
@requires(Permission.TAX_SIGN)
def sign(kind: str) -> ResponseReturnValue:
    """Keep the signed form."""
    form_kind = FormKind(kind)
    form = form_of(form_kind, request.form, today=signing_day())
    if not form.validate():
        return _page(form_kind, form), HTTPStatus.UNPROCESSABLE_ENTITY
    try:
        with transaction(db.session()) as session:
            signed = service.submit(
                session,
                current_partner_id(),
                form.draft(),
                signed_name=(form.signed_name.data or "").strip(),
                user=signed_in_user(),
                remote_address=request.remote_addr or "",
                keys=data_keys(),
                now=utc_now(),
            )
            is_accepted = signed.status is FormStatus.ACCEPTED
    except Invalid as refusal:
        blame(form, refusal)
        return _page(form_kind, form), HTTPStatus.UNPROCESSABLE_ENTITY
    if is_accepted:
        flashes.success(_("Your form is signed and accepted."))
    else:
        flashes.success(_("Your form is signed. We look at it and write to you."))
    return redirect(url_for(".index"), HTTPStatus.SEE_OTHER)


@bp.get("/forms/<pid(tax):form_id>")
@requires(Permission.TAX_READ)
def show(form_id: UUID) -> ResponseReturnValue:
    """Show a form as it was signed, with the last four digits of its number."""
    form = queries.get(db.session(), form_id, partner_id=current_partner_id())
    return render_template("tax/form.html", form=form, on=signing_day(), words=words)


@bp.get("/vat")
@requires(Permission.TAX_SIGN)
def vat() -> ResponseReturnValue:
    """Ask whether the partner is registered for VAT."""
    partner, on = current_partner(), signing_day()
    holding = queries.vat_on(db.session(), [partner.id], on).get(partner.id)
    known: dict[str, Any] = {"country": partner.country, "from_on": on}
    if holding is not None:
        registered = "yes" if holding.is_registered else "no"
        known |= {
            "registered": registered,
            "country": holding.country,
            "number": holding.number,
        }
    form = VatForm(data=known)
    form.offer_countries()
    return render_template("tax/vat.html", form=form)


@bp.post("/vat")
@requires(Permission.TAX_SIGN)
def declare_vat() -> ResponseReturnValue:
    """Keep what the partner says about VAT."""
    form = VatForm(request.form)
    form.offer_countries()
    if not form.validate():
        page = render_template("tax/vat.html", form=form)
        return page, HTTPStatus.UNPROCESSABLE_ENTITY
    try:
        with transaction(db.session()) as session:
            service.declare_vat(
                session,
                current_partner_id(),
                country=form.country.data,
                number=form.stated_number,
                from_on=cast("date", form.from_on.data),
                user=signed_in_user(),
                remote_address=request.remote_addr or "",
                now=utc_now(),
            )
    except Invalid as refusal:
        blame(form, refusal)
        page = render_template("tax/vat.html", form=form)
        return page, HTTPStatus.UNPROCESSABLE_ENTITY
    except service.NothingChanged as refusal:
        flashes.warning(refusal.message)
    else:
        flashes.success(_("Your VAT status is kept."))
    return redirect(url_for(".index"), HTTPStatus.SEE_OTHER)


def _page(kind: FormKind, form: TaxFormForm) -> str:
    return render_template(
        "tax/fill_in.html", kind=kind, form=form, who=words.WHO_SIGNS[kind]
    )


def _known(kind: FormKind) -> dict[str, Any]:
    """Return what to put into an empty form: the last one's answers, none secret."""
    partner = current_partner()
    place = request.args.get("place", "")
    known: dict[str, Any] = {"name": partner.name, "country": partner.country}
    newest: TaxForm | None = next(
        iter(queries.of_partner(db.session(), partner.id)), None
    )
    if newest is not None and newest.kind is kind:
        known |= {**newest.details, "name": newest.name, "country": newest.country}
        known |= {"place": newest.place.value}
        if newest.tin_kind is not None:
            known["tin_kind"] = newest.tin_kind.value
    if place in set(Place):
        known["place"] = place
    return known
