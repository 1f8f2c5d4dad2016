"""Anyone can check whether a certificate is real."""

from flask import Blueprint, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue

from portal.accounts.access import public
from portal.certification import queries
from portal.certification.forms import CheckForm
from portal.extensions import db
from portal.kit.clock import utc_now

bp = Blueprint("certification_public", __name__, url_prefix="/verify")


@bp.get("")
@public
def ask() -> ResponseReturnValue:
    """Ask for a number, or go to the page of the one that was given."""
    if "number" not in request.args:
        return render_template("certification/public/verify.html", form=CheckForm())
    form = CheckForm(request.args)
    if not form.validate():
        page = render_template("certification/public/verify.html", form=form)
        return page, 422
    number = (form.number.data or "").strip().upper()
    return redirect(url_for(".verify", number=number))


@bp.get("/<number>")
@public
def verify(number: str) -> ResponseReturnValue:
    """Say what a certificate is worth. An unknown number looks like any other."""
    return render_template(
        "certification/public/certificate.html",
        certificate=queries.certificate_by_number(db.session(), number.upper()),
        number=number,
        now=utc_now(),
        form=CheckForm(),
    )
