"""The `portal` command: Flask's command line over the settings of the environment."""

import os
import sys

import click
from flask import Flask
from flask.cli import FlaskGroup
from psycopg.errors import UndefinedColumn, UndefinedTable
from sqlalchemy.exc import OperationalError, ProgrammingError

from portal.app import create_app
from portal.boot import BootError, booted_settings
from portal.config import SettingsError
from portal.kit.errors import DomainError
from portal.serving import serve, worker
from portal.simulation.cli import simulate


def _app() -> Flask:
    return create_app(booted_settings())


cli = FlaskGroup(
    name="portal",
    create_app=_app,
    add_version_option=False,
    help="Gatehouse, the gated partner portal.",
)
cli.add_command(serve)
cli.add_command(worker)
cli.add_command(simulate)


def main() -> None:
    """Run one command; what is wrong around it ends it with a sentence."""
    os.environ.setdefault("FLASK_SKIP_DOTENV", "1")
    try:
        cli.main(standalone_mode=True)
    except (SettingsError, BootError) as error:
        _give_up(str(error))
    except DomainError as error:
        _give_up(f"Error: {error.message}", exit_code=1)
    except OperationalError as error:
        _give_up(f"The database does not answer as it should: {error.orig}")
    except ProgrammingError as error:
        if not isinstance(error.orig, UndefinedTable | UndefinedColumn):
            raise
        _give_up(
            "The database has no tables yet, or those of another version. Run "
            "`portal db upgrade`, then try again."
        )


def _give_up(reason: str, *, exit_code: int = 2) -> None:
    click.echo(reason, err=True)
    sys.exit(exit_code)


if __name__ == "__main__":
    main()
