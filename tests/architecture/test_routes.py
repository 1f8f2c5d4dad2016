"""The route matrix: every route, every method, every kind of person.

`routes.yaml` says of each route who may call it, and of each permission who has it.
Everything else is walked: a route without a row fails, and so does an answer that
differs from its row, lacks a header, or changes something without a CSRF token.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import pytest
import yaml
from flask import Flask
from sqlalchemy import Connection
from sqlalchemy.orm import Session
from werkzeug.routing import Rule
from werkzeug.test import TestResponse

from portal.accounts.permissions import GRANTS, Permission, Role
from portal.stripe_sandbox.sandbox import Sandbox
from tests.architecture.route_objects import (
    ACTORS,
    ANONYMOUS,
    HOLDER,
    OTHER_PARTNER,
    ROLES,
    World,
    a_world,
    arguments_of,
    path_of,
    unmade,
    values_for,
)
from tests.conftest import SignIn

TABLE = yaml.safe_load(Path(__file__).with_name("routes.yaml").read_text())
ROWS: dict[str, str] = TABLE["routes"]
HOLDERS: dict[str, list[str]] = TABLE["permissions"]
WITHOUT_TOKEN = set(TABLE["without_csrf_token"])

FACES = ("public", "workspace", "staff")
FACE_OF = {"signed_in": "public"}
"""A walk for each face, so that they can run side by side."""

READING = {"GET"}
ADMITTED = {True: {200, 301, 302, 303}, False: {200, 302, 303, 409, 422}}
"""Answers to somebody who may call a route, by whether it only reads. Forms are sent
empty: 422, or 409 where there is nothing to do."""

NAMED = {"own", "personal", "locked", "real"}
"""What the arguments of a path can name; routes.yaml says what each word means."""

HEADERS = {
    "Content-Security-Policy": "default-src 'none'",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "",
    "Permissions-Policy": "camera=()",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Cache-Control": "no-store",
    "X-Request-Id": "req_",
}


@dataclass(frozen=True)
class Row:
    """One route under one method, and what routes.yaml writes about it."""

    key: str
    rule: Rule
    method: str
    text: str

    @property
    def access(self) -> str:
        return self.text.split()[0]

    @property
    def face(self) -> str:
        return FACE_OF.get(self.access, self.access.partition(":")[0])

    @property
    def named(self) -> set[str]:
        return NAMED & set(self.text.split())

    @property
    def admitted(self) -> set[int]:
        also = {int(word) for word in self.text.split() if word.isdigit()}
        return ADMITTED[self.method in READING] | also

    def admits(self, actor: str) -> bool:
        if self.access == "public":
            return True
        if self.access == "signed_in":
            return actor != ANONYMOUS
        return ROLES.get(actor, "") in HOLDERS[self.access]

    def hides_from(self, actor: str) -> bool:
        """Tell whether somebody who may call the route must not find the object."""
        return (
            "locked" in self.named
            or ("personal" in self.named and actor != HOLDER)
            or ("own" in self.named and actor == OTHER_PARTNER)
        )


def routes(app: Flask) -> Iterator[tuple[str, Rule, str]]:
    for rule in app.url_map.iter_rules():
        for method in sorted((rule.methods or set()) - {"HEAD", "OPTIONS"}):
            yield f"{method} {rule.rule}", rule, method


def rows(app: Flask) -> Iterator[Row]:
    for key, rule, method in routes(app):
        if key in ROWS:
            yield Row(key, rule, method, ROWS[key])


@pytest.fixture
def world(session: Session) -> World:
    return a_world(session)


ANY, SHORT = "*/*", "application/json"
"""A refusal as JSON is the same refusal, and no page is written for it."""


class Ask(Protocol):
    def __call__(
        self, actor: str, method: str, path: str, accept: str = ANY
    ) -> TestResponse: ...


@pytest.fixture
def ask(app: Flask, connection: Connection, world: World, sign_in: SignIn) -> Ask:
    """Return how an actor sends one request, of which nothing remains."""
    cookies = {
        actor: sign_in(user).get_cookie("session")
        for actor, user in world.people.items()
    }

    def ask(actor: str, method: str, path: str, accept: str = ANY) -> TestResponse:
        client = app.test_client()
        if cookie := cookies.get(actor):
            client.set_cookie("session", cookie.value)
        undo = connection.begin_nested()
        response = client.open(
            path, method=method, headers={"Accept": accept}, buffered=True
        )
        undo.rollback()
        return response

    return ask


def proposed(app: Flask, key: str, rule: Rule) -> str:
    access = getattr(app.view_functions[rule.endpoint], "access_rule", "public")
    named = "own" if access.startswith("workspace:") else "real"
    return f'  "{key}": {access}{f" {named}" if arguments_of(rule) else ""}'


def test_every_route_has_a_row(app: Flask) -> None:
    missing = [
        proposed(app, key, rule) for key, rule, _ in routes(app) if key not in ROWS
    ]

    assert missing == [], (
        "Look at each line, check what the path names, "
        "and put it into tests/architecture/routes.yaml:\n" + "\n".join(missing)
    )


def test_every_row_has_a_route(app: Flask) -> None:
    assert set(ROWS) - {key for key, _, _ in routes(app)} == set()


def test_every_argument_of_every_path_names_something_that_is_there(
    app: Flask,
) -> None:
    wrong = [
        f"{row.key}: say what it names, one of {sorted(NAMED)}"
        for row in rows(app)
        if len(row.named) != bool(arguments_of(row.rule))
    ]
    wrong += [
        f"{row.key}: add a maker of {argument} to tests/architecture/route_objects.py"
        for row in rows(app)
        for argument in unmade(row.rule)
    ]

    assert wrong == []


def test_every_id_in_a_partners_address_is_the_partners_or_a_persons(
    app: Flask,
) -> None:
    wrong = [
        row.key
        for row in rows(app)
        if row.access.startswith("workspace:")
        and arguments_of(row.rule)
        and not row.named & {"own", "personal"}
    ]

    assert wrong == []


def test_rows_say_what_the_guards_say(app: Flask) -> None:
    different = [
        f"{row.key}: {row.access} in the table, {guard} on the view"
        for row in rows(app)
        if (
            guard := getattr(app.view_functions[row.rule.endpoint], "access_rule", None)
        )
        != row.access
    ]

    assert different == []


@pytest.mark.parametrize("permission", Permission)
def test_permissions_are_held_by_exactly_these_roles(permission: Permission) -> None:
    holders = [role.value for role in Role if permission in GRANTS[role]]

    assert HOLDERS.get(permission) == holders, f"{permission}: {holders}"


def is_sign_in(response: TestResponse) -> bool:
    path = (response.location or "").partition("?")[0]
    return response.status_code == 302 and path == "/login"


def deviation(row: Row, actor: str, response: TestResponse) -> str | None:
    """Return how an answer differs from its row, or None."""
    status = response.status_code
    if row.admits(actor) and row.hides_from(actor):
        expected, is_right = "404", status == 404
    elif row.admits(actor):
        expected = "admitted"
        is_right = status in row.admitted and not is_sign_in(response)
    elif actor == ANONYMOUS:
        expected, is_right = "sent to the sign-in", is_sign_in(response)
    else:
        expected, is_right = "403", status == 403
    return None if is_right else f"{row.key} as {actor}: {status}, not {expected}"


def missing_headers(row: Row, response: TestResponse) -> list[str]:
    is_file = row.rule.endpoint == "static" and response.status_code == 200
    return [
        f"{row.key}: {name} is {response.headers.get(name)!r}"
        for name, part in HEADERS.items()
        if part not in response.headers.get(name, "missing")
        and not (is_file and name == "Cache-Control")
    ]


@pytest.mark.parametrize("face", FACES)
def test_every_route_answers_every_actor_as_its_row_says(
    face: str,
    app: Flask,
    world: World,
    ask: Ask,
    sandbox: Sandbox,
) -> None:
    del sandbox  # takes the calls to Stripe
    walked = [row for row in rows(app) if row.face == face]
    wrong: list[str] = []
    for row in walked:
        path = path_of(app, row.rule, row.method, values_for(row.rule, world))
        for actor in ACTORS:
            is_answered = row.admits(actor) and not row.hides_from(actor)
            response = ask(actor, row.method, path, ANY if is_answered else SHORT)
            wrong += missing_headers(row, response)
            if problem := deviation(row, actor, response):
                wrong.append(problem)

    assert wrong == []
    assert walked


def test_nothing_changes_without_a_csrf_token(
    app: Flask,
    world: World,
    ask: Ask,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setitem(app.config, "WTF_CSRF_ENABLED", True)
    wrong, walked = [], 0
    for key, rule, method in routes(app):
        if method in READING or rule.endpoint in WITHOUT_TOKEN:
            continue
        path = path_of(app, rule, method, values_for(rule, world))
        for actor in (ANONYMOUS, "partner_owner", "admin"):
            response = ask(actor, method, path)
            walked += 1
            if response.status_code != 400:
                wrong.append(f"{key} as {actor}: {response.status_code}, not 400")

    assert wrong == []
    assert walked > 0


def test_a_wrong_row_would_be_found(app: Flask, ask: Ask) -> None:
    """The walk sees what it is for: each kind of wrong answer is a deviation."""
    team = next(rule for key, rule, _ in routes(app) if key == "GET /app/team")
    answers = {actor: ask(actor, "GET", "/app/team") for actor in ACTORS}

    def found(text: str, actor: str) -> bool:
        row = Row("GET /app/team", team, "GET", text)
        return deviation(row, actor, answers[actor]) is not None

    assert not found("workspace:team:read", "partner_viewer")
    assert found("public", ANONYMOUS)
    assert found("signed_in", "admin")
    assert found("staff:audit:read", "partner_viewer")
    assert found("workspace:team:read own", OTHER_PARTNER)
    assert found("workspace:team:read personal", "partner_viewer")
    assert found("workspace:team:read locked", "partner_owner")
