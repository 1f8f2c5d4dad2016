"""What a word on the command line names: a file, a preset, a program or a version."""

import re
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from difflib import get_close_matches
from pathlib import Path

import click

from portal.extensions import db
from portal.kit.clock import utc_now
from portal.kit.errors import DomainError
from portal.programs import queries
from portal.programs.cli.answers import REFUSED, fail, say_json
from portal.programs.definition import ProgramDefinition
from portal.programs.documents import MOST_BYTES, preset, preset_keys
from portal.programs.drafts import Draft, read_draft
from portal.programs.models import ProgramVersion

_PRESET = "preset:"
_VERSION = re.compile(r"(?P<key>[a-z][a-z0-9-]*)@(?P<number>[0-9]{1,6})")
_FILE_ENDINGS = {".yaml", ".yml"}


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


def is_file(reference: str) -> bool:
    """Tell whether a word names a file, there or not."""
    path = Path(reference)
    return path.suffix in _FILE_ENDINGS or path.exists()


def find(reference: str, *, as_json: bool) -> Named:
    """Return what is named: a file, `preset:key`, `key@3`, a program or a preset.

    Raises:
        Exit: There is no such thing, or the file is no program; it was said why.
        UsageError: The file cannot be read.
    """
    if is_file(reference):
        draft = read_file(Path(reference))
        return Named(reference, accepted(draft, as_json=as_json))
    if reference.startswith(_PRESET):
        return Named(reference, find_preset(reference.removeprefix(_PRESET)))
    version = _VERSION.fullmatch(reference)
    if version is None and reference in preset_keys() and newest(reference) is None:
        return Named(reference, preset(reference))
    key = version["key"] if version else reference
    session, now = db.session(), utc_now()
    try:
        program = queries.by_key(session, key)
    except queries.NoSuchProgram:
        fail(_no_program(key))
    history = queries.history(session, program.id, now)
    last = history[0].version.number
    try:
        if version is None:
            found = queries.current_version(session, program.id, now)
        else:
            found = queries.pick(history, int(version["number"])).version
    except queries.NoSuchProgram as refusal:
        are = f"are versions 1 to {last}" if last > 1 else "is only version 1"
        fail(f"{reference}: {refusal.message} There {are}: name {key}@{last}.")
    return Named(reference, found.definition, found.number)


def newest(key: str) -> ProgramVersion | None:
    """Return the newest version of a program, in force or not; none without one."""
    session = db.session()
    try:
        program = queries.by_key(session, key)
    except queries.NoSuchProgram:
        return None
    return queries.latest_version(session, program.id)


def find_preset(key: str) -> ProgramDefinition:
    """Return a preset.

    Raises:
        Exit: There is none of that key; it was said which there are.
    """
    try:
        return preset(key)
    except DomainError as refusal:
        fail(refusal.message + _guess(key, preset_keys()))


def read_file(file: Path) -> Draft:
    """Read a file.

    Raises:
        UsageError: It cannot be read.
        Exit: It is no text; that was said.
    """
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


def accepted(draft: Draft, *, as_json: bool) -> ProgramDefinition:
    """Return what a draft defines.

    Raises:
        Exit: It is no program; every problem was said.
    """
    if draft.definition is not None:
        return draft.definition
    if as_json:
        problems = [asdict(problem) for problem in draft.problems]
        say_json({"ok": False, "problems": problems, "flaws": []})
    else:
        for problem in draft.problems:
            click.echo(problem, err=True)
    raise click.exceptions.Exit(REFUSED)


def _no_program(key: str) -> str:
    rows = queries.overviews(db.session(), utc_now())
    known = sorted(row.program.key for row in rows)
    there = f"There are: {', '.join(known)}." if known else "There is none yet."
    return (
        f"There is no program {key}. {there}{_guess(key, known)} A file is named with "
        f"its ending, such as {key}.yaml, and a preset as preset:KEY."
    )


def _guess(word: str, known: Sequence[str]) -> str:
    close = get_close_matches(word, known, n=1)
    return f" Did you mean {close[0]}?" if close else ""
