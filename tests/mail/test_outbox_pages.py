from datetime import timedelta

import pytest
from flask.testing import FlaskClient
from sqlalchemy.orm import Session

from portal.kit.clock import utc_now
from portal.mail.models import MailStatus, OutboxEmail
from portal.mail.service import enqueue
from tests.conftest import CountQueries, SignIn
from tests.factories.people import UserFactory


def queued(session: Session, **values: object) -> OutboxEmail:
    email = enqueue(
        session,
        to="dana@people.example",
        template="accounts/reset",
        context={"secret_path": "/login/reset/TOKEN"},
        now=utc_now(),
    )
    for name, value in values.items():
        setattr(email, name, value)
    session.flush()
    return email


@pytest.fixture
def client(session: Session, sign_in: SignIn) -> FlaskClient:
    del session
    return sign_in(UserFactory.create(admin=True))


def test_an_empty_outbox_says_what_will_appear(client: FlaskClient) -> None:
    assert "No mail yet" in client.get("/admin/mail").text


def test_the_outbox_shows_state_hold_and_error(
    session: Session, client: FlaskClient
) -> None:
    queued(session, hold_until=utc_now() + timedelta(minutes=5))
    queued(session, hold_until=utc_now() + timedelta(minutes=5), attempts=1)
    queued(session, status=MailStatus.FAILED, last_error="550 no such mailbox")

    page = client.get("/admin/mail").text

    assert "Held until" in page
    assert "Next try" in page
    assert "550 no such mailbox" in page


def test_filters_by_state_and_address(session: Session, client: FlaskClient) -> None:
    queued(session, to="sent@x.example", status=MailStatus.SENT, sent_at=utc_now())
    queued(session, to="failed@x.example", status=MailStatus.FAILED)

    page = client.get("/admin/mail?status=failed").text
    found = client.get("/admin/mail?q=SENT@").text

    assert "failed@x.example" in page
    assert "sent@x.example" not in page
    assert "sent@x.example" in found
    assert "Nothing matches" in client.get("/admin/mail?q=nobody").text
    assert client.get("/admin/mail?status=unknown").status_code == 200


@pytest.mark.parametrize("mails", [1, 5])
def test_the_list_costs_the_same_however_long_it_is(
    session: Session, client: FlaskClient, count_queries: CountQueries, mails: int
) -> None:
    for _ in range(mails):
        queued(session)

    with count_queries() as statements:
        client.get("/admin/mail")

    assert len(statements) == 4  # who asks, the mails, the counts, a freeze


def test_a_mail_is_shown_without_the_link_that_lets_its_reader_in(
    session: Session, client: FlaskClient
) -> None:
    email = queued(session)

    page = client.get(f"/admin/mail/{email.id}").text
    source = client.get(f"/admin/mail/{email.id}/source")

    assert "Somebody asked for a new password" in page
    assert "TOKEN" not in page + source.text
    assert source.mimetype == "text/plain"
    assert "<h1" in source.text


def test_a_broken_template_is_named(session: Session, client: FlaskClient) -> None:
    email = queued(session, template="accounts/no-such-mail")

    page = client.get(f"/admin/mail/{email.id}")
    source = client.get(f"/admin/mail/{email.id}/source")

    assert page.status_code == 200
    assert "accounts/no-such-mail" in source.text


def test_a_failed_mail_is_sent_again_once(
    session: Session, client: FlaskClient
) -> None:
    email = queued(session, status=MailStatus.FAILED, attempts=6, last_error="550")
    url = f"/admin/mail/{email.id}"

    offered = "Send again" in client.get(url).text
    first, second = (client.post(f"{url}/resend").status_code for _ in range(2))

    assert offered
    assert (first, second) == (303, 409)
    session.refresh(email)
    assert (email.status, email.attempts) == (MailStatus.QUEUED, 0)


def test_an_auditor_looks_and_does_not_send(session: Session, sign_in: SignIn) -> None:
    email = queued(session, status=MailStatus.FAILED)
    client = sign_in(UserFactory.create(auditor=True))

    assert "Send again" not in client.get(f"/admin/mail/{email.id}").text
    assert client.post(f"/admin/mail/{email.id}/resend").status_code == 403
