import json
from pathlib import Path

import click
from flask.cli import AppGroup

from portal.certification import bank, queries
from portal.extensions import db
from portal.kit.clock import utc_now
from portal.kit.db import transaction

group = AppGroup("cert", help="Certifications and certificates.")


@group.command("install")
@click.argument("file", required=False, type=click.Path(exists=True, path_type=Path))
def install(file: Path | None) -> None:
    """Bring the question bank in FILE into the database, or those that ship."""
    try:
        banks = (
            [bank.read_bank(file.read_text(encoding="utf-8"))]
            if file
            else [bank.shipped(key) for key in bank.shipped_keys()]
        )
    except ValueError as error:
        raise click.ClickException(str(error)) from error
    with transaction(db.session()) as session:
        for one in banks:
            bank.install(session, one)
    for one in banks:
        click.echo(f"{one.key}: {len(one.questions)} questions")


@group.command("verify")
@click.argument("number")
@click.option("--json", "as_json", is_flag=True)
def verify(number: str, *, as_json: bool) -> None:
    """Say what the certificate NUMBER is worth; exit code 1 unless it is valid."""
    found = queries.certificate_by_number(db.session(), number.upper())
    state = found.state(utc_now()).value if found else "not_found"
    click.echo(json.dumps({"number": number, "state": state}) if as_json else state)
    if state != "valid":
        raise SystemExit(1)
