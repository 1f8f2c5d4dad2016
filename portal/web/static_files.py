"""Static files under names that change with their content.

`static_url("app.css")` is `/static/app.<hash>.css`. A browser may keep such a file for
ever: a changed one has another name. The plain name is served too, for a short time.
"""

import hashlib
import mimetypes
import re
from functools import lru_cache
from pathlib import Path

from flask import Flask, Response, abort, current_app, request
from werkzeug.security import safe_join

from portal.web.access_rule import public

IMMUTABLE = "public, max-age=31536000, immutable"
SHORT = "public, max-age=300"
_HASHED = re.compile(r"(?P<stem>.+)\.(?P<hash>[0-9a-f]{12})(?P<suffix>\.[a-z0-9]+)")


@lru_cache(maxsize=512)
def _content_hash(path: Path, modified: int) -> str:
    del modified  # part of the cache's key: a changed file is read again
    return hashlib.sha256(path.read_bytes()).hexdigest()[:12]


def _hash_of(name: str) -> str:
    path = Path(str(current_app.static_folder)) / name
    return _content_hash(path, path.stat().st_mtime_ns)


def static_url(name: str) -> str:
    """Return the address of a static file, with the hash of its content."""
    stem, dot, suffix = name.rpartition(".")
    return f"{current_app.static_url_path}/{stem}.{_hash_of(name)}{dot}{suffix}"


@public
def serve(filename: str) -> Response:
    """Answer with a static file; one asked for by an old hash is gone."""
    match = _HASHED.fullmatch(filename)
    name = match["stem"] + match["suffix"] if match else filename
    path = safe_join(str(current_app.static_folder), name)
    if path is None or not Path(path).is_file():
        abort(404)
    content_hash = _hash_of(name)
    if match and match["hash"] != content_hash:
        abort(404)
    mimetype = mimetypes.guess_type(name)[0] or "application/octet-stream"
    response = Response(Path(path).read_bytes(), mimetype=mimetype)
    response.headers["Cache-Control"] = IMMUTABLE if match else SHORT
    response.set_etag(content_hash)
    response.make_conditional(request)
    return response


def register(app: Flask) -> None:
    """Serve hashed names and give templates `static_url(name)`."""
    app.view_functions["static"] = serve
    app.jinja_env.globals["static_url"] = static_url
