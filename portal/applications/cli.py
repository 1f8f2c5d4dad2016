"""`portal application`: the reviewers' work without a browser."""

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import datetime

import click
from flask import current_app
from flask.cli import AppGroup
from sqlalchemy.orm import Session

from portal.accounts import queries as account_queries
from portal.accounts.models import User
from portal.accounts.permissions import GRANTS, Permission
from portal.applications import queries, service
from portal.applications.models import Application, ApplicationStatus
from portal.applications.rules import RejectionReason
from portal.config import Settings
from portal.extensions import db
from portal.kit.clock import utc_now
from portal.kit.db import transaction
from portal.kit.errors import DomainError
from portal.web.pagination import PageRequest

FAILED, NOTHING_TO_DO = 1, 3
_MOST = 100

group = AppGroup("application", help="Requests to join a program.")

_as_json = click.option("--json", "as_json", is_flag=True, help="Answer as JSON.")
_reviewer = click.option(
    "--as", "email", required=True, help="E-mail address of the reviewer who decides."
)
_note = click.option("--note", default="", help="Own words to the applicant.")
_dry_run = click.option("--dry-run", is_flag=True, help="Say what would happen.")


@group.command("list")
@click.option(
    "--status",
    type=click.Choice([s.value for s in ApplicationStatus if s.value != "draft"]),
    default=ApplicationStatus.SUBMITTED.value,
    show_default=True,
)
@_as_json
def list_(status: str, *, as_json: bool) -> None:
    """List the applications in one status; exit with 3 when there are none."""
    rows = _rows(db.session(), ApplicationStatus(status))
    if as_json:
        click.echo(json.dumps([_facts(row) for row in rows], indent=2))
    for row in rows if not as_json else ():
        due = f"{row.answer_by:%Y-%m-%d}" if row.answer_by else "-"
        click.echo(f"{row.reference}  {due}  {row.email}  {row.company}")
    if not rows:
        raise SystemExit(NOTHING_TO_DO)


@group.command("show")
@click.argument("reference")
@_as_json
def show(reference: str, *, as_json: bool) -> None:
    """Show one application with its answers."""
    with _refusals():
        application = queries.by_reference(db.session(), reference.upper())
    facts = _facts(application) | {"answers": application.answers}
    if as_json:
        click.echo(json.dumps(facts, indent=2))
        return
    for name, value in facts.items():
        for key, text in value.items() if isinstance(value, Mapping) else ():
            click.echo(
                f"  {key}: {', '.join(text) if isinstance(text, list) else text}"
            )
        if not isinstance(value, Mapping):
            click.echo(f"{name}: {'-' if value is None else value}")


@group.command("approve")
@click.argument("reference")
@_reviewer
@_note
@click.option(
    "--confirm",
    "confirmed",
    multiple=True,
    metavar="GATE",
    help="Key of a gate that you have checked, where the program asks for it.",
)
@_dry_run
@_as_json
def approve(
    reference: str,
    email: str,
    note: str,
    confirmed: tuple[str, ...],
    *,
    dry_run: bool,
    as_json: bool,
) -> None:
    """Let the applicant in once the time to undo it is over."""
    with _deciding(reference, email, dry_run=dry_run) as (session, row, user, now):
        service.approve(
            session,
            row,
            reviewer=user,
            note=note,
            confirmed=confirmed,
            hold_seconds=_hold(),
            now=now,
        )
        facts = _facts(row)
    _say(facts, as_json=as_json, dry_run=dry_run)


@group.command("reject")
@click.argument("reference")
@_reviewer
@click.option(
    "--reason", required=True, type=click.Choice([r.value for r in RejectionReason])
)
@_note
@_dry_run
@_as_json
def reject(
    reference: str, email: str, reason: str, note: str, *, dry_run: bool, as_json: bool
) -> None:
    """Turn the applicant down; the mail leaves when the time to undo it is over."""
    with _deciding(reference, email, dry_run=dry_run) as (session, row, user, now):
        service.reject(
            session,
            row,
            reviewer=user,
            reason=RejectionReason(reason),
            note=note,
            hold_seconds=_hold(),
            now=now,
        )
        facts = _facts(row)
    _say(facts, as_json=as_json, dry_run=dry_run)


@contextmanager
def _deciding(
    reference: str, email: str, *, dry_run: bool
) -> Iterator[tuple[Session, Application, User, datetime]]:
    """Open the transaction of a decision; a dry run leaves nothing behind."""
    with _refusals(), transaction(db.session()) as session:
        user = _reviewer_of(session, email)
        row = queries.by_reference(session, reference.upper(), lock=True)
        yield session, row, user, utc_now()
        if dry_run:
            session.rollback()


@contextmanager
def _refusals() -> Iterator[None]:
    """Turn a refusal into its sentence and exit code 1."""
    try:
        yield
    except DomainError as error:
        raise click.ClickException(error.message) from error


def _reviewer_of(session: Session, email: str) -> User:
    user = account_queries.by_email(session, email.strip().lower())
    allowed = user is not None and Permission.APPLICATIONS_REVIEW in GRANTS[user.role]
    if user is None or not user.is_active or not allowed:
        raise click.ClickException(f"{email} is no reviewer.")
    return user


def _rows(session: Session, status: ApplicationStatus) -> list[Application]:
    if status in {ApplicationStatus.SUBMITTED, ApplicationStatus.INFO_REQUESTED}:
        return list(queries.in_queue(session, status, _MOST))
    return list(queries.newest(session, PageRequest(size=_MOST), status).items)


def _facts(row: Application) -> dict[str, object]:
    return {
        "id": row.public_id,
        "reference": row.reference,
        "program": row.definition.key,
        "status": row.status.value,
        "email": row.email,
        "company": row.company,
        "submitted_at": _moment(row.submitted_at),
        "answer_by": _moment(row.answer_by),
        "decided_at": _moment(row.decided_at),
        "held_until": _moment(row.held_until),
    }


def _moment(value: datetime | None) -> str | None:
    return None if value is None else value.isoformat().replace("+00:00", "Z")


def _hold() -> int:
    settings: Settings = current_app.extensions["portal.settings"]
    return settings.mail_hold_seconds


def _say(facts: dict[str, object], *, as_json: bool, dry_run: bool) -> None:
    if as_json:
        click.echo(json.dumps(facts, indent=2))
        return
    would = "would be" if dry_run else "is"
    click.echo(f"{facts['reference']} {would} {facts['status']}.")
