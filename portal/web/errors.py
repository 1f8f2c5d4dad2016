"""The one table that turns refusals into HTTP, and the pages that say what to do."""

import logging
from http import HTTPStatus

from flask import (
    Flask,
    Response,
    current_app,
    g,
    has_request_context,
    jsonify,
    request,
)
from flask_babel import force_locale
from flask_babel import gettext as _
from flask_wtf.csrf import CSRFError
from jinja2 import TemplateError
from psycopg import OperationalError as DriverError
from sqlalchemy.exc import OperationalError
from werkzeug.exceptions import HTTPException

from portal.kit.errors import (
    Conflict,
    DomainError,
    Forbidden,
    Gone,
    Invalid,
    NotFound,
    TooMany,
)
from portal.kit.ids import new_id
from portal.web.preferences import locale_of_request

log = logging.getLogger(__name__)

STATUS_OF: dict[type[DomainError], HTTPStatus] = {
    Invalid: HTTPStatus.UNPROCESSABLE_ENTITY,
    Conflict: HTTPStatus.CONFLICT,
    Gone: HTTPStatus.GONE,
    TooMany: HTTPStatus.TOO_MANY_REQUESTS,
    Forbidden: HTTPStatus.FORBIDDEN,
    NotFound: HTTPStatus.NOT_FOUND,
}
PAGES = frozenset({400, 403, 404, 405, 409, 410, 413, 422, 429, 500, 503})
"""Statuses with a page of their own; others show the page of 400 or 500."""

_RETRY_SECONDS = "30"

_PLAIN = """<!doctype html>
<html lang="en"><head><meta charset="utf-8"><title>Something went wrong</title></head>
<body><h1>Something went wrong</h1><p>It is our fault, and we have noted it. Try again
in a minute. If you write to us, give us this number: {request_id}</p></body></html>
"""


def status_of(error: DomainError) -> HTTPStatus:
    """Return the status of the nearest family of `error`, 400 if there is none."""
    families = (STATUS_OF[c] for c in type(error).__mro__ if c in STATUS_OF)
    return next(families, HTTPStatus.BAD_REQUEST)


def request_id() -> str:
    """Return the number of this request, also in its header and in the log."""
    if not has_request_context():
        return ""
    if "request_id" not in g:
        g.request_id = f"req_{new_id().hex}"
    return str(g.request_id)


def wants_json() -> bool:
    """Tell whether the client is a program rather than a person."""
    if request.path.startswith(("/api/", "/webhooks/")) or request.is_json:
        return True
    accepted = request.accept_mimetypes
    best = accepted.best_match(["text/html", "application/json"])
    return (
        best == "application/json"
        and accepted["application/json"] > accepted["text/html"]
    )


def answer(
    status: int,
    *,
    code: str,
    message: str | None,
    field: str | None = None,
    headers: dict[str, str] | None = None,
) -> Response:
    """Return an error as a page or as JSON, whichever the client reads."""
    if wants_json():
        error = {"code": code, "message": message or HTTPStatus(status).phrase}
        if field:
            error["field"] = field
        body: dict[str, object] = {"error": {**error, "request_id": request_id()}}
        response = jsonify(body)
    else:
        response = Response(_page(status, code, message), mimetype="text/html")
    response.status_code = status
    response.headers.update(headers or {})
    return response


def _page(status: int, code: str, message: str | None) -> str:
    name = status if status in PAGES else (400 if status < 500 else 500)  # noqa: PLR2004 - HTTP
    try:
        # The language by cookie: the selector may ask the database, which may be down.
        with force_locale(locale_of_request()):
            # The template directly: context processors may ask the database too.
            template = current_app.jinja_env.get_template(f"errors/{name}.html")
            return template.render(
                status=status, code=code, message=message, request_id=request_id()
            )
    except (OSError, TemplateError):
        log.exception("errors.page_failed request=%s", request_id())
        return _PLAIN.format(request_id=request_id())


def refused(error: DomainError) -> Response:
    """Answer a refusal that no view handled itself."""
    headers = (
        {"Retry-After": str(error.retry_after)} if isinstance(error, TooMany) else {}
    )
    return answer(
        status_of(error),
        code=error.code,
        message=str(error.message),
        field=error.field if isinstance(error, Invalid) else None,
        headers=headers,
    )


def form_expired(error: CSRFError) -> Response:
    """Answer a form whose token is missing, wrong or too old."""
    del error  # its words are for programmers
    message = _("The page was open for too long, or was opened in another window.")
    return answer(400, code="form_expired", message=message)


def database_away(error: OperationalError | DriverError) -> Response:
    """Answer while the database restarts, is full or takes too long.

    The transaction is rolled back, so that nothing is half written.
    """
    log.error("errors.database_away request=%s", request_id(), exc_info=error)
    return answer(
        HTTPStatus.SERVICE_UNAVAILABLE,
        code="database_away",
        message=_("The portal is closed for a moment. Nothing was saved; try again."),
        headers={"Retry-After": _RETRY_SECONDS},
    )


def http_error(error: HTTPException) -> Response:
    """Answer what Flask and Werkzeug refuse.

    Flask itself lets redirects and answers that a view aborted with pass.
    """
    status = error.code or HTTPStatus.INTERNAL_SERVER_ERROR
    if status >= HTTPStatus.INTERNAL_SERVER_ERROR:
        log.error("errors.answered status=%s request=%s", status, request_id())
    headers = {
        name: value
        for name, value in error.get_headers()
        if name in {"Allow", "Retry-After", "WWW-Authenticate"}
    }
    code = error.name.lower().replace(" ", "_")
    return answer(status, code=code, message=None, headers=headers)


def register(app: Flask) -> None:
    """Render every refusal that no view handled itself; number every request."""
    app.register_error_handler(DomainError, refused)
    app.register_error_handler(CSRFError, form_expired)
    app.register_error_handler(HTTPException, http_error)
    app.register_error_handler(OperationalError, database_away)
    app.register_error_handler(DriverError, database_away)  # of a COPY

    @app.after_request
    def number(response: Response) -> Response:
        response.headers["X-Request-Id"] = request_id()
        return response
