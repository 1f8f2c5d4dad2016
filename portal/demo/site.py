"""What the demo's small web programs share: pages, styles, and how they are served."""

import signal
from collections.abc import Callable, Iterable, Mapping
from datetime import UTC, datetime
from pathlib import Path
from types import FrameType
from typing import TYPE_CHECKING, Any, NoReturn
from urllib.parse import urlsplit

from jinja2 import Environment, PackageLoader, StrictUndefined
from werkzeug.exceptions import Forbidden, HTTPException
from werkzeug.serving import WSGIRequestHandler, make_server
from werkzeug.wrappers import Request, Response

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment

_LONGEST_BODY = 64 * 1024
_OWN_FORMS = "form-action 'self'"
_STATIC = Path(__file__).with_name("static")


def _dollars(minor: int) -> str:
    return f"${minor // 100:,}.{minor % 100:02}"


def _day(seconds: int) -> str:
    moment = datetime.fromtimestamp(seconds, UTC)
    return f"{moment.day} {moment:%B %Y}"


def _clock(moment: datetime) -> str:
    return f"{moment.day} {moment:%B %Y, %H:%M:%S} UTC"


_templates = Environment(
    loader=PackageLoader("portal.demo"),
    autoescape=True,
    undefined=StrictUndefined,
    trim_blocks=True,
    lstrip_blocks=True,
)
_templates.filters.update(dollars=_dollars, day=_day, clock=_clock)


def page(
    template: str,
    values: Mapping[str, Any],
    *,
    status: int = 200,
    policy: str = "",
) -> Response:
    """Return a page under a strict policy: no script, styles from here only.

    Args:
        template: A file of `templates/`.
        values: What it shows.
        status: The status of the answer.
        policy: More directives, such as where a form leads.
    """
    rules = (
        "default-src 'none'; style-src 'self'; img-src 'self' data:; base-uri 'none'; "
        f"frame-ancestors 'none'; {policy or _OWN_FORMS}"
    )
    return Response(
        _templates.get_template(template).render(values),
        status,
        {
            "Content-Security-Policy": rules,
            "Cache-Control": "no-store",
            "Referrer-Policy": "same-origin",
            "X-Content-Type-Options": "nosniff",
        },
        content_type="text/html; charset=utf-8",
    )


def style(name: str) -> Response:
    """Return a style sheet."""
    return Response(
        (_STATIC / name).read_bytes(),
        headers={"Cache-Control": "no-cache", "X-Content-Type-Options": "nosniff"},
        content_type="text/css; charset=utf-8",
    )


def web_program(answer: Callable[[Request], Response]) -> "WSGIApplication":
    """Return the WSGI program around a function; forms of other sites are refused."""

    def app(
        environ: "WSGIEnvironment", start_response: "StartResponse"
    ) -> Iterable[bytes]:
        request = Request(environ)
        request.max_content_length = _LONGEST_BODY
        try:
            if request.method == "POST" and _is_foreign(request):
                raise Forbidden("Another site sent this form.")
            response: Response | HTTPException = answer(request)
        except HTTPException as error:
            response = error
        return response(environ, start_response)

    return app


def _is_foreign(request: Request) -> bool:
    origin = request.headers.get("Origin")
    if request.headers.get("Sec-Fetch-Site") == "cross-site":
        return True
    return origin is not None and urlsplit(origin).netloc != request.host


class _Quiet(WSGIRequestHandler):
    """Serves without a line for each request."""

    def log(self, type: str, message: str, *args: object) -> None:  # noqa: A002 - the library's own name
        """Say nothing."""


def serve(app: "WSGIApplication", port: int, ready: str) -> None:
    """Answer requests on this machine until a signal comes."""
    server = make_server("127.0.0.1", port, app, threaded=True, request_handler=_Quiet)
    signal.signal(signal.SIGTERM, _stop)
    print(ready, flush=True)  # noqa: T201 - goes to the log: it is ready
    try:
        server.serve_forever()
    except KeyboardInterrupt:
        pass
    finally:
        server.server_close()


def _stop(number: int, frame: FrameType | None) -> NoReturn:
    del number, frame
    raise KeyboardInterrupt
