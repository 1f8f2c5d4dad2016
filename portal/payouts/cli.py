import click
from flask import current_app
from flask.cli import with_appcontext

from portal.config import Settings
from portal.extensions import db
from portal.kit.clock import utc_now
from portal.kit.db import transaction
from portal.kit.errors import DomainError
from portal.payouts import service


@click.group("payouts")
def group() -> None:
    """Look after payout accounts and payment files."""


@group.command("re-encrypt")
@with_appcontext
def re_encrypt() -> None:
    """Encrypt accounts and files with the first of PORTAL_ENCRYPTION_KEYS."""
    settings: Settings = current_app.extensions["portal.settings"]
    with transaction(db.session()) as session:
        count = service.reencrypt(session, keys=settings.data_keys)
    click.echo(f"{count} accounts and files are encrypted with the newest key.")


@group.command("freeze")
@click.option("--reason", required=True, help="Why; staff read it on every page.")
@with_appcontext
def freeze(reason: str) -> None:
    """Stop all payouts, at once, until `thaw`."""
    with transaction(db.session()) as session:
        frozen = service.freeze(
            session, reason=_reason(reason), findings=(), actor=None, now=utc_now()
        )
        since = f"{frozen.frozen_at:%Y-%m-%d %H:%M} UTC"
    click.echo(f"Payouts are frozen since {since}.")


@group.command("thaw")
@click.option("--reason", required=True, help="What was found, and why it is over.")
@with_appcontext
def thaw(reason: str) -> None:
    """Let payouts go on."""
    try:
        with transaction(db.session()) as session:
            service.thaw(session, reason=_reason(reason), actor=None, now=utc_now())
    except DomainError as refusal:
        raise click.ClickException(refusal.message) from refusal
    click.echo("Payouts go on.")


def _reason(given: str) -> str:
    if not given.strip():
        raise click.UsageError("Give a reason in words.")
    return given.strip()
