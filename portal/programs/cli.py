"""`portal program`: read, check, publish and export programs."""

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, NoReturn

import click
from flask.cli import AppGroup

from portal.extensions import db
from portal.kit.clock import utc_now
from portal.kit.db import transaction
from portal.kit.errors import DomainError
from portal.programs import queries, service
from portal.programs.definition import ProgramDefinition
from portal.programs.documents import (
    MOST_BYTES,
    DefinitionError,
    dump_json,
    dump_yaml,
    load_yaml,
    preset,
    preset_keys,
)
from portal.programs.models import ProgramVersion
from portal.programs.words import terms_in_words

NOTHING_TO_DO = 3

group = AppGroup("program", help="Read, check, publish and export programs.")
as_json = click.option("--json", "as_json", is_flag=True, help="Answer in JSON.")


@group.command("list")
@as_json
def list_programs(*, as_json: bool) -> None:
    """List the programs and the presets that could become one."""
    rows = [
        {
            "key": row.program.key,
            "name": row.latest.definition.name,
            "version": row.latest.number,
            "effective_from": row.latest.effective_from.isoformat(),
        }
        for row in queries.overviews(db.session(), utc_now())
    ]
    if as_json:
        _say_json({"programs": rows, "presets": list(preset_keys())})
        return
    for row in rows:
        click.echo("{key}  version {version}  {name}".format(**row))
    if not rows:
        click.echo("No program yet. Start from a preset:")
        for key in preset_keys():
            click.echo(f"  portal program import --preset {key}")


@group.command("show")
@click.argument("key")
@as_json
def show(*, key: str, as_json: bool) -> None:
    """Show the terms of a program, as partners read them."""
    version = _current(key)
    definition, terms = version.definition, terms_in_words(version.definition)
    if as_json:
        _say_json({"version": version.number, "definition": dump_json(definition)})
        return
    click.echo(f"{definition.name} ({key}), version {version.number}")
    for label, term in terms.rows():
        evidence = f" [{term.evidence}]" if term.evidence else ""
        click.echo(f"{label}: {term}{evidence}")
    for number, step in enumerate(terms.steps, start=1):
        click.echo(f"{number}. {step}")


@group.command("export")
@click.argument("key")
@as_json
def export(*, key: str, as_json: bool) -> None:
    """Write the definition in force to standard output, as YAML."""
    definition = _current(key).definition
    if as_json:
        _say_json(dump_json(definition))
    else:
        click.echo(dump_yaml(definition), nl=False)


@group.command("check")
@click.argument("file", type=click.Path(path_type=Path))
@as_json
def check(*, file: Path, as_json: bool) -> None:
    """Check a file without publishing it."""
    definition = _read(file, as_json=as_json)
    if as_json:
        _say_json({"ok": True, "key": definition.key})
    else:
        click.echo(f"{file} is fine: {definition.name} ({definition.key}).")


@group.command("import")
@click.argument("file", type=click.Path(path_type=Path), required=False)
@click.option("--preset", "preset_key", help="Publish one that comes with the portal.")
@click.option(
    "--from",
    "effective_from",
    type=click.DateTime(["%Y-%m-%d", "%Y-%m-%dT%H:%M:%S"]),
    help="From when on it counts, in UTC; now unless given.",
)
@click.option("--dry-run", is_flag=True, help="Say what would happen; change nothing.")
@as_json
def import_program(
    *,
    file: Path | None,
    preset_key: str | None,
    effective_from: datetime | None,
    dry_run: bool,
    as_json: bool,
) -> None:
    """Publish a file as a new program, or as a new version of one."""
    if (file is None) == (preset_key is None):
        raise click.UsageError("Name a file, or a preset with --preset KEY.")
    definition = _read(file, as_json=as_json) if file else _preset(preset_key or "")
    now = utc_now()
    start = effective_from.replace(tzinfo=UTC) if effective_from else now
    try:
        with transaction(db.session()) as session:
            version = service.publish(
                session, definition, actor=None, effective_from=start, now=now
            )
            number = version.number
            if dry_run:
                session.rollback()
    except service.DefinitionUnchanged as refusal:
        click.echo(refusal.message, err=True)
        raise click.exceptions.Exit(NOTHING_TO_DO) from refusal
    except DomainError as refusal:
        _fail(refusal)
    if as_json:
        _say_json({"key": definition.key, "version": number, "published": not dry_run})
    else:
        done = "Would publish" if dry_run else "Published"
        click.echo(f"{done} {definition.key}, version {number}, from {start:%Y-%m-%d}.")


@group.command("schema")
@click.option(
    "--out", type=click.Path(path_type=Path, dir_okay=False), help="Write it there."
)
def schema(*, out: Path | None) -> None:
    """Write the JSON Schema of program files, for editors that can use it."""
    text = schema_text()
    if out is None:
        click.echo(text, nl=False)
    else:
        out.write_text(text, encoding="utf-8")
        click.echo(f"Wrote {out}.")


def schema_text() -> str:
    """Return the JSON Schema of program files."""
    document = {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        **ProgramDefinition.model_json_schema(),
    }
    return json.dumps(document, indent=2, ensure_ascii=False) + "\n"


def _current(key: str) -> ProgramVersion:
    session = db.session()
    try:
        program = queries.by_key(session, key)
        return queries.current_version(session, program.id, utc_now())
    except queries.NoSuchProgram as refusal:
        _fail(refusal)


def _preset(key: str) -> ProgramDefinition:
    try:
        return preset(key)
    except DomainError as refusal:
        _fail(refusal)


def _read(file: Path, *, as_json: bool) -> ProgramDefinition:
    try:
        with file.open("rb") as stream:
            # One byte more than allowed is enough to see that it is too much.
            content = stream.read(MOST_BYTES + 1)
        too_big = len(content) > MOST_BYTES
        return load_yaml(content.decode(errors="replace" if too_big else "strict"))
    except OSError as error:
        raise click.UsageError(f"{file} cannot be read: {error.strerror}.") from error
    except UnicodeDecodeError as error:
        click.echo(f"{file} is not text in UTF-8.", err=True)
        raise click.exceptions.Exit(1) from error
    except DefinitionError as error:
        if as_json:
            _say_json({"ok": False, "problems": list(error.problems)})
        else:
            for problem in error.problems:
                click.echo(problem, err=True)
        raise click.exceptions.Exit(1) from error


def _fail(refusal: DomainError) -> NoReturn:
    click.echo(refusal.message, err=True)
    raise click.exceptions.Exit(1) from refusal


def _say_json(document: Any) -> None:  # noqa: ANN401 - any JSON value
    click.echo(json.dumps(document, indent=2, ensure_ascii=False))
