"""`portal programs schema`: the JSON Schema of program files."""

import json
from pathlib import Path

import click
from flask.cli import with_appcontext

from portal.programs.definition import ProgramDefinition


@click.command("schema")
@click.option(
    "--out", type=click.Path(path_type=Path, dir_okay=False), help="Write it there."
)
@with_appcontext
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
