"""A whole installation for one story: portal, Stripe sandbox, vendor, mail server.

Everything is what an installation has: a database in which things commit, forms with
CSRF tokens, signed webhooks over HTTP, mails over SMTP, jobs from the queue. Two things
are the story's own. Its *clock*: the story begins on a day of its own and jumps from
month to month, and everybody in this process, the sandbox too, reads the same time.
And its *pace*: `settle` delivers the webhooks and runs the jobs that are due, so that
a test never waits for a thread.
"""

import re
import socket
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from email import message_from_bytes, policy
from email.message import EmailMessage
from typing import TYPE_CHECKING, Any

import stripe
import time_machine
from aiosmtpd.controller import Controller
from aiosmtpd.smtp import SMTP, Envelope
from aiosmtpd.smtp import Session as SmtpSession
from flask import Flask
from jinja2 import BytecodeCache
from jinja2.bccache import Bucket
from sqlalchemy import text
from sqlalchemy.orm import Session

from portal import jobs
from portal.app import create_app
from portal.config import Settings
from portal.extensions import db
from portal.kit.clock import utc_now
from portal.kit.postgres import EmbeddedPostgres
from portal.payments.gateway import SANDBOX_KEY
from portal.stripe_sandbox.sandbox import Sandbox
from portal.stripe_sandbox.webhooks import Courier
from portal.stripe_sandbox.wsgi import create_sandbox_app
from tests.databases import named
from tests.journeys.serving import HOST, free_port, served, url_of
from tests.journeys.vendor import shop
from tests.journeys.visitor import Visitor

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment

WEBHOOK_SECRET = "whsec_of_the_journey"
_MOST_ROUNDS = 50
_DUE = text(
    """
    UPDATE procrastinate_jobs SET status = 'doing' WHERE id = (
      SELECT id FROM procrastinate_jobs
      WHERE status = 'todo' AND (scheduled_at IS NULL OR scheduled_at <= :now)
      ORDER BY id LIMIT 1 FOR UPDATE SKIP LOCKED)
    RETURNING id, task_name, args
    """
)
_DONE = text("UPDATE procrastinate_jobs SET status = 'succeeded' WHERE id = :id")


class Compiled(BytecodeCache):
    """Templates as one world compiled them, for the worlds after it."""

    def __init__(self) -> None:
        self.kept: dict[str, bytes] = {}

    def load_bytecode(self, bucket: Bucket) -> None:
        if bucket.key in self.kept:
            bucket.bytecode_from_string(self.kept[bucket.key])

    def dump_bytecode(self, bucket: Bucket) -> None:
        self.kept[bucket.key] = bucket.bytecode_to_string()


_COMPILED = Compiled()


@dataclass
class Mailbox:
    """A mail server that keeps what it gets."""

    messages: list[EmailMessage] = field(default_factory=list)

    async def handle_DATA(  # noqa: N802 - aiosmtpd's name
        self, server: SMTP, session: SmtpSession, envelope: Envelope
    ) -> str:
        del server, session
        content = envelope.content
        assert isinstance(content, bytes)
        message = message_from_bytes(content, policy=policy.default)
        assert isinstance(message, EmailMessage)
        self.messages.append(message)
        return "250 OK"


@dataclass
class World:
    """What a story can do."""

    app: Flask
    sandbox: Sandbox
    mailbox: Mailbox
    url: str
    vendor_url: str
    clock: time_machine.Traveller
    courier: Courier

    # Time

    @property
    def now(self) -> datetime:
        return utc_now()

    def later(self, **delta: float) -> None:
        """Let time pass, and let happen what happens by itself."""
        self.travel_to(self.now + timedelta(**delta))

    def travel_to(self, moment: datetime) -> None:
        """Go on at a later moment, month by month, as the sandbox's renewals fall."""
        assert moment >= self.now
        self.clock.move_to(moment)
        with self.app.app_context():
            jobs.TASKS["statements.ensure_periods"]()
            jobs.TASKS["ledger.seal"]()
        self.settle()

    # What happens between the requests

    def settle(self) -> None:
        """Deliver the webhooks and run the jobs that are due, until all is quiet."""
        for _ in range(_MOST_ROUNDS):
            self.sandbox.advance_to(max(self.sandbox.clock, self.now))
            if not self.courier.deliver_due(self.now) + self.run_jobs():
                return
        raise AssertionError("it does not come to rest")

    def run_jobs(self) -> int:
        """Run the jobs that are due; return how many there were."""
        for count in range(10_000):
            if not self._run_one_job():
                return count
        raise AssertionError("the jobs do not end")

    def _run_one_job(self) -> bool:
        with self.app.app_context():
            with db.engine.begin() as connection:
                job = connection.execute(_DUE, {"now": self.now}).one_or_none()
            if job is None:
                return False
            jobs.TASKS[job.task_name](**job.args)
        with self.app.app_context(), db.engine.begin() as connection:
            connection.execute(_DONE, {"id": job.id})
        return True

    # People

    def visitor(self) -> Visitor:
        """Somebody who is not signed in."""
        return Visitor(self.url)

    def signed_in(self, email: str, password: str) -> Visitor:
        visitor = self.visitor()
        visitor.sign_in(email, password)
        return visitor

    def mails_to(self, address: str) -> list[EmailMessage]:
        return [m for m in self.mailbox.messages if address in str(m["To"])]

    def mail_to(self, address: str) -> EmailMessage:
        """The newest mail to an address."""
        self.settle()
        found = self.mails_to(address)
        assert found, (
            f"no mail to {address}: {[m['To'] for m in self.mailbox.messages]}"
        )
        return found[-1]

    def link_in_mail_to(self, address: str) -> str:
        """The link of the one button in the newest mail."""
        body = self.mail_to(address).get_body(("plain",))
        assert body is not None
        links = re.findall(rf"{re.escape(self.url)}\S*", body.get_content())
        assert links, body.get_content()
        return str(links[0])

    # The operator

    def portal(self, *words: str, typed: str = "") -> str:
        """Run a command line of the operator, which must end well."""
        result = self.app.test_cli_runner().invoke(args=list(words), input=typed)
        assert result.exit_code == 0, f"{words}: {result.output} {result.exception!r}"
        return result.output

    def staff(self, email: str, role: str, password: str) -> None:
        self.portal(
            "user", "create", email, "--role", role, "--name", email.partition("@")[0],
            "--password-stdin", typed=f"{password}\n",
        )  # fmt: skip

    # What a developer of the vendor may look at

    @contextmanager
    def books(self) -> Iterator[Session]:
        """Look into the database."""
        with self.app.app_context():
            yield db.session()

    def stripe(self) -> stripe.StripeClient:
        return stripe.StripeClient(
            SANDBOX_KEY, base_addresses={"api": self.sandbox.store.base_url}
        )


@contextmanager
def opened(
    server: EmbeddedPostgres, database: str, *, start: datetime, **more: object
) -> Iterator[World]:
    """Open a world on a database that has the schema; `more` are settings.

    Args:
        server: The database server.
        database: The name of the database.
        start: The day on which the story begins.
        more: Further settings.
    """
    portal_port, sandbox_port, vendor_port = free_port(), free_port(), free_port()
    smtp_port = _unused_port()
    mailbox = Mailbox()
    values: dict[str, Any] = {
        "secret_key": "0123456789abcdef0123456789abcdef",
        "base_url": url_of(portal_port),
        "vendor_url": url_of(vendor_port),
        "database_url": named(server.app_url, database),
        "database_owner_url": named(server.owner_url, database),
        "smtp_url": f"smtp://{HOST}:{smtp_port}",
        "stripe_sandbox_url": url_of(sandbox_port),
        "stripe_webhook_secrets": (WEBHOOK_SECRET,),
        "log_level": "WARNING",
        **more,
    }
    settings = Settings(**values)
    with ExitStack() as stack:
        clock = stack.enter_context(time_machine.travel(start, tick=True))
        app = _app(stack, settings)
        sandbox = Sandbox(
            now=start,
            seed=database,
            secret_key=SANDBOX_KEY,
            base_url=url_of(sandbox_port),
        )
        sandbox.register_endpoint(
            f"{settings.base_url}/webhooks/stripe", WEBHOOK_SECRET
        )
        world = World(
            app,
            sandbox,
            mailbox,
            settings.base_url,
            settings.vendor_url,
            clock,
            Courier(sandbox),
        )
        controller = Controller(mailbox, hostname=HOST, port=smtp_port)
        controller.start()
        stack.callback(controller.stop)
        site = shop(world.stripe, world.vendor_url)
        stack.enter_context(served(app.wsgi_app, portal_port))
        stack.enter_context(served(_on_time(sandbox), sandbox_port))
        stack.enter_context(served(site, vendor_port))
        yield world


def _app(stack: ExitStack, settings: Settings) -> Flask:
    """Build the app, and leave the jobs bound to whoever had them."""
    before = list(jobs._bound)
    app = create_app(settings)
    app.jinja_env.bytecode_cache = _COMPILED
    if before:
        stack.callback(jobs.bind, before[0])

    def let_go() -> None:
        with app.app_context():
            db.engine.dispose()

    stack.callback(let_go)
    return app


def _on_time(sandbox: Sandbox) -> "WSGIApplication":
    """Return the sandbox's web program, whose clock follows the story's."""
    program = create_sandbox_app(sandbox)

    def app(environ: "WSGIEnvironment", start_response: "StartResponse") -> Any:  # noqa: ANN401 - the program's own
        sandbox.advance_to(max(sandbox.clock, utc_now()))
        return program(environ, start_response)

    return app


def _unused_port() -> int:
    """Return a port for a server that wants to take it by itself."""
    with socket.socket() as probe:
        probe.bind((HOST, 0))
        port: int = probe.getsockname()[1]
    return port
