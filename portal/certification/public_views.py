"""Anyone can check whether a certificate is real."""

import json

from flask import (
    Blueprint,
    Response,
    current_app,
    redirect,
    render_template,
    request,
    url_for,
)
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _

from portal.accounts.access import public
from portal.certification import badges, queries
from portal.certification.documents import qr_svg
from portal.certification.forms import CheckForm
from portal.config import Settings
from portal.extensions import db
from portal.kit.clock import utc_now
from portal.kit.errors import NotFound
from portal.web.downloads import download

bp = Blueprint("certification_public", __name__, url_prefix="/verify")

_LONGEST_NUMBER = 40


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
    """Say what a certificate is worth. An unknown number looks like any other.

    The page has the same parts for every number, and one query is made for each; the
    layer below says that nobody keeps a copy, so that a revocation shows at once.
    """
    number = number.upper()[:_LONGEST_NUMBER]
    return render_template(
        "certification/public/certificate.html",
        certificate=queries.certificate_by_number(db.session(), number),
        number=number,
        now=utc_now(),
        form=CheckForm(),
        has_badges=bool(_settings().badge_keys),
    )


@bp.get("/<number>/qr.svg")
@public
def qr(number: str) -> ResponseReturnValue:
    """Draw the code that leads to the page of a number, whether there is one or not."""
    address = badges.verify_url(number.upper()[:_LONGEST_NUMBER], _settings())
    return Response(qr_svg(address), mimetype="image/svg+xml")


@bp.get("/<number>/badge.json")
@public
def badge(number: str) -> ResponseReturnValue:
    """Give a certificate as an Open Badge; a revoked one is not given out."""
    found = queries.certificate_by_number(db.session(), number.upper())
    settings = _settings()
    if found is None or found.revoked_at is not None or not settings.badge_keys:
        raise NotFound(_("There is no badge for this number."))
    content = json.dumps(badges.badge(found, settings), ensure_ascii=False, indent=2)
    return download(
        content.encode(), filename=f"{found.number}.json", mimetype="application/json"
    )


@bp.get("/issuer")
@public
def issuer() -> ResponseReturnValue:
    """Say who issues badges, and with which keys."""
    return badges.issuer(_settings())


@bp.get("/revoked")
@public
def revoked() -> ResponseReturnValue:
    """List the badges that must not be relied on."""
    return badges.revocations(_settings(), queries.revoked(db.session()))


def _settings() -> Settings:
    settings: Settings = current_app.extensions["portal.settings"]
    return settings
