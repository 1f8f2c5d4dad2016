import csv
from datetime import timedelta

import pytest
from flask.testing import FlaskClient
from sqlalchemy.orm import Session

from portal.accounts.models import User
from portal.audit.service import record
from portal.audit.words import subject_id
from portal.kit.ids import new_id, public_id
from tests.conftest import CountQueries, SignIn
from tests.factories.base_factory import NOW
from tests.factories.people import UserFactory


@pytest.fixture
def auditor(session: Session) -> User:
    del session
    user: User = UserFactory.create(auditor=True, name="Ann Auditor")
    return user


@pytest.fixture
def client(auditor: User, sign_in: SignIn) -> FlaskClient:
    return sign_in(auditor)


def test_an_empty_trail_says_what_will_appear(client: FlaskClient) -> None:
    assert "Nothing has happened yet" in client.get("/admin/audit").text


def test_events_are_told_in_words(session: Session, client: FlaskClient) -> None:
    fox = UserFactory.create(name="Fox Mulder")
    record(
        session,
        "user.role_changed",
        fox.id,
        actor=fox,
        at=NOW,
        before="auditor",
        after="admin",
        note=None,
    )
    record(session, "period.closed", new_id(), actor=None, at=NOW)
    session.flush()

    page = client.get("/admin/audit").text

    assert "User role changed" in page
    assert "Fox Mulder" in page
    assert "after: admin; before: auditor" in page
    assert fox.public_id in page
    assert "The portal" in page


def test_filters_by_actor_action_and_subject(
    session: Session, client: FlaskClient, auditor: User
) -> None:
    fox, subject = UserFactory.create(), new_id()
    record(session, "user.joined", fox.id, actor=fox, at=NOW)
    record(session, "period.closed", subject, actor=auditor, at=NOW)
    session.flush()

    def found(query: str) -> tuple[bool, bool]:
        page = client.get(f"/admin/audit?{query}").text
        return "User joined" in page, "Period closed" in page

    assert found(f"actor={fox.public_id}") == (True, False)
    assert found("action=period") == (False, True)
    assert found("action=user.joi") == (True, False)
    assert found(f"q={public_id('per', subject)}") == (False, True)
    assert found(f"q={subject}") == (False, True)
    assert found("q=nonsense") == (False, False)
    assert found("actor=nonsense") == (False, False)
    assert found("q=&actor=&action=") == (True, True)
    assert "Nothing matches" in client.get("/admin/audit?q=x_y").text


def test_long_trails_come_in_pages(session: Session, client: FlaskClient) -> None:
    for n in range(30):
        record(
            session,
            f"period.step{n:02}",
            new_id(),
            actor=None,
            at=NOW + timedelta(minutes=n),
        )
    session.flush()

    first = client.get("/admin/audit").text
    older = first.split('rel="next" href="')[1].split('"')[0].replace("&amp;", "&")
    second = client.get(older).text

    assert "Period step29" in first
    assert "Period step04" not in first
    assert "Period step04" in second
    assert "Period step29" not in second


@pytest.mark.parametrize("events", [1, 6])
def test_the_list_costs_the_same_however_long_it_is(
    session: Session, client: FlaskClient, count_queries: CountQueries, events: int
) -> None:
    for _ in range(events):
        record(session, "user.joined", new_id(), actor=UserFactory.create(), at=NOW)
    session.flush()

    with count_queries() as statements:
        client.get("/admin/audit")

    assert len(statements) == 4  # who asks, events, people to filter by, a freeze


def test_the_export_holds_what_the_filters_leave(
    session: Session, client: FlaskClient, auditor: User
) -> None:
    subject = new_id()
    record(session, "period.closed", subject, actor=auditor, at=NOW, note="=1+1")
    record(session, "user.joined", new_id(), actor=None, at=NOW)
    session.flush()

    response = client.get("/admin/audit/export.csv?action=period")

    assert response.mimetype == "text/csv"
    rows = list(csv.reader(response.text.splitlines()))
    assert rows == [
        ["time", "actor", "action", "subject", "details"],
        [
            "2026-03-01T09:00:00+00:00",
            auditor.email,
            "period.closed",
            public_id("per", subject),
            "note: =1+1",
        ],
    ]
    both = client.get("/admin/audit/export.csv").text
    assert len(both.splitlines()) == 3


def test_ids_are_read_in_both_forms() -> None:
    key = new_id()

    assert subject_id(str(key)) == key
    assert subject_id(public_id("stm", key)) == key
    assert subject_id("stm_short") is None
    assert subject_id("") is None


def test_reviewers_do_not_see_the_trail(session: Session, sign_in: SignIn) -> None:
    del session
    client = sign_in(UserFactory.create(reviewer=True))

    assert client.get("/admin/audit").status_code == 403
    assert client.get("/admin/audit/export.csv").status_code == 403
