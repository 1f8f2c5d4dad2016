"""Somebody on the other side of the network, with cookies and no script."""

import time
from collections.abc import Iterable, Mapping
from http.client import HTTPMessage
from http.cookiejar import CookieJar
from typing import IO
from urllib.error import HTTPError
from urllib.parse import urlencode, urljoin
from urllib.request import (
    HTTPCookieProcessor,
    HTTPRedirectHandler,
    OpenerDirector,
    ProxyHandler,
    Request,
    build_opener,
)

from tests.journeys.pages import Page, read

_TIMEOUT = 60
_MOST_REDIRECTS = 10
BROKEN = 500
BROWSER = "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 Chrome/140 Safari/537.36"


class _ByHand(HTTPRedirectHandler):
    """Redirects are followed by the visitor, who wants to see each."""

    def redirect_request(  # noqa: PLR0917 - the library calls it so
        self,
        req: Request,
        fp: IO[bytes],
        code: int,
        msg: str,
        headers: HTTPMessage,
        newurl: str,
    ) -> None:
        del req, fp, code, msg, headers, newurl


class Visitor:
    """Goes from page to page; `page` is the one that is open."""

    def __init__(self, home: str) -> None:
        self.home = home
        self.cookies = CookieJar()
        self._opener: OpenerDirector = build_opener(
            ProxyHandler({}), HTTPCookieProcessor(self.cookies), _ByHand()
        )
        self.page = Page(home, 0, {}, b"")

    def ask(
        self,
        method: str,
        url: str,
        fields: Iterable[tuple[str, str]] | bytes | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> Page:
        """Send one request and read the answer, without following a redirect."""
        address = urljoin(self.page.url, url)
        if fields is None or isinstance(fields, bytes):
            body = fields
        else:
            body = urlencode(list(fields)).encode()
        request = Request(address, body, method=method)  # noqa: S310 - loopback only
        request.add_header("User-Agent", BROWSER)
        request.add_header("Accept", "text/html,*/*")
        request.add_header("Sec-Fetch-Mode", "navigate")
        request.add_header("Sec-Fetch-Dest", "document")
        for name, value in (headers or {}).items():
            request.add_header(name, value)
        try:
            answer = self._opener.open(request, timeout=_TIMEOUT)
        except HTTPError as error:
            answer = error
        with answer:
            lower = {name.lower(): value for name, value in answer.headers.items()}
            page = read(Page(address, answer.status, lower, answer.read()))
        assert page.status < BROKEN, f"{page.status} at {address}: {page.text}"
        return page

    def open(self, url: str) -> Page:
        """Go to an address, following redirects."""
        return self._follow(self.ask("GET", url))

    def follow(self, label: str) -> Page:
        """Click the link with these words."""
        return self.open(self.page.link(label))

    def press(self, button: str, values: Mapping[str, str] | None = None) -> Page:
        """Fill in the form of a button, by label, and press it."""
        form = self.page.form(button)
        fields = self.page.filled(button, values or {})
        target = form.action or self.page.url
        if form.method == "get":
            return self.open(f"{target.partition('?')[0]}?{urlencode(fields)}")
        return self._follow(self.ask("POST", target, fields))

    def _follow(self, page: Page) -> Page:
        for _ in range(_MOST_REDIRECTS):
            self.page = page
            if page.status not in {301, 302, 303}:
                return page
            page = self.ask("GET", page.headers["location"])
        raise AssertionError(f"redirects without end at {page.url}")

    def sign_in(self, email: str, password: str) -> Page:
        """Sign in, from a fresh visit."""
        self.cookies.clear()
        self.open(f"{self.home}/login")
        page = self.press("Sign in", {"E-mail address": email, "Password": password})
        assert not page.url.endswith("/login"), page.text
        return page

    def cookie(self, name: str) -> str | None:
        """The value of a cookie that is still good."""
        return next(
            (
                cookie.value
                for cookie in self.cookies
                if cookie.name == name and not cookie.is_expired(int(time.time()))
            ),
            None,
        )
