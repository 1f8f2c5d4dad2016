import sys

import click
from flask.cli import with_appcontext

from portal.extensions import db
from portal.kit.clock import utc_now
from portal.kit.db import transaction
from portal.ledger import sealing
from portal.ledger.sealing import Head

MOVED = 1


@click.group("ledger")
def group() -> None:
    """The chain that seals the books."""


@group.command("head")
@with_appcontext
def head() -> None:
    """Seal what is booked and print the last seal, to be kept elsewhere."""
    done = 1
    while done:
        with transaction(db.session()) as session:
            done = sealing.seal(session, now=utc_now())
    click.echo(str(sealing.head(db.session())))


@group.command("check")
@click.argument("kept")
@with_appcontext
def check(kept: str) -> None:
    """Say whether the books still hold what KEPT, a seal of `head`, was made of."""
    seq, _colon, seal = kept.partition(":")
    if not seq.isdecimal() or not seal:
        raise click.BadParameter("Give a seal as `portal ledger head` prints it.")
    session = db.session()
    findings = list(sealing.broken(session, now=utc_now()))
    for row, problem in findings:
        click.echo(f"{row} {problem}")
    if not sealing.proves(session, Head(int(seq), seal)):
        click.echo(f"The seal in place {seq} is another one: the books were replaced.")
    elif not findings:
        click.echo(f"The first {seq} entries are what they were.")
        return
    sys.exit(MOVED)
