"""Files that people keep."""

import re
from collections.abc import Iterator
from io import BytesIO
from pathlib import PurePosixPath

from flask import Response, send_file, stream_with_context

_UNSAFE_IN_NAMES = re.compile(
    r"[\x00-\x1f\x7f\u200e\u200f\u202a-\u202e\u2066-\u2069\"\\:*?<>|]"
)


def safe_filename(name: str) -> str:
    """Return a name without folders, control characters or tricks of direction."""
    name = _UNSAFE_IN_NAMES.sub("", name.replace("\\", "/"))
    return PurePosixPath(name).name.lstrip(".") or "download"


def download(content: bytes, *, filename: str, mimetype: str) -> Response:
    """Answer with a file to keep."""
    return send_file(
        BytesIO(content),
        mimetype=mimetype,
        as_attachment=True,
        download_name=safe_filename(filename),
        max_age=0,
    )


def csv_download(lines: Iterator[str], *, filename: str) -> Response:
    """Answer with a CSV file, written while it is sent."""
    response = Response(
        stream_with_context(lines), content_type="text/csv; charset=utf-8"
    )
    response.headers.set(
        "Content-Disposition", "attachment", filename=safe_filename(filename)
    )
    return response
