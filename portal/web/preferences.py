"""What a visitor prefers: language, time zone, colours, keyboard shortcuts.

Cookies keep it before sign-in. A feature that knows more about a signed-in person
hangs a function into `app.extensions` under `USER_LOCALE` or `USER_TIMEZONE`; it
returns a code, or None when it knows none.
"""

from collections.abc import Callable
from typing import cast

from flask import Flask, current_app, has_request_context, request
from flask_babel import get_locale

USER_LOCALE = "web.user_locale"
USER_TIMEZONE = "web.user_timezone"

THEMES = ("auto", "light", "dark")
COOKIE_AGE = 365 * 24 * 60 * 60


def _preferred_by_user(hook: str) -> str | None:
    ask = cast("Callable[[], str | None] | None", current_app.extensions.get(hook))
    return ask() if ask else None


def locale_of_request() -> str:
    """Return the language by cookie or browser alone: needs no database."""
    offered = list(current_app.config.get("LOCALES") or ["en"])
    if not has_request_context():
        return str(offered[0])
    chosen = request.cookies.get("locale")
    if chosen in offered:
        return str(chosen)
    tags = {code.replace("_", "-"): code for code in offered}
    best = request.accept_languages.best_match(tags)
    return str(tags[best] if best else offered[0])


def select_locale() -> str:
    """Return the language of this request: the user's, the cookie's, the browser's."""
    preferred = _preferred_by_user(USER_LOCALE)
    if preferred in list(current_app.config.get("LOCALES") or ["en"]):
        return str(preferred)
    return locale_of_request()


def select_timezone() -> str | None:
    """Return the time zone of the signed-in person; None means the default."""
    return _preferred_by_user(USER_TIMEZONE)


def lang() -> str:
    """Return the language tag of the page."""
    return str(get_locale() or "en").replace("_", "-")


def text_direction() -> str:
    """Return `ltr` or `rtl`."""
    locale = get_locale()
    return str(locale.text_direction) if locale else "ltr"


def theme() -> str:
    """Return `light`, `dark`, or `auto`: what the system says."""
    chosen = request.cookies.get("theme", "auto") if has_request_context() else "auto"
    return chosen if chosen in THEMES else "auto"


def shortcuts_on() -> bool:
    """Tell whether keyboard shortcuts work; each person can switch them off."""
    return not has_request_context() or request.cookies.get("shortcuts") != "off"


def brand() -> str:
    """Return the vendor's name."""
    return str(current_app.config.get("ORG_NAME") or "Gatehouse")


def register(app: Flask) -> None:
    """Give templates the preferences."""
    app.jinja_env.globals.update(
        brand=brand,
        lang=lang,
        shortcuts_on=shortcuts_on,
        text_direction=text_direction,
        theme=theme,
    )
