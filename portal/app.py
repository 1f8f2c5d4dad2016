"""Where the pieces meet."""

import logging
from pathlib import Path
from urllib.parse import urlsplit

from flask import Blueprint, Flask
from flask.cli import AppGroup
from werkzeug.middleware.proxy_fix import ProxyFix

from portal import jobs
from portal.accounts import access
from portal.config import Settings
from portal.extensions import csrf, db, login_manager, mail, migrate
from portal.kit.ids_in_urls import PublicIdConverter
from portal.web import registration as web

ROOT = Path(__file__).resolve().parent.parent

BLUEPRINTS: tuple[Blueprint, ...] = ()
COMMANDS: tuple[AppGroup, ...] = ()


def create_app(settings: Settings) -> Flask:
    """Build the portal for `settings`, whose database address is filled in."""
    logging.basicConfig(level=settings.log_level)
    app = Flask(
        "portal", template_folder=ROOT / "templates", static_folder=ROOT / "static"
    )
    app.config.from_mapping(_config(settings))
    app.extensions["portal.settings"] = settings
    app.url_map.converters["pid"] = PublicIdConverter
    for extension in (db, login_manager, csrf, mail):
        extension.init_app(app)
    migrate.init_app(app, db, directory=str(ROOT / "migrations"))
    login_manager.login_view = "accounts.sign_in"
    web.register(app)
    access.register(app)
    for blueprint in BLUEPRINTS:
        app.register_blueprint(blueprint)
    for group in COMMANDS:
        app.cli.add_command(group)
    jobs.bind(app)
    if settings.trusted_proxies:
        hops = settings.trusted_proxies
        app.wsgi_app = ProxyFix(  # type: ignore[method-assign]  # Flask's own advice
            app.wsgi_app, x_for=hops, x_proto=hops, x_host=hops
        )
    return app


def _config(settings: Settings) -> dict[str, object]:
    base = urlsplit(settings.base_url)
    smtp = urlsplit(settings.smtp_url)
    secure = settings.is_secure
    return {
        "SECRET_KEY": settings.secret_key,
        "TESTING": settings.testing,
        "SQLALCHEMY_DATABASE_URI": settings.database_url,
        "SQLALCHEMY_ENGINE_OPTIONS": {
            "connect_args": {"options": "-c statement_timeout=30000"}
        },
        "WTF_CSRF_ENABLED": not settings.testing,
        "WTF_CSRF_TIME_LIMIT": None,  # as long as the session
        "WTF_CSRF_SSL_STRICT": secure,
        "SESSION_COOKIE_NAME": "__Host-session" if secure else "session",
        "SESSION_COOKIE_SECURE": secure,
        "SESSION_COOKIE_HTTPONLY": True,
        "SESSION_COOKIE_SAMESITE": "Lax",
        "PREFERRED_URL_SCHEME": base.scheme,
        "TRUSTED_HOSTS": [*settings.allowed_hosts, base.hostname or "localhost"],
        "MAX_CONTENT_LENGTH": 1_048_576,
        "MAX_FORM_MEMORY_SIZE": 500_000,
        "MAX_FORM_PARTS": 200,
        "MAIL_SERVER": smtp.hostname,
        "MAIL_PORT": smtp.port or 25,
        "MAIL_USERNAME": smtp.username,
        "MAIL_PASSWORD": smtp.password,
        "MAIL_USE_SSL": smtp.scheme == "smtps",
        "MAIL_USE_TLS": smtp.port == 587,  # noqa: PLR2004 - the submission port
        "MAIL_DEFAULT_SENDER": (settings.org_name, settings.mail_from),
        "MAIL_SUPPRESS_SEND": False,  # the tests have a mail server of their own
        "LOCALES": settings.locales,
        "BABEL_DEFAULT_LOCALE": settings.locales[0],
        "BASE_URL": settings.base_url,
        "ORG_NAME": settings.org_name,
        "DEMO": settings.demo,
        "DEV_PAGES": settings.demo or settings.testing,
        "CSP_FORM_ACTION": [_checkout_origin(settings)],
    }


def _checkout_origin(settings: Settings) -> str:
    """Return where the forms that pay a fee redirect to."""
    if settings.uses_sandbox:
        return settings.stripe_sandbox_url
    return "https://checkout.stripe.com https://billing.stripe.com"
