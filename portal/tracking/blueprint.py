"""What both faces of the links share: the blueprint, and where links may lead."""

from flask import Blueprint, current_app

from portal.config import Settings
from portal.tracking.rules import Site

bp = Blueprint("tracking", __name__)


def site() -> Site:
    """Return where links may lead, by the settings."""
    settings: Settings = current_app.extensions["portal.settings"]
    hosts = frozenset(host.lower() for host in settings.link_hosts)
    return Site(settings.vendor_url, hosts)


def address_of(code: str) -> str:
    """Return the whole address that a partner passes on."""
    settings: Settings = current_app.extensions["portal.settings"]
    return f"{settings.base_url}/r/{code}"
