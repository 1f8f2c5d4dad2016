import hashlib
from io import BytesIO

import pytest
from PIL import Image

from portal.kit.uploads import worker
from portal.kit.uploads.accepting import accept
from portal.kit.uploads.cleaning import (
    LONGEST_SIDE,
    MOST_BYTES,
    FileRefused,
    Refusal,
    cleaned,
)
from tests.factories import files


def refusal(content: bytes, name: str) -> Refusal:
    with pytest.raises(FileRefused) as caught:
        cleaned(content, name)
    return caught.value.why


@pytest.mark.parametrize(
    ("content", "name", "media_type"),
    [
        (files.picture("PNG"), "logo.png", "image/png"),
        (files.picture("JPEG"), "logo.JPG", "image/jpeg"),
        (files.picture("JPEG"), "logo.jpeg", "image/jpeg"),
        (files.picture("WEBP"), "logo.webp", "image/webp"),
        (files.pdf(), "register.pdf", "application/pdf"),
    ],
)
def test_four_kinds_of_files_are_taken(
    content: bytes, name: str, media_type: str
) -> None:
    file = cleaned(content, name)

    assert file.media_type == media_type
    assert file.sent_sha256 == hashlib.sha256(content).digest()


def test_a_pdf_stays_byte_for_byte() -> None:
    content = files.pdf(3)

    assert cleaned(content, "register.pdf").content == content


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP"])
def test_a_picture_forgets_where_it_was_taken_and_stays_upright(kind: str) -> None:
    content = files.picture_with_a_place(kind)
    assert files.PLACE in content

    clean = cleaned(content, f"photo.{kind.lower()}").content

    assert files.PLACE not in clean
    with Image.open(BytesIO(clean)) as picture:
        assert not picture.getexif()
        assert picture.size == (30, 40)


def test_holes_in_a_picture_stay_holes() -> None:
    out = BytesIO()
    Image.new("LA", (4, 4), (0, 0)).save(out, format="PNG")

    with Image.open(BytesIO(cleaned(out.getvalue(), "logo.png").content)) as picture:
        assert picture.convert("RGBA").getpixel((0, 0)) == (0, 0, 0, 0)


def test_a_large_picture_is_made_smaller() -> None:
    content = files.picture("JPEG", (LONGEST_SIDE * 2, 20))

    with Image.open(BytesIO(cleaned(content, "long.jpg").content)) as picture:
        assert max(picture.size) <= LONGEST_SIDE


@pytest.mark.parametrize(
    ("content", "name", "why"),
    [
        (b"", "a.pdf", Refusal.EMPTY),
        (b"%PDF-" + bytes(MOST_BYTES), "a.pdf", Refusal.TOO_LARGE),
        (b"MZ\x90", "a.pdf", Refusal.OTHER_KIND),
        (files.picture("PNG"), "a.pdf", Refusal.WRONG_ENDING),
        (files.picture("PNG"), "png", Refusal.WRONG_ENDING),
        (files.picture("PNG")[:50], "a.png", Refusal.DAMAGED),
        (b"%PDF-1.7 nothing more", "a.pdf", Refusal.DAMAGED),
        (files.pdf(0), "a.pdf", Refusal.DAMAGED),
        (files.pdf(301), "a.pdf", Refusal.TOO_MANY_PAGES),
        (files.locked_pdf(), "a.pdf", Refusal.LOCKED),
        (files.pdf_with_script(), "a.pdf", Refusal.ACTING),
        (files.pdf_with_attachment(), "a.pdf", Refusal.ACTING),
    ],
)
def test_what_is_refused_says_why(content: bytes, name: str, why: Refusal) -> None:
    assert refusal(content, name) is why


def test_a_pdf_of_very_many_objects_is_too_complex(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    content = files.pdf(5)
    assert cleaned(content, "a.pdf").content == content

    monkeypatch.setattr("portal.kit.uploads.cleaning.MOST_OBJECTS", 4)
    assert refusal(content, "a.pdf") is Refusal.TOO_COMPLEX

    monkeypatch.setattr("portal.kit.uploads.cleaning.MOST_OBJECTS", 20)
    monkeypatch.setattr("portal.kit.uploads.cleaning.MOST_WALKED", 20)
    assert refusal(content, "a.pdf") is Refusal.TOO_COMPLEX


def test_a_picture_that_grows_over_the_limit_is_refused(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    content = files.picture("PNG")
    monkeypatch.setattr("portal.kit.uploads.cleaning.MOST_BYTES", len(content))
    monkeypatch.setattr(
        "portal.kit.uploads.cleaning._redrawn", lambda *_args: content + b"!"
    )

    assert refusal(content, "a.png") is Refusal.TOO_LARGE


class TestTheProcessOfItsOwn:
    def test_it_gives_back_what_the_pure_function_does(self) -> None:
        content = files.picture_with_a_place()

        assert accept(content, "photo.jpg") == cleaned(content, "photo.jpg")

    def test_a_refusal_comes_back_as_one(self) -> None:
        with pytest.raises(FileRefused) as caught:
            accept(files.pdf_with_script(), "offer.pdf")

        assert caught.value.why is Refusal.ACTING

    def test_one_that_is_stopped_is_a_refusal(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr("portal.kit.uploads.accepting.MOST_SECONDS", 0.001)

        with pytest.raises(FileRefused) as caught:
            accept(files.pdf(), "slow.pdf")

        assert caught.value.why is Refusal.TOO_COMPLEX

    def test_what_it_answers(self) -> None:
        taken, refused = BytesIO(), BytesIO()

        worker.answer(files.pdf(), "file.pdf", taken)
        worker.answer(b"MZ", "file.pdf", refused)

        head, _line_end, content = taken.getvalue().partition(b"\n")
        assert b"application/pdf" in head
        assert content == files.pdf()
        assert refused.getvalue() == b'{"refused": "other_kind"}\n'

    def test_it_limits_itself(self, monkeypatch: pytest.MonkeyPatch) -> None:
        resource = pytest.importorskip("resource")
        limits: dict[int, tuple[int, int]] = {}
        monkeypatch.setattr(resource, "setrlimit", limits.__setitem__)

        worker.limit_oneself()

        assert limits[resource.RLIMIT_AS][0] == worker.MOST_MEMORY
        assert limits[resource.RLIMIT_CPU][0] == worker.MOST_CPU_SECONDS
