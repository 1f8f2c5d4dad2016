"""The page on which staff stop payouts and let them go on."""

import pytest
from flask.testing import FlaskClient
from sqlalchemy.orm import Session

from portal.accounts.models import User
from portal.accounts.passwords import hash_password
from portal.accounts.permissions import Role
from portal.payouts import queries, service
from tests.conftest import SignIn
from tests.factories.people import UserFactory
from tests.payouts.paying import NOW

HERE = "/admin/payouts/freeze"
PASSWORD = "a long sentence that nobody guesses"
FORM = {"reason": "The bank called.", "password": PASSWORD}


@pytest.fixture
def person(session: Session) -> User:
    del session
    user: User = UserFactory.create(finance=True, password_hash=hash_password(PASSWORD))
    return user


@pytest.fixture
def staff(person: User, sign_in: SignIn) -> FlaskClient:
    return sign_in(person)


def test_it_stops_payouts_and_lets_them_go_on(
    session: Session, staff: FlaskClient, person: User
) -> None:
    page = staff.get(HERE).text
    assert "They were never frozen." in page
    assert HERE in staff.get("/admin/payouts").text

    staff.post(f"{HERE}/freeze", data=FORM)

    frozen = queries.freeze(session)
    assert frozen is not None
    assert frozen.frozen_by_id == person.id
    with pytest.raises(service.PayoutsFrozen, match="The bank called"):
        service.require_not_frozen(session)
    assert "Let payouts go on" in staff.get(HERE).text

    staff.post(f"{HERE}/thaw", data=FORM | {"reason": "It was a mistake."})

    assert queries.freeze(session) is None
    page = staff.get(HERE).text
    assert "It was a mistake." in page
    assert staff.post(f"{HERE}/thaw", data=FORM).status_code == 409


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"reason": " "}, "Say why"),
        ({"password": ""}, "Enter your password"),
        ({"password": "wrong"}, "This is not your password"),
    ],
)
def test_without_reason_or_password_nothing_stops(
    session: Session, staff: FlaskClient, change: dict[str, str], said: str
) -> None:
    answer = staff.post(f"{HERE}/freeze", data=FORM | change)

    assert answer.status_code == 422
    assert said in answer.text
    assert queries.freeze(session) is None


def test_guessing_the_password_ends_soon(staff: FlaskClient) -> None:
    wrong = FORM | {"password": "wrong"}
    tries = [staff.post(f"{HERE}/freeze", data=wrong).status_code for _ in range(11)]

    assert tries[0] == 422
    assert tries[-1] == 429


def test_what_verify_found_is_listed(session: Session, staff: FlaskClient) -> None:
    service.freeze(
        session,
        reason="A row is wrong.",
        findings=["entry 7 does not balance"],
        actor=None,
        now=NOW,
    )
    session.flush()

    page = staff.get(HERE).text

    assert "entry 7 does not balance" in page
    assert "Open the switch" in staff.get("/admin").text


def test_the_auditor_looks_and_switches_nothing(
    session: Session, sign_in: SignIn
) -> None:
    auditor = sign_in(UserFactory.create(role=Role.AUDITOR))

    assert "Somebody who may approve payouts" in auditor.get(HERE).text
    assert auditor.post(f"{HERE}/freeze", data=FORM).status_code == 403
    assert queries.freeze(session) is None
