"""`portal programs check | publish`: from a file to a version in force."""

from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path

import click
from flask.cli import with_appcontext

from portal.extensions import db
from portal.kit.clock import utc_now
from portal.kit.db import transaction
from portal.kit.errors import DomainError
from portal.programs import service
from portal.programs.changes import changes
from portal.programs.cli.answers import (
    FAILED,
    NOTHING_TO_DO,
    as_json,
    fail,
    say_changes,
    say_json,
    warn,
)
from portal.programs.cli.naming import (
    accepted,
    find,
    find_preset,
    is_file,
    newest,
    read_file,
)
from portal.programs.definition import ProgramDefinition
from portal.programs.drafts import Draft, draft_of


class _Day(click.DateTime):
    """A day, or a moment of one, with an example where it is neither."""

    def convert(
        self,
        value: str,
        param: click.Parameter | None,
        ctx: click.Context | None,
    ) -> datetime:
        try:
            return super().convert(value, param, ctx)
        except click.BadParameter:
            self.fail(
                f"{value} is no day: write one such as 2027-01-01, or a moment such as "
                "2027-01-01T09:30:00.",
                param,
                ctx,
            )


@click.command("check")
@click.argument("program")
@click.option("--strict", is_flag=True, help="Fail if the program has a flaw.")
@as_json
@with_appcontext
def check(*, program: str, strict: bool, as_json: bool) -> None:
    """Check a program without publishing it: a file, or any that `show` knows.

    What breaks a rule is refused, with its place and a remedy: exit code 2. What can
    be published and is probably not meant, such as a rule that never pays, is a flaw:
    exit code 0, or 1 with --strict.
    """
    draft = _draft(program, as_json=as_json)
    definition = accepted(draft, as_json=as_json)
    if as_json:
        say_json(
            {
                "ok": True,
                "key": definition.key,
                "problems": [],
                "flaws": [asdict(flaw) for flaw in draft.flaws],
                "gaps": [asdict(gap) for gap in draft.gaps],
            }
        )
    else:
        warn(draft)
        click.echo(_verdict(program, definition, len(draft.flaws), strict=strict))
    if draft.flaws and strict:
        raise click.exceptions.Exit(FAILED)


def _draft(program: str, *, as_json: bool) -> Draft:
    if is_file(program):
        return read_file(Path(program))
    return draft_of(find(program, as_json=as_json).definition)


def _verdict(
    program: str, definition: ProgramDefinition, count: int, *, strict: bool
) -> str:
    name = f"{definition.name} ({definition.key})"
    if not count:
        return f"{program} is fine: {name}."
    many = "1 flaw" if count == 1 else f"{count} flaws"
    ending = "" if strict else " It can be published; --strict would fail here."
    return f"{program} has {many}: {name}.{ending}"


@click.command("publish")
@click.argument("file", type=click.Path(path_type=Path), required=False)
@click.option("--preset", "preset_key", help="Publish one that comes with the portal.")
@click.option(
    "--from",
    "effective_from",
    type=_Day(["%Y-%m-%d", "%Y-%m-%dT%H:%M:%S"]),
    help="From when on it counts, in the program's time zone; now unless given.",
)
@click.option("--dry-run", is_flag=True, help="Say what would happen; change nothing.")
@as_json
@with_appcontext
def publish(
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
    draft = read_file(file) if file else draft_of(find_preset(preset_key or ""))
    definition, now = accepted(draft, as_json=as_json), utc_now()
    start = _start(definition, effective_from) if effective_from else now
    try:
        number, before = _published(definition, start, now, dry_run=dry_run)
    except service.DefinitionUnchanged as refusal:
        click.echo(refusal.message, err=True)
        raise click.exceptions.Exit(NOTHING_TO_DO) from refusal
    except DomainError as refusal:
        fail(refusal.message)
    found = changes(before, definition) if before else []
    if as_json:
        say_json(
            {
                "key": definition.key,
                "version": number,
                "published": not dry_run,
                "effective_from": start.isoformat(),
                "changes": [asdict(change) for change in found],
                "flaws": [asdict(flaw) for flaw in draft.flaws],
                "gaps": [asdict(gap) for gap in draft.gaps],
            }
        )
        return
    warn(draft)
    day = f"{start.astimezone(definition.zone):%Y-%m-%d}"
    if start < now:
        click.echo(
            f"Note on --from: it lies in the past, so a sale of {day} earns, too, by "
            "the customers that partners are credited with.",
            err=True,
        )
    done = "Would publish" if dry_run else "Published"
    click.echo(f"{done} {definition.key}, version {number}, from {day}.")
    if found:
        say_changes(found)


def _published(
    definition: ProgramDefinition, start: datetime, now: datetime, *, dry_run: bool
) -> tuple[int, ProgramDefinition | None]:
    """Publish a version, or only see whether one could.

    Returns:
        Its number, and what the newest version said before; none for the first.
    """
    with transaction(db.session()) as session:
        latest = newest(definition.key)
        before = latest.definition if latest else None
        if dry_run:
            service.examine(session, definition, effective_from=start, now=now)
            return (latest.number if latest else 0) + 1, before
        version = service.publish(
            session, definition, actor=None, effective_from=start, now=now
        )
        return version.number, before


def _start(definition: ProgramDefinition, moment: datetime) -> datetime:
    try:
        return moment.replace(tzinfo=definition.zone).astimezone(UTC)
    except OverflowError:
        raise click.UsageError("--from is no moment of our calendar.") from None
