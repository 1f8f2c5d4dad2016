"""Where the pieces meet."""

import logging
from pathlib import Path
from urllib.parse import urlsplit

from click import Command
from flask import Blueprint, Flask
from werkzeug.middleware.proxy_fix import ProxyFix

from portal import jobs
from portal.accounts import access, outlets
from portal.accounts import admin_views as accounts_admin_views
from portal.accounts import cli as accounts_cli
from portal.accounts import tasks as _accounts  # noqa: F401 - its tasks
from portal.accounts import views as accounts_views
from portal.agreements import admin_views as agreements_admin_views
from portal.agreements import tasks as _agreements  # noqa: F401 - its tasks
from portal.agreements import views as agreements_views
from portal.applications import admin_views as applications_admin_views
from portal.applications import cli as applications_cli
from portal.applications import document_views as applications_document_views
from portal.applications import editor_views as applications_editor_views
from portal.applications import public_views as applications_public_views
from portal.applications import reviewing_views as applications_reviewing_views
from portal.applications import step_views as _applications_steps  # noqa: F401 - pages
from portal.applications import tasks as _applications  # noqa: F401 - its tasks
from portal.applications import views as applications_views
from portal.audit import admin_views as audit_admin_views
from portal.audit import service as audit_service
from portal.certification import admin_views as certification_admin_views
from portal.certification import bank_views as certification_bank_views
from portal.certification import certificate_views
from portal.certification import cli as certification_cli
from portal.certification import course_admin_views as certification_course_admin_views
from portal.certification import course_public_views as certification_course_public
from portal.certification import course_views as certification_course_views
from portal.certification import public_views as certification_public_views
from portal.certification import service as certification_service
from portal.certification import tasks as _certification  # noqa: F401 - its tasks
from portal.certification import views as certification_views
from portal.commissions import admin_views as commissions_admin_views
from portal.commissions import cli as commissions_cli
from portal.commissions import tasks as _commissions  # noqa: F401 - its tasks
from portal.commissions import trial_views
from portal.commissions import views as commissions_views
from portal.config import Settings
from portal.dashboard import adjustment_views as adjustments_admin_views
from portal.dashboard import admin_views as dashboard_admin_views
from portal.dashboard import care_views
from portal.dashboard import steps_views as dashboard_steps_views
from portal.dashboard import tier_views as tiers_admin_views
from portal.dashboard import views as dashboard_views
from portal.demo import cli as demo_cli
from portal.demo.settings import mails_url
from portal.enrollments import admin_views as enrollments_admin_views
from portal.enrollments import cli as enrollments_cli
from portal.enrollments import tasks as _enrollments  # noqa: F401 - its tasks
from portal.enrollments import views as enrollments_views
from portal.extensions import csrf, db, login_manager, mail, migrate
from portal.fees import admin_views as fees_admin_views
from portal.fees import tasks as _fees  # noqa: F401 - its tasks
from portal.fees import views as fees_views
from portal.invitations import admin_views as invitations_admin_views
from portal.invitations import public_views as invitations_public_views
from portal.kit import json_text
from portal.kit.ids_in_urls import PublicIdConverter
from portal.ledger import cli as ledger_cli
from portal.ledger import tasks as _ledger  # noqa: F401 - its tasks
from portal.mail import admin_views as mail_admin_views
from portal.mail import service as mail_service
from portal.mail import tasks as _mail  # noqa: F401 - its tasks
from portal.partners import views as partners_views
from portal.payments.gateway import EXTENSION as GATEWAY
from portal.payments.gateway import StripeGateway
from portal.payouts import admin_views as payouts_admin_views
from portal.payouts import batch_views as payout_batch_views
from portal.payouts import cli as payouts_cli
from portal.payouts import freeze_views as payouts_freeze_views
from portal.payouts import reopening_views as payouts_reopening_views
from portal.payouts import report_views as payouts_report_views
from portal.payouts import tasks as _payouts  # noqa: F401 - its tasks
from portal.payouts import views as payouts_views
from portal.programs import admin_views as programs_admin_views
from portal.programs import cli as programs_cli
from portal.programs import public_views as programs_public_views
from portal.statements import admin_views as statements_admin_views
from portal.statements import cli as statements_cli
from portal.statements import public_views as statements_public_views
from portal.statements import tasks as _statements  # noqa: F401 - its tasks
from portal.statements import views as statements_views
from portal.tax import admin_views as tax_admin_views
from portal.tax import cli as tax_cli
from portal.tax import tasks as _tax  # noqa: F401 - its tasks
from portal.tax import views as tax_views
from portal.threads import admin_views as threads_admin_views
from portal.threads import views as threads_views
from portal.tiers import cli as tiers_cli
from portal.tiers import tasks as _tiers  # noqa: F401 - its tasks
from portal.tiers import views as tiers_views
from portal.tracking import blueprint as tracking_blueprint
from portal.tracking import public_views as _tracking_public  # noqa: F401 - its page
from portal.tracking import views as _tracking  # noqa: F401 - its pages
from portal.verification import cli as verification_cli
from portal.verification import tasks as _verification  # noqa: F401 - its tasks
from portal.web import registration as web
from portal.webhooks import admin_views as webhooks_admin_views
from portal.webhooks import cli as webhooks_cli
from portal.webhooks import tasks as _webhooks  # noqa: F401 - its tasks
from portal.webhooks import views as webhooks_views

ROOT = Path(__file__).resolve().parent.parent

BLUEPRINTS: tuple[Blueprint, ...] = (
    fees_views.bp,
    fees_admin_views.bp,
    accounts_views.bp,
    accounts_admin_views.bp,
    audit_admin_views.bp,
    mail_admin_views.bp,
    partners_views.bp,
    programs_public_views.bp,
    programs_admin_views.bp,
    enrollments_views.bp,
    agreements_views.bp,
    agreements_admin_views.bp,
    enrollments_admin_views.bp,
    applications_public_views.bp,
    applications_views.bp,
    applications_admin_views.bp,
    applications_reviewing_views.bp,
    invitations_public_views.bp,
    invitations_admin_views.bp,
    applications_document_views.bp,
    applications_editor_views.bp,
    certification_views.bp,
    certification_admin_views.bp,
    certification_bank_views.bp,
    certification_public_views.bp,
    certification_course_views.bp,
    certification_course_admin_views.bp,
    certification_course_public.bp,
    certificate_views.bp,
    tax_views.bp,
    tax_admin_views.bp,
    tiers_views.bp,
    tiers_admin_views.bp,
    care_views.bp,
    commissions_views.bp,
    commissions_admin_views.bp,
    trial_views.bp,
    statements_views.bp,
    statements_public_views.bp,
    statements_admin_views.bp,
    adjustments_admin_views.bp,
    threads_views.bp,
    threads_admin_views.bp,
    payouts_views.bp,
    payouts_admin_views.bp,
    payout_batch_views.bp,
    payouts_reopening_views.bp,
    payouts_report_views.bp,
    payouts_freeze_views.bp,
    tracking_blueprint.bp,
    webhooks_views.bp,
    webhooks_admin_views.bp,
    dashboard_views.bp,
    dashboard_steps_views.bp,
    dashboard_admin_views.bp,
)
COMMANDS: tuple[Command, ...] = (
    accounts_cli.group,
    applications_cli.group,
    certification_cli.group,
    commissions_cli.explain,
    commissions_cli.group,
    demo_cli.group,
    enrollments_cli.gates,
    ledger_cli.group,
    programs_cli.group,
    statements_cli.group,
    statements_cli.statement_group,
    tax_cli.group,
    payouts_cli.group,
    tiers_cli.keep_standing,
    verification_cli.verify,
    webhooks_cli.group,
)


def create_app(settings: Settings, gateway: StripeGateway | None = None) -> Flask:
    """Build the portal.

    Args:
        settings: The settings, with the database's address filled in.
        gateway: The way to Stripe; by default the one that the settings name.
    """
    logging.basicConfig(level=settings.log_level)
    app = Flask(
        "portal", template_folder=ROOT / "templates", static_folder=ROOT / "static"
    )
    app.config.from_mapping(_config(settings))
    app.extensions["portal.settings"] = settings
    app.extensions[GATEWAY] = gateway or StripeGateway.connect(
        settings.stripe_secret_key, sandbox_url=settings.stripe_sandbox_url
    )
    app.url_map.converters["pid"] = PublicIdConverter
    for extension in (db, login_manager, csrf, mail):
        extension.init_app(app)
    migrate.init_app(app, db, directory=str(ROOT / "migrations"))
    login_manager.login_view = "accounts.sign_in"
    web.register(app)
    access.register(app)
    outlets.plug(
        mail=mail_service.enqueue,
        record=audit_service.record,
        door=certification_service.follow_person,
    )
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
            "connect_args": {"options": "-c statement_timeout=30000 -c timezone=UTC"},
            "pool_pre_ping": True,  # the database may have restarted meanwhile
            "json_serializer": json_text.written,
            "json_deserializer": json_text.read,
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
        "FOUR_EYES_CLOSE": settings.four_eyes_close,
        "WITHHOLDS_US_TAX": settings.withholds_us_tax,
        "DEMO": settings.demo,
        "DEMO_MAILS_URL": mails_url() if settings.demo else "",
        "DEMO_SHOP_URL": settings.vendor_url,
        "DEV_PAGES": settings.demo or settings.testing,
        "CSP_FORM_ACTION": [_checkout_origin(settings)],
    }


def _checkout_origin(settings: Settings) -> str:
    """Return where the forms that pay a fee redirect to."""
    if settings.uses_sandbox:
        return settings.stripe_sandbox_url
    return "https://checkout.stripe.com https://billing.stripe.com"
