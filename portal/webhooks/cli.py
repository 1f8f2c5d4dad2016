"""`portal events`: what Stripe told us, from the command line."""

import sys
from itertools import islice
from pathlib import Path

import click
from flask import current_app
from flask.cli import AppGroup

from portal.commissions import service as commissions
from portal.config import Settings
from portal.extensions import db
from portal.kit.clock import utc_now
from portal.kit.db import transaction
from portal.payments.models import InboxStatus
from portal.webhooks import imports, queries, service
from portal.webhooks.imports import Tally
from portal.webhooks.queries import EventFilter, NoSuchEvent
from portal.webhooks.rules import is_live

CHUNK = 100

group = AppGroup("events", help="The events that Stripe sent.")


@group.command("import")
@click.argument(
    "file", type=click.Path(exists=True, dir_okay=False, readable=True, path_type=Path)
)
def import_file(file: Path) -> None:
    """Take in the Stripe events of FILE, one JSON object a line or one list.

    Events that are here already change nothing. A line that cannot be read is
    reported, and the rest goes in.
    """
    try:
        text = file.read_text(encoding="utf-8")
    except UnicodeDecodeError:
        click.echo(f"{file} is not a text file in UTF-8.", err=True)
        sys.exit(1)
    settings: Settings = current_app.extensions["portal.settings"]
    found = imports.contents(text, livemode=is_live(settings.stripe_secret_key))
    for number, problem in found.problems:
        click.echo(f"Line {number}: {problem}", err=True)
    tally = Tally()
    remaining = iter(found.events)
    while chunk := list(islice(remaining, CHUNK)):
        with transaction(db.session()) as session:
            imports.take_in(session, chunk, tally, now=utc_now())
    _settle(tally)
    for event_id in tally.unstorable:
        click.echo(f"{event_id}: the database cannot hold it.", err=True)
    click.echo(f"{tally.new} new, {tally.known} known already.")
    counts = {status: n for status, n in sorted(tally.statuses.items()) if n}
    if counts:
        click.echo(", ".join(f"{number} {status}" for status, number in counts.items()))
    if found.problems or tally.unstorable or tally.statuses[InboxStatus.FAILED]:
        sys.exit(1)


def _settle(tally: Tally) -> None:
    """Work out credit and commissions once, after everything is in."""
    enrollments = set()
    for customer_id in sorted(tally.customers):
        with transaction(db.session()) as session:
            enrollments |= set(service.credit(session, customer_id, now=utc_now()))
    for enrollment_id in sorted(enrollments):
        with transaction(db.session()) as session:
            commissions.recompute(session, enrollment_id, now=utc_now())


@group.command("list")
@click.option("--state", type=click.Choice([status.value for status in InboxStatus]))
@click.option("--type", "kind", help="Such as invoice.paid.")
@click.option("--limit", type=click.IntRange(1, 1_000), default=20, show_default=True)
def list_events(state: str | None, kind: str | None, limit: int) -> None:
    """List the latest events, one a line."""
    asked = EventFilter(
        status=InboxStatus(state) if state else None, kind=kind, size=limit
    )
    for event in queries.events(db.session(), asked).items:
        line = f"{event.received_at:%Y-%m-%d %H:%M} {event.id} {event.type}"
        click.echo(f"{line} {event.status} {event.note}".rstrip())


@group.command("retry")
@click.argument("event_id")
def retry(event_id: str) -> None:
    """Act once more on the event EVENT_ID, which failed or waits."""
    try:
        with transaction(db.session()) as session:
            queries.event(session, event_id)
            acted = service.act_and_queue(session, event_id, now=utc_now())
    except NoSuchEvent as error:
        click.echo(error.message, err=True)
        sys.exit(1)
    if acted.outcome is None:
        click.echo("This event needs no second try.")
        return
    click.echo(f"{acted.outcome.status}. {acted.outcome.note}".rstrip())
    if acted.outcome.status is InboxStatus.FAILED:
        sys.exit(1)
