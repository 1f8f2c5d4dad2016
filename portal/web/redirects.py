"""Where a form may send the browser back to: a path of this site and nothing else."""

import re

from flask import Flask, request

_SAFE = re.compile(r"/(?![/\\])[^\\\x00-\x20\x7f]*")


def safe_path(target: str | None, default: str = "/") -> str:
    r"""Return `target` if it is a path of this site, else `default`.

    Browsers strip tabs and line ends from addresses and read `\` as `/`, so anything
    with those is refused, as is `//host`.
    """
    if target is None or not _SAFE.fullmatch(target):
        return default
    return target


def here() -> str:
    """Return the path and query of this page, to come back to."""
    query = request.query_string.decode("ascii", "replace")
    return f"{request.path}?{query}" if query else request.path


def register(app: Flask) -> None:
    """Give templates `here()`."""
    app.jinja_env.globals["here"] = here
