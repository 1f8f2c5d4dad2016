"""`portal simulate`: what a program would pay, from files alone.

It needs no database, no network and no clock.
"""

import json
from collections.abc import Iterator
from datetime import datetime, timedelta
from difflib import get_close_matches
from pathlib import Path
from typing import IO, Final, NoReturn
from zoneinfo import ZoneInfo

import click

from portal.programs.definition import ProgramDefinition
from portal.programs.documents import (
    MOST_BYTES,
    DefinitionError,
    load_yaml,
    preset,
    preset_keys,
)
from portal.simulation.as_json import as_data
from portal.simulation.as_table import as_table
from portal.simulation.calculation import compare as compare_results
from portal.simulation.calculation import simulate as run
from portal.simulation.moments import moment_of
from portal.simulation.reading import MOST_BYTES_A_LINE, EventsError, Reading, read

_PRESET: Final = "preset:"
"""How `portal programs` names a preset; the key alone does, too."""
_DAY: Final = len("2026-03-01")
_INSTANT: Final = timedelta(microseconds=1)


@click.command("simulate")
@click.option(
    "--program",
    "program",
    required=True,
    metavar="FILE|PRESET",
    help="The program: a file, or the key of one that comes with the portal.",
)
@click.option(
    "--events",
    "events_file",
    required=True,
    metavar="FILE",
    help="What happened, one JSON object a line; - is standard input.",
)
@click.option(
    "--until",
    "until_text",
    metavar="DATE",
    help="Leave out what happens after this day; the last event's moment unless given.",
)
@click.option(
    "--compare",
    "other",
    metavar="FILE|PRESET",
    help="Another program, to be held against the first on the same events.",
)
@click.option(
    "--format",
    "output",
    type=click.Choice(["table", "json"]),
    default="table",
    show_default=True,
    help="A table for people, or JSON for programs.",
)
def simulate(
    *,
    program: str,
    events_file: str,
    until_text: str | None,
    other: str | None,
    output: str,
) -> None:
    """Say what a program would pay for the events in a file."""
    definitions = [_definition(program), *([_definition(other)] if other else [])]
    until = _until(until_text, definitions[0].zone) if until_text else None
    reading = _events(events_file, definitions)
    result = run(definitions[0], reading.events, until=until)
    comparison = None
    if other:
        comparison = compare_results(
            result, run(definitions[1], reading.events, until=until)
        )
    if output == "json":
        data = as_data(result, repeated=reading.repeated, comparison=comparison)
        text = json.dumps(data, indent=2, ensure_ascii=False) + "\n"
    else:
        text = as_table(result, repeated=reading.repeated, comparison=comparison)
    # Bytes, so that the answer does not depend on the terminal's character set.
    click.echo(text.encode(), nl=False)


def _definition(name: str) -> ProgramDefinition:
    key = name.removeprefix(_PRESET)
    if key in preset_keys():
        return preset(key)
    path = Path(name)
    try:
        with path.open("rb") as stream:
            # One byte more than allowed is enough to see that it is too much.
            content = stream.read(MOST_BYTES + 1)
    except FileNotFoundError:
        close = get_close_matches(name, preset_keys(), n=1)
        guess = f" Did you mean {close[0]}?" if close else ""
        _give_up(
            f"There is no file {name}, and no preset of that name. There are the "
            f"presets {', '.join(preset_keys())}.{guess}"
        )
    except OSError as error:
        _give_up(f"{name} cannot be read: {error.strerror or error}.")
    try:
        return load_yaml(content.decode())
    except UnicodeDecodeError:
        _give_up(f"{name} is not text in UTF-8.")
    except DefinitionError as error:
        _give_up("\n".join(f"{name}: {problem}" for problem in error.problems))


def _events(name: str, definitions: list[ProgramDefinition]) -> Reading:
    shown = "standard input" if name == "-" else name
    try:
        with click.open_file(name, "rb") as stream:
            reading = read(_lines(stream), definitions)
    except EventsError as error:
        _give_up("\n".join(f"{shown}: {problem}" for problem in error.problems))
    except OSError as error:
        _give_up(f"{shown} cannot be read: {error.strerror or error}.")
    if not reading.events:
        _give_up(f"{shown} has no event. Write one JSON object a line.")
    return reading


def _lines(stream: IO[bytes]) -> Iterator[bytes]:
    """Yield lines; of one that is too long only enough to see that."""
    while line := stream.readline(MOST_BYTES_A_LINE + 2):
        yield line
        while not line.endswith(b"\n") and len(line) > MOST_BYTES_A_LINE:
            line = stream.readline(MOST_BYTES_A_LINE + 2)


def _until(text: str, zone: ZoneInfo) -> datetime:
    """Return the last instant that counts: of a day, its last one."""
    try:
        moment = moment_of(text, zone)
    except ValueError as error:
        raise click.UsageError(f"--until: {error}.") from error
    if len(text) != _DAY:
        return moment
    local = moment.astimezone(zone).replace(tzinfo=None) + timedelta(days=1)
    return local.replace(tzinfo=zone).astimezone(moment.tzinfo) - _INSTANT


def _give_up(reason: str) -> NoReturn:
    click.echo(reason.encode(errors="replace"), err=True)
    raise click.exceptions.Exit(1)
