"""Links of lists. The state of a list is its query string and nothing else."""

from urllib.parse import urlencode

from flask import Flask, request

_PAGING = ("after", "before")


def query_url(**changes: str | None) -> str:
    """Return this page with some parameters changed; None takes one away.

    Any other change than paging leads back to the first page.
    """
    pairs = [
        (name, value)
        for name, value in request.args.items(multi=True)
        if name not in changes and (name not in _PAGING or set(changes) & set(_PAGING))
    ]
    pairs += [(name, value) for name, value in changes.items() if value is not None]
    return f"{request.path}?{urlencode(pairs)}" if pairs else request.path


def sort_direction(key: str, current: str | None) -> str | None:
    """Return `ascending` or `descending` if the list is sorted by `key`."""
    current = request.args.get("sort") or current or ""
    if current.lstrip("-") != key:
        return None
    return "descending" if current.startswith("-") else "ascending"


def sort_url(key: str, current: str | None = None) -> str:
    """Return the list sorted by `key`; a second click turns the direction."""
    descending = sort_direction(key, current) == "ascending"
    return query_url(sort=f"-{key}" if descending else key)


def register(app: Flask) -> None:
    """Give the table macros what they call."""
    app.jinja_env.globals.update(
        query_url=query_url, sort_direction=sort_direction, sort_url=sort_url
    )
