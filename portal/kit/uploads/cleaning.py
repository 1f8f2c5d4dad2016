"""What a file is, by its content, and its harmless form. Pure.

Pictures are decoded and written anew, so that nothing but their pixels is left: no
place where they were taken, no second file behind them. A PDF stays as it is, byte for
byte, because signatures in it would break; what could act is refused, and it is only
ever given out as a file to keep.
"""

import hashlib
import struct
import warnings
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum
from io import BytesIO
from typing import Any, Final

import pypdf
from PIL import Image, ImageOps
from pypdf.errors import LimitReachedError, PyPdfError
from pypdf.generic import (
    ArrayObject,
    DictionaryObject,
    IndirectObject,
    StreamObject,
)

MOST_BYTES: Final = 10 * 1_048_576
MOST_PIXELS: Final = 40_000_000
LONGEST_SIDE: Final = 4_000
"""Larger pictures are made smaller, in pixels; a scanned page stays readable."""
MOST_PAGES: Final = 300
MOST_OBJECTS: Final = 20_000
MOST_WALKED: Final = 200_000
"""Parts of objects: a dictionary, a list, a name."""
MOST_UNPACKED: Final = 32 * 1_048_576
"""How large one packed part of a PDF may become, in bytes."""

PDF = "application/pdf"
ENDINGS: Final = {
    PDF: "pdf",
    "image/png": "png",
    "image/jpeg": "jpg",
    "image/webp": "webp",
}
"""What is taken, and how the names of such files end."""

_PICTURES: Final = {"image/png": "PNG", "image/jpeg": "JPEG", "image/webp": "WEBP"}
_QUALITY: Final = 88
_NO_PICTURE = (
    OSError,
    SyntaxError,
    ValueError,
    EOFError,
    IndexError,
    KeyError,
    TypeError,
    OverflowError,
    struct.error,
    zlib.error,
    Warning,
)
"""What the decoder raises for broken pictures."""
_NO_PDF = (*_NO_PICTURE, PyPdfError, AttributeError, RecursionError, AssertionError)

_LIMITS: Final[dict[str, Any]] = {
    "zlib_maximum_output_length": MOST_UNPACKED,
    "lzw_maximum_output_length": MOST_UNPACKED,
    "run_length_maximum_output_length": MOST_UNPACKED,
    "stream_decoding_work_maximum_length": 4 * MOST_UNPACKED,
    "array_maximum_element_count": MOST_OBJECTS,
    "dictionary_maximum_element_count": MOST_OBJECTS,
    "page_tree_maximum_entries": MOST_OBJECTS,
}

_ACTING = frozenset(
    {
        "/JavaScript",
        "/JS",
        "/Launch",
        "/EmbeddedFiles",
        "/EmbeddedFile",
        "/AA",
        "/RichMedia",
        "/XFA",
        "/SubmitForm",
        "/ImportData",
        "/GoToR",
        "/GoToE",
    }
)
"""Names by which a PDF does something when it is opened, or brings another file."""


class Refusal(StrEnum):
    """Why a file is not taken."""

    EMPTY = "empty"
    TOO_LARGE = "too_large"
    OTHER_KIND = "other_kind"
    WRONG_ENDING = "wrong_ending"
    DAMAGED = "damaged"
    TOO_MANY_PIXELS = "too_many_pixels"
    TOO_MANY_PAGES = "too_many_pages"
    TOO_COMPLEX = "too_complex"
    LOCKED = "locked"
    ACTING = "acting"


class FileRefused(Exception):
    """A file is not taken; `why` says for what reason."""

    def __init__(self, why: Refusal) -> None:
        super().__init__(why.value)
        self.why = why


@dataclass(frozen=True, slots=True)
class CleanFile:
    """A file as it may be kept.

    Attributes:
        media_type: One of `ENDINGS`.
        content: The harmless form.
        sent_sha256: Hash of what was sent, 32 bytes: the same file from two people
            has the same one.
    """

    media_type: str
    content: bytes
    sent_sha256: bytes


def media_type_of(content: bytes) -> str | None:
    """Return what a file says it is in its first bytes; none if it is not taken."""
    if content.startswith(b"%PDF-"):
        return PDF
    if content.startswith(b"\x89PNG\r\n\x1a\n"):
        return "image/png"
    if content.startswith(b"\xff\xd8\xff"):
        return "image/jpeg"
    if content[:4] == b"RIFF" and content[8:12] == b"WEBP":
        return "image/webp"
    return None


def glance(content: bytes, name: str) -> str:
    """Return the kind of a file after the checks that cost nothing.

    Raises:
        FileRefused: It is empty, too large, of another kind, or its name says so.
    """
    if not content:
        raise FileRefused(Refusal.EMPTY)
    if len(content) > MOST_BYTES:
        raise FileRefused(Refusal.TOO_LARGE)
    media_type = media_type_of(content)
    if media_type is None:
        raise FileRefused(Refusal.OTHER_KIND)
    ending = name.rpartition(".")[2].lower() if "." in name else ""
    if {"jpeg": "jpg", "jpe": "jpg"}.get(ending, ending) != ENDINGS[media_type]:
        raise FileRefused(Refusal.WRONG_ENDING)
    return media_type


def cleaned(content: bytes, name: str) -> CleanFile:
    """Return the harmless form of a file.

    Raises:
        FileRefused: It is not taken.
    """
    media_type = glance(content, name)
    if media_type == PDF:
        _examine_pdf(content)
        clean = content
    else:
        clean = _redrawn(content, _PICTURES[media_type])
    if len(clean) > MOST_BYTES:
        raise FileRefused(Refusal.TOO_LARGE)
    return CleanFile(media_type, clean, hashlib.sha256(content).digest())


def _redrawn(content: bytes, kind: str) -> bytes:
    """Return a picture, drawn anew from its pixels alone."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            with Image.open(BytesIO(content), formats=[kind]) as picture:
                if picture.width * picture.height > MOST_PIXELS:
                    raise FileRefused(Refusal.TOO_MANY_PIXELS)
                picture.draft(None, (LONGEST_SIDE, LONGEST_SIDE))
                picture.load()
                return _drawn(picture, kind)
    except Image.DecompressionBombError as error:
        raise FileRefused(Refusal.TOO_MANY_PIXELS) from error
    except _NO_PICTURE as error:
        raise FileRefused(Refusal.DAMAGED) from error


def _drawn(picture: Image.Image, kind: str) -> bytes:
    has_holes = picture.has_transparency_data and kind != "JPEG"
    mode = "RGBA" if has_holes else "RGB"
    # Made smaller as early as can be: a large picture is in memory once.
    plain = picture if picture.mode == mode else picture.convert(mode)
    plain.thumbnail((LONGEST_SIDE, LONGEST_SIDE))
    ImageOps.exif_transpose(plain, in_place=True)
    # A new picture knows nothing of the old one's profile, comments or places.
    anew = Image.new(plain.mode, plain.size)
    anew.paste(plain)
    out = BytesIO()
    settings: dict[str, Any] = {} if kind == "PNG" else {"quality": _QUALITY}
    anew.save(out, format=kind, **settings)
    return out.getvalue()


def _examine_pdf(content: bytes) -> None:
    """Refuse a PDF that is damaged, locked, too large inside, or that acts."""
    try:
        with warnings.catch_warnings(), pypdf.apply_configuration(**_LIMITS):
            warnings.simplefilter("ignore")
            reader = pypdf.PdfReader(BytesIO(content), strict=False)
            if reader.is_encrypted:
                raise FileRefused(Refusal.LOCKED)
            count = sum(len(found) for found in reader.xref.values())
            if count + len(reader.xref_objStm) > MOST_OBJECTS:
                raise FileRefused(Refusal.TOO_COMPLEX)
            if len(reader.pages) > MOST_PAGES:
                raise FileRefused(Refusal.TOO_MANY_PAGES)
            if not reader.pages:
                raise FileRefused(Refusal.DAMAGED)
            if any(name in _ACTING for name in _names_in(reader)):
                raise FileRefused(Refusal.ACTING)
    except LimitReachedError as error:
        raise FileRefused(Refusal.TOO_COMPLEX) from error
    except _NO_PDF as error:
        raise FileRefused(Refusal.DAMAGED) from error


def _names_in(reader: pypdf.PdfReader) -> Iterator[str]:
    """Yield every name that the objects reachable from the trailer use.

    Raises:
        FileRefused: There are too many objects.
    """
    waiting: list[object] = [reader.trailer]
    seen: set[tuple[int, int]] = set()
    walked = 0
    while waiting:
        part = waiting.pop()
        if isinstance(part, IndirectObject):
            place = (part.idnum, part.generation)
            if place in seen:
                continue
            seen.add(place)
            part = part.get_object()
        walked += 1
        if walked > MOST_WALKED:
            raise FileRefused(Refusal.TOO_COMPLEX)
        if isinstance(part, DictionaryObject):
            yield from part
            yield from _actions_of(part)
            waiting.extend(part.values())
            if isinstance(part, StreamObject) and part.get("/Type") == "/ObjStm":
                part.get_data()
        elif isinstance(part, ArrayObject):
            waiting.extend(part)


def _actions_of(part: DictionaryObject) -> Iterator[str]:
    """Yield what an action does; its name stands in a value."""
    for name in ("/S", "/Subtype", "/Type"):
        value = part.get(name)
        if isinstance(value, str):
            yield value
