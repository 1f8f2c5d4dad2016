"""What a visitor gets who follows a link, and what is remembered."""

import re
from dataclasses import replace

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import select
from sqlalchemy.orm import Session
from werkzeug.test import TestResponse

from portal.config import Settings
from portal.enrollments.models import Enrollment, EnrollmentStatus
from portal.tracking.models import Click, ReferralLink
from tests.factories.base_factory import NOW
from tests.factories.tracking import ReferralLinkFactory
from tests.tracking.test_rules import BROWSER, ELSEWHERE, PAGE


@pytest.fixture
def link(session: Session) -> ReferralLink:
    del session
    made: ReferralLink = ReferralLinkFactory.create(
        code="summer", destination_url="{vendor}/pricing?a=b#c"
    )
    return made


def _follow(client: FlaskClient, code: str = "summer", **headers: str) -> TestResponse:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return client.get(f"/r/{code}", headers=PAGE | named)


def _clicks(session: Session) -> list[Click]:
    return list(session.scalars(select(Click).order_by(Click.id)))


def test_a_visitor_is_sent_on_with_the_click(
    client: FlaskClient, session: Session, link: ReferralLink
) -> None:
    answer = _follow(client, Referer="https://Blog.example/post?secret=1")

    (click,) = _clicks(session)
    assert answer.status_code == 302
    assert answer.location == (
        f"http://localhost:8027/pricing?a=b&gh_click={click.public_id}#c"
    )
    assert answer.headers["Cache-Control"] == "no-store"
    assert answer.data == b""
    assert (click.link_id, click.counts, click.is_bot) == (link.id, True, False)
    assert click.referrer_host == "blog.example"
    assert click.landing_url == "http://localhost:8027/pricing?a=b#c"


def test_the_cookie_is_random_and_stays(
    client: FlaskClient, session: Session, link: ReferralLink
) -> None:
    del link
    first, second = _follow(client), _follow(client, code="SUMMER")

    cookie = first.headers["Set-Cookie"]
    assert "HttpOnly" in cookie
    assert "SameSite=Lax" in cookie
    assert "Secure" not in cookie
    assert f"Max-Age={90 * 86_400}" in cookie
    visitors = {click.visitor for click in _clicks(session)}
    assert len(visitors) == 1
    (visitor,) = visitors
    assert len(visitor) == 32
    assert f"visitor={visitor};" in second.headers["Set-Cookie"]


def test_over_https_the_cookie_is_secure(
    app: Flask, client: FlaskClient, link: ReferralLink
) -> None:
    del link
    settings: Settings = app.extensions["portal.settings"]
    app.extensions["portal.settings"] = replace(settings, base_url="https://localhost")
    try:
        cookie = _follow(client).headers["Set-Cookie"]
    finally:
        app.extensions["portal.settings"] = settings

    assert cookie.startswith("__Host-visitor=")
    assert "Secure" in cookie
    assert "Path=/" in cookie


@pytest.mark.parametrize("value", ["short", "G" * 32, "a" * 33, "a" * 31 + "'"])
def test_a_cookie_that_is_not_ours_is_replaced(
    client: FlaskClient, session: Session, link: ReferralLink, value: str
) -> None:
    del link
    client.set_cookie("visitor", value)

    _follow(client)

    (click,) = _clicks(session)
    assert click.visitor != value
    assert len(click.visitor) == 32


@pytest.mark.parametrize(
    "headers",
    [
        {"Sec_Fetch_Dest": "image", "Sec_Fetch_Mode": "no-cors"},
        {"Sec_Fetch_Dest": "iframe"},
        {"Sec_Fetch_Dest": "script", "Sec_Fetch_Mode": "no-cors"},
        {"Sec_Fetch_Dest": "empty", "Sec_Fetch_Mode": "cors"},
        {"Sec_Purpose": "prefetch"},
        {"Purpose": "prefetch"},
    ],
)
def test_what_nobody_saw_does_not_count_and_sets_no_cookie(
    client: FlaskClient,
    session: Session,
    link: ReferralLink,
    headers: dict[str, str],
) -> None:
    del link
    client.set_cookie("visitor", "a" * 32)

    answer = _follow(client, **headers)

    assert answer.status_code == 302
    assert "Set-Cookie" not in answer.headers
    (click,) = _clicks(session)
    assert (click.counts, click.visitor) == (False, "")


def test_a_head_request_leaves_no_trace(
    client: FlaskClient, session: Session, link: ReferralLink
) -> None:
    del link
    answer = client.head("/r/summer", headers=PAGE)

    assert answer.status_code == 302
    assert "Set-Cookie" not in answer.headers
    assert _clicks(session) == []


def test_a_browser_that_does_not_say_counts_without_a_cookie(
    client: FlaskClient, session: Session, link: ReferralLink
) -> None:
    del link
    answer = client.get("/r/summer", headers=BROWSER)

    assert "Set-Cookie" not in answer.headers
    (click,) = _clicks(session)
    assert (click.counts, click.visitor) == (True, "")


def test_robots_are_recorded_and_do_not_count(
    client: FlaskClient, session: Session, link: ReferralLink
) -> None:
    del link
    answer = _follow(client, User_Agent="Googlebot/2.1")

    assert answer.status_code == 302
    assert "Set-Cookie" not in answer.headers
    (click,) = _clicks(session)
    assert (click.is_bot, click.counts) == (True, False)


@pytest.fixture
def codes(session: Session, link: ReferralLink) -> dict[str, str]:
    del link
    ReferralLinkFactory.create(code="home", destination_url="{vendor}/")
    ReferralLinkFactory.create(code="off", disabled_at=NOW)
    session.flush()
    return {"known": "home", "disabled": "off", "unknown": "nobody-has-this"}


def test_codes_cannot_be_told_apart(
    client: FlaskClient, session: Session, codes: dict[str, str]
) -> None:
    answers = {}
    for kind, code in codes.items():
        client.delete_cookie("visitor")
        answers[kind] = _follow(client, code=code)

    assert {answer.status_code for answer in answers.values()} == {302}
    assert len({tuple(sorted(a.headers.keys())) for a in answers.values()}) == 1
    assert len({len(answer.location or "") for answer in answers.values()}) == 1
    assert len({len(answer.data) for answer in answers.values()}) == 1
    cookies = [a.headers["Set-Cookie"][40:] for a in answers.values()]
    # The moment of expiry moves on with the clock between two answers.
    assert len({re.sub("Expires=[^;]+", "", cookie) for cookie in cookies}) == 1
    assert len(_clicks(session)) == 1


@pytest.mark.parametrize(
    "code", ["a", "x" * 300, "%00", "a%00b", "\u00e4\u00f6\u00fc", "a'--", "{vendor}"]
)
def test_odd_codes_lead_to_the_vendor(client: FlaskClient, code: str) -> None:
    answer = _follow(client, code=code)

    assert answer.status_code == 302
    assert (answer.location or "").startswith("http://localhost:8027/?gh_click=clk_")


@pytest.mark.parametrize(
    "status", [EnrollmentStatus.SUSPENDED, EnrollmentStatus.TERMINATED]
)
def test_links_of_a_stopped_enrollment_still_lead_on(
    client: FlaskClient,
    session: Session,
    link: ReferralLink,
    status: EnrollmentStatus,
) -> None:
    session.get_one(Enrollment, link.enrollment_id).move_to(status)
    session.flush()

    assert "/pricing" in (_follow(client).location or "")
    assert len(_clicks(session)) == 1


@pytest.mark.parametrize("kept", [text for text in ELSEWHERE if "\x00" not in text])
def test_a_stored_destination_that_is_not_allowed_is_not_followed(
    client: FlaskClient, session: Session, kept: str
) -> None:
    ReferralLinkFactory.create(code="bad", destination_url=kept)
    session.flush()

    location = _follow(client, code="bad").location or ""

    assert location.startswith("http://localhost:8027/?gh_click=clk_")
