from datetime import timedelta

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import select, text
from sqlalchemy.orm import Session

from portal.accounts import service, tasks
from portal.accounts.models import MailedToken
from portal.mail.rendering import render
from tests.accounts.signing import (
    NEW_PASSWORD,
    joined,
    mails_to,
    sessions_of,
    sign_in_by_form,
    without_tokens,
)
from tests.conftest import SignIn
from tests.factories.base_factory import NOW
from tests.factories.people import UserFactory


def ask(client: FlaskClient, email: str, **headers: str) -> str:
    response = client.post("/login/recover", data={"email": email}, headers=headers)
    assert response.status_code == 200
    return without_tokens(response.text)


def reset_link(session: Session, app: Flask, client: FlaskClient, email: str) -> str:
    ask(client, email)
    with app.app_context():
        tasks.mail_reset_link(email)
    return str(mails_to(session, email)[-1].context["secret_path"])


def choose(client: FlaskClient, path: str, password: str = NEW_PASSWORD) -> int:
    data = {"password": password, "again": password}
    return client.post(path, data=data).status_code


def test_the_answer_does_not_tell_who_has_a_user(
    session: Session, client: FlaskClient
) -> None:
    del session
    known, unknown = joined().email, "nobody@people.example"

    assert ask(client, known) == ask(client, unknown)


def test_the_request_does_the_same_work_for_everybody(
    session: Session, client: FlaskClient
) -> None:
    emails = [joined().email, "nobody@people.example"]
    for email in emails:
        ask(client, email)

    jobs = session.execute(
        text(
            "SELECT task_name, args ->> 'email' FROM procrastinate_jobs "
            "ORDER BY id DESC"
        )
    ).all()[:2]
    assert [tuple(job) for job in reversed(jobs)] == [
        ("accounts.mail_reset_link", email) for email in emails
    ]


def test_an_empty_form_says_what_is_missing(client: FlaskClient) -> None:
    response = client.post("/login/recover", data={"email": ""})

    assert response.status_code == 422
    assert "Enter your e-mail address." in response.text
    assert client.get("/login/recover").status_code == 200


def test_a_link_sets_a_password_once_and_ends_every_session(
    session: Session, app: Flask, client: FlaskClient, sign_in: SignIn
) -> None:
    user = joined(admin=True)
    elsewhere = sign_in(user)
    path = reset_link(session, app, client, user.email)

    page = client.get(path)
    first, second = choose(client, path), choose(app.test_client(), path)

    assert (page.status_code, page.headers["Referrer-Policy"]) == (200, "no-referrer")
    assert (first, second) == (303, 410)
    assert elsewhere.get("/account/security").status_code == 302
    assert client.get("/account/security").status_code == 200
    assert len(sessions_of(session, user)) == 1
    assert (
        sign_in_by_form(app.test_client(), user.email, NEW_PASSWORD).status_code == 303
    )
    assert [m.template for m in mails_to(session, user.email)] == [
        "accounts/reset",
        "accounts/password_changed",
    ]


def test_looking_at_the_link_does_not_use_it_up(
    session: Session, app: Flask, client: FlaskClient
) -> None:
    path = reset_link(session, app, client, joined().email)

    assert [client.get(path).status_code for _ in range(3)] == [200, 200, 200]
    assert choose(client, path) == 303


def test_a_weak_password_leaves_the_link_alive(
    session: Session, app: Flask, client: FlaskClient
) -> None:
    path = reset_link(session, app, client, joined().email)

    assert choose(client, path, "password1234") == 422
    assert choose(client, path, "") == 422
    assert choose(client, path) == 303


def test_a_link_ends_after_thirty_minutes(
    session: Session, app: Flask, client: FlaskClient
) -> None:
    path = reset_link(session, app, client, joined().email)
    (row,) = session.scalars(select(MailedToken))
    assert row.expires_at - row.created_at == timedelta(minutes=30)
    row.created_at -= timedelta(minutes=30)
    row.expires_at -= timedelta(minutes=30)
    session.flush()

    assert client.get(path).status_code == 410
    assert choose(client, path) == 410


def test_only_the_latest_link_works(
    session: Session, app: Flask, client: FlaskClient
) -> None:
    user = joined()
    first = reset_link(session, app, client, user.email)
    second = reset_link(session, app, client, user.email)

    assert client.get(first).status_code == 410
    assert client.get(second).status_code == 200


def test_a_new_password_ends_open_links(
    session: Session, app: Flask, client: FlaskClient, sign_in: SignIn
) -> None:
    user = joined()
    path = reset_link(session, app, client, user.email)
    sign_in(user).post(
        "/account/security/password",
        data={
            "current": "seven green bicycles",
            "password": NEW_PASSWORD,
            "again": NEW_PASSWORD,
        },
    )

    assert client.get(path).status_code == 410


def test_a_link_of_another_kind_opens_nothing(
    session: Session, client: FlaskClient
) -> None:
    user = UserFactory.create()
    path = service.invitation_path(session, user, now=NOW)
    session.flush()

    assert client.get(path.replace("/join/", "/login/reset/")).status_code == 410


def test_a_hundred_requests_mail_one_target_twice_a_day(
    session: Session, app: Flask
) -> None:
    user = joined()
    with app.app_context():
        for _ in range(100):
            tasks.mail_reset_link(user.email)

    assert len(mails_to(session, user.email)) == 2


def test_many_requests_from_one_address_have_to_wait(
    session: Session, client: FlaskClient
) -> None:
    del session
    statuses = [
        client.post("/login/recover", data={"email": f"p{n}@x.example"}).status_code
        for n in range(31)
    ]

    assert statuses == [200] * 30 + [429]


def test_nobody_is_mailed_who_left_or_never_was(session: Session, app: Flask) -> None:
    left = joined(is_active=False)
    with app.app_context():
        tasks.mail_reset_link(left.email)
        tasks.mail_reset_link("nobody@people.example")

    assert mails_to(session, left.email) == []
    assert mails_to(session, "nobody@people.example") == []


def test_who_never_joined_gets_the_invitation_again(
    session: Session, app: Flask
) -> None:
    user = UserFactory.create()
    with app.app_context():
        tasks.mail_reset_link(user.email)

    (mail,) = mails_to(session, user.email)
    assert mail.template == "accounts/invited"
    assert mail.context["secret_path"].startswith("/join/")


def test_the_owner_gets_in_by_mail_while_somebody_keeps_guessing(
    session: Session, app: Flask, client: FlaskClient
) -> None:
    user = joined()
    for _ in range(10):
        sign_in_by_form(client, user.email, "guess")
    path = reset_link(session, app, client, user.email)

    assert choose(client, path) == 303
    assert (
        sign_in_by_form(app.test_client(), user.email, NEW_PASSWORD).status_code == 303
    )


@pytest.mark.parametrize(
    "headers",
    [
        {"X-Forwarded-Host": "evil.example"},
        {"Forwarded": "host=evil.example"},
        {"X-Original-Host": "evil.example"},
        {"X-Forwarded-Proto": "ftp", "X-Forwarded-Port": "666"},
        {"Host": "localhost:666"},
    ],
)
def test_no_header_changes_where_mailed_links_lead(
    session: Session, app: Flask, client: FlaskClient, headers: dict[str, str]
) -> None:
    user = joined()
    ask(client, user.email, **headers)
    with app.test_request_context("/", headers=headers):
        tasks.mail_reset_link(user.email)
        (mail,) = mails_to(session, user.email)
        rendered = render(mail.template, mail.context, "en")

    assert "http://localhost/login/reset/" in rendered.text
    assert "evil" not in rendered.text + rendered.html
    assert "666" not in rendered.text + rendered.html.replace("#", "")


def test_a_foreign_host_is_not_answered(client: FlaskClient) -> None:
    response = client.post(
        "/login/recover", data={"email": "a@b.example"}, base_url="http://evil.example"
    )

    assert response.status_code == 400
