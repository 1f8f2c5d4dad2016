"""Nobody learns by trying which addresses, numbers, codes and files there are."""

from collections.abc import Callable

import pytest
from flask import Flask
from sqlalchemy.orm import Session
from werkzeug.test import TestResponse

from tests.accounts.signing import joined
from tests.architecture.route_objects import World, a_world, maker_for
from tests.factories.applications import ApplicationFactory

Pair = tuple[str, dict[str, str] | None]

VARYING = {"X-Request-Id", "Content-Length", "Set-Cookie", "Location", "Date"}
"""Headers that differ between any two answers; that they are there is compared."""


def value_of(world: World, endpoint: str, argument: str) -> str:
    maker = maker_for(endpoint, argument)
    assert maker is not None
    return str(world.the(maker))


def sign_in(world: World) -> tuple[Pair, Pair]:
    del world
    known, unknown = joined().email, "nobody@people.example"
    return (
        ("/login", {"email": known, "password": "wrong"}),
        ("/login", {"email": unknown, "password": "wrong"}),
    )


def recover(world: World) -> tuple[Pair, Pair]:
    del world
    return (
        ("/login/recover", {"email": joined().email}),
        ("/login/recover", {"email": "nobody@people.example"}),
    )


def apply(world: World) -> tuple[Pair, Pair]:
    version = world.story.version
    known, path = ApplicationFactory.create(version=version), version.program.key
    return (
        (f"/apply/{path}", {"start-email": known.email}),
        (f"/apply/{path}", {"start-email": "nobody@hanbit.example"}),
    )


def reference(world: World) -> tuple[Pair, Pair]:
    known = value_of(world, "applications_status.show", "reference")
    return (f"/application/{known}", None), ("/application/APP-222222", None)


def certificate(world: World) -> tuple[Pair, Pair]:
    number = value_of(world, "certification_public.verify", "number")
    return (f"/verify/{number}", None), ("/verify/AAAA-AAAA-AAAA-AAAA", None)


def statement(world: World) -> tuple[Pair, Pair]:
    known = value_of(world, "statements_public.verify", "sha256")
    unknown = known[::-1]
    return (f"/verify/statement/{known}", None), (f"/verify/statement/{unknown}", None)


def link(world: World) -> tuple[Pair, Pair]:
    return (f"/r/{world.story.link.code}", None), ("/r/nobody-has-this", None)


@pytest.mark.parametrize(
    "case", [sign_in, recover, apply, reference, certificate, statement, link]
)
def test_known_and_unknown_are_answered_alike(
    case: Callable[[World], tuple[Pair, Pair]], app: Flask, session: Session
) -> None:
    pairs = case(a_world(session))
    session.flush()

    def answer(path: str, form: dict[str, str] | None) -> TestResponse:
        client = app.test_client()
        return client.post(path, data=form) if form else client.get(path)

    known, unknown = (answer(*pair) for pair in pairs)

    assert known.status_code == unknown.status_code
    assert sorted(known.headers.keys()) == sorted(unknown.headers.keys())
    for name in set(known.headers.keys()) - VARYING:
        assert known.headers.getlist(name) == unknown.headers.getlist(name)
