"""Nobody learns by trying which addresses, numbers, codes and files there are."""

from collections.abc import Callable

import pytest
from flask import Flask
from sqlalchemy import select
from sqlalchemy.orm import Session
from werkzeug.test import TestResponse

from portal.certification import service
from portal.certification.models import Certificate
from tests.accounts.signing import joined
from tests.architecture.route_objects import World, a_world, maker_for
from tests.factories.applications import ApplicationFactory
from tests.factories.base_factory import NOW

Pair = tuple[str, dict[str, str] | None]

VARYING = {"X-Request-Id", "Content-Length", "Set-Cookie", "Location", "Date"}
"""Headers that differ between any two answers; that they are there is compared."""


LENGTH_CLASS = 0.15
"""Share by which two pages may differ in length, such as for a name in one of them."""


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
    return (f"/verify/{number}", None), (f"/verify/{service.new_number()}", None)


def code_of_certificate(world: World) -> tuple[Pair, Pair]:
    (known, _), (unknown, _) = certificate(world)
    return (f"{known}/qr.svg", None), (f"{unknown}/qr.svg", None)


def withdrawn_badge(world: World) -> tuple[Pair, Pair]:
    """The badge of a certificate that was revoked, and of one that never was."""
    (known, _), (unknown, _) = certificate(world)
    number = known.rpartition("/")[2]
    found = world.session.scalars(
        select(Certificate).where(Certificate.number == number)
    ).one()
    found.revoked_at, found.revocation_reason = NOW, "Copied."
    return (f"{known}/badge.json", None), (f"{unknown}/badge.json", None)


def course(world: World) -> tuple[Pair, Pair]:
    """The course of an exam that is there but not open, and of none."""
    key = value_of(world, "certification_course.course", "key")
    return (f"/courses/{key}", None), ("/courses/no-such-exam-here", None)


def statement(world: World) -> tuple[Pair, Pair]:
    known = value_of(world, "statements_public.verify", "sha256")
    unknown = known[::-1]
    return (f"/verify/statement/{known}", None), (f"/verify/statement/{unknown}", None)


def link(world: World) -> tuple[Pair, Pair]:
    return (f"/r/{world.story.link.code}", None), ("/r/nobody-has-this", None)


@pytest.mark.parametrize(
    "case",
    [
        sign_in,
        recover,
        apply,
        reference,
        certificate,
        code_of_certificate,
        withdrawn_badge,
        course,
        statement,
        link,
    ],
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
    sizes = sorted(len(answered.data) for answered in (known, unknown))
    assert sizes[1] - sizes[0] <= sizes[1] * LENGTH_CLASS
