"""Every page that test_pages.py has no story for, with whatever a factory puts on it.

The pages are taken from the map of routes, so that a new one is looked at on the day
it is made.
"""

import re
from collections.abc import Iterator
from http import HTTPStatus
from typing import NamedTuple

import pytest
from playwright.sync_api import Browser, BrowserContext

from portal.kit.db import transaction
from portal.kit.postgres import EmbeddedPostgres
from tests.architecture.route_objects import (
    ANONYMOUS,
    HOLDER,
    ROLES,
    a_world,
    path_of,
    values_for,
)
from tests.architecture.test_routes import Row, rows
from tests.browser.conftest import browser_of_ones_own
from tests.browser.test_pages import EVERY, NARROWEST, PHONE
from tests.browser.watching import Watch
from tests.databases import MakeDatabase
from tests.factories import base_factory
from tests.journeys.conftest import START
from tests.journeys.world import World, opened
from tests.signed_in import client_of

pytestmark = pytest.mark.browser

ELSEWHERE = {
    "GET /application/<reference:reference>": "test_the_thread_in_chromium.py",
    "GET /apply/<reference:reference>": "test_the_thread_in_chromium.py",
    "GET /apply/<reference:reference>/<step_key>": "test_applying.py",
    "GET /apply/<reference:reference>/check": "test_the_thread_in_chromium.py",
    "GET /apply/<reference:reference>/sent": "test_the_thread_in_chromium.py",
    "GET /app/certifications/attempts/<pid(att):attempt_id>/<int:position>": (
        "test_the_exam_in_chromium.py"
    ),
}
"""Pages that somebody clicks through, and where."""
FEWEST = 25
"""So many are found at least: a walk that finds none must not look clean."""


class Visit(NamedTuple):
    """A page and who opens it."""

    path: str
    actor: str


class Pages(NamedTuple):
    """A world on the network, its pages, and a browser for each actor."""

    world: World
    visits: list[Visit]
    cookies: dict[str, str]


def shown_in_a_story(key: str) -> bool:
    """Tell whether test_pages.py opens this route."""
    pattern = re.sub(r"<[^>]*>", "[^/]+", key.removeprefix("GET "))
    return any(re.fullmatch(pattern, path) for _who, path in EVERY)


def actor_for(row: Row) -> str:
    admitted = [actor for actor in ROLES if row.admits(actor)]
    if row.access == "public":
        return ANONYMOUS
    return HOLDER if HOLDER in admitted else admitted[0]


@pytest.fixture(scope="module")
def pages(server: EmbeddedPostgres, new_database: MakeDatabase) -> Iterator[Pages]:
    with opened(server, new_database(), start=START) as world:
        with world.books() as books, transaction(books) as session:
            base_factory.bind(session)
            objects = a_world(session)
            visits = [
                Visit(path_of(world.app, row.rule, "GET", values), actor_for(row))
                for row in rows(world.app)
                if row.method == "GET"
                and row.key not in ELSEWHERE
                and not shown_in_a_story(row.key)
                for values in [values_for(row.rule, objects)]
            ]
            clients = {
                actor: client_of(world.app, session, user, base_url=world.url)
                for actor, user in objects.people.items()
            } | {ANONYMOUS: world.app.test_client()}
        answers = {
            visit: clients[visit.actor].get(
                visit.path, base_url=world.url, buffered=True
            )
            for visit in visits
        }
        shown = [
            visit
            for visit, answer in answers.items()
            if answer.status_code == HTTPStatus.OK and answer.mimetype == "text/html"
        ]
        session_cookies = {
            actor: cookie.value
            for actor, client in clients.items()
            if (cookie := client.get_cookie("session", domain="127.0.0.1"))
        }
        yield Pages(world, shown, session_cookies)


def opened_by(
    actor: str, pages: Pages, browser: Browser, watch: Watch
) -> BrowserContext:
    context = browser_of_ones_own(browser, watch, viewport=PHONE, color_scheme="dark")
    if actor in pages.cookies:
        context.add_cookies(
            [{
                "name": "session", "value": pages.cookies[actor],
                "url": pages.world.url,
            }]
        )  # fmt: skip
    return context


def test_in_the_dark_and_in_the_light_on_a_phone(
    pages: Pages, browser: Browser, watch: Watch
) -> None:
    for actor in sorted({visit.actor for visit in pages.visits}):
        context = opened_by(actor, pages, browser, watch)
        page = context.new_page()
        for visit in pages.visits:
            if visit.actor != actor:
                continue
            page.set_viewport_size(PHONE)
            page.emulate_media(color_scheme="dark")
            page.goto(pages.world.url + visit.path)
            assert page.get_by_role("heading", level=1).count() == 1, visit.path
            watch.seen.clear()
            watch.look(page)
            page.emulate_media(color_scheme="light")
            watch.contrast(page)
            page.set_viewport_size(NARROWEST)
            watch.no_overflow(page)
        context.close()

    assert len(pages.visits) >= FEWEST
