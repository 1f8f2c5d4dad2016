"""A purchase through a partner's link, as a browser would make it, over HTTP."""

import http.client
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from http.cookies import SimpleCookie
from urllib.parse import parse_qs, urlencode, urljoin, urlsplit

from portal.demo.settings import DemoError

_AGENT = "Mozilla/5.0 (X11; Linux x86_64) Gatehouse-demo"
_REDIRECTS = (301, 302, 303, 307)
_MOST_STEPS = 8
_TIMEOUT = 20
_READING_SECONDS = 2.5
"""How long the buyer looks at the shop. Stripe tells whole seconds, and the sandbox's
clock moves once a second: who buys faster than that came, by the clock, before the
click, which then earns nothing."""


@dataclass(slots=True)
class Answer:
    """What came back."""

    url: str
    status: int
    location: str | None


@dataclass(slots=True)
class Browser:
    """Keeps cookies by host and port, and follows nothing by itself."""

    cookies: dict[str, dict[str, str]] = field(default_factory=dict)

    def ask(self, url: str, form: Mapping[str, str] | None = None) -> Answer:
        """Open an address, or send a form to it.

        Raises:
            DemoError: Nobody answers.
        """
        parts = urlsplit(url)
        kept = self.cookies.setdefault(parts.netloc, {})
        headers = {
            "User-Agent": _AGENT,
            "Accept": "text/html",
            "Sec-Fetch-Mode": "navigate",
            "Sec-Fetch-Dest": "document",
            "Cookie": "; ".join(f"{name}={value}" for name, value in kept.items()),
        }
        if form is not None:
            headers["Content-Type"] = "application/x-www-form-urlencoded"
        target = f"{parts.path or '/'}{'?' + parts.query if parts.query else ''}"
        connection = http.client.HTTPConnection(parts.netloc, timeout=_TIMEOUT)
        try:
            method = "GET" if form is None else "POST"
            connection.request(method, target, urlencode(form or {}), headers)
            response = connection.getresponse()
            response.read()
        except OSError as error:
            raise DemoError(
                f"Nobody answers at {parts.netloc}. Start the demo with `make demo`."
            ) from error
        finally:
            connection.close()
        for line in response.headers.get_all("Set-Cookie") or ():
            for name, morsel in SimpleCookie(line).items():
                kept[name] = morsel.value
        location = response.headers.get("Location")
        return Answer(url, response.status, location and urljoin(url, location))

    def follow(self, answer: Answer) -> list[Answer]:
        """Follow redirects; return every answer on the way, the last one included."""
        way = [answer]
        while way[-1].status in _REDIRECTS and way[-1].location:
            if len(way) > _MOST_STEPS:
                raise DemoError(f"{answer.url} leads in circles.")
            way.append(self.ask(way[-1].location))
        return way


def buy(portal: str, shop: str, *, code: str, plan: str, name: str, email: str) -> str:
    """Follow a link, choose a plan and pay with a test card; return the click's id.

    Args:
        portal: The portal's address.
        shop: The shop's address.
        code: The code of the link.
        plan: The key of a plan.
        name: The buyer's name.
        email: The buyer's address.

    Raises:
        DemoError: Something on the way does not answer, or refuses.
    """
    browser = Browser()
    followed = browser.ask(f"{portal}/r/{code}")
    query = parse_qs(urlsplit(followed.location or "").query)
    click = (query.get("gh_click") or [""])[0]
    if not click:
        raise DemoError(f"The link {portal}/r/{code} does not lead to the shop.")
    browser.follow(followed)
    time.sleep(_READING_SECONDS)
    ordered = browser.ask(f"{shop}/checkout", {"plan": plan})
    if ordered.status not in _REDIRECTS or not ordered.location:
        raise DemoError(f"The shop did not take the order of the plan {plan}.")
    card = {
        "email": email,
        "name": name,
        "number": "4242424242424242",
        "expiry": "12/39",
        "cvc": "123",
    }
    paid = browser.ask(ordered.location, card)
    if paid.status not in _REDIRECTS:
        raise DemoError("The payment page did not take the card.")
    browser.follow(paid)
    return click
