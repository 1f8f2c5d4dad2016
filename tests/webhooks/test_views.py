"""The door that Stripe knocks at: real events get in, nothing else does."""

import json
import random
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import timedelta

import pytest
import stripe
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import func, select, text
from sqlalchemy.orm import Session
from werkzeug.test import TestResponse

from portal.config import Settings
from portal.kit.clock import utc_now
from portal.payments.gateway import ForgedEvent, verified_event
from portal.payments.models import InboxEvent, InboxStatus
from portal.webhooks.views import LARGEST_BODY
from tests.factories.base_factory import NOW
from tests.sales import stripe_objects as so

SECRET = "whsec_test"
Change = Callable[..., None]


def _body(**changes: object) -> str:
    return json.dumps(so.event("invoice.paid", so.invoice()) | changes)


def _signed(body: str, *, secret: str = SECRET, after: int = 0) -> str:
    moment = int(utc_now().timestamp()) + after
    return str(stripe.WebhookSignature.generate_signature_header(body, secret, moment))


def _post(
    client: FlaskClient, body: str | bytes, signature: str | None
) -> TestResponse:
    headers = {} if signature is None else {"Stripe-Signature": signature}
    return client.post("/webhooks/stripe", data=body, headers=headers)


def _written(session: Session) -> tuple[int, int]:
    session.expire_all()
    jobs = session.scalar(
        text("SELECT count(*) FROM procrastinate_jobs WHERE task_name LIKE 'webhooks%'")
    )
    return session.scalar(select(func.count()).select_from(InboxEvent)) or 0, jobs or 0


@pytest.fixture
def settings_of(app: Flask) -> Iterator[Change]:
    """Change settings for one test."""
    before: Settings = app.extensions["portal.settings"]

    def change(**changes: object) -> None:
        app.extensions["portal.settings"] = replace(before, **changes)  # type: ignore[arg-type]  # any field

    yield change
    app.extensions["portal.settings"] = before


def test_a_signed_event_is_kept_and_queued_once(
    client: FlaskClient, session: Session
) -> None:
    before = _written(session)
    body = _body()

    answers = [_post(client, body, _signed(body)) for _ in range(3)]

    assert [answer.status_code for answer in answers] == [204, 204, 204]
    assert answers[0].data == b""
    events, jobs = _written(session)
    assert (events - before[0], jobs - before[1]) == (1, 1)
    row = session.get_one(InboxEvent, "evt_invoice_paid_in_1")
    assert row.status is InboxStatus.RECEIVED
    assert row.payload["data"]["object"]["id"] == "in_1"


def test_either_secret_is_good_during_a_rotation(
    client: FlaskClient, session: Session, settings_of: Change
) -> None:
    settings_of(stripe_webhook_secrets=("whsec_new", SECRET))
    for number, secret in enumerate(("whsec_new", SECRET)):
        body = _body(id=f"evt_{number}")
        assert _post(client, body, _signed(body, secret=secret)).status_code == 204
    assert session.get(InboxEvent, "evt_1")


def test_signs_that_the_database_cannot_hold_are_replaced(
    client: FlaskClient, session: Session
) -> None:
    body = _body(data={"object": so.customer(name="a\x00b\ud800")})

    assert _post(client, body, _signed(body)).status_code == 204

    row = session.get_one(InboxEvent, "evt_invoice_paid_in_1")
    assert row.payload["data"]["object"]["name"] == "a\N{REPLACEMENT CHARACTER}b?"


def _mutations() -> Iterator[tuple[bytes, str | None]]:
    chance = random.Random(20)  # noqa: S311 - a test's dice
    body = _body()
    good = _signed(body)
    for _ in range(110):  # one bit of the body
        raw = bytearray(body.encode())
        raw[chance.randrange(len(raw))] ^= 1 << chance.randrange(8)
        yield bytes(raw), good
    for _ in range(40):  # one letter of the signature
        place = chance.randrange(good.index("v1=") + 3, len(good))
        letter = "0" if good[place] != "0" else "1"
        yield body.encode(), good[:place] + letter + good[place + 1 :]
    for after in (-86_400, -3_600, -400, -310, 310, 400, 3_600, 86_400):
        yield body.encode(), _signed(body, after=after)
    for secret in ("whsec_other", "whsec_test ", "WHSEC_TEST", " "):
        yield body.encode(), _signed(body, secret=secret)
    moment = good.split(",", maxsplit=1)[0]
    for signature in (
        None,
        "",
        ",",
        "v1=",
        "t=,v1=",
        "t=1",
        moment,
        f"{moment},v1=",
        f"{moment},v0={good.rpartition('=')[2]}",
        f"t=x,v1={good.rpartition('=')[2]}",
        good.rpartition(",")[2],
        "\u20ac".encode().decode("latin-1"),
    ):
        yield body.encode(), signature
    for wrong in (
        {"livemode": True},
        {"livemode": None},
        {"livemode": "false"},
        {"account": "acct_1"},
        {"object": "list"},
        {"id": "in_1"},
        {"id": "evt_" + "x" * 300},
        {"id": None},
        {"type": ""},
        {"type": 7},
        {"created": "now"},
        {"created": -1},
        {"created": 2**40},
        {"data": None},
        {"data": {"object": "in_1"}},
        {"request": {"number": 1e300}},
    ):
        mutated = _body(**wrong)
        yield mutated.encode(), _signed(mutated)
    for nonsense in (
        "",
        "[]",
        "null",
        "{",
        '"evt_1"',
        "NaN",
        "[" * 9_000,
        "\x00",
        "{}",
        "0",
    ):
        yield nonsense.encode(), _signed(nonsense)
    for raw_bytes in (b"\xff\xfe", body.encode("utf-16"), body.encode() + b"\xc3"):
        yield raw_bytes, good


def test_200_mutated_requests_write_nothing(
    client: FlaskClient, session: Session
) -> None:
    before = _written(session)
    mutations = list(_mutations())
    assert len(mutations) >= 200

    for body, signature in mutations:
        answer = _post(client, body, signature)
        assert answer.status_code == 400, (body[:200], signature)
        assert answer.mimetype == "text/plain"

    assert _written(session) == before


def test_without_a_secret_there_is_no_such_address(
    client: FlaskClient, session: Session, settings_of: Change
) -> None:
    settings_of(stripe_webhook_secrets=())
    body = _body()

    assert _post(client, body, _signed(body)).status_code == 404
    assert not session.get(InboxEvent, "evt_invoice_paid_in_1")


def test_a_live_key_takes_live_events_only(
    client: FlaskClient, session: Session, settings_of: Change
) -> None:
    settings_of(stripe_secret_key="sk_live_1")
    live, test = _body(livemode=True, id="evt_live"), _body()

    assert _post(client, test, _signed(test)).status_code == 400
    assert _post(client, live, _signed(live)).status_code == 204
    assert session.get(InboxEvent, "evt_live")


def test_a_body_that_is_too_large_is_refused(
    client: FlaskClient, session: Session
) -> None:
    body = _body(padding="x" * LARGEST_BODY)

    assert _post(client, body, _signed(body)).status_code == 413
    assert not session.get(InboxEvent, "evt_invoice_paid_in_1")


def test_the_door_needs_no_csrf_token(app: Flask, client: FlaskClient) -> None:
    app.config["WTF_CSRF_ENABLED"] = True
    try:
        body = _body()
        assert _post(client, body, _signed(body)).status_code == 204
    finally:
        app.config["WTF_CSRF_ENABLED"] = False


def test_only_posts_get_through(client: FlaskClient) -> None:
    assert client.get("/webhooks/stripe").status_code == 405


@pytest.mark.parametrize(("seconds", "is_fine"), [(300, True), (301, False)])
@pytest.mark.parametrize("direction", [-1, 1])
def test_a_signature_is_good_for_300_seconds_either_way(
    seconds: int, *, is_fine: bool, direction: int
) -> None:
    body = _body()
    moment = int(NOW.timestamp())
    signature = stripe.WebhookSignature.generate_signature_header(body, SECRET, moment)
    now = NOW + timedelta(seconds=seconds * direction)

    if is_fine:
        assert verified_event(body.encode(), signature, [SECRET], now=now)
    else:
        with pytest.raises(ForgedEvent, match="too old or from the future"):
            verified_event(body.encode(), signature, [SECRET], now=now)
