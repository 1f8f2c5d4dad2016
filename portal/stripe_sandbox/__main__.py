"""Runs the sandbox: `python -m portal.stripe_sandbox --port 8026 --state FILE ...`."""

import argparse
import signal
import socket
import sys
from collections.abc import Sequence
from pathlib import Path
from types import FrameType
from typing import NoReturn

from werkzeug.serving import BaseWSGIServer, WSGIRequestHandler, make_server

from portal.kit.clock import utc_now
from portal.stripe_sandbox.keeper import Keeper
from portal.stripe_sandbox.sandbox import Sandbox
from portal.stripe_sandbox.webhooks import Courier
from portal.stripe_sandbox.wsgi import create_sandbox_app

_REFUSED = 2
_BACKLOG = 128


class _Quiet(WSGIRequestHandler):
    """Serves without a line for each request."""

    def log(self, type: str, message: str, *args: object) -> None:  # noqa: A002 (the library's own name)
        """Say nothing."""


def parse(arguments: Sequence[str]) -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(
        prog="python -m portal.stripe_sandbox",
        description="A stand-in for Stripe, for trying things out. No money moves.",
    )
    add = parser.add_argument
    add("--host", default="127.0.0.1", help="where to listen (default: %(default)s)")
    add("--port", type=int, default=8026, help="default: %(default)s")
    add("--base-url", help="where browsers reach it (default: http://HOST:PORT)")
    add("--state", type=Path, required=True, help="the file that keeps everything")
    add("--secret-key", required=True, help="the API key to let in: sk_test_...")
    add("--webhook", metavar="URL", help="where events go")
    add("--webhook-secret", metavar="SECRET", help="what signs them: whsec_...")
    add("--api-version", help="the version in which events are written")
    add("--frozen-clock", action="store_true", help="move the clock by hand only")
    return parser.parse_args(arguments)


def open_sandbox(options: argparse.Namespace, base_url: str) -> Sandbox:
    """Return the sandbox of the state file, or a new one.

    Raises:
        ValueError: The file holds something else, or the options do not fit together.
    """
    if not options.secret_key.startswith("sk_test_"):
        raise ValueError("The secret key must begin with sk_test_.")
    if bool(options.webhook) != bool(options.webhook_secret):
        raise ValueError("Give --webhook and --webhook-secret together.")
    if options.state.exists():
        sandbox = Sandbox.load(options.state, secret_key=options.secret_key)
        sandbox.store.base_url = base_url
    else:
        sandbox = Sandbox(
            now=utc_now(), secret_key=options.secret_key, base_url=base_url
        )
    if options.webhook:
        sandbox.register_endpoint(
            options.webhook, options.webhook_secret, api_version=options.api_version
        )
    return sandbox


def listen(host: str, port: int) -> socket.socket:
    """Take the port.

    Raises:
        OSError: Somebody else has it.
    """
    taken = socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET)
    taken.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        taken.bind((host, port))
    except OSError:
        taken.close()
        raise
    taken.listen(_BACKLOG)
    return taken


def refuse(message: str) -> NoReturn:
    """Say why not, and end."""
    print(message, file=sys.stderr)  # noqa: T201 (a message for the person who started it)
    raise SystemExit(_REFUSED)


def main(arguments: Sequence[str] | None = None) -> None:
    """Serve until told to stop."""
    options = parse(sys.argv[1:] if arguments is None else arguments)
    try:
        taken = listen(options.host, options.port)
    except OSError as error:
        refuse(
            f"Port {options.port} on {options.host} is not free ({error.strerror}). "
            "Stop the program that uses it, or choose another with --port."
        )
    with taken:
        port = taken.getsockname()[1]
        base_url = (options.base_url or f"http://{options.host}:{port}").rstrip("/")
        try:
            sandbox = open_sandbox(options, base_url)
            sandbox.save(options.state)
        except (ValueError, OSError) as error:
            refuse(f"The sandbox cannot start: {error}")
        serve(sandbox, options, taken, base_url)


def serve(
    sandbox: Sandbox, options: argparse.Namespace, taken: socket.socket, base_url: str
) -> None:
    """Answer requests and deliver events until a signal comes."""
    keeper = Keeper(sandbox, options.state, ticking=not options.frozen_clock)
    courier = Courier(sandbox, after=keeper.changed)

    def after_change() -> None:
        keeper.changed()
        courier.wake()

    server: BaseWSGIServer = make_server(
        options.host,
        taken.getsockname()[1],
        create_sandbox_app(sandbox, after_change=after_change),
        threaded=True,
        request_handler=_Quiet,
        fd=taken.fileno(),
    )
    signal.signal(signal.SIGTERM, _stop)
    keeper.start()
    courier.start()
    line = f"Stripe sandbox ready at {base_url} (look at {base_url}/_sandbox/)"
    print(line, flush=True)  # noqa: T201 (tells whoever waits that it is ready)
    try:
        server.serve_forever()
    except KeyboardInterrupt:
        pass
    finally:
        server.server_close()
        courier.stop()
        keeper.stop()


def _stop(number: int, frame: FrameType | None) -> NoReturn:
    del number, frame
    raise KeyboardInterrupt


if __name__ == "__main__":
    main()
