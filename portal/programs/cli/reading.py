"""`portal programs list | show | export | diff`: what programs say."""

from dataclasses import asdict

import click
from flask.cli import with_appcontext

from portal.extensions import db
from portal.kit.clock import utc_now
from portal.programs import queries
from portal.programs.changes import changes
from portal.programs.cli.answers import as_json, say_changes, say_json
from portal.programs.cli.naming import find
from portal.programs.documents import dump_json, dump_yaml, preset_keys
from portal.programs.words import terms_in_words


@click.command("list")
@as_json
@with_appcontext
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
        say_json({"programs": rows, "presets": list(preset_keys())})
        return
    width = max((len(str(row["key"])) for row in rows), default=0)
    for row in rows:
        click.echo(f"{row['key']:<{width}}  version {row['version']}  {row['name']}")
    if rows:
        click.echo(f"Presets, for a new one: {', '.join(preset_keys())}.")
    else:
        click.echo("No program yet. Start from a preset:")
        for key in preset_keys():
            click.echo(f"  portal programs publish --preset {key}")


@click.command("show")
@click.argument("program")
@as_json
@with_appcontext
def show(*, program: str, as_json: bool) -> None:
    """Show the terms of a program, as partners read them.

    PROGRAM is the key of a program, for its version in force; a key with a version,
    such as `agency@3`; a preset, such as `preset:agency`; or a file.
    """
    named = find(program, as_json=as_json)
    terms = terms_in_words(named.definition)
    if as_json:
        say_json(
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


@click.command("export")
@click.argument("program")
@as_json
@with_appcontext
def export(*, program: str, as_json: bool) -> None:
    """Write a definition to standard output, as YAML.

    PROGRAM is named as for `show`.
    """
    definition = find(program, as_json=as_json).definition
    if as_json:
        say_json(dump_json(definition))
    else:
        click.echo(dump_yaml(definition), nl=False)


@click.command("diff")
@click.argument("old")
@click.argument("new")
@as_json
@with_appcontext
def diff(*, old: str, new: str, as_json: bool) -> None:
    """Say in words what changes from OLD to NEW.

    Both are named as for `show`: `portal programs diff agency@2 draft.yaml`.
    """
    before, after = find(old, as_json=as_json), find(new, as_json=as_json)
    found = changes(before.definition, after.definition)
    if as_json:
        say_json(
            {
                "old": {"key": before.definition.key, "version": before.number},
                "new": {"key": after.definition.key, "version": after.number},
                "changes": [asdict(change) for change in found],
            }
        )
        return
    click.echo(f"From {before} to {after}:")
    say_changes(found)
