"""`portal serve` and `portal worker`: the two processes of an installation."""

import asyncio
import os
import signal
import socket
import subprocess
import sys

import click
from flask import Flask, current_app
from flask.cli import with_appcontext
from granian import Granian
from granian.constants import Interfaces
from procrastinate import PsycopgConnector

from portal import jobs
from portal.boot import BootError
from portal.config import Settings
from portal.kit.memory import spare_the_collector

WORKER_CONCURRENCY = 2


@click.command("serve")
@click.option("--host", default="127.0.0.1", show_default=True)
@click.option("--workers", default=2, show_default=True, help="Web processes.")
@click.option(
    "--with-worker/--without-worker",
    default=None,
    help="Run the job worker beside it; the default with the embedded database.",
)
@with_appcontext
def serve(host: str, workers: int, *, with_worker: bool | None) -> None:
    """Answer requests, with one job worker beside when the database is embedded."""
    settings: Settings = current_app.extensions["portal.settings"]
    refuse_taken_port(host, settings.port, "PORTAL_PORT")
    if with_worker is None:
        with_worker = "DATABASE_URL" not in os.environ
    # Every process shares the database that this one holds open.
    environment = os.environ | {
        "DATABASE_URL": settings.database_url,
        "DATABASE_OWNER_URL": settings.database_owner_url,
    }
    os.environ.update(environment)
    worker = None
    if with_worker:
        worker = subprocess.Popen(
            [sys.executable, "-m", "portal", "worker"], env=environment
        )
    try:
        Granian(
            "wsgi:app",
            address=host,
            port=settings.port,
            interface=Interfaces.WSGI,
            workers=workers,
            blocking_threads=1,
            websockets=False,
        ).serve()
    finally:
        if worker is not None:
            worker.send_signal(signal.SIGTERM)
            worker.wait(timeout=30)


@click.command("worker")
@with_appcontext
def worker() -> None:
    """Act on the jobs that wait; any number of machines may run one."""
    spare_the_collector()
    asyncio.run(work(current_app._get_current_object()))  # type: ignore[attr-defined]  # noqa: SLF001 - the proxy would not survive the thread


async def work(app: Flask, *, wait: bool = True) -> None:
    """Run jobs until the process is told to stop.

    Args:
        app: The app in whose context the tasks run.
        wait: Whether to wait for new jobs; otherwise end when none is due.
    """
    jobs.bind(app)
    settings: Settings = app.extensions["portal.settings"]
    conninfo = settings.database_url.replace("+psycopg", "", 1)
    connector = PsycopgConnector(conninfo=conninfo)
    runner = jobs.registry.with_connector(connector)
    async with runner.open_async():
        await jobs.retry_stalled_jobs(runner)
        await runner.run_worker_async(
            concurrency=WORKER_CONCURRENCY,
            wait=wait,
            install_signal_handlers=wait,
            fetch_job_polling_interval=5,
            shutdown_graceful_timeout=25,
        )


def refuse_taken_port(host: str, port: int, variable: str) -> None:
    """Say so in words when something else already listens there.

    Raises:
        BootError: The port is taken.
    """
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError as error:
            raise BootError(
                f"Port {port} on {host} is taken by another program. "
                f"Stop that one, or choose another with {variable}=8100."
            ) from error
