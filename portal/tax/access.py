"""What the pages need of the app and of the moment."""

from datetime import UTC, date
from typing import cast

from flask import current_app

from portal.config import Settings
from portal.kit.clock import utc_now


def data_keys() -> tuple[str, ...]:
    """Return what the secret part of a form is encrypted with, the newest first."""
    settings = cast("Settings", current_app.extensions["portal.settings"])
    return settings.data_keys


def signing_day() -> date:
    """Return the day of now in UTC, on which forms are signed and judged."""
    return utc_now().astimezone(UTC).date()
