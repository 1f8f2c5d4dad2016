"""Acme's own site: where referral links lead, and where customers buy.

It stands for the vendor's product and website, so it knows nothing of the portal but
its address. What it does with `gh_click` is what every vendor's site has to do: keep
it, and hand it to Stripe with the order.
"""

import argparse
import os
import secrets
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from itsdangerous import BadSignature, URLSafeSerializer
from werkzeug.exceptions import NotFound
from werkzeug.routing import Map, Rule
from werkzeug.utils import redirect
from werkzeug.wrappers import Request, Response

from portal.demo.shop import PLANS, Invoice, Shop, ShopError
from portal.demo.site import page, serve, style, web_program
from portal.kit.ids import parse_public_id

if TYPE_CHECKING:
    from _typeshed.wsgi import WSGIApplication

CLICK_COOKIE = "acme_click"
ACCOUNT_COOKIE = "acme_account"
_CLICK_DAYS = 90
_DAY = 86_400
_SEE_OTHER = 303
_UNAVAILABLE = 503
_MAP = Map(
    [
        Rule("/", endpoint="home", methods=["GET"]),
        Rule("/checkout", endpoint="checkout", methods=["POST"]),
        Rule("/welcome", endpoint="welcome", methods=["GET"]),
        Rule("/account", endpoint="account", methods=["GET"]),
        Rule("/account/refund", endpoint="refund", methods=["POST"]),
        Rule("/acme.css", endpoint="style", methods=["GET"]),
    ]
)


@dataclass(frozen=True, slots=True)
class Places:
    """Addresses that the pages lead to."""

    shop: str
    portal: str
    sandbox: str


def create_acme_app(shop: Shop, places: Places, *, secret: str) -> "WSGIApplication":
    """Return the shop's web program.

    Args:
        shop: Its way to Stripe.
        places: Where things are.
        secret: What signs its cookies.
    """
    return web_program(_Site(shop, places, secret).answer)


class _Site:
    def __init__(self, shop: Shop, places: Places, secret: str) -> None:
        self._shop = shop
        self._places = places
        self._signer = URLSafeSerializer(secret, salt="acme")
        self._views: Mapping[str, Callable[[Request], Response]] = {
            "home": self._home,
            "checkout": self._checkout,
            "welcome": self._welcome,
            "account": self._account,
            "refund": self._refund,
            "style": lambda _: style("acme.css"),
        }

    def answer(self, request: Request) -> Response:
        """Answer one request."""
        endpoint, _ = _MAP.bind_to_environ(request.environ).match()
        try:
            return self._views[endpoint](request)
        except ShopError as error:
            return self._page(
                request, "acme/trouble.html", status=_UNAVAILABLE, problem=str(error)
            )

    def _page(
        self, request: Request, template: str, status: int = 200, **values: object
    ) -> Response:
        shown = {
            "places": self._places,
            "click": request.cookies.get(CLICK_COOKIE),
            "has_account": self._customer(request) is not None,
            **values,
        }
        # A browser holds the redirect after a form against this policy too.
        leads_to = f"form-action 'self' {self._places.sandbox}"
        return page(template, shown, status=status, policy=leads_to)

    def _home(self, request: Request) -> Response:
        click = request.args.get("gh_click", "")
        if not click:
            return self._page(request, "acme/home.html", plans=PLANS.values())
        # The address without the click is what the visitor sees and may pass on.
        response = redirect("/", _SEE_OTHER)
        if _is_click(click):
            response.set_cookie(
                CLICK_COOKIE,
                click,
                max_age=_CLICK_DAYS * _DAY,
                httponly=True,
                samesite="Lax",
            )
        return response

    def _checkout(self, request: Request) -> Response:
        plan = PLANS.get(request.form.get("plan", ""))
        if plan is None:
            raise NotFound("There is no such plan.")
        click = request.cookies.get(CLICK_COOKIE, "")
        session = self._shop.open_checkout(
            plan,
            click=click if _is_click(click) else None,
            success_url=f"{self._places.shop}/welcome?session={{CHECKOUT_SESSION_ID}}",
            cancel_url=f"{self._places.shop}/#plans",
        )
        return redirect(session.url, _SEE_OTHER)

    def _welcome(self, request: Request) -> Response:
        session = self._shop.checkout(request.args.get("session", ""))
        if not session.is_paid or session.customer is None:
            return redirect("/", _SEE_OTHER)
        response = self._page(
            request, "acme/welcome.html", email=session.email, has_account=True
        )
        response.set_cookie(
            ACCOUNT_COOKIE,
            str(self._signer.dumps(session.customer)),
            httponly=True,
            samesite="Lax",
        )
        return response

    def _account(self, request: Request) -> Response:
        customer = self._customer(request)
        invoices = self._shop.invoices(customer) if customer else []
        return self._page(
            request,
            "acme/account.html",
            invoices=invoices,
            refundable=_refundable(invoices),
            customer=customer,
            done=request.args.get("done", ""),
            key=secrets.token_urlsafe(12),
        )

    def _refund(self, request: Request) -> Response:
        customer = self._customer(request)
        invoices = self._shop.invoices(customer) if customer else []
        invoice = _refundable(invoices)
        if invoice is None or invoice.payment_intent is None:
            return redirect("/account", _SEE_OTHER)
        key = f"{customer}:{request.form.get('key', '')[:40]}"
        self._shop.refund(invoice.payment_intent, invoice.half, key=key)
        return redirect("/account?done=refund", _SEE_OTHER)

    def _customer(self, request: Request) -> str | None:
        try:
            return str(self._signer.loads(request.cookies.get(ACCOUNT_COOKIE, "")))
        except BadSignature:
            return None


def _refundable(invoices: Sequence[Invoice]) -> Invoice | None:
    """Return the last paid invoice if something of it can be given back."""
    paid = next((one for one in invoices if one.status == "paid"), None)
    return paid if paid and paid.payment_intent and paid.half > 0 else None


def _is_click(text: str) -> bool:
    try:
        parse_public_id("clk", text)
    except ValueError:
        return False
    return True


def main(arguments: Sequence[str] | None = None) -> None:
    """Serve until told to stop. The secret comes from ACME_SECRET."""
    parser = argparse.ArgumentParser(prog="python -m portal.demo.acme")
    parser.add_argument("--port", type=int, default=8027)
    parser.add_argument("--portal", default="http://localhost:8000")
    parser.add_argument("--sandbox", default="http://localhost:8026")
    options = parser.parse_args(sys.argv[1:] if arguments is None else arguments)
    places = Places(
        shop=f"http://localhost:{options.port}",
        portal=options.portal,
        sandbox=options.sandbox,
    )
    secret = os.environ.get("ACME_SECRET") or secrets.token_urlsafe(32)
    app = create_acme_app(Shop.over_http(options.sandbox), places, secret=secret)
    serve(app, options.port, f"Acme's shop is open at {places.shop}")


if __name__ == "__main__":
    main()
