"""Valid rows with one line. A test names only what it is about."""

from datetime import UTC, datetime

from factory.alchemy import SQLAlchemyModelFactory
from sqlalchemy.orm import Session

NOW = datetime(2026, 3, 1, 9, 0, tzinfo=UTC)
"""The moment at which every test happens unless it says otherwise."""

_session: list[Session] = []


def bind(session: Session) -> None:
    """Make the factories write through `session`."""
    _session[:] = [session]


class Factory(SQLAlchemyModelFactory):
    class Meta:
        abstract = True
        sqlalchemy_session_factory = lambda: _session[0]  # noqa: E731 - factory_boy's
        sqlalchemy_session_persistence = "flush"
