"""The sandbox as a web program: the API, the hosted pages, the controls."""

import json
import re
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import quote, urlsplit

from werkzeug.exceptions import Forbidden, HTTPException
from werkzeug.routing import Map, Rule
from werkzeug.utils import redirect
from werkzeug.wrappers import Request, Response

from portal.stripe_sandbox import (
    changes,
    checkout,
    controls,
    discounts,
    pages,
    papers,
    portals,
    timeline,
)
from portal.stripe_sandbox.cards import TypedCard, read_card
from portal.stripe_sandbox.errors import ApiError
from portal.stripe_sandbox.sandbox import Sandbox, email_of
from portal.stripe_sandbox.store import Obj, Store

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment

_STYLE = Path(__file__).with_name("static") / "sandbox.css"
_TYPED = (
    *("email", "expiry", "name", "code", "tax_id"),
    *("line1", "city", "postal_code", "country"),
)
_COUNTRY = re.compile(r"[A-Za-z]{2}")
_LONGEST_BODY = 1024 * 1024
_SEE_OTHER = 303
_INVALID = 422
_DECLINED = 402
_GONE = 410
_DONE = {
    "card": "The new card is used from now on.",
    "cancel": "The subscription ends at the end of the period.",
    "resume": "The subscription goes on.",
}
_CONTROLS: Mapping[str, Callable[[Sandbox, Mapping[str, str]], tuple[str, Obj]]] = {
    "clock": controls.move_clock,
    "disputes": controls.dispute,
    "refunds": controls.refund,
}
_MAP = Map(
    [
        Rule("/c/pay/<key>", endpoint="checkout", methods=["GET", "POST"]),
        Rule("/p/session/<key>", endpoint="portal", methods=["GET", "POST"]),
        Rule("/i/<key>", endpoint="invoice", methods=["GET"]),
        Rule("/i/<key>/pdf", endpoint="paper", methods=["GET"]),
        Rule("/assets/sandbox.css", endpoint="style", methods=["GET"]),
        Rule("/_sandbox/", endpoint="overview", methods=["GET"]),
        Rule("/_sandbox/<key>", endpoint="control", methods=["POST"]),
    ]
)


def create_sandbox_app(
    sandbox: Sandbox, *, after_change: Callable[[], None] = lambda: None
) -> "WSGIApplication":
    """Return the web program of a sandbox.

    Args:
        sandbox: The account it serves.
        after_change: Called when a request may have changed something, before it is
            answered.
    """
    site = _Site(sandbox)

    def app(
        environ: "WSGIEnvironment", start_response: "StartResponse"
    ) -> Iterable[bytes]:
        request = Request(environ)
        request.max_content_length = _LONGEST_BODY
        try:
            response: Response | HTTPException = site.answer(request)
        except HTTPException as error:
            response = error
        except ApiError as error:
            page = pages.plain_page("This did not work", error.message)
            response = _page(page, error.status)
        if request.method not in {"GET", "HEAD"}:
            after_change()
        return response(environ, start_response)

    return app


def _page(html: str, status: int = 200, *, leads_to: str | None = None) -> Response:
    return Response(
        html,
        status,
        {
            "Content-Security-Policy": pages.policy(leads_to),
            "Cache-Control": "no-store",
            "Referrer-Policy": "same-origin",
            "X-Content-Type-Options": "nosniff",
        },
        content_type="text/html; charset=utf-8",
    )


class _Site:
    """Answers what the API does not: pages and controls, and hands on the rest."""

    def __init__(self, sandbox: Sandbox) -> None:
        self._sandbox = sandbox
        self._views: Mapping[str, Callable[[Request, str], Response]] = {
            "checkout": self._checkout,
            "control": self._control,
            "invoice": self._invoice,
            "overview": self._overview,
            "paper": self._paper,
            "portal": self._portal,
            "style": self._style,
        }

    def answer(self, request: Request) -> Response:
        """Answer one request."""
        if request.path.startswith("/v1/"):
            return self._api(request)
        endpoint, values = _MAP.bind_to_environ(request.environ).match()
        if request.method == "POST" and _is_foreign(request):
            raise Forbidden("Another site sent this form.")
        with self._sandbox.lock:
            return self._views[endpoint](request, values.get("key", ""))

    def _api(self, request: Request) -> Response:
        body, status, headers = self._sandbox.handle(
            request.method,
            request.full_path,
            dict(request.headers),
            request.get_data(as_text=True),
        )
        return Response(body, status, headers)

    def _style(self, request: Request, key: str) -> Response:
        del request, key
        return Response(_STYLE.read_bytes(), content_type="text/css; charset=utf-8")

    def _checkout(self, request: Request, key: str) -> Response:
        session = self._sandbox.store.get("checkout.session", key)
        if session["status"] == "complete":
            return redirect(_way_back(session), _SEE_OTHER)
        if session["status"] == "expired":
            return _page(pages.closed_page(session), _GONE)
        if request.method != "POST":
            return self._checkout_page(session, {}, {}, "", 200)
        return self._take_payment(request, session)

    def _take_payment(self, request: Request, session: Obj) -> Response:
        store = self._sandbox.store
        typed = {n: request.form.get(n, "").strip() for n in _TYPED}
        card, errors = self._card(request)
        errors |= _misfits(store, session, typed)
        email = typed["email"]
        if "@" not in email.strip("@"):
            errors = {
                "email": "Enter an email address, such as a@example.com."
            } | errors
        if errors or card is None:
            return self._checkout_page(session, typed, errors, "", _INVALID)
        if session["customer"]:
            email = email_of(store, session) or email
        try:
            if typed["code"]:
                checkout.use_code(store, session, typed["code"])
            buyer = checkout.Buyer(
                name=typed["name"],
                email=email,
                country=typed["country"].upper() or "US",
                line1=typed["line1"],
                city=typed["city"],
                postal_code=typed["postal_code"],
                tax_id=typed["tax_id"],
            )
            checkout.complete_session(store, session, card, buyer)
        except checkout.CardDeclined as declined:
            return self._checkout_page(session, typed, {}, str(declined), _DECLINED)
        finally:
            timeline.advance(store, store.now)
        return redirect(_way_back(session), _SEE_OTHER)

    def _checkout_page(
        self,
        session: Obj,
        typed: Mapping[str, str],
        errors: Mapping[str, str],
        declined: str,
        status: int,
    ) -> Response:
        html = pages.checkout_page(self._sandbox, session, typed, errors, declined)
        return _page(html, status, leads_to=session["success_url"])

    def _card(self, request: Request) -> tuple[TypedCard | None, dict[str, str]]:
        form = request.form
        read = read_card(
            form.get("number", ""),
            form.get("expiry", ""),
            form.get("cvc", ""),
            now=self._sandbox.clock,
        )
        errors = read if isinstance(read, dict) else {}
        if not form.get("name", "").strip():
            errors["name"] = "Enter the name on the card."
        return None if isinstance(read, dict) else read, errors

    def _portal(self, request: Request, key: str) -> Response:
        session = self._sandbox.store.get("billing_portal.session", key)
        if request.method == "POST":
            return self._change(request, session)
        done = _DONE.get(request.args.get("done", ""), "")
        return _page(pages.portal_page(self._sandbox, session, {}, {}, done))

    def _change(self, request: Request, session: Obj) -> Response:
        store = self._sandbox.store
        action = request.form.get("action", "")
        customer = store.get("customer", session["customer"])
        if action == "card":
            card, errors = self._card(request)
            if card is not None and card.card.decline is not None:
                errors["number"] = card.card.decline.message
            if errors or card is None:
                typed = {n: request.form.get(n, "") for n in ("expiry", "name")}
                html = pages.portal_page(self._sandbox, session, typed, errors)
                return _page(html, _INVALID)
            name = request.form["name"].strip()
            portals.change_card(store, customer, card, name)
        elif action in {"cancel", "resume"}:
            name = request.form.get("subscription", "")
            subscription = store.get("subscription", name)
            if subscription["customer"] != customer["id"]:
                raise ApiError(f"No such subscription: '{name}'", status=404)
            wanted = {"cancel_at_period_end": action == "cancel"}
            changes.update_subscription(store, subscription, wanted)
        else:
            raise ApiError("The action is card, cancel or resume.", param="action")
        return redirect(f"/p/session/{session['id']}?done={action}", _SEE_OTHER)

    def _invoice(self, request: Request, key: str) -> Response:
        del request
        invoice = self._sandbox.store.get("invoice", key)
        return _page(pages.invoice_page(self._sandbox, invoice))

    def _paper(self, request: Request, key: str) -> Response:
        del request
        invoice = self._sandbox.store.get("invoice", key)
        name = f"{invoice['number'] or 'draft'}.pdf"
        head = {"Content-Disposition": f'attachment; filename="{name}"'}
        return Response(
            papers.invoice_pdf(invoice), headers=head, content_type="application/pdf"
        )

    def _overview(self, request: Request, key: str) -> Response:
        del key
        message = request.args.get("done", "")
        return _page(pages.overview_page(self._sandbox, message[:300]))

    def _control(self, request: Request, key: str) -> Response:
        act = _CONTROLS.get(key)
        if act is None:
            raise ApiError("There is no such control.", status=404)
        for_people = "text/html" in request.headers.get("Accept", "")
        try:
            message, result = act(self._sandbox, _fields(request))
        except ApiError as error:
            if for_people:
                html = pages.overview_page(self._sandbox, error=error.message)
                return _page(html, _INVALID)
            return _json(error.body(), error.status)
        if for_people:
            return redirect(f"/_sandbox/?done={quote(message)}", _SEE_OTHER)
        return _json(result, 200)


def _misfits(store: Store, session: Obj, typed: Mapping[str, str]) -> dict[str, str]:
    """Return what is wrong with what only some sessions ask for."""
    errors = {}
    if session["billing_address_collection"] == "required":
        if not typed["line1"]:
            errors["line1"] = "Enter street and number."
        if not typed["city"]:
            errors["city"] = "Enter the town."
        if not _COUNTRY.fullmatch(typed["country"]):
            errors["country"] = "Enter the two letters of the country, such as US."
    if typed["code"] and discounts.find_code(store, typed["code"]) is None:
        errors["code"] = "This code is invalid."
    return errors


def _json(body: Obj, status: int) -> Response:
    return Response(json.dumps(body), status, content_type="application/json")


def _fields(request: Request) -> Mapping[str, str]:
    if request.is_json:
        body = request.get_json()
        if not isinstance(body, dict):
            raise ApiError("The body is not an object.")
        return {str(name): str(value) for name, value in body.items()}
    return request.form


def _way_back(session: Obj) -> str:
    url: str = session["success_url"]
    return url.replace("{CHECKOUT_SESSION_ID}", session["id"])


def _is_foreign(request: Request) -> bool:
    """Tell whether a browser sent this form for a page of another site."""
    origin = request.headers.get("Origin")
    if request.headers.get("Sec-Fetch-Site") == "cross-site":
        return True
    return origin is not None and urlsplit(origin).netloc != request.host
