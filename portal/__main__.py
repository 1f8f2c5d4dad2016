"""The `portal` command: Flask's command line over the settings of the environment."""

import os
import sys

import click
from flask import Flask
from flask.cli import FlaskGroup

from portal.app import create_app
from portal.boot import BootError, booted_settings
from portal.config import SettingsError
from portal.serving import serve, worker


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


def main() -> None:
    """Run one command; a wrong setting ends it with a sentence."""
    os.environ.setdefault("FLASK_SKIP_DOTENV", "1")
    try:
        cli.main(standalone_mode=True)
    except (SettingsError, BootError) as error:
        click.echo(str(error), err=True)
        sys.exit(2)


if __name__ == "__main__":
    main()
