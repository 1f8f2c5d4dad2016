import click
from flask.cli import with_appcontext

from portal.enrollments import queries as enrollments
from portal.enrollments.asking import moment_asked
from portal.extensions import db
from portal.kit.clock import utc_now
from portal.kit.db import transaction
from portal.kit.errors import Invalid
from portal.tiers import standing


@click.command("standing")
@click.option(
    "--on",
    default="",
    help="Tell partners what was due on that day, such as 2026-11-20; now if left "
    "out. What was told already, or is less urgent by now, is not told again.",
)
@with_appcontext
def keep_standing(on: str) -> None:
    """Look at everybody's standing, as the daily job does.

    Gates, levels and duties are brought in line with the present, and partners are
    told. It can be run at any time; a second run changes nothing.
    """
    now = utc_now()
    keys = list(standing.running(db.session()))
    db.session().rollback()  # It is read; each enrollment has its own transaction.
    for enrollment_id in keys:
        with transaction(db.session()) as session:
            enrollment = enrollments.get(session, enrollment_id, lock=True)
            try:
                asked = moment_asked(
                    on, zone=enrollment.version.definition.zone, now=now
                )
            except Invalid as error:
                raise click.ClickException(error.message) from error
            standing.act(session, enrollment, now=now, on=asked)
    click.echo(f"{len(keys)} enrollments looked at.")
