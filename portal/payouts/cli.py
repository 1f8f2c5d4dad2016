import json
import sys

import click
from flask.cli import with_appcontext

from portal.extensions import db
from portal.kit.clock import utc_now
from portal.payouts.verify import CHECKS
from portal.payouts.verify import verify as find_broken


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
