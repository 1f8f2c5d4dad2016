"""`make demo`: everything that the demo needs, started, waited for and stopped."""

import fcntl
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from types import FrameType
from typing import IO, NoReturn

from portal.demo.settings import (
    Addresses,
    DemoError,
    Notes,
    read_notes,
    write_notes,
)
from portal.demo.sign_ins import SIGN_INS
from portal.kit import postgres
from portal.payments.gateway import SANDBOX_KEY

STATE = ("postgres", "stripe-sandbox.json", "mails", "logs", "demo.json")
"""What lies in the instance folder and belongs to the demo."""
_OLDEST_PYTHON = (3, 11)
_READY_SECONDS = 60.0
_STOP_SECONDS = 15.0
_PAUSE = 0.1
_SHOWN_LINES = 12
_OURS = ("PORTAL_", "STRIPE_", "DATABASE_")

Say = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class Program:
    """One of the demo's programs.

    Attributes:
        name: Its name for people, and of its log.
        arguments: What follows `python`.
        ports: Where it answers when it is ready.
        extra: Environment of its own.
    """

    name: str
    arguments: tuple[str, ...]
    ports: tuple[int, ...]
    extra: Mapping[str, str]


def python_problem(version: tuple[int, int]) -> str:
    """Return what is wrong with a Python; nothing if it will do."""
    if version >= _OLDEST_PYTHON:
        return ""
    return (
        f"Python {version[0]}.{version[1]} is too old: Gatehouse needs 3.11 or newer. "
        "Name a newer one: make PYTHON=python3.12 demo"
    )


def missing_packages(names: tuple[str, ...] = ("aiosmtpd", "granian")) -> str:
    """Return what is not installed, in a sentence; nothing if all is there."""
    missing = [name for name in names if find_spec(name) is None]
    if not missing:
        return ""
    return (
        f"{', '.join(missing)} is not installed. Run `make install` once, then again."
    )


def taken_ports(addresses: Addresses) -> list[str]:
    """Return a sentence for each port that something else listens on."""
    return [
        f"Port {number} is taken, and {port.what} needs it. Stop the program that uses "
        f"it, or choose another port: {port.variable}={number + 100} make demo"
        for port, number in addresses.in_order()
        if _is_taken(number)
    ]


def _is_taken(port: int) -> bool:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return True
    return False


@contextmanager
def only_one(instance: Path) -> Iterator[bool]:
    """Hold the demo of a folder; gives whether nobody else does."""
    instance.mkdir(parents=True, exist_ok=True)
    with (instance / "demo.lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            yield False
            return
        yield True


def forget(instance: Path, names: tuple[str, ...] = STATE) -> None:
    """Delete what the demo keeps; nobody may be using it."""
    for name in names:
        path = instance / name
        if path.is_dir():
            shutil.rmtree(path)
        else:
            path.unlink(missing_ok=True)


def environment(
    instance: Path, addresses: Addresses, notes: Notes, database: Mapping[str, str]
) -> dict[str, str]:
    """Return the environment of every program of the demo.

    Nothing of a real installation gets in: no Stripe key, mail server or database
    that is named in the shell counts here.
    """
    kept = {k: v for k, v in os.environ.items() if not k.startswith(_OURS)}
    return {
        **kept,
        **database,
        **{port.variable: str(number) for port, number in addresses.in_order()},
        "PORTAL_DEMO": "yes",
        "PORTAL_INSTANCE_DIR": str(instance),
        "PORTAL_BASE_URL": addresses.url(addresses.web),
        "PORTAL_VENDOR_URL": addresses.url(addresses.shop),
        "PORTAL_SMTP_URL": f"smtp://127.0.0.1:{addresses.smtp}",
        "PORTAL_STRIPE_SANDBOX_URL": addresses.url(addresses.stripe),
        "PORTAL_LOG_LEVEL": os.environ.get("PORTAL_LOG_LEVEL", "INFO"),
        "STRIPE_WEBHOOK_SECRET": notes.webhook_secret,
        "PYTHONUNBUFFERED": "1",
    }


def programs(instance: Path, addresses: Addresses, notes: Notes) -> list[Program]:
    """Return the demo's programs in the order in which they start."""
    web, stripe = addresses.url(addresses.web), addresses.url(addresses.stripe)
    return [
        Program(
            "mail catcher",
            (
                *("-m", "portal.demo.mail_catcher"),
                *("--smtp-port", str(addresses.smtp), "--port", str(addresses.mail)),
                *("--portal", web, "--folder", str(instance / "mails")),
            ),
            (addresses.smtp, addresses.mail),
            {},
        ),
        Program(
            "stripe sandbox",
            (
                *("-m", "portal.stripe_sandbox", "--port", str(addresses.stripe)),
                *("--base-url", stripe, "--secret-key", SANDBOX_KEY),
                *("--state", str(instance / "stripe-sandbox.json")),
                *("--webhook", f"{web}/webhooks/stripe"),
                *("--webhook-secret", notes.webhook_secret),
            ),
            (addresses.stripe,),
            {},
        ),
        Program(
            "shop",
            (
                *("-m", "portal.demo.acme", "--port", str(addresses.shop)),
                *("--portal", web, "--sandbox", stripe),
            ),
            (addresses.shop,),
            {"ACME_SECRET": notes.shop_secret},
        ),
        Program(
            "portal",
            ("-m", "portal", "serve", "--with-worker"),
            (addresses.web,),
            {},
        ),
    ]


class Troupe:
    """The running programs."""

    def __init__(self, logs: Path, env: Mapping[str, str]) -> None:
        self._logs = logs
        self._env = env
        self._running: list[tuple[Program, subprocess.Popen[bytes]]] = []
        logs.mkdir(parents=True, exist_ok=True)

    def start(self, program: Program) -> None:
        """Start a program; what it says goes to its log."""
        with self._log(program.name).open("wb") as log:
            process = subprocess.Popen(  # noqa: S603 - our own programs
                [sys.executable, *program.arguments],
                env={**self._env, **program.extra},
                stdout=log,
                stderr=subprocess.STDOUT,
                stdin=subprocess.DEVNULL,
                # Ctrl-C reaches us alone; we stop them in order.
                start_new_session=True,
            )
        self._running.append((program, process))

    def wait_until_ready(self) -> None:
        """Wait until every program answers.

        Raises:
            DemoError: One has ended, or takes too long.
        """
        deadline = time.monotonic() + _READY_SECONDS
        for program, _ in self._running:
            for port in program.ports:
                while not _answers(port):
                    self.require_all()
                    if time.monotonic() > deadline:
                        raise DemoError(
                            f"The {program.name} does not answer on port {port}. "
                            f"Look into {self._log(program.name)}."
                        )
                    time.sleep(_PAUSE)

    def require_all(self) -> None:
        """Refuse to go on when a program has ended.

        Raises:
            DemoError: One has; the message shows the end of its log.
        """
        for program, process in self._running:
            if process.poll() is not None:
                raise DemoError(
                    f"The {program.name} has stopped. The end of its log, "
                    f"{self._log(program.name)}:\n{_tail(self._log(program.name))}"
                )

    def stop(self) -> None:
        """Stop every program, the last one first."""
        for _, process in reversed(self._running):
            if process.poll() is None:
                process.terminate()
        deadline = time.monotonic() + _STOP_SECONDS
        for _, process in reversed(self._running):
            try:
                process.wait(max(0.1, deadline - time.monotonic()))
            except subprocess.TimeoutExpired:
                os.killpg(process.pid, signal.SIGKILL)
                process.wait()
        self._running.clear()

    def _log(self, name: str) -> Path:
        return self._logs / f"{name.replace(' ', '-')}.log"


def _answers(port: int) -> bool:
    try:
        with socket.create_connection(("127.0.0.1", port), timeout=1):
            return True
    except OSError:
        return False


def _tail(log: Path) -> str:
    lines = log.read_text(encoding="utf-8", errors="replace").splitlines()
    return "\n".join(f"  {line}" for line in lines[-_SHOWN_LINES:])


def run_command(arguments: tuple[str, ...], env: Mapping[str, str], log: Path) -> None:
    """Run a `portal` command; what it prints line by line is shown.

    Raises:
        DemoError: It failed; the message shows the end of what it said.
    """
    log.parent.mkdir(parents=True, exist_ok=True)
    with log.open("wb") as errors:
        done = subprocess.run(  # noqa: S603 - our own command
            [sys.executable, "-m", "portal", *arguments],
            env=dict(env),
            stderr=errors,
            check=False,
        )
    if done.returncode:
        raise DemoError(
            f"`portal {' '.join(arguments)}` failed. The end of {log}:\n{_tail(log)}"
        )


def panel(addresses: Addresses, password: str) -> str:
    """Return the addresses and sign-ins, as the newcomer reads them."""
    rows = [
        ("Portal is ready", addresses.url(addresses.web)),
        (
            "Acme's shop",
            f"{addresses.url(addresses.shop)}  (buy with 4242 4242 4242 4242)",
        ),
        ("Mail catcher", addresses.url(addresses.mail)),
        ("Stripe sandbox", f"{addresses.url(addresses.stripe)}/_sandbox/"),
    ]
    lines = ["", *(f"  {name:<17}{address}" for name, address in rows), ""]
    lines.append(f"  Everybody's password:  {password}")
    for title, people in SIGN_INS.items():
        lines += ["", f"  {title}"]
        lines += [f"    {email:<26}{what}" for email, what in people]
    lines += [
        "",
        f"  Noor's link: {addresses.url(addresses.web)}/r/noor",
        "  Ctrl-C stops everything; `make demo` goes on; `make reset-demo` forgets it.",
        "",
    ]
    return "\n".join(lines)


def reset(instance: Path, say: Say) -> int:
    """Forget the demo of a folder; returns the exit code."""
    with only_one(instance) as is_ours:
        if not is_ours:
            say("The demo is running. Stop it with Ctrl-C in its window, then reset.")
            return 2
        forget(instance)
    say("The demo's data are gone. `make demo` tells the story anew.")
    return 0


def launch(instance: Path, say: Say) -> int:
    """Start the demo and stay until it is stopped; returns the exit code."""
    try:
        with only_one(instance) as is_ours:
            if not is_ours:
                notes = read_notes(instance)
                say("The demo is running already; here is where to look.")
                say(panel(notes.addresses, notes.password))
                return 0
            return _launch(instance, say)
    except DemoError as error:
        say(str(error))
        return 2
    except KeyboardInterrupt:
        say("\nStopped. `make demo` goes on from here.")
        return 0


def _launch(instance: Path, say: Say) -> int:
    problem = python_problem(sys.version_info[:2]) or missing_packages()
    if problem:
        raise DemoError(problem)
    addresses = Addresses.from_env()
    taken = taken_ports(addresses)
    if taken:
        raise DemoError("\n".join(taken))
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, _interrupt)
    notes = read_notes(instance)
    if notes.story == "begun":
        say("The last seeding was interrupted; beginning it anew.")
        forget(instance, ("postgres", "stripe-sandbox.json", "mails"))
        notes = notes.told("")
    notes = notes.at(addresses)
    write_notes(instance, notes)
    say("Starting PostgreSQL")
    try:
        server = postgres.start(instance / "postgres")
    except (OSError, RuntimeError, subprocess.SubprocessError) as error:
        raise DemoError(
            f"PostgreSQL does not start: {error}. Look into {instance}/postgres/log."
        ) from error
    database = {
        "DATABASE_URL": server.app_url,
        "DATABASE_OWNER_URL": server.owner_url,
    }
    env = environment(instance, addresses, notes, database)
    troupe = Troupe(instance / "logs", env)
    try:
        return _perform(instance, notes, troupe, env, say)
    finally:
        say("Stopping everything")
        troupe.stop()
        server.stop()


def _perform(
    instance: Path,
    notes: Notes,
    troupe: Troupe,
    env: Mapping[str, str],
    say: Say,
) -> int:
    addresses = notes.addresses
    begin = time.monotonic()
    say("Bringing the tables up to date")
    logs = instance / "logs"
    run_command(("db", "upgrade"), env, logs / "migrations.log")
    if notes.story != "told":
        run_command(("demo", "seed", "--if-empty"), env, logs / "seed.log")
        begin = time.monotonic()
    for program in programs(instance, addresses, notes):
        troupe.start(program)
    troupe.wait_until_ready()
    say(f"Started in {time.monotonic() - begin:.0f} seconds")
    say(panel(addresses, notes.password))
    while True:
        troupe.require_all()
        time.sleep(1)


def _interrupt(number: int, frame: FrameType | None) -> NoReturn:
    del number, frame
    raise KeyboardInterrupt


def say_to(stream: IO[str]) -> Say:
    """Return a way to say things, each on its own line, at once."""

    def say(text: str) -> None:
        stream.write(f"{text}\n")
        stream.flush()

    return say
