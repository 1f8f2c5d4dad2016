from datetime import timedelta

import pytest
from argon2 import PasswordHasher
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy.orm import Session

from portal.accounts.models import UserSession
from portal.accounts.passwords import HASHER, dummy_hash
from portal.kit.clock import utc_now
from tests.accounts.signing import (
    NEW_PASSWORD,
    PASSWORD,
    joined,
    mails_to,
    sessions_of,
    sign_in_by_form,
    without_tokens,
)
from tests.conftest import SignIn
from tests.factories.people import PartnerMemberFactory, UserFactory


def test_the_parameters_are_at_least_those_of_owasp() -> None:
    assert HASHER.type.name == "ID"
    assert HASHER.memory_cost >= 19_456
    assert HASHER.time_cost >= 2


def test_address_and_password_let_a_user_in(
    session: Session, client: FlaskClient
) -> None:
    user = joined(admin=True)

    response = sign_in_by_form(client, f" {user.email.upper()} ")

    assert response.status_code == 303
    (row,) = sessions_of(session, user)
    assert row.expires_at - row.created_at == timedelta(hours=12)
    assert client.get("/account/security").status_code == 200


def test_after_sign_in_one_is_where_one_wanted_to_be(
    session: Session, client: FlaskClient
) -> None:
    del session
    user = joined(admin=True)

    asked = client.get("/admin/users?x=1")
    response = sign_in_by_form(client, user.email, path=asked.location)

    assert asked.location == "/login?next=/admin/users?x%3D1"
    assert response.location == "/admin/users?x=1"


@pytest.mark.parametrize("next_", ["https://evil.example", "//evil.example", "/\\evil"])
def test_sign_in_leads_to_no_other_site(
    session: Session, client: FlaskClient, next_: str
) -> None:
    del session
    user = joined(admin=True)

    response = client.post(
        "/login",
        query_string={"next": next_},
        data={"email": user.email, "password": PASSWORD},
    )

    assert "evil" not in response.location


def test_a_form_sent_without_a_session_does_not_come_back(client: FlaskClient) -> None:
    assert client.post("/account/security/password").location == "/login"


def test_who_is_signed_in_needs_no_second_sign_in(
    session: Session, sign_in: SignIn
) -> None:
    del session
    client = sign_in(UserFactory.create(admin=True))

    assert client.get("/login").status_code == 302


def test_every_failure_looks_the_same(session: Session, client: FlaskClient) -> None:
    del session
    known = joined().email
    left = joined(is_active=False).email
    invited = UserFactory.create().email

    pages = [
        (answer.status_code, answer.text.replace(email, "@"))
        for email, password in (
            (known, "wrong"),
            ("nobody@people.example", PASSWORD),
            (left, PASSWORD),
            (invited, PASSWORD),
        )
        for answer in [sign_in_by_form(client, email, password)]
    ]

    assert {status for status, _ in pages} == {422}
    assert all("address or the password is wrong" in text for _, text in pages)
    assert len({without_tokens(text) for _, text in pages}) == 1


def test_an_unknown_address_costs_one_hash_like_a_known_one(
    session: Session, client: FlaskClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    del session
    user, verified = joined(), []
    dummy = dummy_hash()
    verify = PasswordHasher.verify

    def counting(self: PasswordHasher, stored: str | bytes, password: str) -> bool:
        verified.append(stored)
        return bool(verify(self, stored, password))

    monkeypatch.setattr(PasswordHasher, "verify", counting)
    sign_in_by_form(client, user.email, "wrong")
    sign_in_by_form(client, "nobody@people.example", "wrong")

    assert verified == [user.password_hash, dummy]


def test_the_password_behind_the_dummy_hash_opens_nothing(
    session: Session, client: FlaskClient
) -> None:
    del session

    response = sign_in_by_form(client, UserFactory.create().email, dummy_hash())

    assert response.status_code == 422


def test_an_old_hash_moves_to_the_parameters_of_today(
    session: Session, client: FlaskClient
) -> None:
    weaker = PasswordHasher(time_cost=1, memory_cost=8_192, parallelism=1)
    user = joined(password_hash=weaker.hash(PASSWORD))

    sign_in_by_form(client, user.email)

    session.refresh(user)
    assert user.password_hash is not None
    assert "m=19456,t=2,p=1" in user.password_hash
    assert sign_in_by_form(client, user.email).status_code == 303


def test_a_damaged_hash_lets_nobody_in(session: Session, client: FlaskClient) -> None:
    del session
    user = joined(password_hash="not a hash")

    assert sign_in_by_form(client, user.email).status_code == 422


def test_what_the_cookie_held_before_is_worth_nothing_after(
    session: Session, client: FlaskClient
) -> None:
    del session
    user = joined()
    with client.session_transaction() as cookie:
        cookie["csrf_token"] = "planted"
        cookie["_user_id"] = "planted"
    before = client.get_cookie("session")

    sign_in_by_form(client, user.email)

    with client.session_transaction() as cookie:
        assert cookie.get("csrf_token") != "planted"
        assert cookie["_user_id"] != "planted"
    assert before is not None
    client.set_cookie("session", before.value)
    assert client.get("/account/security").status_code == 302


def test_each_sign_in_is_a_session_of_its_own(
    session: Session, app: Flask, client: FlaskClient
) -> None:
    user = joined()

    sign_in_by_form(client, user.email)
    sign_in_by_form(app.test_client(), user.email)

    first, second = sessions_of(session, user)
    assert first.token_sha256 != second.token_sha256


def test_signing_out_ends_the_session_for_good(
    session: Session, client: FlaskClient
) -> None:
    user = joined()
    sign_in_by_form(client, user.email)
    stolen = client.get_cookie("session")

    response = client.post("/logout")

    assert response.headers["Clear-Site-Data"] == '"cache", "storage"'
    assert sessions_of(session, user) == []
    assert stolen is not None
    client.set_cookie("session", stolen.value)
    assert client.get("/account/security").status_code == 302


def test_a_session_ends_when_nobody_uses_it(session: Session, sign_in: SignIn) -> None:
    user = UserFactory.create()
    client = sign_in(user)
    (row,) = sessions_of(session, user)
    row.last_seen_at = utc_now() - timedelta(minutes=121)
    session.flush()

    assert client.get("/account/security").status_code == 302


def test_a_session_ends_some_hours_after_the_sign_in_however_busy(
    session: Session, sign_in: SignIn
) -> None:
    user = UserFactory.create()
    client = sign_in(user)
    (row,) = sessions_of(session, user)
    row.expires_at = utc_now()
    session.flush()

    assert client.get("/account/security").status_code == 302


def test_use_is_noted_at_most_once_a_minute(session: Session, sign_in: SignIn) -> None:
    user = UserFactory.create(admin=True)
    client = sign_in(user)
    (row,) = sessions_of(session, user)
    earlier = row.last_seen_at = utc_now() - timedelta(minutes=5)
    session.flush()

    client.get("/admin/users")
    session.refresh(row)
    noted = row.last_seen_at
    client.get("/admin/users")
    session.refresh(row)

    assert noted > earlier
    assert row.last_seen_at == noted


def test_sessions_are_listed_and_end_one_by_one(
    session: Session, app: Flask, client: FlaskClient, sign_in: SignIn
) -> None:
    user = joined(role="partner_owner")
    PartnerMemberFactory.create(user=user)
    elsewhere = sign_in(user)
    client.post(
        "/login",
        data={"email": user.email, "password": PASSWORD},
        headers={"User-Agent": "Lynx/2.9"},
    )
    other, here = sessions_of(session, user)

    page = client.get("/account/security").text
    response = client.post(f"/account/security/sessions/{other.id}/end")

    assert "Lynx/2.9" in page
    assert response.location == "/account/security"
    assert elsewhere.get("/account/security").status_code == 302
    assert client.get("/account/security").status_code == 200
    session.expire_all()
    assert sessions_of(session, user) == [here]
    assert app is not None


def test_nobody_ends_the_session_of_another(session: Session, sign_in: SignIn) -> None:
    victim = UserFactory.create()
    kept = sign_in(victim)
    (row,) = sessions_of(session, victim)
    client = sign_in(UserFactory.create())

    response = client.post(f"/account/security/sessions/{row.id}/end")

    assert response.status_code == 404
    assert kept.get("/account/security").status_code == 200


def test_all_other_sessions_end_at_once(session: Session, sign_in: SignIn) -> None:
    user = UserFactory.create()
    others = [sign_in(user), sign_in(user)]
    client = sign_in(user)

    client.post("/account/security/sessions/end-others")

    assert [c.get("/account/security").status_code for c in others] == [302, 302]
    assert client.get("/account/security").status_code == 200
    assert len(sessions_of(session, user)) == 1


def _change(client: FlaskClient, current: str, new: str) -> int:
    data = {"current": current, "password": new, "again": new}
    return client.post("/account/security/password", data=data).status_code


def test_a_new_password_signs_all_others_out_and_is_told_by_mail(
    session: Session, sign_in: SignIn
) -> None:
    user = joined()
    other, client = sign_in(user), sign_in(user)

    status = _change(client, PASSWORD, NEW_PASSWORD)

    assert status == 303
    assert other.get("/account/security").status_code == 302
    assert client.get("/account/security").status_code == 200
    assert [m.template for m in mails_to(session, user.email)] == [
        "accounts/password_changed"
    ]
    assert sign_in_by_form(other, user.email).status_code == 422
    assert sign_in_by_form(other, user.email, NEW_PASSWORD).status_code == 303


@pytest.mark.parametrize(
    ("current", "new"), [("wrong", NEW_PASSWORD), (PASSWORD, "acme acme 12"), ("", "")]
)
def test_a_password_that_cannot_be_changed_stays(
    session: Session, sign_in: SignIn, current: str, new: str
) -> None:
    user = joined()
    client = sign_in(user)
    before = user.password_hash

    assert _change(client, current, new) == 422
    session.refresh(user)
    assert user.password_hash == before


def test_guessing_the_old_password_in_a_stolen_session_is_slowed_down(
    session: Session, sign_in: SignIn
) -> None:
    del session
    client = sign_in(joined())

    statuses = [_change(client, "wrong", NEW_PASSWORD) for _ in range(11)]

    assert statuses == [422] * 10 + [429]


def test_a_session_that_ended_meanwhile_is_not_touched(
    session: Session, sign_in: SignIn
) -> None:
    user = UserFactory.create()
    client = sign_in(user)
    (row,) = sessions_of(session, user)
    session.delete(row)
    session.flush()

    assert client.get("/account/security").status_code == 302
    assert session.get(UserSession, row.id) is None
