import json
from datetime import datetime
from uuid import UUID

import click
from flask.cli import AppGroup, with_appcontext
from sqlalchemy import select
from sqlalchemy.orm import Session

from portal.commissions import queries, service, wording
from portal.enrollments.models import Enrollment
from portal.extensions import db
from portal.kit.clock import utc_now
from portal.kit.db import transaction
from portal.kit.errors import NotFound
from portal.kit.ids import parse_public_id, public_id

group = AppGroup("commission", help="Commission lines: work them out anew.")


@click.command("explain")
@click.argument("line")
@click.option("--json", "as_json", is_flag=True, help="Answer in JSON, with the trace.")
@with_appcontext
def explain(*, line: str, as_json: bool) -> None:
    """Say why LINE, such as com_06bnq..., has its amount."""
    try:
        found = queries.get(db.session(), parse_public_id("com", line))
    except (ValueError, NotFound) as error:
        raise click.ClickException(
            f"There is no line {line}. Take the id from the page of the line; it "
            "begins with com_."
        ) from error
    english = wording.ENGLISH
    steps = wording.figures(found, english)
    if as_json:
        document = {
            "line": found.public_id,
            "amount_minor": found.amount_minor,
            "currency": found.currency,
            "sentence": wording.why(found, english),
            "figures": [[step.label, step.figure] for step in steps],
            "trace": found.trace,
        }
        click.echo(json.dumps(document, indent=2, ensure_ascii=False))
        return
    click.echo(wording.why(found, english))
    width = max(len(step.label) for step in steps)
    for step in steps:
        click.echo(f"  {step.label:<{width}}  {step.figure:>16}")
    rule = found.trace["rule"]
    click.echo(
        f"  Rule: {rule['title']} ({rule['key']}), version {found.trace['version']}"
    )


@group.command("recompute")
@click.option("--enrollment", help="Only this one, such as enr_06bnq...")
@click.option("--dry-run", is_flag=True, help="Only say what would change.")
def recompute(enrollment: str | None, *, dry_run: bool) -> None:
    """Work out all open lines anew from sales, refunds and gates.

    Nothing changes when everything is right, so it can run at any time.
    """
    now = utc_now()
    keys = [_enrollment_key(enrollment)] if enrollment else _all_keys(db.session())
    changed = sum(_recompute_one(key, now, dry_run=dry_run) for key in keys)
    verb = "would change" if dry_run else "changed"
    click.echo(f"{len(keys)} enrollments looked at, {changed} {verb}.")


def _enrollment_key(text: str) -> UUID:
    try:
        return parse_public_id("enr", text)
    except ValueError as error:
        raise click.ClickException(
            f"{text} is no enrollment. Its id begins with enr_."
        ) from error


def _all_keys(session: Session) -> list[UUID]:
    keys = list(session.scalars(select(Enrollment.id).order_by(Enrollment.id)))
    session.rollback()  # The list is read; each enrollment has its own transaction.
    return keys


def _recompute_one(key: UUID, now: datetime, *, dry_run: bool) -> bool:
    session = db.session()
    if dry_run:
        result = service.recompute(session, key, now=now)
        session.rollback()
    else:
        with transaction(session):
            result = service.recompute(session, key, now=now)
    if not result.is_nothing:
        click.echo(
            f"{public_id('enr', key)}: {result.added} added, {result.changed} changed, "
            f"{result.removed} removed, {result.adjusted} corrections"
        )
    return not result.is_nothing
