import smtplib
import socket
from collections.abc import Iterator
from email.message import EmailMessage
from pathlib import Path

import pytest
from aiosmtpd.controller import Controller
from werkzeug.test import Client

from portal.demo.mail_catcher import Catcher, Mailbox, create_catcher_app
from tests.factories.base_factory import NOW


@pytest.fixture
def mailbox(tmp_path: Path) -> Mailbox:
    return Mailbox(tmp_path / "mails", kept=3)


@pytest.fixture
def pages(mailbox: Mailbox) -> Client:
    return Client(create_catcher_app(mailbox, portal="http://localhost:8000"))


@pytest.fixture
def smtp_port(mailbox: Mailbox) -> Iterator[int]:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
    controller = Controller(Catcher(mailbox), hostname="127.0.0.1", port=port)
    controller.start()
    yield port
    controller.stop()


def mail(
    to: str = "noor@noorhaddad.test", subject: str = "Your statement", html: str = ""
) -> EmailMessage:
    message = EmailMessage()
    message["From"] = "Acme <partners@acme.example>"
    message["To"] = to
    message["Subject"] = subject
    message.set_content("Look: http://localhost:8000/app/statements.\n<b>1 & 1</b>\n")
    if html:
        message.add_alternative(html, subtype="html")
    return message


def put(mailbox: Mailbox, message: EmailMessage) -> str:
    return mailbox.put(message.as_bytes(), now=NOW).key


class TestTheMailServer:
    def test_keeps_what_is_sent_and_relays_nothing(
        self, smtp_port: int, mailbox: Mailbox, tmp_path: Path
    ) -> None:
        with smtplib.SMTP("127.0.0.1", smtp_port, timeout=5) as server:
            server.send_message(mail(subject="Größe 한글"))
        [kept] = mailbox.find("")
        assert kept.subject == "Größe 한글"
        assert kept.recipients == "noor@noorhaddad.test"
        [file] = (tmp_path / "mails").iterdir()
        assert file.stat().st_mode & 0o077 == 0


class TestTheMailbox:
    def test_finds_by_recipient_newest_first(self, mailbox: Mailbox) -> None:
        put(mailbox, mail(subject="first"))
        put(mailbox, mail(to="jiwoo@maru.test"))
        put(mailbox, mail(subject="second"))
        assert [m.subject for m in mailbox.find(" NOOR@ ")] == ["second", "first"]

    def test_forgets_the_oldest_one(self, mailbox: Mailbox, tmp_path: Path) -> None:
        oldest = put(mailbox, mail(subject="1"))
        for number in (2, 3, 4):
            put(mailbox, mail(subject=str(number)))
        assert mailbox.get(oldest) is None
        assert len(list((tmp_path / "mails").iterdir())) == 3

    def test_reads_what_it_kept_before(self, mailbox: Mailbox, tmp_path: Path) -> None:
        key = put(mailbox, mail(subject="kept"))
        (tmp_path / "mails" / "notes.eml").write_text("not one of ours")
        again = Mailbox(tmp_path / "mails", kept=3)
        found = again.get(key)
        assert found is not None
        assert found.subject == "kept"
        assert found.received_at == NOW
        assert len(again.find("")) == 1

    def test_shows_a_mail_in_a_charset_that_nobody_knows(
        self, mailbox: Mailbox
    ) -> None:
        raw = b"Content-Type: text/plain; charset=x-none\n\nHello"
        kept = mailbox.put(raw, now=NOW)
        assert "Hello" in kept.text
        assert kept.subject == "(no subject)"
        assert kept.html == ""


class TestThePages:
    def test_list_mails_and_search_by_recipient(
        self, pages: Client, mailbox: Mailbox
    ) -> None:
        assert "No mail yet" in pages.get("/").text
        put(mailbox, mail(subject="<i>one</i>"))
        assert "&lt;i&gt;one" in pages.get("/").text
        assert "No mail to this recipient" in pages.get("/?to=jiwoo").text
        assert "&lt;i&gt;one" in pages.get("/?to=noor").text

    def test_show_the_text_with_links_and_no_markup(
        self, pages: Client, mailbox: Mailbox
    ) -> None:
        page = pages.get(f"/mails/{put(mailbox, mail())}").text
        assert 'href="http://localhost:8000/app/statements"' in page
        assert "&lt;b&gt;1 &amp; 1&lt;/b&gt;" in page
        assert "<iframe" not in page

    def test_show_html_in_a_sandbox_only(self, pages: Client, mailbox: Mailbox) -> None:
        html = "<html><head></head><body><script>alert(1)</script>Hi</body></html>"
        key = put(mailbox, mail(html=html))
        page = pages.get(f"/mails/{key}")
        assert "alert(1)" not in page.text
        assert 'sandbox="allow-popups allow-popups-to-escape-sandbox"' in page.text
        answer = pages.get(f"/mails/{key}/html")
        policy = answer.headers["Content-Security-Policy"]
        assert policy.startswith("sandbox ")
        assert "allow-scripts" not in policy
        assert "default-src 'none'" in policy
        assert '<head><base target="_blank">' in answer.text

    def test_know_no_other_mail(self, pages: Client, mailbox: Mailbox) -> None:
        assert pages.get("/mails/unknown").status_code == 404
        assert pages.get(f"/mails/{put(mailbox, mail())}/html").status_code == 404

    def test_have_a_style_of_their_own(self, pages: Client) -> None:
        assert pages.get("/mails.css").mimetype == "text/css"
