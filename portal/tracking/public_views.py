import re
import secrets

from flask import Response, current_app, request
from flask.typing import ResponseReturnValue

from portal.accounts.access import public
from portal.config import Settings
from portal.extensions import db
from portal.kit.clock import utc_now
from portal.kit.db import transaction
from portal.kit.ids import new_id, public_id
from portal.tracking import queries, rules, service
from portal.tracking.blueprint import bp, site
from portal.tracking.queries import Followed
from portal.tracking.rules import Visit

_VISITOR = re.compile(r"[0-9a-f]{32}")
_VISITOR_BYTES = 16
_DAY = 86_400
_USUAL_WINDOW_DAYS = 90
"""For the cookie of a code that nobody has."""


@bp.get("/r/<code>")
@public
def follow(code: str) -> ResponseReturnValue:
    """Send a visitor on to where a link leads, and remember the visit.

    A code that nobody has, or that was switched off, is answered like any other:
    whoever followed it did nothing wrong, and nobody can try codes out.
    """
    code = code.lower()
    known = queries.followed(db.session(), code) if rules.CODE.fullmatch(code) else None
    if known is not None and known.is_disabled:
        known = None
    place, click_id = site(), new_id()
    destination = known.destination_url if known else rules.VENDOR
    target = rules.target(destination, public_id("clk", click_id), place)
    response = _redirect(target)
    if request.method == "HEAD":
        return response
    visit = rules.visit_of(request.headers)
    visitor = _cookie_of_visitor()
    if visit is Visit.OPENED:
        visitor = visitor or secrets.token_hex(_VISITOR_BYTES)
        _remember(response, visitor, known)
    if known is not None:
        with transaction(db.session()) as session:
            service.record_click(
                session,
                link_id=known.link_id,
                visitor=visitor if visit.counts else "",
                visit=visit,
                referrer_host=rules.referrer_host(request.referrer),
                landing_url=rules.shown(destination, place),
                now=utc_now(),
                click_id=click_id,
            )
    return response


def _redirect(target: str) -> Response:
    # An empty body, so that it is the same for every code, known or not.
    return Response(status=302, headers={"Location": target})


def _cookie_name(settings: Settings) -> str:
    return "__Host-visitor" if settings.is_secure else "visitor"


def _cookie_of_visitor() -> str:
    name = _cookie_name(current_app.extensions["portal.settings"])
    held = request.cookies.get(name, "")
    return held if _VISITOR.fullmatch(held) else ""


def _remember(response: Response, visitor: str, known: Followed | None) -> None:
    settings: Settings = current_app.extensions["portal.settings"]
    days = known.window_days if known else _USUAL_WINDOW_DAYS
    response.set_cookie(
        _cookie_name(settings),
        visitor,
        max_age=days * _DAY,
        path="/",
        secure=settings.is_secure,
        httponly=True,
        samesite="Lax",
    )
