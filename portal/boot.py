"""From the environment to settings that a process can start with."""

from dataclasses import replace

from portal.config import Settings
from portal.kit import postgres


class BootError(Exception):
    """The process cannot start; the message says what to do."""


def booted_settings() -> Settings:
    """Read the settings, and start the embedded database if none is named.

    Raises:
        SettingsError: A variable is missing or wrong.
        BootError: The embedded database does not start.
    """
    settings = Settings.from_env()
    if settings.database_url:
        return settings
    folder = settings.instance / "postgres"
    try:
        server = postgres.start(folder)
    except (OSError, RuntimeError) as error:
        raise BootError(
            f"The embedded PostgreSQL in {folder} does not start: {error}. "
            "Look into its file `log`, or name a server of your own in DATABASE_URL."
        ) from error
    return replace(
        settings, database_url=server.app_url, database_owner_url=server.owner_url
    )
