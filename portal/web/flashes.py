"""What the next page says about what was just done."""

from datetime import datetime

from flask import flash


def success(message: str) -> None:
    """Say that it worked."""
    flash(message, "success")


def warning(message: str) -> None:
    """Say that it worked, but something needs a look."""
    flash(message, "warning")


def failure(message: str) -> None:
    """Say that it did not work, and what to do."""
    flash(message, "error")


def undo(message: str, *, url: str, until: datetime) -> None:
    """Say that it worked and offer to undo it by a POST to `url` until then."""
    # Flask keeps whatever JSON can hold; its annotation says str.
    content = {"text": message, "url": url, "until": until.isoformat()}
    flash(content, "undo")  # type: ignore[arg-type]
