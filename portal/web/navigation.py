"""What the navigation of each face holds, as data.

An item is absent when its page does not exist or the person's role may not see it.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum
from types import MappingProxyType
from typing import cast

from flask import Flask, current_app, request, url_for
from flask_babel import lazy_gettext as _
from flask_babel.speaklater import LazyString

_REACHABLE = "web.reachable"


class Face(StrEnum):
    """Who a page is for."""

    PUBLIC = "public"
    WORKSPACE = "workspace"
    STAFF = "staff"


@dataclass(frozen=True, slots=True)
class NavItem:
    """One page in the navigation; `key` is pressed after `g`."""

    label: LazyString
    endpoint: str
    icon: str
    permission: str | None = None
    key: str | None = None


@dataclass(frozen=True, slots=True)
class NavGroup:
    """Items that belong together; the first group has no name."""

    label: LazyString | None
    items: tuple[NavItem, ...]


@dataclass(frozen=True, slots=True)
class Shown:
    """An item as one person sees it on one page."""

    label: str
    icon: str
    url: str
    key: str | None
    current: str | None
    count: int
    lock: str | None


@dataclass(frozen=True, slots=True)
class ShownGroup:
    """A group as one person sees it."""

    label: str | None
    items: tuple[Shown, ...]


_PUBLIC = (
    NavGroup(
        None,
        (
            NavItem(_("Programs"), "programs.home", "book"),
            NavItem(_("Check a certificate"), "certification_public.verify", "badge"),
        ),
    ),
)

_WORKSPACE = (
    NavGroup(
        None,
        (
            NavItem(_("Home"), "dashboard.home", "home", "workspace:home:read", "g h"),
            NavItem(
                _("Your steps"),
                "dashboard_steps.index",
                "check",
                "workspace:home:read",
                "g n",
            ),
        ),
    ),
    NavGroup(
        _("Earn"),
        (
            NavItem(
                _("Links"), "tracking.links", "link", "workspace:links:read", "g l"
            ),
            NavItem(
                _("Customers"),
                "commissions.customers",
                "people",
                "workspace:customers:read",
                "g u",
            ),
        ),
    ),
    NavGroup(
        _("Grow"),
        (
            NavItem(
                _("Certifications"),
                "certification.index",
                "badge",
                "workspace:certification:take",
                "g x",
            ),
            NavItem(
                _("Tier & benefits"),
                "tiers.show",
                "steps",
                "workspace:earnings:read",
                "g t",
            ),
        ),
    ),
    NavGroup(
        _("Money"),
        (
            NavItem(
                _("Earnings"),
                "commissions.earnings",
                "coins",
                "workspace:earnings:read",
                "g c",
            ),
            NavItem(
                _("Statements"),
                "statements.index",
                "document",
                "workspace:statements:read",
                "g s",
            ),
            NavItem(
                _("Questions"),
                "threads.index",
                "inbox",
                "workspace:statements:read",
                "g q",
            ),
            NavItem(
                _("Payouts"),
                "payouts.index",
                "coins",
                "workspace:statements:read",
                "g p",
            ),
            NavItem(
                _("Fees & billing"),
                "fees.index",
                "card",
                "workspace:billing:read",
                "g f",
            ),
            NavItem(_("Tax"), "tax.index", "log", "workspace:tax:read", "g d"),
        ),
    ),
    NavGroup(
        _("Account"),
        (
            NavItem(
                _("Programs & agreements"),
                "enrollments.index",
                "book",
                "workspace:home:read",
                "g a",
            ),
            NavItem(_("Team"), "partners.team", "people", "workspace:team:read", "g m"),
            NavItem(_("Security"), "accounts.security", "shield"),
        ),
    ),
)

_STAFF = (
    NavGroup(
        None,
        (
            NavItem(
                _("Inbox"), "dashboard_admin.inbox", "inbox", "staff:inbox:read", "g i"
            ),
        ),
    ),
    NavGroup(
        _("Partners"),
        (
            NavItem(
                _("Applications"),
                "applications_admin.queue",
                "handshake",
                "staff:applications:read",
                "g a",
            ),
            NavItem(
                _("Invitations"),
                "invitations_admin.index",
                "mail",
                "staff:applications:read",
                "g n",
            ),
            NavItem(
                _("Partners"),
                "dashboard_admin.partners",
                "people",
                "staff:partners:read",
                "g r",
            ),
            NavItem(
                _("Agreements"),
                "agreements_admin.index",
                "document",
                "staff:partners:read",
                "g d",
            ),
            NavItem(
                _("Requirements"),
                "enrollments_admin.requirements",
                "gate",
                "staff:partners:read",
                "g q",
            ),
        ),
    ),
    NavGroup(
        _("Money"),
        (
            NavItem(
                _("Commissions"),
                "commissions_admin.index",
                "coins",
                "staff:commissions:read",
                "g c",
            ),
            NavItem(
                _("Periods"),
                "statements_admin.periods",
                "calendar",
                "staff:periods:read",
                "g p",
            ),
            NavItem(
                _("Statements"),
                "statements_admin.index",
                "document",
                "staff:periods:read",
                "g s",
            ),
            NavItem(
                _("Questions"),
                "threads_admin.index",
                "inbox",
                "staff:threads:read",
                "g k",
            ),
            NavItem(
                _("Adjustments"),
                "adjustments_admin.index",
                "steps",
                "staff:adjustments:read",
                "g j",
            ),
            NavItem(
                _("Payouts"),
                "payout_batches.index",
                "coins",
                "staff:payouts:read",
                "g y",
            ),
            NavItem(_("Fees"), "fees_admin.index", "card", "staff:fees:read", "g f"),
            NavItem(_("Tax forms"), "tax_admin.index", "log", "staff:tax:read", "g t"),
        ),
    ),
    NavGroup(
        _("Program"),
        (
            NavItem(
                _("Programs"),
                "programs_admin.index",
                "book",
                "staff:programs:read",
                "g o",
            ),
            NavItem(
                _("Certifications"),
                "certification_admin.index",
                "badge",
                "staff:certification:read",
                "g x",
            ),
        ),
    ),
    NavGroup(
        _("System"),
        (
            NavItem(
                _("Events"), "webhooks_admin.index", "bolt", "staff:events:read", "g e"
            ),
            NavItem(_("E-mail"), "mail_admin.index", "mail", "staff:mail:read", "g m"),
            NavItem(
                _("Users & roles"),
                "accounts_admin.users",
                "shield",
                "staff:users:read",
                "g u",
            ),
            NavItem(
                _("Audit log"), "audit_admin.index", "log", "staff:audit:read", "g l"
            ),
        ),
    ),
)

NAVIGATION: Mapping[Face, tuple[NavGroup, ...]] = MappingProxyType(
    {Face.PUBLIC: _PUBLIC, Face.WORKSPACE: _WORKSPACE, Face.STAFF: _STAFF}
)
HOMES: Mapping[Face, str] = MappingProxyType(
    {Face.WORKSPACE: "dashboard.home", Face.STAFF: "dashboard_admin.inbox"}
)


def current_item(groups: tuple[NavGroup, ...], endpoint: str | None) -> str | None:
    """Return the endpoint of the item that a page belongs to.

    A page that is no item itself belongs to the one item of its blueprint; among
    several, to the one whose name it begins with: `customer_detail` to `customers`.
    """
    blueprint, _, view = (endpoint or "").rpartition(".")
    endpoints = [item.endpoint for group in groups for item in group.items]
    if endpoint in endpoints:
        return endpoint
    same = [name for name in endpoints if name.rpartition(".")[0] == blueprint]
    if len(same) == 1:
        return same[0]
    return next(
        (name for name in same if view.startswith(name.rpartition(".")[2].rstrip("s"))),
        None,
    )


def _reachable(app: Flask) -> frozenset[str]:
    """Return the endpoints that can be linked without naming an object."""
    if _REACHABLE not in app.extensions:  # pages do not change after the first request
        app.extensions[_REACHABLE] = frozenset(
            rule.endpoint
            for rule in app.url_map.iter_rules()
            if not rule.arguments - set(rule.defaults or ())
        )
    reachable: frozenset[str] = app.extensions[_REACHABLE]
    return reachable


def link_to(endpoint: str) -> str | None:
    """Return the address of a page, or None if the portal has no such page."""
    return url_for(endpoint) if endpoint in _reachable(current_app) else None


def home_url(face: str) -> str:
    """Return where the brand leads to."""
    return (link_to(HOMES[Face(face)]) if face in HOMES else None) or "/"


def allowed(permission: str | None) -> bool:
    """Tell whether the person may; without accounts, nobody may anything."""
    if permission is None:
        return True
    can = cast("Callable[[str], bool] | None", current_app.jinja_env.globals.get("can"))
    return can is not None and can(permission)


def navigation(
    face: str,
    current: str | None = None,
    counts: Mapping[str, int] | None = None,
    locks: Mapping[str, str] | None = None,
) -> list[ShownGroup]:
    """Return what this person sees of a face's navigation on this page.

    Args:
        face: A `Face`.
        current: The endpoint to mark, where the page's own would not do.
        counts: How much waits, by endpoint.
        locks: Why a page is not open yet, by endpoint.
    """
    groups = NAVIGATION[Face(face)]
    marked = current or current_item(groups, request.endpoint)
    reachable = _reachable(current_app)

    def shown(items: tuple[NavItem, ...]) -> Iterator[Shown]:
        for item in items:
            if item.endpoint not in reachable or not allowed(item.permission):
                continue
            is_here = item.endpoint == request.endpoint
            yield Shown(
                label=str(item.label),
                icon=item.icon,
                url=url_for(item.endpoint),
                key=item.key,
                current=_mark(is_marked=item.endpoint == marked, is_here=is_here),
                count=(counts or {}).get(item.endpoint, 0),
                lock=(locks or {}).get(item.endpoint),
            )

    visible = [(group.label, tuple(shown(group.items))) for group in groups]
    return [
        ShownGroup(str(label) if label else None, items)
        for label, items in visible
        if items
    ]


def _mark(*, is_marked: bool, is_here: bool) -> str | None:
    """Return the value of aria-current: the page itself, or one below it."""
    if not is_marked:
        return None
    return "page" if is_here else "true"


def register(app: Flask) -> None:
    """Give the layouts the navigation."""
    app.jinja_env.globals.update(
        allowed=allowed, home_url=home_url, link_to=link_to, navigation=navigation
    )
