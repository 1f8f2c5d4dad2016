import json
from typing import IO

import click
from flask import current_app
from flask.cli import with_appcontext

from portal.config import Settings
from portal.extensions import db
from portal.kit.clock import utc_now
from portal.kit.db import transaction
from portal.kit.errors import DomainError
from portal.payouts import reports, service
from portal.web.formats import money_plain


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


@group.command("1099")
@click.argument("year", type=int)
@click.option("--csv", "file", type=click.File("wb"), help="Write every payee here.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@with_appcontext
def nec(year: int, file: IO[bytes] | None, *, as_json: bool) -> None:
    """Say who goes on a form 1099-NEC for YEAR; tax numbers stay in the portal."""
    report = service.nec_report(db.session(), year)
    if file is not None:
        file.write(reports.as_csv(report))
    if as_json:
        click.echo(json.dumps(reports.as_data(report)))
    elif file is None:
        for row in report.rows:
            click.echo(
                f"{row.outcome.value:16}{money_plain(row.gross):>14} "
                f"{row.year_of.partner.name}"
            )
        click.echo(
            f"{len(report.reported)} forms for {year}, "
            f"{money_plain(report.total)} {report.total.currency} in box 1, "
            f"{money_plain(report.withheld)} in box 4."
        )


def _reason(given: str) -> str:
    if not given.strip():
        raise click.UsageError("Give a reason in words.")
    return given.strip()
