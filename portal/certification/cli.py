import json
from pathlib import Path

import click
from flask.cli import AppGroup

from portal.certification import bank, imports, queries
from portal.certification.courses import files
from portal.extensions import db
from portal.kit.clock import utc_now
from portal.kit.db import transaction
from portal.kit.errors import DomainError

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
            exam = bank.install(session, one)
            if not file:
                files.install_shipped(session, exam, now=utc_now())
    for one in banks:
        click.echo(f"{one.key}: {len(one.questions)} questions")


@group.group("courses")
def courses() -> None:
    """Courses and their lessons."""


@courses.command("import")
@click.argument("path", type=click.Path(exists=True, path_type=Path))
@click.option("--exam", "key", required=True, help="Key of the exam.")
@click.option("--publish", is_flag=True, help="Let readers see it at once.")
@click.option("--note", default="", help="What is new, for those who read it before.")
@click.option("--dry-run", is_flag=True, help="Say what would happen.")
def import_course(
    path: Path, key: str, note: str, *, publish: bool, dry_run: bool
) -> None:
    """Bring the lessons in PATH, a Markdown file or a folder, into a course.

    All of them come in, or none. A lesson that is there already gets the text as its
    draft.
    """
    found = files.read_path(path)
    for problem in found.problems:
        click.echo(str(problem), err=True)
    if found.problems:
        raise click.ClickException("nothing was brought in.")
    try:
        with transaction(db.session()) as session:
            exam = queries.by_key(session, key)
            trial = session.begin_nested()
            taken = files.take_in(
                session, exam, found, publish=publish, note=note, now=utc_now()
            )
            if dry_run:
                trial.rollback()
    except DomainError as error:
        raise click.ClickException(str(error)) from error
    counts = f"{taken.new} new, {taken.changed} changed, {taken.known} known already"
    told = f"{counts}, {taken.published} published"
    click.echo(f"{told}; nothing was written." if dry_run else f"{told}.")


@group.command("import")
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option("--exam", "key", required=True, help="Key of the exam.")
@click.option(
    "--format",
    "fmt",
    type=click.Choice(sorted(imports.FORMATS)),
    help="By default by the end of the file's name.",
)
@click.option("--dry-run", is_flag=True, help="Say what would happen.")
def import_questions(file: Path, key: str, fmt: str | None, *, dry_run: bool) -> None:
    """Bring the questions in FILE into the bank of an exam, all of them or none."""
    fmt = fmt or ("csv" if file.suffix.lower() == ".csv" else "gift")
    try:
        text = imports.decoded(file.read_bytes())
        with transaction(db.session()) as session:
            exam = queries.by_key(session, key)
            planned = imports.plan(session, exam, text, fmt)
            if not planned.problems and not dry_run:
                imports.take_in(session, exam, planned, actor=None, now=utc_now())
    except (ValueError, DomainError) as error:
        raise click.ClickException(str(error)) from error
    for problem in planned.problems:
        click.echo(str(problem), err=True)
    if planned.problems:
        raise click.ClickException("nothing was brought in.")
    counts = f"{len(planned.new)} new, {planned.known} known already"
    click.echo(f"{counts}; nothing was written." if dry_run else f"{counts}.")


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
