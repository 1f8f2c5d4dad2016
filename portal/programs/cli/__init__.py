"""`portal programs`: read, check, compare, publish and export programs."""

from flask.cli import AppGroup

from portal.programs.cli.figures import ceiling
from portal.programs.cli.publishing import check, publish
from portal.programs.cli.reading import diff, export, list_programs, show
from portal.programs.cli.schema import schema, schema_text

__all__ = ["group", "schema_text"]

group = AppGroup("programs", help="Read, check, compare and publish programs.")
for command in (list_programs, show, export, check, diff, publish, ceiling, schema):
    group.add_command(command)
