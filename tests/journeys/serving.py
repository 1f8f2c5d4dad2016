"""A web program behind a real port, in a thread."""

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from werkzeug.serving import WSGIRequestHandler, make_server

if TYPE_CHECKING:
    from _typeshed.wsgi import WSGIApplication

HOST = "127.0.0.1"
_BACKLOG = 128


class _Quiet(WSGIRequestHandler):
    protocol_version = "HTTP/1.1"

    def log(self, type: str, message: str, *args: object) -> None:  # noqa: A002 - the library's own name
        """Say nothing."""


def free_port() -> socket.socket:
    """Take a port that nobody has, so that its number is known before it serves."""
    taken = socket.socket()
    taken.bind((HOST, 0))
    taken.listen(_BACKLOG)
    return taken


def url_of(taken: socket.socket) -> str:
    return f"http://{HOST}:{taken.getsockname()[1]}"


@contextmanager
def served(program: "WSGIApplication", taken: socket.socket) -> Iterator[None]:
    """Answer on a port until the block ends."""
    port = taken.getsockname()[1]
    server = make_server(
        HOST, port, program, threaded=True, request_handler=_Quiet, fd=taken.fileno()
    )
    server.daemon_threads = True  # type: ignore[attr-defined]  # a browser keeps lines open
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
        taken.close()
