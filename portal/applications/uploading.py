"""Files on their way from a form into an application."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Final

from flask import Response, after_this_request, request
from werkzeug.datastructures import CombinedMultiDict, FileStorage, MultiDict
from wtforms import Field

from portal.accounts import throttle
from portal.accounts.throttle import Limit
from portal.applications import access, service, words
from portal.extensions import db
from portal.kit.clock import utc_now
from portal.kit.db import transaction
from portal.kit.uploads import (
    ENDINGS,
    MOST_BYTES,
    CleanFile,
    FileRefused,
    Refusal,
    accept,
    shown_name,
)

LONGEST_UPLOAD: Final = 3 * MOST_BYTES + 2 * 1_048_576
"""Three files of the largest size and the texts beside them."""
MOST_AT_ONCE: Final = 10
UPLOADS_PER_ADDRESS = Limit("apply-files-from", 100, timedelta(hours=1))
ACCEPT: Final = ",".join([*ENDINGS, *(f".{ending}" for ending in ENDINGS.values())])
"""What the browser offers to choose from."""


@dataclass(frozen=True, slots=True)
class Taken:
    """What became of the files of a form: harmless ones, and sentences about others."""

    files: tuple[tuple[CleanFile, str], ...]
    refused: tuple[str, ...]


def allow_files() -> None:
    """Let this request be as long as files are; others stay short."""
    request.max_content_length = LONGEST_UPLOAD

    @after_this_request
    def close_files(response: Response) -> Response:
        request.close()
        return response


def texts_and_files() -> CombinedMultiDict[str, Any]:
    """Return everything that the form brings."""
    both: list[MultiDict[str, Any]] = [request.files, request.form]
    return CombinedMultiDict(both)


def has_files() -> bool:
    """Tell whether the form brings a file."""
    return any(upload.filename for upload in request.files.values())


def came_with(field: Field) -> list[FileStorage]:
    """Return the files that were chosen in a field."""
    return [
        upload
        for upload in field.data or ()
        if isinstance(upload, FileStorage) and upload.filename
    ]


def take(reference: str, uploads: Sequence[FileStorage]) -> Taken:
    """Look into files, outside of any transaction, and note the refused ones.

    Raises:
        TooManyTries: Too many files came from this address.
    """
    files: list[tuple[CleanFile, str]] = []
    refused: list[str] = []
    for upload in uploads[:MOST_AT_ONCE]:
        sent_name = upload.filename or ""
        with transaction(db.session()) as session:
            network = throttle.network_of(request.remote_addr)
            throttle.count(session, UPLOADS_PER_ADDRESS, network, now=utc_now())
        try:
            file = accept(upload.stream.read(MOST_BYTES + 1), sent_name)
        except FileRefused as refusal:
            refused.append(words.refusal_text(refusal.why, sent_name))
            _note(reference, refusal.why)
        else:
            files.append((file, shown_name(sent_name, ENDINGS[file.media_type])))
    return Taken(tuple(files), tuple(refused))


def _note(reference: str, why: Refusal) -> None:
    with transaction(db.session()) as session:
        application = access.opened(session, reference)
        service.note_refusal(session, application, why, now=utc_now())
