"""33: files that are not what they say, or that run where they are opened."""

from io import BytesIO

import pytest
from sqlalchemy import select
from sqlalchemy.orm import Session

from portal.accounts.permissions import Role
from portal.audit.models import AuditEvent
from portal.kit.ids import public_id
from portal.kit.uploads.cleaning import ENDINGS, FileRefused, cleaned, media_type_of
from tests.applications.files import FILES_STEP, applied_with_file, with_files
from tests.applications.test_public_views import Opened, opened
from tests.conftest import SignIn
from tests.factories import files
from tests.factories.applications import ApplicationFactory
from tests.factories.people import UserFactory

__all__ = ["opened"]

SVG = b'<svg xmlns="http://www.w3.org/2000/svg" onload="alert(1)"/>'
HTML = b"<!doctype html><script>alert(1)</script>"
GIF = b"GIF89a\x01\x00\x01\x00\x00\x00\x00;"
ZIP = b"PK\x03\x04" + bytes(60)
OTHER = {
    "svg": SVG, "svg with a head": b'<?xml version="1.0"?>' + SVG, "html": HTML,
    "xhtml": b'<html xmlns="http://www.w3.org/1999/xhtml"/>', "gif": GIF, "zip": ZIP,
    "program": b"MZ" + bytes(60), "elf": b"\x7fELF" + bytes(60), "text": b"hello",
    "script": b"#!/bin/sh\nid\n",
    "xml": b"<!DOCTYPE lolz [<!ENTITY lol 'lol'>]><lolz/>",
    "postscript": b"%!PS-Adobe-3.0\n", "bmp": b"BM" + bytes(60), "tiff": b"II*\x00",
    "ico": b"\x00\x00\x01\x00", "wave": b"RIFF\x24\x00\x00\x00WAVEfmt ",
    "pdf after html": HTML + files.pdf(), "png after html": HTML + files.picture(),
    "pdf after a space": b" " + files.pdf(), "pdf after zip": ZIP + files.pdf(),
}  # fmt: skip
"""Never taken, whatever they are called."""
ACTING = {
    "script": files.pdf_with_script(), "attachment": files.pdf_with_attachment(),
    "locked": files.locked_pdf(), "cut off": files.pdf()[:60],
    "only the head": b"%PDF-1.7\n", "html with the head of a pdf": b"%PDF-1.7\n" + HTML,
}  # fmt: skip
"""Refused though they begin like a PDF."""
POLYGLOTS = {
    f"{ending} and {what}": (kind, content)
    for kind, ending in (("PNG", "png"), ("JPEG", "jpg"), ("WEBP", "webp"))
    for what, content in (("html", HTML), ("svg", SVG), ("zip", ZIP))
}
"""Pictures with a second file behind them: taken, the second file is gone."""


def taken(content: bytes, name: str) -> bool:
    try:
        cleaned(content, name)
    except FileRefused:
        return False
    return True


@pytest.mark.parametrize("what", OTHER)
@pytest.mark.parametrize("ending", ENDINGS.values())
def test_other_kinds_are_refused_under_any_name(what: str, ending: str) -> None:
    assert not taken(OTHER[what], f"offer.{ending}")


@pytest.mark.parametrize("what", ACTING)
def test_a_pdf_that_acts_or_is_none_is_refused(what: str) -> None:
    assert media_type_of(ACTING[what]) == "application/pdf"
    assert not taken(ACTING[what], "offer.pdf")


@pytest.mark.parametrize("what", POLYGLOTS)
def test_nothing_behind_a_picture_is_kept(what: str) -> None:
    kind, content = POLYGLOTS[what]
    sent = files.picture(kind) + content
    assert content in sent

    assert content not in cleaned(sent, f"logo.{kind.lower()}").content


@pytest.mark.parametrize("name", ["a.html", "a.svg", "a.png.html", "a.exe", "a", ""])
def test_a_name_that_says_something_else_is_refused(name: str) -> None:
    assert not taken(files.picture(), name)
    assert taken(files.picture(), "a.png")  # so it was the name


@pytest.mark.parametrize("media_type", ENDINGS)
def test_files_are_given_out_to_keep_never_to_show(
    media_type: str, session: Session, sign_in: SignIn
) -> None:
    application, document = applied_with_file(media_type)
    client = sign_in(UserFactory.create(role=Role.REVIEWER))

    response = client.get(
        f"/admin/applications/{application.public_id}/documents/{document.public_id}"
    )

    assert response.status_code == 200
    assert response.mimetype == media_type
    assert response.headers["Content-Disposition"].startswith("attachment")
    assert response.headers["X-Content-Type-Options"] == "nosniff"
    assert response.headers["Content-Security-Policy"].startswith("sandbox")
    assert response.headers["Cache-Control"] == "no-store"
    del session


def test_a_file_of_one_application_is_not_found_under_another(
    session: Session, sign_in: SignIn, opened: Opened
) -> None:
    application, document = applied_with_file("application/pdf")
    other = ApplicationFactory.create(version=application.version)
    session.flush()
    staff = sign_in(UserFactory.create(role=Role.REVIEWER))
    name = public_id("doc", document.id)

    assert (
        staff.get(f"/admin/applications/{other.public_id}/documents/{name}").status_code
        == 404
    )
    client = opened(other)
    assert (
        client.get(f"/application/{other.reference}/documents/{name}").status_code
        == 404
    )
    mine = client.get(f"/application/{application.reference}/documents/{name}")
    assert mine.status_code == 404  # its link was not followed here
    client = opened(application)
    path = f"/application/{application.reference}/documents/{name}"
    assert client.get(path).data == document.content


def test_a_refused_file_leaves_a_trace_and_nothing_else(
    session: Session, opened: Opened
) -> None:
    application = ApplicationFactory.create(draft=True, version=with_files())
    client = opened(application)

    response = client.post(
        f"/apply/{application.reference}/{FILES_STEP}/files",
        data={"q-proof": (BytesIO(SVG), "logo.png"), "add": "proof"},
        content_type="multipart/form-data",
    )

    assert response.status_code == 422
    assert "Send a PDF, or a picture as PNG, JPEG or WebP." in response.text
    session.expire_all()
    assert application.answers.get("proof") is None
    event = session.scalars(
        select(AuditEvent).where(AuditEvent.action == "application.document_refused")
    ).one()
    assert event.subject_id == application.id
    assert event.details == {"why": "other_kind"}
