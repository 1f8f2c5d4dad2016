import re
from collections.abc import Iterator
from datetime import UTC, datetime
from types import SimpleNamespace

import pytest
from flask import Flask, render_template_string
from flask.testing import FlaskClient
from wtforms import Form, StringField, validators

from portal.kit.errors import Invalid
from portal.web import flashes, navigation, preferences
from portal.web.forms import blame, error_texts
from portal.web.navigation import NAVIGATION, Face, current_item
from portal.web.states import STATES, state_label, state_tone
from tests.web.conftest import ROOT, make_app

NOW = datetime(2026, 3, 1, 9, 0, tzinfo=UTC)
WORKSPACE = """{% extends "layouts/workspace.html" %}
{% block title %}Home{% endblock %}{% block content %}<h1>Home</h1>{% endblock %}"""


@pytest.fixture
def shell_app(web_app: Flask) -> Flask:
    """Every page of the navigation exists; somebody with every right is signed in."""
    user = SimpleNamespace(name="Noor Haddad", email="noor@consulting.example")
    web_app.context_processor(
        lambda: {"current_user": SimpleNamespace(is_authenticated=True, user=user)}
    )
    web_app.jinja_env.globals["can"] = bool
    for face in NAVIGATION.values():
        for item in (item for group in face for item in group.items):
            web_app.add_url_rule(
                f"/{item.endpoint}",
                item.endpoint,
                lambda: render_template_string(
                    WORKSPACE,
                    nav_counts={"tracking.links": 3},
                    nav_locks={"fees.index": "Opens after approval"},
                ),
            )
    return web_app


def test_components_page_shows_every_macro(web_client: FlaskClient) -> None:
    template = (ROOT / "templates/web/components.html").read_text()
    for name in ("components", "forms", "tables", "charts"):
        macros = (ROOT / f"templates/_macros/{name}.html").read_text()
        for macro in re.findall(r"{% macro ([a-z]\w*)\(", macros):
            used = f".{macro}(" in template or macros.count(f"{macro}(") > 2
            assert used, f"{name}.{macro}"

    page = web_client.get("/dev/components").text
    assert page.count("<h1") == 1


def test_components_page_obeys_the_policy(web_client: FlaskClient) -> None:
    page = web_client.get("/dev/components").text

    assert "style=" not in page
    assert "<style" not in page
    assert re.findall(r"<script(?! defer src=)", page) == []
    assert re.findall(r"\son\w+=", page) == []
    assert "javascript:" not in page


def test_ids_are_unique_and_references_lead_somewhere(web_client: FlaskClient) -> None:
    page = web_client.get("/dev/components").text
    # The two example forms show the same fields twice; everything else is once.
    page = re.sub(r'<form[^>]*id="example-filled".*?</form>', "", page, flags=re.DOTALL)
    ids = re.findall(r'\sid="([^"]+)"', page)

    assert sorted(ids) == sorted(set(ids))
    for attribute in ("for", "aria-labelledby", "aria-describedby"):
        for value in re.findall(rf'\s{attribute}="([^"]+)"', page):
            assert set(value.split()) <= set(ids), f"{attribute}={value}"


def test_every_post_form_carries_the_token(web_client: FlaskClient) -> None:
    page = web_client.get("/dev/components").text
    forms = re.findall(r'<form[^>]*method="post".*?</form>', page, flags=re.DOTALL)

    assert len(forms) > 5
    assert all('name="csrf_token"' in form for form in forms)


@pytest.mark.parametrize("path", ["/dev/components", "/dev/job"])
def test_developers_pages_do_not_exist_elsewhere(path: str) -> None:
    assert make_app().test_client().get(path).status_code == 200
    assert make_app(DEV_PAGES=False).test_client().get(path).status_code == 404


def test_page_speaks_of_an_error_in_its_title(web_app: Flask) -> None:
    class Trial(Form):
        name = StringField("Name", [validators.DataRequired("Enter a name")])

    form = Trial(data={})
    form.validate()
    with web_app.test_request_context("/"):
        page = render_template_string(
            '{% extends "layouts/public.html" %}{% block title %}Apply{% endblock %}'
            '{% import "_macros/forms.html" as forms %}{% block content %}'
            "{{ forms.error_summary(form) }}{{ forms.field(form.name) }}{% endblock %}",
            form=form,
        )

    assert "<title>Error: Apply · Acme</title>" in page
    assert '<a href="#name">Enter a name</a>' in page
    assert 'aria-describedby="name-error" aria-invalid="true"' in page


def test_refusal_of_a_service_stands_at_its_field() -> None:
    class Trial(Form):
        name = StringField("Name")

    form = Trial()
    blame(form, Invalid("Enter a name", field="name"))
    blame(form, Invalid("Not today", field="elsewhere"))

    assert form.errors == {"name": ["Enter a name"], "": ["Not today"]}
    nested = SimpleNamespace(errors={"a": ["one"], "b": ["two"]})
    assert error_texts(nested) == ["one", "two"]  # type: ignore[arg-type]  # a form field


def test_workspace_marks_the_page_one_is_on(shell_app: Flask) -> None:
    page = shell_app.test_client().get("/commissions.earnings").text

    assert page.count("aria-current=") == 1
    assert re.search(r'href="/commissions.earnings" aria-current="page"', page)
    assert "Opens after approval" in page
    assert 'href="/fees.index"' not in page
    assert "Noor Haddad" in page
    assert 'data-key="g h"' in page


def test_items_that_a_role_may_not_see_are_absent(shell_app: Flask) -> None:
    shell_app.jinja_env.globals["can"] = lambda permission: "links" in permission
    page = shell_app.test_client().get("/accounts.security").text

    assert "Links" in page
    assert "Statements" not in page
    assert "Security" in page


def test_items_without_a_page_are_absent(web_app: Flask) -> None:
    with web_app.test_request_context("/"):
        assert navigation.navigation("staff") == []
        assert navigation.home_url("staff") == "/"
        assert navigation.link_to("accounts.sign_in") is None


@pytest.mark.parametrize(
    ("endpoint", "item"),
    [
        ("commissions.customers", "commissions.customers"),
        ("commissions.customer_detail", "commissions.customers"),
        ("commissions.earning", "commissions.earnings"),
        ("commissions.elsewhere", None),
        ("statements.detail", "statements.index"),
        ("unknown.page", None),
        (None, None),
    ],
)
def test_page_below_an_item_belongs_to_it(
    endpoint: str | None, item: str | None
) -> None:
    assert current_item(NAVIGATION[Face.WORKSPACE], endpoint) == item


def test_shortcuts_of_a_face_differ() -> None:
    for groups in NAVIGATION.values():
        keys = [item.key for group in groups for item in group.items if item.key]
        assert len(keys) == len(set(keys))


def test_theme_is_kept_and_printed(web_client: FlaskClient) -> None:
    response = web_client.post(
        "/preferences/theme", data={"theme": "dark", "next": "/dev/components?a=1"}
    )

    assert (response.status_code, response.location) == (303, "/dev/components?a=1")
    assert "HttpOnly" in response.headers["Set-Cookie"]
    assert 'data-theme="dark"' in web_client.get("/dev/components").text
    web_client.post("/preferences/theme", data={"theme": "auto"})
    assert "data-theme" not in web_client.get("/dev/components").text


def test_shortcuts_can_be_switched_off(web_client: FlaskClient) -> None:
    web_client.post("/preferences/shortcuts", data={"shortcuts": "off"})

    assert 'data-keys="off"' in web_client.get("/dev/components").text


@pytest.mark.parametrize("path", ["/preferences/theme", "/preferences/shortcuts"])
def test_unknown_preferences_are_refused(web_client: FlaskClient, path: str) -> None:
    assert web_client.post(path, data={"theme": "x"}).status_code == 400


def test_preferences_never_lead_to_another_site(web_client: FlaskClient) -> None:
    response = web_client.post(
        "/preferences/theme", data={"theme": "dark", "next": "//evil.example"}
    )

    assert response.location == "/"


@pytest.fixture
def in_request(web_app: Flask) -> Iterator[Flask]:
    with web_app.test_request_context(
        "/", headers={"Accept-Language": "fr, de;q=0.8, en;q=0.5"}
    ):
        yield web_app


def test_language_is_the_users_then_the_cookies_then_the_browsers(
    in_request: Flask,
) -> None:
    assert preferences.select_locale() == "de"
    assert preferences.select_timezone() is None
    in_request.extensions[preferences.USER_LOCALE] = lambda: "ar"
    in_request.extensions[preferences.USER_TIMEZONE] = lambda: "Asia/Dubai"
    assert preferences.select_locale() == "ar"
    assert preferences.select_timezone() == "Asia/Dubai"
    in_request.extensions[preferences.USER_LOCALE] = lambda: "xx"
    assert preferences.select_locale() == "de"


def test_language_outside_a_request_is_the_first_one(web_app: Flask) -> None:
    with web_app.app_context():
        assert preferences.locale_of_request() == "en"
        assert preferences.theme() == "auto"


def test_flashes_are_read_out_and_undo_is_offered(web_app: Flask) -> None:
    with web_app.test_request_context("/"):
        flashes.success("Saved.")
        flashes.warning("One partner was skipped.")
        flashes.failure("Nothing was sent.")
        flashes.undo("Approved.", url="/undo", until=NOW)
        page = render_template_string(WORKSPACE)

    assert re.search(r'role="status" data-tone="ok">.*?Saved', page, re.DOTALL)
    assert re.search(r'role="alert" data-tone="bad">.*?Nothing was sent', page)
    assert '<span role="status">Approved.</span>' in page
    assert 'data-undo-until="2026-03-01T09:00:00+00:00"' in page


def test_every_state_has_a_word_and_a_known_tone(web_app: Flask) -> None:
    with web_app.test_request_context("/"):
        for state in STATES:
            assert state_tone(state) in {"ok", "warn", "bad", "info", "neutral"}
            assert state_label(state)[0].isupper()
        assert (state_label("not_listed"), state_tone("x")) == ("Not listed", "neutral")


def test_old_icon_address_leads_to_the_icon(web_client: FlaskClient) -> None:
    assert "/static/favicon." in web_client.get("/favicon.ico").location


def test_mail_layout_holds_the_same_in_html_and_text(web_app: Flask) -> None:
    blocks = """{% block title %}Your statement{% endblock %}
{% block content %}It is ready.{% endblock %}
{% block button_label %}Download{% endblock %}
{% block button_url %}https://portal.example/app/statements{% endblock %}"""
    with web_app.test_request_context("/"):
        for layout in ("layout.html", "layout.txt"):
            mail = render_template_string(f'{{% extends "emails/{layout}" %}}{blocks}')
            for part in (
                "Your statement",
                "It is ready.",
                "Download",
                "/app/statements",
            ):
                assert part in mail
        bare = render_template_string(
            '{% extends "emails/layout.html" %}{% block title %}x{% endblock %}'
        )
    assert "If the button" not in bare
