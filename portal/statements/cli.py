import json
import os
import sys
from pathlib import Path
from typing import IO, Any
from uuid import UUID

import click
from flask import current_app
from flask.cli import AppGroup

from portal.extensions import db
from portal.kit.clock import utc_now
from portal.kit.db import transaction
from portal.kit.errors import DomainError
from portal.kit.ids import parse_public_id
from portal.programs import queries as programs
from portal.statements import documents, queries, service
from portal.statements.closing import run_close
from portal.statements.documents import many
from portal.statements.models import Period, PeriodStatus
from portal.statements.rules import Check, Severity

group = AppGroup("period", help="The months of the programs, and their close.")
statement_group = AppGroup("statement", help="Statements as files.")

_NOTHING_TO_DO = 3


@group.command("list")
@click.argument("program", required=False)
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def list_periods(program: str | None, *, as_json: bool) -> None:
    """List the months, of one PROGRAM or of all, newest first."""
    now = utc_now()
    with transaction(db.session()) as session:
        service.ensure_all_periods(session, now)
    session = db.session()
    program_id = _program_id(program) if program else None
    rows = [
        {
            "id": view.period.public_id,
            "program": view.period.program.key,
            "month": view.period.label,
            "status": view.period.status.value,
            "statements": view.statements,
            "currency": view.currency,
            "closing_minor": view.totals.closing,
        }
        for view in queries.period_views(session, program_id=program_id)
    ]
    if as_json:
        click.echo(json.dumps(rows))
        return
    for row in rows:
        click.echo(
            f"{row['program']}  {row['month']}  {row['status']}  "
            f"{row['statements']} statements"
        )


@group.command("check")
@click.argument("program")
@click.argument("month")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def check(program: str, month: str, *, as_json: bool) -> None:
    """Say what would stop the close of MONTH (2026-10); exit code 1 if anything."""
    checks = service.check(
        db.session(),
        _period(program, month),
        utc_now(),
        withholds_us_tax=current_app.config["WITHHOLDS_US_TAX"],
    )
    if as_json:
        click.echo(json.dumps([_as_data(found) for found in checks]))
    else:
        for found in checks:
            click.echo(f"{found.severity.value:5}{found.text} {found.detail}".rstrip())
    if any(found.severity is Severity.STOP for found in checks):
        sys.exit(1)


@group.command("close")
@click.argument("program")
@click.argument("month")
@click.option(
    "--know",
    "notes",
    multiple=True,
    metavar="CHECK=NOTE",
    help="Answer a warning with a note; repeat for each.",
)
@click.option("--dry-run", is_flag=True, help="Only say what would be issued.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def close(
    program: str,
    month: str,
    *,
    notes: tuple[str, ...],
    dry_run: bool,
    as_json: bool,
) -> None:
    """Close MONTH (2026-10) of PROGRAM, or finish a close that was interrupted."""
    now = utc_now()
    session = db.session()
    period = _period(program, month)
    if period.status is PeriodStatus.CLOSED:
        click.echo(f"{month} is closed already.", err=True)
        sys.exit(_NOTHING_TO_DO)
    if dry_run:
        _print_result(period, as_json=as_json)
        return
    if period.status is PeriodStatus.OPEN:
        try:
            with transaction(session):
                service.begin_close(
                    session,
                    queries.period(session, period.id, lock=True),
                    actor=None,
                    issuer_name=current_app.config["ORG_NAME"],
                    acknowledged=_notes(notes),
                    withholds_us_tax=current_app.config["WITHHOLDS_US_TAX"],
                    four_eyes=current_app.config["FOUR_EYES_CLOSE"],
                    now=now,
                )
        except DomainError as refusal:
            raise click.ClickException(refusal.message) from refusal
    run_close(period.id, now=now)
    _print_result(queries.period(db.session(), period.id), as_json=as_json)


@statement_group.command("render")
@click.argument("statement_id", metavar="ID")
@click.option("--pdf", type=click.File("wb"), help="Write the PDF to this file.")
@click.option("--csv", type=click.File("wb"), help="Write the CSV to this file.")
@click.option("--xlsx", type=click.File("wb"), help="Write the workbook to this file.")
@click.option("--json", "as_json", is_flag=True, help="Print the JSON.")
def render(statement_id: str, *, as_json: bool, **files: IO[bytes] | None) -> None:
    """Write the statement ID (stm_...) as files; `-` is standard output."""
    try:
        view = queries.get(db.session(), parse_public_id("stm", statement_id))
    except ValueError as error:
        raise click.UsageError(f"{statement_id} is not a stm_ id.") from error
    except DomainError as refusal:
        raise click.ClickException(refusal.message) from refusal

    def content(fmt: str) -> bytes:
        return documents.render(view.statement, fmt, current_app.config["BASE_URL"])

    wanted = {fmt: file for fmt, file in files.items() if file is not None}
    for fmt, file in wanted.items():
        file.write(content(fmt))
    if as_json or not wanted:
        click.echo(content("json"), nl=False)


@statement_group.command("export")
@click.argument("program")
@click.argument("month")
@click.argument("folder", type=click.Path(file_okay=False, path_type=Path))
@click.option(
    "--workers",
    type=click.IntRange(1, 64),
    default=os.cpu_count() or 1,
    show_default="one for each core",
    help="How many processes set pages.",
)
def export(program: str, month: str, folder: Path, *, workers: int) -> None:
    """Write the PDFs of a closed MONTH (2026-10) of PROGRAM into FOLDER.

    One that cannot be set is named and stops no other; the exit code is 1 then.
    """
    period = _period(program, month)
    session, base_url = db.session(), current_app.config["BASE_URL"]
    folder.mkdir(parents=True, exist_ok=True)
    pages = (
        many.page_of(statement, base_url)
        for statement in queries.with_lines(session, period.id)
    )
    count, broken = 0, 0
    for done in many.write_pages(pages, folder, workers=workers):
        count += not done.problem
        if done.problem:
            broken += 1
            click.echo(f"{done.name}: {done.problem}", err=True)
    click.echo(f"{count} PDFs are in {folder}.")
    if broken:
        sys.exit(1)


def _program_id(key: str) -> UUID:
    try:
        return programs.by_key(db.session(), key).id
    except DomainError as refusal:
        raise click.ClickException(refusal.message) from refusal


def _period(program: str, month: str) -> Period:
    try:
        return queries.period_labelled(db.session(), _program_id(program), month)
    except DomainError as refusal:
        raise click.ClickException(refusal.message) from refusal


def _notes(pairs: tuple[str, ...]) -> dict[str, str]:
    notes = {}
    for pair in pairs:
        key, equals, note = pair.partition("=")
        if not equals:
            raise click.UsageError(f"--know {pair}: write CHECK=NOTE.")
        notes[key] = note
    return notes


def _print_result(period: Period, *, as_json: bool) -> None:
    figures = service.preview(
        db.session(), period, withholds_us_tax=current_app.config["WITHHOLDS_US_TAX"]
    )
    result: dict[str, Any] = {
        "month": period.label,
        "status": period.status.value,
        "statements": len(figures.rows),
        "currency": figures.currency,
        "closing_minor": figures.totals.closing,
    }
    if as_json:
        click.echo(json.dumps(result))
    else:
        click.echo(
            f"{period.label} is {period.status}: {len(figures.rows)} statements, "
            f"closing {figures.totals.closing} {figures.currency} minor units"
        )


def _as_data(found: Check) -> dict[str, str]:
    return {
        "key": found.key,
        "severity": found.severity.value,
        "text": found.text,
        "detail": found.detail,
    }
