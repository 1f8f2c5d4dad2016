import json

import pytest
from click.testing import Result
from flask import Flask
from sqlalchemy import select
from sqlalchemy.orm import Session

from portal.accounts.models import User
from portal.accounts.permissions import Role
from tests.accounts.signing import NEW_PASSWORD, joined, mails_to, sign_in_by_form


@pytest.fixture
def run(app: Flask, session: Session) -> "Run":
    del session
    return Run(app)


class Run:
    def __init__(self, app: Flask) -> None:
        self.runner = app.test_cli_runner()

    def __call__(self, *args: str, typed: str | None = None) -> Result:
        return self.runner.invoke(args=["user", *args], input=typed)


def test_create_prints_the_link_that_lets_them_in(
    run: Run, session: Session, app: Flask
) -> None:
    result = run("create", "Fox@Acme.example", "--role", "admin", "--name", "Fox")

    link = result.output.strip()
    assert link.startswith("http://localhost/join/")
    assert app.test_client().get(link).status_code == 200
    user = session.scalars(select(User)).one()
    assert (user.email, user.role, user.name) == ("fox@acme.example", Role.ADMIN, "Fox")


def test_create_can_mail_the_link(run: Run, session: Session) -> None:
    result = run("create", "fox@acme.example", "--role", "finance", "--mail")

    assert "mailed" in result.output
    assert "/join/" not in result.output
    assert len(mails_to(session, "fox@acme.example")) == 1


def test_create_takes_a_password_and_refuses_a_weak_one(run: Run, app: Flask) -> None:
    args = ("create", "fox@acme.example", "--role", "admin", "--password-stdin")

    weak = run(*args, typed="acme acme 12\n")
    result = run(*args, typed=f"{NEW_PASSWORD}\n")

    assert weak.exit_code == 1
    assert "our name" in weak.output
    assert result.exit_code == 0, result.output
    answer = sign_in_by_form(app.test_client(), "fox@acme.example", NEW_PASSWORD)
    assert answer.status_code == 303


def test_an_address_in_use_is_a_sentence_and_not_a_trace(run: Run) -> None:
    user = joined()

    result = run("create", user.email, "--role", "admin")

    assert result.exit_code == 1
    assert "signs in with this address already" in result.output


def test_list_as_text_and_as_json(run: Run) -> None:
    user = joined(admin=True, email="a@acme.example", name="Ann")
    joined(email="b@acme.example", name="Bob", is_active=False)

    text, data = run("list").output, json.loads(run("list", "--json").output)

    assert text.splitlines() == [
        "a@acme.example  admin  Ann",
        "b@acme.example  partner_owner  Bob  (inactive)",
    ]
    assert data[0] == {
        "id": user.public_id,
        "email": "a@acme.example",
        "name": "Ann",
        "role": "admin",
        "active": True,
        "joined": True,
        "created_at": "2026-03-01T09:00:00+00:00",
    }


def test_role_disable_and_enable(run: Run, session: Session) -> None:
    user = joined(finance=True)

    run("role", user.email, "auditor")
    session.refresh(user)
    assert user.role is Role.AUDITOR
    run("disable", user.email)
    session.refresh(user)
    assert not user.is_active
    run("enable", user.email)
    session.refresh(user)
    assert user.is_active


def test_a_stranger_is_a_sentence(run: Run) -> None:
    result = run("disable", "nobody@acme.example")

    assert result.exit_code == 1
    assert "No user has the address" in result.output


def test_a_password_is_set_by_link_or_from_standard_input(
    run: Run, app: Flask, session: Session
) -> None:
    user = joined()

    link = run("password", user.email).output.strip()
    assert app.test_client().get(link).status_code == 200
    result = run("password", user.email, "--password-stdin", typed=NEW_PASSWORD)

    assert "is set" in result.output
    answer = sign_in_by_form(app.test_client(), user.email, NEW_PASSWORD)
    assert answer.status_code == 303
    assert [m.template for m in mails_to(session, user.email)] == [
        "accounts/password_changed"
    ]
