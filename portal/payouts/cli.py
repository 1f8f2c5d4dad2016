import json
import sys

import click
from flask import current_app
from flask.cli import with_appcontext

from portal.config import Settings
from portal.extensions import db
from portal.kit.clock import utc_now
from portal.kit.db import transaction
from portal.payouts import service
from portal.payouts.verify import CHECKS
from portal.payouts.verify import verify as find_broken


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


@click.command("verify")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@with_appcontext
def verify(*, as_json: bool) -> None:
    """Check the books, statements and payouts; exit code 1 if anything is broken."""
    findings = find_broken(db.session(), utc_now())
    if as_json:
        click.echo(
            json.dumps(
                {
                    "checked": list(CHECKS),
                    "findings": [
                        {
                            "invariant": found.invariant,
                            "row": found.row,
                            "problem": found.problem,
                        }
                        for found in findings
                    ],
                }
            )
        )
    else:
        for found in findings:
            click.echo(f"{found.invariant}: {found.row} {found.problem}")
        if not findings:
            click.echo(f"All {len(CHECKS)} invariants hold.")
    if findings:
        sys.exit(1)
