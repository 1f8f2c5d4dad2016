from datetime import timedelta

import pytest
from flask.testing import FlaskClient
from sqlalchemy import select
from sqlalchemy.orm import Session

from portal.accounts import service, tokens
from portal.accounts.models import MailedToken, TokenPurpose, User
from portal.accounts.permissions import Role
from portal.accounts.tokens import LinkEnded
from portal.audit.models import AuditEvent
from portal.kit.clock import utc_now
from portal.kit.errors import Conflict, Invalid
from tests.accounts.signing import NEW_PASSWORD, joined, sign_in_by_form
from tests.factories.base_factory import NOW
from tests.factories.people import UserFactory

CHOICE = {"name": "Dana Scully", "password": NEW_PASSWORD, "again": NEW_PASSWORD}


def invited(session: Session, role: Role = Role.PARTNER_VIEWER) -> service.Invitation:
    invitation = service.invite(
        session, email="Dana@People.example", name="", role=role, now=utc_now()
    )
    session.flush()
    return invitation


def test_an_invited_person_chooses_name_and_password_and_is_in(
    session: Session, client: FlaskClient
) -> None:
    user, path = invited(session, Role.REVIEWER)

    page = client.get(path)
    response = client.post(path, data=CHOICE)

    assert "dana@people.example" in page.text
    assert page.headers["Referrer-Policy"] == "no-referrer"
    assert response.status_code == 303
    session.refresh(user)
    assert user.name == "Dana Scully"
    assert client.get("/account/security").status_code == 200
    assert sign_in_by_form(client, user.email, NEW_PASSWORD).status_code == 303
    actions = session.scalars(select(AuditEvent.action).order_by(AuditEvent.id)).all()
    assert actions == ["user.invited", "user.joined"]


def test_an_invitation_works_once(session: Session, client: FlaskClient) -> None:
    _, path = invited(session)
    client.post(path, data=CHOICE)

    assert client.post(path, data=CHOICE).status_code == 410
    assert client.get(path).status_code == 410


def test_an_invitation_lives_for_72_hours(session: Session) -> None:
    user = UserFactory.create()
    path = service.invitation_path(session, user, now=NOW)
    token = path.removeprefix("/join/")
    late = NOW + timedelta(hours=72)

    found = tokens.holder(
        session, token, TokenPurpose.JOIN, now=late - timedelta(seconds=1)
    )
    with pytest.raises(LinkEnded):
        tokens.holder(session, token, TokenPurpose.JOIN, now=late)

    assert found is user


def test_the_table_keeps_no_token(session: Session) -> None:
    _, path = invited(session)
    (row,) = session.scalars(select(MailedToken))

    assert path.removeprefix("/join/").encode() not in row.token_sha256
    assert len(row.token_sha256) == 32


@pytest.mark.parametrize(
    "wrong",
    [
        {**CHOICE, "name": ""},
        {**CHOICE, "again": "another one, longer"},
        {**CHOICE, "password": "password1234", "again": "password1234"},
    ],
)
def test_a_form_that_is_wrong_keeps_the_invitation(
    session: Session, client: FlaskClient, wrong: dict[str, str]
) -> None:
    _, path = invited(session)

    assert client.post(path, data=wrong).status_code == 422
    assert client.post(path, data=CHOICE).status_code == 303


def test_who_was_deactivated_meanwhile_stays_out(
    session: Session, client: FlaskClient
) -> None:
    user, path = invited(session)
    service.deactivate(session, user, actor=None, now=NOW)
    session.flush()

    assert client.post(path, data=CHOICE).status_code == 410


def test_one_address_is_one_user(session: Session) -> None:
    user = joined()

    with pytest.raises(service.EmailTaken):
        service.create_user(
            session, email=user.email.upper(), name="", role=Role.ADMIN, now=NOW
        )


@pytest.mark.parametrize(
    "email",
    ["", "dana", "dana@host", "a b@x.example", "a@x.example\r\nBcc: b@y.example"],
)
def test_what_is_no_address_is_refused(session: Session, email: str) -> None:
    with pytest.raises(Invalid, match="Enter an e-mail address"):
        service.create_user(session, email=email, name="", role=Role.ADMIN, now=NOW)


def test_a_user_is_named_after_the_address_until_they_say(session: Session) -> None:
    user = service.create_user(
        session,
        email="dana@people.example",
        name=" ",
        role=Role.ADMIN,
        now=NOW,
        password=NEW_PASSWORD,
    )

    assert user.name == "dana"
    assert session.scalar(select(User.password_hash)) == user.password_hash


def test_only_who_waits_is_invited_again_and_at_most_twice_a_day(
    session: Session,
) -> None:
    admin, waiting = joined(admin=True), UserFactory.create()

    with pytest.raises(Conflict):
        service.invite_again(session, joined(), actor=admin, now=NOW)
    first = service.invite_again(session, waiting, actor=admin, now=NOW)
    second = service.invite_again(session, waiting, actor=admin, now=NOW)
    with pytest.raises(service.TooManyTries):
        service.invite_again(session, waiting, actor=admin, now=NOW)

    assert first.path != second.path
