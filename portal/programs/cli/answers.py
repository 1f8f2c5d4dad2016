"""How `portal programs` answers: in words or JSON, and with which exit code."""

import json
from collections.abc import Sequence
from typing import Any, NoReturn

import click

from portal.programs.changes import Change
from portal.programs.drafts import Draft

FAILED, REFUSED, NOTHING_TO_DO = 1, 2, 3

as_json = click.option("--json", "as_json", is_flag=True, help="Answer in JSON.")


def say_json(document: Any) -> None:  # noqa: ANN401 - any JSON value
    """Print a document."""
    click.echo(json.dumps(document, indent=2, ensure_ascii=False, default=str))


def say_changes(found: Sequence[Change]) -> None:
    """Print what differs, a line each."""
    for change in found:
        click.echo(f"- {change.sentence}")
    if not found:
        click.echo("They say the same.")


def warn(draft: Draft) -> None:
    """Print what is probably not meant, and what the portal leaves to others."""
    for flaw in draft.flaws:
        click.echo(f"Flaw at {flaw.path}: {flaw.message}", err=True)
        click.echo(f"  Example: {flaw.example}", err=True)
    for gap in draft.gaps:
        click.echo(f"Note on {gap.path}: {gap.note}", err=True)


def fail(message: str) -> NoReturn:
    """Print why it failed, and end with exit code 1."""
    click.echo(message, err=True)
    raise click.exceptions.Exit(FAILED)
