import re
import smtplib
from collections.abc import Callable
from datetime import timedelta
from uuid import uuid4

import pytest
from flask import Flask
from sqlalchemy import text
from sqlalchemy.orm import Session

from portal.extensions import db
from portal.kit.clock import utc_now
from portal.kit.db import transaction
from portal.kit.errors import Invalid, NotFound
from portal.mail import gateway, tasks
from portal.mail.models import CLAIM, HIDDEN, PAUSES, MailStatus, OutboxEmail
from portal.mail.rendering import render
from portal.mail.service import enqueue
from tests.mail.conftest import SmtpServer

Deliver = Callable[[OutboxEmail], None]

INVITATION = {
    "partner": "Åre & Søn",
    "inviter": "Dana",
    "role": "Owner",
    "secret_path": "/join/abc",
}


@pytest.fixture
def email(session: Session) -> OutboxEmail:
    email = enqueue(
        session,
        to="dana@people.example",
        template="partners/invited",
        context=INVITATION,
        now=utc_now(),
    )
    session.flush()
    return email


@pytest.fixture
def deliver(app: Flask, session: Session) -> Deliver:
    def deliver(email: OutboxEmail) -> None:
        session.flush()
        with app.app_context():
            tasks.deliver(str(email.id))
        session.refresh(email)

    return deliver


def planned(session: Session) -> list[tuple[str, object]]:
    rows = session.execute(
        text(
            "SELECT args ->> 'email_id', scheduled_at FROM procrastinate_jobs "
            "WHERE task_name = 'mail.deliver' ORDER BY id"
        )
    ).all()
    return [(row[0], row[1]) for row in rows]


def test_the_reader_gets_text_and_html_of_the_same_content(
    email: OutboxEmail, deliver: Deliver, smtp_server: SmtpServer
) -> None:
    deliver(email)

    (message,) = smtp_server.messages
    assert message["To"] == "dana@people.example"
    assert message["From"] == "Acme <partners@acme.example>"
    assert message["Subject"] == "Dana invites you to Åre & Søn"
    assert message["Message-ID"] == f"<{email.id}@localhost>"
    assert message["Auto-Submitted"] == "auto-generated"
    plain = message.get_body(("plain",))
    html = message.get_body(("html",))
    assert plain is not None
    assert html is not None
    assert "http://localhost/join/abc" in plain.get_content()
    assert 'href="http://localhost/join/abc"' in html.get_content()
    assert re.search(r'<a [^>]*style="[^"]*background-color', html.get_content())
    assert "prefers-color-scheme" in html.get_content()
    assert email.status is MailStatus.SENT
    assert email.sent_at is not None


def test_a_mail_is_not_sent_twice(
    email: OutboxEmail, deliver: Deliver, smtp_server: SmtpServer
) -> None:
    deliver(email)
    deliver(email)

    assert len(smtp_server.messages) == 1


def test_what_a_link_opens_is_forgotten_once_sent(
    email: OutboxEmail, deliver: Deliver, smtp_server: SmtpServer
) -> None:
    assert smtp_server.port
    deliver(email)

    assert email.context == {**INVITATION, "secret_path": HIDDEN}


def test_a_mail_that_was_taken_back_stays_unsent(
    email: OutboxEmail, deliver: Deliver, smtp_server: SmtpServer
) -> None:
    assert email.cancel()
    deliver(email)

    assert smtp_server.messages == []
    assert email.status is MailStatus.CANCELLED
    assert email.cancel()


def test_a_sent_mail_cannot_be_taken_back(
    email: OutboxEmail, deliver: Deliver, smtp_server: SmtpServer
) -> None:
    assert smtp_server.port
    deliver(email)

    assert not email.cancel()


def test_a_mail_in_the_hands_of_a_worker_cannot_be_taken_back(
    email: OutboxEmail,
) -> None:
    email.claim(now=utc_now())

    assert not email.cancel()


def test_a_held_mail_waits_and_its_job_is_planned_anew(
    session: Session, email: OutboxEmail, deliver: Deliver, smtp_server: SmtpServer
) -> None:
    email.hold_until = utc_now() + timedelta(minutes=30)
    before = len(planned(session))

    deliver(email)

    assert smtp_server.messages == []
    assert email.status is MailStatus.QUEUED
    assert planned(session)[before:] == [(str(email.id), email.hold_until)]


def test_two_workers_do_not_send_the_same_mail(
    session: Session, email: OutboxEmail, deliver: Deliver, smtp_server: SmtpServer
) -> None:
    email.claim(now=utc_now())
    before = len(planned(session))

    deliver(email)

    assert smtp_server.messages == []
    assert planned(session)[before:] == [(str(email.id), email.claimed_until)]


def test_the_claim_of_a_dead_worker_ends(
    email: OutboxEmail, deliver: Deliver, smtp_server: SmtpServer
) -> None:
    email.claim(now=utc_now() - CLAIM)

    deliver(email)

    assert len(smtp_server.messages) == 1


def test_a_silent_server_is_tried_again_with_growing_pauses_then_given_up(
    session: Session,
    email: OutboxEmail,
    deliver: Deliver,
    smtp_server: SmtpServer,
) -> None:
    smtp_server.refuse_with = "451 try later"
    waits = []
    for _ in range(len(PAUSES)):
        started = utc_now()
        deliver(email)
        assert email.status is MailStatus.QUEUED
        assert email.hold_until is not None
        waits.append(round((email.hold_until - started).total_seconds()))
        assert planned(session)[-1] == (str(email.id), email.hold_until)
        email.hold_until = None
    deliver(email)

    assert waits == [60, 300, 1_800, 7_200, 28_800]
    assert email.status is MailStatus.FAILED
    assert email.attempts == len(PAUSES) + 1
    assert "451" in email.last_error or "try later" in email.last_error
    assert smtp_server.messages == []


def test_a_mailbox_that_does_not_exist_fails_at_once(
    email: OutboxEmail, deliver: Deliver, smtp_server: SmtpServer
) -> None:
    smtp_server.refuse_with = "550 no such mailbox"

    deliver(email)

    assert email.status is MailStatus.FAILED
    assert "no such mailbox" in email.last_error


def test_a_server_that_is_down_does_not_lose_the_mail(
    app: Flask, email: OutboxEmail, deliver: Deliver, smtp_server: SmtpServer
) -> None:
    state = app.extensions["mail"]
    state.port, port = 1, state.port
    deliver(email)
    state.port = port
    first = email.status
    email.hold_until = None

    deliver(email)

    assert [first, email.status] == [MailStatus.QUEUED, MailStatus.SENT]
    assert email.last_error == ""
    assert len(smtp_server.messages) == 1


def test_a_broken_template_fails_and_says_so(
    email: OutboxEmail, deliver: Deliver, smtp_server: SmtpServer
) -> None:
    email.template = "partners/no-such-mail"

    deliver(email)

    assert email.status is MailStatus.FAILED
    assert "TemplateNotFound" in email.last_error
    assert smtp_server.messages == []


@pytest.mark.parametrize("to", ["a@x.example\r\nBcc: b@y.example", "a@x.example\n"])
def test_an_address_cannot_add_headers(session: Session, to: str) -> None:
    with pytest.raises(Invalid):
        enqueue(session, to=to, template="partners/invited", context={}, now=utc_now())


def test_an_address_with_line_ends_in_the_table_is_not_sent_either(
    email: OutboxEmail, deliver: Deliver, smtp_server: SmtpServer
) -> None:
    email.to = "a@x.example\r\nBcc: b@y.example"

    deliver(email)

    assert email.status is MailStatus.FAILED
    assert smtp_server.messages == []


def test_a_name_cannot_break_the_subject(app: Flask) -> None:
    with app.app_context():
        rendered = render(
            "partners/invited", {**INVITATION, "inviter": "D\r\nBcc: x@y.example"}, "en"
        )

    assert rendered.subject == "D Bcc: x@y.example invites you to Åre & Søn"


def test_the_network_is_not_used_inside_a_transaction(app: Flask) -> None:
    with app.app_context():
        rendered = render("partners/invited", INVITATION, "en")
        with (
            pytest.raises(RuntimeError, match="no network"),
            transaction(db.session()),
        ):
            gateway.send(rendered, to="a@x.example", email_id="1")


def test_a_mail_that_is_not_there_is_an_error_of_ours(app: Flask) -> None:
    with app.app_context(), pytest.raises(NotFound):
        tasks.deliver(str(uuid4()))


@pytest.mark.parametrize(
    ("folder", "context"),
    [
        ("accounts/invited", {"secret_path": "/join/x"}),
        ("accounts/reset", {"secret_path": "/login/reset/x"}),
        ("accounts/password_changed", {}),
        ("partners/invited", INVITATION),
        ("partners/role_changed", {"actor": "D", "role": "Viewer", "partner": "N"}),
        ("partners/removed", {"actor": "D", "partner": "N"}),
    ],
)
def test_every_mail_says_the_same_twice(
    app: Flask, folder: str, context: dict[str, str]
) -> None:
    with app.app_context():
        rendered = render(folder, {"name": "Dana", **context}, "en")

    assert rendered.subject
    assert "{{" not in rendered.text + rendered.html
    for line in rendered.text.splitlines():
        if line.startswith("http"):
            assert f'href="{line}"' in rendered.html


def test_a_wrong_password_of_ours_is_tried_again_and_ssl_and_tls_are_spoken(
    app: Flask, monkeypatch: pytest.MonkeyPatch
) -> None:
    spoken: list[str] = []

    class Server:
        def __init__(self, *args: object, **kwargs: object) -> None:
            del args
            assert kwargs["timeout"] == gateway.TIMEOUT_SECONDS

        def starttls(self) -> None:
            spoken.append("starttls")

        def login(self, user: str, password: str) -> None:
            spoken.append(f"{user}:{password}")

    class Secure(Server):
        def __init__(self, *args: object, **kwargs: object) -> None:
            super().__init__(*args, **kwargs)
            spoken.append("ssl")

    monkeypatch.setattr(smtplib, "SMTP", Server)
    monkeypatch.setattr(smtplib, "SMTP_SSL", Secure)
    state = app.extensions["mail"]
    for name, value in (("use_tls", True), ("username", "u"), ("password", "p")):
        monkeypatch.setattr(state, name, value)
    connection = gateway._PatientConnection(state)
    connection.configure_host()
    monkeypatch.setattr(state, "use_tls", False)
    monkeypatch.setattr(state, "use_ssl", True)
    connection.configure_host()

    assert spoken == ["starttls", "u:p", "ssl", "u:p"]
    wrong = smtplib.SMTPAuthenticationError(535, b"no")
    assert not gateway.is_final(wrong)
    assert gateway.is_final(smtplib.SMTPDataError(554, b"spam"))
