import gc
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager

import flask_migrate
import hypothesis
import pytest
import stripe
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import Connection, event
from sqlalchemy.orm import Session

from portal.accounts.models import User
from portal.app import create_app
from portal.config import Settings
from portal.extensions import db
from portal.kit.postgres import EmbeddedPostgres
from portal.payments.gateway import EXTENSION, SANDBOX_KEY, StripeGateway
from portal.stripe_sandbox.client import SandboxHTTPClient
from portal.stripe_sandbox.sandbox import Sandbox
from tests.browser import chromium
from tests.databases import new_database, schema
from tests.factories import base_factory
from tests.factories.base_factory import NOW
from tests.owner import owner_engine, owner_session
from tests.postgres import throwaway_server
from tests.signed_in import client_of

__all__ = ["new_database", "owner_engine", "owner_session", "schema"]

hypothesis.settings.register_profile(
    "check", hypothesis.settings.get_profile("ci"), max_examples=40
)
"""For `make check`: the same examples each time, and fewer of them than `make test`
draws at random."""

SignIn = Callable[[User], FlaskClient]
CountQueries = Callable[[], AbstractContextManager[list[str]]]


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Say it loudly when the browser tests were skipped for want of a browser."""
    skipped = terminalreporter.stats.get("skipped", [])
    if any(chromium.NOT_FOUND in str(report.longrepr) for report in skipped):
        terminalreporter.write_sep(
            "!", "BROWSER TESTS DID NOT RUN", red=True, bold=True
        )
        terminalreporter.write_line(chromium.NOT_FOUND, red=True)


SLOW = (
    "tests/browser/test_pages.py",
    "tests/browser/test_the_thread_in_chromium.py",
    "tests/browser/test_every_page.py",
    "tests/browser/test_scripts_in_answers.py",
    "tests/journeys/test_the_thread.py",
    "tests/demo/test_story.py",
    "tests/webhooks/test_order.py",
    "tests/journeys/",
    "tests/architecture/test_routes.py",
    "tests/simulation/",
)
"""Files that take long, the longest first: one of them alone at the end would leave
the other workers with nothing to do. (`--no-loadscope-reorder` keeps this order.)"""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Begin with the files that take long, and mark what the gates must not count."""
    items.sort(key=_turn)
    for item in items:
        if _may_differ(item):
            item.add_marker("no_cover")


def _turn(item: pytest.Item) -> int:
    places = [n for n, name in enumerate(SLOW) if item.nodeid.startswith(name)]
    return min(places, default=len(SLOW))


def _may_differ(item: pytest.Item) -> bool:
    """Tell whether what a test runs through depends on chance or on the machine.

    Random examples, and a browser that may not be there: gates that count what these
    reach would hold on one day or machine and not on another.
    """
    is_random = getattr(getattr(item, "obj", None), "is_hypothesis_test", False)
    return is_random or item.get_closest_marker("browser") is not None


def pytest_collection_finish() -> None:
    """Spare the garbage collector all that stays until the end anyway."""
    gc.collect()
    gc.freeze()


@pytest.fixture(scope="session")
def server() -> Iterator[EmbeddedPostgres]:
    with throwaway_server() as server:
        yield server


@pytest.fixture(scope="session")
def settings(server: EmbeddedPostgres) -> Settings:
    return Settings(
        secret_key="0123456789abcdef0123456789abcdef",
        base_url="http://localhost",
        database_url=server.app_url,
        database_owner_url=server.owner_url,
        stripe_webhook_secrets=("whsec_test",),
        badge_keys=("4b" * 32, "5c" * 32),
        testing=True,
    )


@pytest.fixture(scope="session")
def app(settings: Settings) -> Iterator[Flask]:
    app = create_app(settings)
    with app.app_context():
        flask_migrate.upgrade()
    yield app
    with app.app_context():
        db.engine.dispose()


@pytest.fixture
def sandbox(app: Flask) -> Iterator[Sandbox]:
    """A Stripe account of the test's own, which the app talks to in-process."""
    sandbox = Sandbox(now=NOW, seed="tests", secret_key=SANDBOX_KEY)
    client = stripe.StripeClient(SANDBOX_KEY, http_client=SandboxHTTPClient(sandbox))
    before = app.extensions[EXTENSION]
    app.extensions[EXTENSION] = StripeGateway(client)
    yield sandbox
    app.extensions[EXTENSION] = before


@pytest.fixture
def connection(app: Flask) -> Iterator[Connection]:
    """One connection for everyone, inside a transaction that never commits."""
    with app.app_context():
        engines = db.engines
        db.session.configure(join_transaction_mode="create_savepoint")
    engine = engines[None]
    with engine.connect() as connection:
        outer = connection.begin()
        engines[None] = connection  # type: ignore[index]  # views share it
        yield connection
        engines[None] = engine  # type: ignore[index]  # as it was
        outer.rollback()


@pytest.fixture
def session(connection: Connection) -> Iterator[Session]:
    """The test's own session; what it flushes, the views under test can see."""
    with Session(connection, join_transaction_mode="create_savepoint") as session:
        base_factory.bind(session)
        yield session


@pytest.fixture
def client(app: Flask, connection: Connection) -> FlaskClient:
    """Somebody who is not signed in."""
    del connection
    return app.test_client()


@pytest.fixture
def sign_in(app: Flask, session: Session) -> SignIn:
    """Return a client whose cookie opens a session of the given user."""

    def sign_in(user: User) -> FlaskClient:
        return client_of(app, session, user)

    return sign_in


@pytest.fixture
def count_queries(connection: Connection) -> CountQueries:
    """Count the statements inside a `with` block."""

    @contextmanager
    def counting() -> Iterator[list[str]]:
        statements: list[str] = []

        def note(*args: object) -> None:
            if not str(args[2]).startswith(("SAVEPOINT", "RELEASE", "ROLLBACK")):
                statements.append(str(args[2]))

        event.listen(connection, "before_cursor_execute", note)
        try:
            yield statements
        finally:
            event.remove(connection, "before_cursor_execute", note)

    return counting
