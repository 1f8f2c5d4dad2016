from datetime import timedelta

import pytest
from flask.testing import FlaskClient
from sqlalchemy import select
from sqlalchemy.orm import Session

from portal.accounts import service, throttle
from portal.accounts.models import ThrottleHit
from portal.accounts.throttle import Limit, TooManyTries
from tests.accounts.signing import PASSWORD, joined, sign_in_by_form
from tests.factories.base_factory import NOW
from tests.factories.people import UserFactory

LIMIT = Limit("test", 3, timedelta(minutes=5))


def test_the_fourth_try_has_to_wait_until_the_first_is_old(session: Session) -> None:
    for second in range(3):
        throttle.count(session, LIMIT, "dana", now=NOW + timedelta(seconds=second))

    with pytest.raises(TooManyTries) as refusal:
        throttle.count(session, LIMIT, "dana", now=NOW + timedelta(seconds=60))

    assert refusal.value.retry_after == 241
    assert "Wait 5 minutes" in refusal.value.message
    throttle.count(session, LIMIT, "dana", now=NOW + timedelta(seconds=301))


def test_refused_tries_do_not_lengthen_the_wait(session: Session) -> None:
    for _ in range(3):
        throttle.count(session, LIMIT, "dana", now=NOW)
    for _ in range(5):
        assert not throttle.allows(session, LIMIT, "dana", now=NOW)

    assert throttle.allows(session, LIMIT, "dana", now=NOW + LIMIT.window)


def test_buckets_are_apart(session: Session) -> None:
    for _ in range(3):
        throttle.count(session, LIMIT, "dana", now=NOW)

    assert throttle.allows(session, LIMIT, "fox", now=NOW)


@pytest.mark.parametrize(
    ("address", "network"),
    [
        ("203.0.113.9", "203.0.113.9"),
        ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64"),
        ("", "unknown"),
        (None, "unknown"),
    ],
)
def test_an_ipv6_household_is_one_address(address: str | None, network: str) -> None:
    assert throttle.network_of(address) == network


@pytest.mark.parametrize(
    ("seconds", "words"), [(1, "a minute"), (400, "7 minutes"), (80_000, "23 hours")]
)
def test_the_wait_is_told_in_words(session: Session, seconds: int, words: str) -> None:
    limit = Limit("test", 1, timedelta(seconds=seconds))
    throttle.count(session, limit, "dana", now=NOW)

    with pytest.raises(TooManyTries, match=words):
        throttle.count(session, limit, "dana", now=NOW)


def test_the_eleventh_guess_at_an_account_waits_even_if_right(
    session: Session, client: FlaskClient
) -> None:
    del session
    user = joined()

    guesses = [sign_in_by_form(client, user.email, "x").status_code for _ in range(10)]
    response = sign_in_by_form(client, user.email, PASSWORD)

    assert guesses == [422] * 10
    assert response.status_code == 429
    assert 0 < int(response.headers["Retry-After"]) <= 301


def test_an_unknown_address_is_slowed_down_alike(
    session: Session, client: FlaskClient
) -> None:
    del session
    statuses = [
        sign_in_by_form(client, "nobody@people.example", "x").status_code
        for _ in range(11)
    ]

    assert statuses == [422] * 10 + [429]


def test_success_clears_the_account_but_not_the_address_it_came_from(
    session: Session, client: FlaskClient
) -> None:
    user = joined()
    sign_in_by_form(client, user.email, "wrong")

    sign_in_by_form(client, user.email)

    left = set(session.scalars(select(ThrottleHit.bucket)))
    assert left == {"sign-in-from:127.0.0.1"}


def test_stuffing_many_accounts_from_one_address_stops_there(
    session: Session, client: FlaskClient
) -> None:
    del session
    own = joined()
    statuses = [
        sign_in_by_form(client, f"victim{n}@people.example", "x").status_code
        for n in range(29)
    ]
    signed_in = sign_in_by_form(client, own.email).status_code
    stopped = sign_in_by_form(client, "one.more@people.example", "x").status_code
    elsewhere = client.post(
        "/login",
        data={"email": own.email, "password": PASSWORD},
        environ_base={"REMOTE_ADDR": "203.0.113.77"},
    )

    assert (set(statuses), signed_in, stopped) == ({422}, 303, 429)
    assert elsewhere.status_code == 303


def test_what_no_longer_matters_is_taken_away(session: Session) -> None:
    user = UserFactory.create()
    service.count_sign_in(session, email=user.email, address=None, now=NOW)
    service.start_session(
        session, user, user_agent="", lifetime=timedelta(hours=1), now=NOW
    )

    service.tidy(session, now=NOW + timedelta(days=2))

    assert session.scalars(select(ThrottleHit)).all() == []
