"""Write docs/reference/configuration.md and cli.md from the code that they describe.

Run it after changing a setting or a command; a test fails while they differ.
"""

from inspect import cleandoc
from pathlib import Path

import click

from portal.__main__ import cli
from portal.app import COMMANDS
from portal.config import VARIABLES

FOLDER = Path(__file__).resolve().parent.parent / "docs" / "reference"

CONFIGURATION = """# Configuration

Everything that differs between machines comes from the environment. A variable that
is missing or wrong stops the start with a sentence that names it. Those marked
*secret* may also be given as `<NAME>_FILE`, the path of a file.

| Variable | Default | Meaning |
| --- | --- | --- |
"""

CLI = """# The `portal` command

`portal` reads the same environment as the server. Exit codes: 0 done, 1 failed, 2
wrong usage or settings, 3 nothing to do. Commands that print data take `--json`.

Besides the commands below, `portal db upgrade` brings the database to the newest
schema, and `portal db check` says whether models and migrations agree.
"""


def configuration() -> str:
    """Return the reference of the settings."""
    rows = [
        f"| `{v.name}`{' (secret)' if v.secret else ''} | "
        f"{f'`{v.default}`' if v.default else 'empty'} | {v.meaning} |"
        for v in VARIABLES.values()
    ]
    return CONFIGURATION + "\n".join(rows) + "\n"


def commands() -> str:
    """Return the reference of the commands."""
    parts = [CLI]
    named = [cli.commands[name] for name in ("serve", "simulate", "worker")]
    for command in sorted([*COMMANDS, *named], key=lambda c: c.name or ""):
        parts += _describe(command, f"portal {command.name}", "##")
    return "\n".join(parts) + "\n"


def _describe(command: click.Command, path: str, level: str) -> list[str]:
    lines = [f"{level} `{path}`", "", cleandoc(command.help or ""), ""]
    if isinstance(command, click.Group):
        for name in sorted(command.commands):
            lines += _describe(command.commands[name], f"{path} {name}", level + "#")
        return lines
    for parameter in command.params:
        if isinstance(parameter, click.Option) and not parameter.hidden:
            names = ", ".join([*parameter.opts, *parameter.secondary_opts])
            lines.append(f"- `{names}`: {parameter.help or 'see above'}")
        elif isinstance(parameter, click.Argument):
            word = "optional" if not parameter.required else "needed"
            lines.append(f"- `{(parameter.name or '').upper()}` ({word})")
    return [*lines, ""] if command.params else lines


def main() -> None:
    """Write both files."""
    FOLDER.mkdir(parents=True, exist_ok=True)
    (FOLDER / "configuration.md").write_text(configuration(), encoding="utf-8")
    (FOLDER / "cli.md").write_text(commands(), encoding="utf-8")


if __name__ == "__main__":
    main()
