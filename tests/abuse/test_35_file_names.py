"""35: names of files that lead elsewhere, or that add a header."""

import pytest
from sqlalchemy.orm import Session

from portal.accounts.permissions import Role
from portal.kit.uploads import shown_name
from portal.kit.uploads.names import LONGEST_NAME
from tests.applications.files import applied_with_file
from tests.conftest import SignIn
from tests.factories.applications import ApplicationDocumentFactory
from tests.factories.people import UserFactory

NAMES = {
    "../../etc/passwd.pdf": "passwd.pdf",
    "..\\..\\boot.pdf": "boot.pdf",
    "..%2f..%2fetc%2fpasswd.pdf": "passwd.pdf",
    "..%5c..%5cboot.pdf": "boot.pdf",
    "%2e%2e%2fpasswd.pdf": "passwd.pdf",
    "/etc/passwd": "passwd.pdf",
    "C:\\Windows\\win.pdf": "win.pdf",
    "file:///etc/hosts.pdf": "hosts.pdf",
    "....//....//x.pdf": "x.pdf",
    "..": "file.pdf",
    ".": "file.pdf",
    "": "file.pdf",
    "/": "file.pdf",
    ".htaccess": "htaccess.pdf",
    ".pdf": "pdf.pdf",
    "a.pdf\r\nSet-Cookie: x=1": "a.pdf",
    "a%0d%0aSet-Cookie:%20x=1.pdf": "aSet-Cookie x=1.pdf",
    "a\x00.pdf": "a.pdf",
    "a%00.pdf": "a.pdf",
    'a".pdf; filename="b.html': "a.pdf filename=b.pdf",
    "invoice\u202efdp.exe.pdf": "invoicefdp.exe.pdf",
    "a\u200b\u2066b\u2069.pdf": "ab.pdf",
    "line\u2028end.pdf": "lineend.pdf",
    "a;b|c<d>e?f*.pdf": "abcdef.pdf",
    "report.html": "report.pdf",
    "report.pdf.svg": "report.pdf.pdf",
    "  spaces   inside  .pdf": "spaces inside.pdf",
    "등록증.pdf": "등록증.pdf",
    "رخصة.pdf": "رخصة.pdf",
    "e\u0301te\u0301.pdf": "été.pdf",
    "x" * 400 + ".pdf": "x" * (LONGEST_NAME - 4) + ".pdf",
}


@pytest.mark.parametrize(("sent", "shown"), NAMES.items())
def test_names_lose_their_tricks_and_keep_their_words(sent: str, shown: str) -> None:
    assert shown_name(sent, "pdf") == shown


def test_no_name_reaches_the_header_as_it_came(
    session: Session, sign_in: SignIn
) -> None:
    application, first = applied_with_file("application/pdf")
    sent = [
        ApplicationDocumentFactory.create(
            application=application, name=shown_name(name, "pdf")
        )
        for name in NAMES
    ]
    session.flush()
    client = sign_in(UserFactory.create(role=Role.REVIEWER))

    for document in (first, *sent):
        response = client.get(
            f"/admin/applications/{application.public_id}"
            f"/documents/{document.public_id}"
        )

        assert not [c for c in response.headers.getlist("Set-Cookie") if "x=1" in c]
        header = response.headers["Content-Disposition"]
        assert header.startswith("attachment; filename")
        assert header.isascii()
        assert header.isprintable()
        assert "/" not in header
        assert "%2F" not in header.upper()
        assert "%E2%80" not in header.upper()  # marks of direction, ends of lines


def test_without_the_guard_the_same_names_would_lead_elsewhere() -> None:
    tricks = ("/", "\\", "\r", "\x00", "\u202e", "%2f")

    kept = {name for name in NAMES if any(trick in name for trick in tricks)}

    assert len(kept) >= 10
    assert not {
        name for name in kept if any(t in shown_name(name, "pdf") for t in tricks)
    }
