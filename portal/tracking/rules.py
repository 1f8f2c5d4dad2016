"""Where a link may lead, and which visits count. Pure."""

import re
from dataclasses import dataclass
from enum import StrEnum
from typing import Protocol
from urllib.parse import SplitResult, urlsplit, urlunsplit

PARAMETER = "gh_click"
VENDOR = "{vendor}"
LONGEST_DESTINATION = 1_000
LONGEST_HOST = 253

CODE = re.compile(r"[a-z0-9][a-z0-9-]{1,38}[a-z0-9]")
"""3 to 40 lower case letters, digits and hyphens; no hyphen at either end."""

_UNSAFE = re.compile(
    r"[\x00-\x20\x7f-\x9f\\\u2028\u2029]|%(?:0[0-9a-f]|1[0-9a-f]|7f)", re.IGNORECASE
)
_HOST = re.compile(r"[a-z0-9](?:[a-z0-9.-]*[a-z0-9])?")
_DEFAULT_PORTS = {"http": 80, "https": 443}

_BOTS = re.compile(
    r"bot\b|bot/|crawl|spider|slurp|scrap|preview|facebookexternalhit|whatsapp|"
    r"telegram|slack|discord|skype|embedly|pinterest|headless|phantom|lighthouse|"
    r"pagespeed|monitor|uptime|pingdom|validator|archiver|curl|wget|httpie|"
    r"python|aiohttp|okhttp|java/|go-http|libwww|perl|ruby|axios|node-fetch|"
    r"feed|mediapartners|google-|bingpreview|yandex|baidu|duckduck",
    re.IGNORECASE,
)


_IN_ADVANCE = re.compile("prefetch|prerender|preview", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Site:
    """Where links may lead.

    Attributes:
        vendor_url: The vendor's own site, without a slash at its end.
        hosts: Every host that is allowed, lower case.
    """

    vendor_url: str
    hosts: frozenset[str]


class Visit(StrEnum):
    """What a request for a link is."""

    OPENED = "opened"
    """The browser says that a person went there."""
    UNVERIFIED = "unverified"
    """It may be a person: an older browser does not say."""
    EMBEDDED = "embedded"
    """Fetched by another page, or in advance; nobody saw it."""
    BOT = "bot"

    @property
    def counts(self) -> bool:
        """Whether it counts as a click."""
        return self in (Visit.OPENED, Visit.UNVERIFIED)


class Headers(Protocol):
    """The headers of a request."""

    def get(self, key: str, /) -> str | None:
        """Return a header, if it is there."""


def visit_of(headers: Headers) -> Visit:
    """Return what a GET request is, from its headers."""
    agent = headers.get("User-Agent") or ""
    if not agent.strip() or _BOTS.search(agent):
        return Visit.BOT
    names = ("Sec-Purpose", "Purpose", "X-Purpose", "X-Moz")
    purpose = " ".join(headers.get(name) or "" for name in names)
    if _IN_ADVANCE.search(purpose):
        return Visit.EMBEDDED
    mode, dest = headers.get("Sec-Fetch-Mode"), headers.get("Sec-Fetch-Dest")
    if mode is None and dest is None:
        return Visit.UNVERIFIED
    is_page = mode == "navigate" and dest == "document"
    return Visit.OPENED if is_page else Visit.EMBEDDED


def referrer_host(referrer: str | None) -> str:
    """Return the host of a `Referer` header, or nothing."""
    try:
        host = urlsplit(referrer or "").hostname or ""
    except ValueError:
        return ""
    return host if _HOST.fullmatch(host) and len(host) <= LONGEST_HOST else ""


def destination(text: str, site: Site) -> str | None:
    """Return where a link leads in the form in which it is kept; none: not allowed.

    A place on the vendor's own site begins with `{vendor}`, so that it survives a
    change of the site's address.

    Args:
        text: A path such as `/pricing`, a whole address, or a kept destination.
        site: Where links may lead.
    """
    if len(text) > LONGEST_DESTINATION or _UNSAFE.search(text):
        return None
    if text.startswith("/"):
        text = f"{VENDOR}{text}"
    if text.startswith(VENDOR):
        path = text.removeprefix(VENDOR)
        is_path = path == "" or re.match(r"[/?#](?!/)", path) is not None
        return text if is_path else None
    if not _is_allowed(text, site):
        return None
    vendor = f"{site.vendor_url}/"
    return f"{VENDOR}/{text.removeprefix(vendor)}" if text.startswith(vendor) else text


def target(kept: str, click: str, site: Site) -> str:
    """Return the address to send a visitor to, with the click in it.

    A destination that is not allowed (any more) becomes the vendor's own site.
    """
    allowed = destination(kept, site)
    address = (VENDOR if allowed is None else allowed).replace(VENDOR, site.vendor_url)
    parts = urlsplit(address)
    others = [
        part
        for part in parts.query.split("&")
        if part and part.partition("=")[0] != PARAMETER
    ]
    query = "&".join([*others, f"{PARAMETER}={click}"])
    return urlunsplit(parts._replace(query=query, path=parts.path or "/"))


def shown(kept: str, site: Site) -> str:
    """Return a kept destination as people read it."""
    return kept.replace(VENDOR, site.vendor_url)


def _is_allowed(text: str, site: Site) -> bool:
    try:
        parts = urlsplit(text)
        port = parts.port
    except ValueError:
        return False
    vendor = urlsplit(site.vendor_url)
    host = parts.hostname or ""
    schemes = {"https", vendor.scheme}
    return (
        parts.scheme in schemes
        and text.startswith(f"{parts.scheme}://")
        and "@" not in parts.netloc
        and _HOST.fullmatch(host) is not None
        and host in site.hosts
        and _port_fits(parts, port, vendor)
    )


def _port_fits(parts: SplitResult, port: int | None, vendor: SplitResult) -> bool:
    """Tell whether the port is the usual one, or that of the vendor's own site."""
    if parts.hostname == vendor.hostname and parts.scheme == vendor.scheme:
        return port == vendor.port
    return port in (None, _DEFAULT_PORTS[parts.scheme])
