import json
import sys
from dataclasses import asdict

import click
from flask.cli import with_appcontext

from portal.extensions import db
from portal.kit.clock import utc_now
from portal.kit.db import snapshot
from portal.kit.memory import spare_the_collector
from portal.verification import service


@click.command("verify")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@click.option("--recent", is_flag=True, help="Only what was written in the last hour.")
@with_appcontext
def verify(*, as_json: bool, recent: bool) -> None:
    """Check the books, statements and payouts; exit code 1 if anything is broken.

    This only reads. A worker does the same every ten minutes on recent rows and every
    night on all, and freezes payouts when it finds something.
    """
    spare_the_collector()
    now = utc_now()
    with snapshot(db.session()) as session:
        since = service.recent_from(session, now) if recent else None
        findings = service.verify(session, now, since=since)
    if as_json:
        click.echo(
            json.dumps(
                {
                    "checked": list(service.NAMES),
                    "findings": [asdict(found) for found in findings],
                }
            )
        )
    else:
        for found in findings:
            click.echo(str(found))
        if not findings:
            click.echo(f"All {len(service.NAMES)} invariants hold.")
    if findings:
        sys.exit(1)
