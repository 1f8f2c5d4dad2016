"""The vendor's own site, as its developers would write it: a page and a checkout.

It keeps the click that a referral link brought, and hands it to Stripe as the
`client_reference_id`. That is all that a vendor has to do.
"""

from collections.abc import Callable
from html import escape
from typing import TYPE_CHECKING

import stripe
from werkzeug.utils import redirect
from werkzeug.wrappers import Request, Response

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment

_PAGE = """<!doctype html><html lang="en"><head><meta charset="utf-8">
<meta name="viewport" content="width=device-width"><title>{title}</title>
<link rel="icon" href="data:,"></head><body><main><h1>{title}</h1>{body}</main></body>
</html>"""
_BUY = """<form method="post" action="/buy">
<input type="hidden" name="gh_click" value="{click}">
<label for="plan">Plan</label>
<select id="plan" name="plan"><option value="team" selected>Team</option></select>
<button>Buy the Team plan</button></form>"""


def shop(
    stripe_client: Callable[[], stripe.StripeClient],
    own_url: str,
    *,
    currency: str = "usd",
    minor: int = 12_000,
) -> "WSGIApplication":
    """Return the site of a vendor who sells one plan, paid each month."""

    def app(environ: "WSGIEnvironment", start_response: "StartResponse") -> list[bytes]:
        request = Request(environ)
        if request.path == "/buy" and request.method == "POST":
            response = redirect(_checkout(request.form.get("gh_click", "")), 303)
        elif request.path == "/thanks":
            response = _html("Thank you", "<p>Your plan is ready.</p>")
        else:
            click = escape(request.args.get("gh_click", ""), quote=True)
            response = _html("Acme plans", _BUY.format(click=click))
        return list(response(environ, start_response))

    def _checkout(click: str) -> str:
        session = stripe_client().v1.checkout.sessions.create(
            {
                "mode": "subscription",
                "client_reference_id": click or "-",
                "success_url": f"{own_url}/thanks",
                "cancel_url": f"{own_url}/",
                "line_items": [
                    {
                        "quantity": 1,
                        "price_data": {
                            "currency": currency,
                            "unit_amount": minor,
                            "recurring": {"interval": "month"},
                            "product_data": {"name": "Acme Team"},
                        },
                    }
                ],
            }
        )
        return str(session.url)

    return app


def _html(title: str, body: str) -> Response:
    return Response(_PAGE.format(title=title, body=body), mimetype="text/html")
