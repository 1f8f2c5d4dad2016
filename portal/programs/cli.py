"""`portal programs`: read, check, compare, publish and export programs."""

import json
import re
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from fractions import Fraction
from pathlib import Path
from typing import Any, NoReturn

import click
from flask.cli import AppGroup

from portal.extensions import db
from portal.kit.clock import utc_now
from portal.kit.db import transaction
from portal.kit.errors import DomainError
from portal.kit.money import BPS_PER_WHOLE, Rounding, divide
from portal.programs import economics, queries, service
from portal.programs.amounts import money
from portal.programs.changes import Change, changes
from portal.programs.definition import MOST_MINOR, ProgramDefinition
from portal.programs.documents import (
    MOST_BYTES,
    dump_json,
    dump_yaml,
    preset,
    preset_keys,
)
from portal.programs.drafts import Draft, read_draft
from portal.programs.words import terms_in_words

FAILED, REFUSED, NOTHING_TO_DO = 1, 2, 3
_PRESET = "preset:"
_VERSION = re.compile(r"(?P<key>[a-z][a-z0-9-]*)@(?P<number>[0-9]{1,6})")
_FILE_ENDINGS = {".yaml", ".yml"}

group = AppGroup("programs", help="Read, check, compare and publish programs.")
_MINOR = click.IntRange(0, MOST_MINOR)
as_json = click.option("--json", "as_json", is_flag=True, help="Answer in JSON.")


@dataclass(frozen=True, slots=True)
class Named:
    """A definition that was named on the command line.

    Attributes:
        reference: How it was named.
        definition: What it says.
        number: Which version it is; none for files and presets.
    """

    reference: str
    definition: ProgramDefinition
    number: int | None = None

    def __str__(self) -> str:
        version = f"version {self.number}" if self.number else f"from {self.reference}"
        return f"{self.definition.name} ({self.definition.key}), {version}"


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
            click.echo(f"  portal programs publish --preset {key}")


@group.command("show")
@click.argument("program")
@as_json
def show(*, program: str, as_json: bool) -> None:
    """Show the terms of a program, as partners read them.

    PROGRAM is the key of a program, for its version in force; a key with a version,
    such as `agency@3`; a preset, such as `preset:agency`; or a file.
    """
    named = _find(program, as_json=as_json)
    terms = terms_in_words(named.definition)
    if as_json:
        _say_json(
            {
                "version": named.number,
                "definition": dump_json(named.definition),
                "terms": [
                    {"label": label, "sentence": str(term), "evidence": term.evidence}
                    for label, term in terms.rows()
                ],
            }
        )
        return
    click.echo(named)
    for label, term in terms.rows():
        evidence = f" [{term.evidence}]" if term.evidence else ""
        click.echo(f"{label}: {term}{evidence}")
    for number, step in enumerate(terms.steps, start=1):
        click.echo(f"{number}. {step}")


@group.command("export")
@click.argument("program")
@as_json
def export(*, program: str, as_json: bool) -> None:
    """Write a definition to standard output, as YAML.

    PROGRAM is named as for `show`.
    """
    definition = _find(program, as_json=as_json).definition
    if as_json:
        _say_json(dump_json(definition))
    else:
        click.echo(dump_yaml(definition), nl=False)


@group.command("check")
@click.argument("file", type=click.Path(path_type=Path))
@click.option("--strict", is_flag=True, help="Fail if the program has a flaw.")
@as_json
def check(*, file: Path, strict: bool, as_json: bool) -> None:
    """Check a file without publishing it.

    What breaks a rule is refused, with its place and a remedy: exit code 2. What can
    be published and is probably not meant, such as a rule that never pays, is a flaw:
    exit code 0, or 1 with --strict.
    """
    draft = _read(file)
    definition = _accepted(draft, as_json=as_json)
    if as_json:
        _say_json(
            {
                "ok": True,
                "key": definition.key,
                "problems": [],
                "flaws": [asdict(flaw) for flaw in draft.flaws],
                "gaps": [asdict(gap) for gap in draft.gaps],
            }
        )
    else:
        _warn(draft)
        click.echo(_verdict(file, definition, len(draft.flaws), strict=strict))
    if draft.flaws and strict:
        raise click.exceptions.Exit(FAILED)


@group.command("diff")
@click.argument("old")
@click.argument("new")
@as_json
def diff(*, old: str, new: str, as_json: bool) -> None:
    """Say in words what changes from OLD to NEW.

    Both are named as for `show`: `portal programs diff agency@2 draft.yaml`.
    """
    before, after = _find(old, as_json=as_json), _find(new, as_json=as_json)
    found = changes(before.definition, after.definition)
    if as_json:
        _say_json(
            {
                "old": {"key": before.definition.key, "version": before.number},
                "new": {"key": after.definition.key, "version": after.number},
                "changes": [asdict(change) for change in found],
            }
        )
        return
    click.echo(f"From {before} to {after}:")
    _say_changes(found)


@group.command("publish")
@click.argument("file", type=click.Path(path_type=Path), required=False)
@click.option("--preset", "preset_key", help="Publish one that comes with the portal.")
@click.option(
    "--from",
    "effective_from",
    type=click.DateTime(["%Y-%m-%d", "%Y-%m-%dT%H:%M:%S"]),
    help="From when on it counts, in the program's time zone; now unless given.",
)
@click.option("--dry-run", is_flag=True, help="Say what would happen; change nothing.")
@as_json
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
    draft = _read(file) if file else Draft(_preset(preset_key or ""))
    definition, now = _accepted(draft, as_json=as_json), utc_now()
    start = _start(definition, effective_from) if effective_from else now
    try:
        with transaction(db.session()) as session:
            before = _newest(definition.key)
            number = service.publish(
                session, definition, actor=None, effective_from=start, now=now
            ).number
            if dry_run:
                session.rollback()
    except service.DefinitionUnchanged as refusal:
        click.echo(refusal.message, err=True)
        raise click.exceptions.Exit(NOTHING_TO_DO) from refusal
    except DomainError as refusal:
        _fail(refusal.message)
    found = changes(before, definition) if before else []
    if as_json:
        _say_json(
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
    _warn(draft)
    done = "Would publish" if dry_run else "Published"
    day = start.astimezone(definition.zone)
    click.echo(f"{done} {definition.key}, version {number}, from {day:%Y-%m-%d}.")
    if found:
        _say_changes(found)


def _currency(_context: click.Context, _option: click.Parameter, code: str) -> str:
    if not re.fullmatch("[A-Z]{3}", code):
        raise click.BadParameter("give three capital letters, such as USD")
    return code


@group.command("ceiling")
@click.option("--order-minor", type=_MINOR, required=True, help="What an order brings.")
@click.option(
    "--cost-minor",
    "costs_minor",
    type=_MINOR,
    multiple=True,
    help="What goods, shipping or fees cost. Repeat it for each.",
)
@click.option(
    "--returned-bps",
    type=click.IntRange(0, BPS_PER_WHOLE),
    default=0,
    help="The share of orders that come back, in basis points.",
)
@click.option(
    "--currency", callback=_currency, default="USD", help="Its ISO 4217 code; USD."
)
@as_json
def ceiling(
    *,
    order_minor: int,
    costs_minor: tuple[int, ...],
    returned_bps: int,
    currency: str,
    as_json: bool,
) -> None:
    """Say how much commission an order can bear. Amounts are in minor units.

    A third of what an order leaves on average leaves room; more than half is too much.
    """
    kept = economics.kept_of_order(order_minor, costs_minor, returned_bps)
    found = economics.ceiling(kept)
    limits = [_minor(one) for one in found or ()]
    if as_json:
        low, high = limits or (None, None)
        _say_json({"kept_minor": _minor(kept), "low_minor": low, "high_minor": high})
    elif not limits:
        click.echo("An order leaves nothing to pay a commission from.")
    else:
        low_text, high_text = (money(limit, currency) for limit in limits)
        click.echo(
            f"An order leaves {money(_minor(kept), currency)} on average: a commission "
            f"of up to {low_text} leaves room, more than {high_text} is too much."
        )


def _minor(exact: Fraction) -> int:
    return divide(exact.numerator, exact.denominator, Rounding.HALF_AWAY)


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


def _find(reference: str, *, as_json: bool) -> Named:
    """Return what is named: a file, `preset:key`, `key@3`, a program or a preset."""
    path = Path(reference)
    if path.suffix in _FILE_ENDINGS or path.exists():
        return Named(reference, _accepted(_read(path), as_json=as_json))
    if reference.startswith(_PRESET):
        return Named(reference, _preset(reference.removeprefix(_PRESET)))
    version = _VERSION.fullmatch(reference)
    if version is None and reference in preset_keys() and _newest(reference) is None:
        return Named(reference, preset(reference))
    session, now = db.session(), utc_now()
    try:
        program = queries.by_key(session, version["key"] if version else reference)
        if version is None:
            found = queries.current_version(session, program.id, now)
        else:
            history = queries.history(session, program.id, now)
            found = queries.pick(history, int(version["number"])).version
    except queries.NoSuchProgram as refusal:
        _fail(f"{reference}: {refusal.message}")
    return Named(reference, found.definition, found.number)


def _newest(key: str) -> ProgramDefinition | None:
    session = db.session()
    try:
        program = queries.by_key(session, key)
    except queries.NoSuchProgram:
        return None
    latest = queries.latest_version(session, program.id)
    return latest.definition if latest else None


def _preset(key: str) -> ProgramDefinition:
    try:
        return preset(key)
    except DomainError as refusal:
        _fail(refusal.message)


def _start(definition: ProgramDefinition, moment: datetime) -> datetime:
    try:
        return moment.replace(tzinfo=definition.zone).astimezone(UTC)
    except OverflowError:
        raise click.UsageError("--from is no moment of our calendar.") from None


def _read(file: Path) -> Draft:
    try:
        with file.open("rb") as stream:
            # One byte more than allowed is enough to see that it is too much.
            content = stream.read(MOST_BYTES + 1)
        too_big = len(content) > MOST_BYTES
        return read_draft(content.decode(errors="replace" if too_big else "strict"))
    except OSError as error:
        raise click.UsageError(f"{file} cannot be read: {error.strerror}.") from error
    except UnicodeDecodeError as error:
        click.echo(f"{file} is not text in UTF-8.", err=True)
        raise click.exceptions.Exit(REFUSED) from error


def _accepted(draft: Draft, *, as_json: bool) -> ProgramDefinition:
    if draft.definition is not None:
        return draft.definition
    if as_json:
        problems = [asdict(problem) for problem in draft.problems]
        _say_json({"ok": False, "problems": problems, "flaws": []})
    else:
        for problem in draft.problems:
            click.echo(problem, err=True)
    raise click.exceptions.Exit(REFUSED)


def _verdict(
    file: Path, definition: ProgramDefinition, count: int, *, strict: bool
) -> str:
    name = f"{definition.name} ({definition.key})"
    if not count:
        return f"{file} is fine: {name}."
    many = "1 flaw" if count == 1 else f"{count} flaws"
    ending = "" if strict else " It can be published; --strict would fail here."
    return f"{file} has {many}: {name}.{ending}"


def _warn(draft: Draft) -> None:
    for flaw in draft.flaws:
        click.echo(f"Flaw at {flaw.path}: {flaw.message}", err=True)
        click.echo(f"  Example: {flaw.example}", err=True)
    for gap in draft.gaps:
        click.echo(f"Note on {gap.path}: {gap.note}", err=True)


def _say_changes(found: Sequence[Change]) -> None:
    for change in found:
        click.echo(f"- {change.sentence}")
    if not found:
        click.echo("They say the same.")


def _fail(message: str) -> NoReturn:
    click.echo(message, err=True)
    raise click.exceptions.Exit(FAILED)


def _say_json(document: Any) -> None:  # noqa: ANN401 - any JSON value
    click.echo(json.dumps(document, indent=2, ensure_ascii=False, default=str))
