import logging
import re

import pytest
from flask import Flask, abort, make_response
from flask.testing import FlaskClient
from jinja2 import DictLoader

from portal.kit.errors import Conflict, DomainError, Invalid
from portal.web.errors import PAGES, request_id, status_of
from tests.web.conftest import make_app

REFUSALS = [
    ("invalid", 422, "invalid", "Enter a name."),
    ("conflict", 409, "conflict", "Dana approved this already."),
    ("gone", 410, "gone", "This link has been used."),
    ("too-many", 429, "too_many", "Wait a minute."),
    ("forbidden", 403, "forbidden", "Only the owner may do this."),
    ("not-found", 404, "not_found", "There is no such statement."),
]


@pytest.mark.parametrize(("kind", "status", "code", "message"), REFUSALS)
def test_refusal_is_a_page_for_people(
    web_client: FlaskClient, kind: str, status: int, code: str, message: str
) -> None:
    del code
    response = web_client.get(f"/trial/refuse/{kind}")

    assert response.status_code == status
    assert message in response.text
    assert response.headers["X-Request-Id"] in response.text
    assert response.text.count("<h1") == 1
    assert response.mimetype == "text/html"


@pytest.mark.parametrize(("kind", "status", "code", "message"), REFUSALS)
def test_refusal_is_data_for_programs(
    web_client: FlaskClient, kind: str, status: int, code: str, message: str
) -> None:
    response = web_client.get(
        f"/trial/refuse/{kind}", headers={"Accept": "application/json"}
    )
    error = response.get_json()["error"]

    assert response.status_code == status
    assert (error["code"], error["message"]) == (code, message)
    assert error["request_id"] == response.headers["X-Request-Id"]
    assert error.get("field") == ("name" if kind == "invalid" else None)


def test_too_many_says_how_long_to_wait(web_client: FlaskClient) -> None:
    assert web_client.get("/trial/refuse/too-many").headers["Retry-After"] == "60"


def test_subclass_has_the_status_of_its_family() -> None:
    class AlreadyDecided(Conflict):
        code = "already_decided"

    assert status_of(AlreadyDecided("x")) == 409
    assert status_of(DomainError("x")) == 400
    assert status_of(Invalid("x", field="y")) == 422


@pytest.mark.parametrize("status", sorted(PAGES | {418, 502}))
def test_every_status_has_a_page_that_says_what_to_do(
    web_app: Flask, status: int
) -> None:
    web_app.add_url_rule("/stop", "stop", lambda: abort(status))
    response = web_app.test_client().get("/stop")

    assert response.status_code == status
    heading = re.search(r"<h1>(.+?)</h1>", response.text)
    assert heading
    assert f"<title>{heading[1]} · Acme</title>" in response.text
    assert "Go to the start page" in response.text


def test_405_keeps_what_is_allowed(web_client: FlaskClient) -> None:
    response = web_client.post("/healthz")

    assert response.status_code == 405
    assert "GET" in response.headers["Allow"]


def test_ready_answers_and_redirects_pass(web_app: Flask) -> None:
    ready = make_response_in(web_app)
    web_app.add_url_rule("/ready", "ready", lambda: abort(ready))
    web_app.add_url_rule("/folder/", "folder", lambda: "in")
    client = web_app.test_client()

    assert client.get("/ready").text == "teapot"
    assert client.get("/folder").status_code == 308


def make_response_in(app: Flask):  # type: ignore[no-untyped-def]  # noqa: ANN201 - Flask's
    with app.app_context():
        return make_response("teapot", 418)


def test_crash_is_a_page_without_the_secret(
    web_client: FlaskClient, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.ERROR):
        response = web_client.get("/trial/refuse/crash")

    assert response.status_code == 500
    assert "It is our fault" in response.text
    assert "secret" not in response.text
    assert response.headers["X-Request-Id"] in caplog.text


def test_crash_page_asks_nobody_anything(web_app: Flask) -> None:
    def down() -> dict[str, object]:
        raise ConnectionError("the database is down")

    web_app.context_processor(down)
    web_app.extensions["web.user_locale"] = down
    response = web_app.test_client().get("/trial/refuse/crash")

    assert response.status_code == 500
    assert "It is our fault" in response.text


def test_even_a_broken_template_leaves_a_page(web_app: Flask) -> None:
    web_app.jinja_env.loader = DictLoader({})
    response = web_app.test_client().get("/trial/refuse/crash")

    assert response.status_code == 500
    assert response.headers["X-Request-Id"] in response.text


def test_expired_form_is_explained_in_plain_words() -> None:
    client = make_app(WTF_CSRF_ENABLED=True).test_client()

    page = client.post("/trial/form")
    data = client.post("/trial/form", json={})

    assert page.status_code == 400
    assert "Your form was not sent" in page.text
    assert "reload the page" in page.text
    assert "CSRF" not in page.text
    assert data.get_json()["error"]["code"] == "form_expired"


def test_error_page_speaks_the_language_of_the_cookie(web_client: FlaskClient) -> None:
    web_client.set_cookie("locale", "ar")

    assert '<html lang="ar" dir="rtl">' in web_client.get("/nowhere").text


def test_no_request_has_no_number() -> None:
    assert request_id() == ""
