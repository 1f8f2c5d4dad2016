from typing import cast
from uuid import UUID

import click
from flask.cli import AppGroup

from portal.extensions import db
from portal.kit import secrets
from portal.kit.db import transaction
from portal.tax import queries
from portal.tax.access import data_keys

group = AppGroup("tax", help="Tax forms.")

CHUNK = 500


@group.command("reseal")
def reseal() -> None:
    """Encrypt all tax numbers anew with the first of PORTAL_ENCRYPTION_KEYS."""
    done, after = 0, cast("UUID | None", None)
    while True:
        with transaction(db.session()) as session:
            rows = queries.secrets(session, after, limit=CHUNK)
            for row in rows:
                row.sealed = secrets.rotate(row.sealed, keys=data_keys())
            done, after = done + len(rows), rows[-1].form_id if rows else None
        if after is None:
            break
    click.echo(f"{done} tax forms are encrypted with the first key.")
