"""Where links may lead, and which visits count."""

from urllib.parse import urlsplit

import pytest
from hypothesis import given
from hypothesis import strategies as st

from portal.tracking import rules
from portal.tracking.rules import (
    Site,
    Visit,
    destination,
    referrer_host,
    target,
    visit_of,
)

SITE = Site(
    "https://vendor.example", frozenset({"vendor.example", "docs.vendor.example"})
)
DEV = Site("http://localhost:8027", frozenset({"localhost"}))
BROWSER = {"User-Agent": "Mozilla/5.0 (X11; Linux x86_64) Firefox/140.0"}
PAGE = BROWSER | {"Sec-Fetch-Mode": "navigate", "Sec-Fetch-Dest": "document"}

ELSEWHERE = [
    "//evil.example",
    "///evil.example",
    "////evil.example/",
    "/\\evil.example",
    "\\\\evil.example",
    "/\t/evil.example",
    "/%09/evil.example",
    "/%0d%0aLocation:%20https://evil.example",
    "/\r\nSet-Cookie: a=b",
    "https:evil.example",
    "https:/evil.example",
    "https:///evil.example",
    "https://evil.example",
    "https://evil.example/vendor.example",
    "https://evil.example?vendor.example",
    "https://evil.example#vendor.example",
    "https://vendor.example.evil.example",
    "https://vendor.example@evil.example",
    "https://vendor.example:443@evil.example",
    "https://user@vendor.example/",
    "https://vendor.example%2eevil.example",
    "https://vendor.example%00.evil.example",
    "https://evilvendor.example",
    "https://vendor.example\\.evil.example",
    "https://vendor.example\\@evil.example",
    "https://evil.example\\vendor.example",
    "https://vendor.example:8443/",
    "https://vendor.example:99999/",
    "https://vendor.example:x/",
    "http://vendor.example/",
    "https://vendor.example./",
    "https://vendor\u3002example/",
    "https://vend\u043er.example/",
    "https://\uff56endor.example/",
    "https://[::1]/",
    "https://[vendor.example]/",
    "HTTPS://evil.example",
    "javascript:alert(1)",
    "JaVaScRiPt:alert(1)//https://vendor.example",
    "data:text/html,https://vendor.example",
    "ftp://vendor.example/",
    "//vendor.example.evil.example/%2e%2e",
    "vendor.example",
    "?next=https://evil.example",
    "{vendor}.evil.example",
    "{vendor}@evil.example",
    "{vendor}:80@evil.example",
    "{vendor}//evil.example",
    "{vendor}x",
    "{evil}",
    " https://vendor.example",
    "https://vendor.example /",
    "/" + "a" * 1_001,
    "",
]


@pytest.mark.parametrize("text", ELSEWHERE)
@pytest.mark.parametrize("site", [SITE, DEV])
def test_links_never_lead_elsewhere(text: str, site: Site) -> None:
    assert destination(text, site) is None
    address = target(text, "clk_1", site)
    assert address == f"{site.vendor_url}/?gh_click=clk_1"


@pytest.mark.parametrize(
    ("text", "kept", "leads_to"),
    [
        ("/", "{vendor}/", "https://vendor.example/?gh_click=clk_1"),
        (
            "/pricing",
            "{vendor}/pricing",
            "https://vendor.example/pricing?gh_click=clk_1",
        ),
        (
            "/a?b=1&gh_click=old#top",
            "{vendor}/a?b=1&gh_click=old#top",
            "https://vendor.example/a?b=1&gh_click=clk_1#top",
        ),
        (
            "https://vendor.example/a//b?q=%2F",
            "{vendor}/a//b?q=%2F",
            "https://vendor.example/a//b?q=%2F&gh_click=clk_1",
        ),
        (
            "https://vendor.example",
            "https://vendor.example",
            "https://vendor.example/?gh_click=clk_1",
        ),
        (
            "https://docs.vendor.example/x",
            "https://docs.vendor.example/x",
            "https://docs.vendor.example/x?gh_click=clk_1",
        ),
        (
            "https://docs.vendor.example:443/",
            "https://docs.vendor.example:443/",
            "https://docs.vendor.example:443/?gh_click=clk_1",
        ),
        ("{vendor}", "{vendor}", "https://vendor.example/?gh_click=clk_1"),
        ("{vendor}/x", "{vendor}/x", "https://vendor.example/x?gh_click=clk_1"),
        ("{vendor}?a=b", "{vendor}?a=b", "https://vendor.example/?a=b&gh_click=clk_1"),
    ],
)
def test_links_lead_where_the_vendor_allows(
    text: str, kept: str, leads_to: str
) -> None:
    assert destination(text, SITE) == kept
    assert destination(kept, SITE) == kept
    assert target(kept, "clk_1", SITE) == leads_to
    assert rules.shown(kept, SITE).startswith("https://")


def test_a_vendor_on_a_port_of_its_own_is_reached_there_only() -> None:
    assert destination("http://localhost:8027/x", DEV) == "{vendor}/x"
    assert destination("http://localhost:8000/x", DEV) is None
    assert destination("http://localhost/x", DEV) is None
    assert destination("https://localhost/x", DEV) == "https://localhost/x"


@given(st.text(max_size=60))
def test_whatever_is_kept_leads_to_an_allowed_host(text: str) -> None:
    for candidate in (text, f"/{text}", f"https://{text}", f"{{vendor}}{text}"):
        address = target(candidate, "clk_1", SITE)
        parts = urlsplit(address)
        assert parts.scheme == "https"
        assert parts.netloc in {"vendor.example", "docs.vendor.example"}


@pytest.mark.parametrize(
    ("headers", "visit"),
    [
        (PAGE, Visit.OPENED),
        (BROWSER, Visit.UNVERIFIED),
        (
            PAGE | {"Sec-Fetch-Dest": "image", "Sec-Fetch-Mode": "no-cors"},
            Visit.EMBEDDED,
        ),
        (PAGE | {"Sec-Fetch-Dest": "iframe"}, Visit.EMBEDDED),
        (
            PAGE | {"Sec-Fetch-Dest": "script", "Sec-Fetch-Mode": "no-cors"},
            Visit.EMBEDDED,
        ),
        (PAGE | {"Sec-Fetch-Dest": "empty", "Sec-Fetch-Mode": "cors"}, Visit.EMBEDDED),
        (BROWSER | {"Sec-Fetch-Mode": "navigate"}, Visit.EMBEDDED),
        (PAGE | {"Sec-Purpose": "prefetch"}, Visit.EMBEDDED),
        (PAGE | {"Sec-Purpose": "prefetch;prerender"}, Visit.EMBEDDED),
        (PAGE | {"Purpose": "prefetch"}, Visit.EMBEDDED),
        (BROWSER | {"X-Moz": "prefetch"}, Visit.EMBEDDED),
        ({}, Visit.BOT),
        ({"User-Agent": "  "}, Visit.BOT),
        (PAGE | {"User-Agent": "Googlebot/2.1"}, Visit.BOT),
        (PAGE | {"User-Agent": "Slackbot-LinkExpanding 1.0"}, Visit.BOT),
        (PAGE | {"User-Agent": "facebookexternalhit/1.1"}, Visit.BOT),
        (PAGE | {"User-Agent": "curl/8.5.0"}, Visit.BOT),
        (PAGE | {"User-Agent": "HeadlessChrome/140"}, Visit.BOT),
    ],
)
def test_a_visit_is_told_by_its_headers(headers: dict[str, str], visit: Visit) -> None:
    assert visit_of(headers) is visit
    assert visit.counts is (visit in (Visit.OPENED, Visit.UNVERIFIED))


@pytest.mark.parametrize(
    ("referrer", "host"),
    [
        ("https://Blog.Example/post?x=1", "blog.example"),
        (None, ""),
        ("", ""),
        ("about:blank", ""),
        ("https://[::1", ""),
        ("https://b\u00fccher.example/", ""),
        (f"https://{'a' * 300}.example/", ""),
    ],
)
def test_of_a_referrer_only_the_host_is_kept(referrer: str | None, host: str) -> None:
    assert referrer_host(referrer) == host


@pytest.mark.parametrize("code", ["abc", "a-b", "summer-offer-2026", "a" * 40, "123"])
def test_codes(code: str) -> None:
    assert rules.CODE.fullmatch(code)


@pytest.mark.parametrize(
    "code", ["", "ab", "a" * 41, "-ab", "ab-", "a b", "A-B", "\u00e4bc", "a/b", "abc\n"]
)
def test_what_is_no_code(code: str) -> None:
    assert not rules.CODE.fullmatch(code)
