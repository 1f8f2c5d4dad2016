"""What people type is text, on every page that shows it to somebody else."""

from collections.abc import Iterator
from html.parser import HTMLParser

import pytest
from flask.testing import FlaskClient
from sqlalchemy.orm import Session

from portal.accounts.permissions import Role
from portal.applications import service
from portal.kit.ids import public_id
from tests.architecture.route_objects import World, a_world, maker_for
from tests.conftest import SignIn
from tests.factories.applications import ANSWERS, ApplicationFactory
from tests.factories.base_factory import NOW

MARK = "xss1337"
PAYLOADS = (
    "<script>xss1337()</script>",
    '"><script>xss1337()</script>',
    "'><script>xss1337()</script>",
    "</title><script>xss1337()</script>",
    "</textarea><script>xss1337()</script>",
    "</script><script>xss1337()</script>",
    "--><script>xss1337()</script>",
    "<img src=x onerror=xss1337()>",
    '"><img src=x onerror=xss1337()>',
    "<svg onload=xss1337()>",
    "<svg><script>xss1337()</script></svg>",
    "<iframe src=javascript:xss1337()></iframe>",
    "<a href=javascript:xss1337()>x</a>",
    '" onmouseover="xss1337()" x="',
    "' onfocus='xss1337()' autofocus='",
    "<details open ontoggle=xss1337()>",
    "<form action=javascript:xss1337()><button>x</button></form>",
    "<base href=//xss1337.example>",
    "<meta http-equiv=refresh content=0;url=//xss1337.example>",
    "{{ 1337 * 1337 }}<object data=javascript:xss1337()></object>",
)
EVERYTHING = " ".join(PAYLOADS)
RAW = {"<script>xss1337()</script>", "onerror=xss1337()>", str(1337 * 1337)}
"""What must not stand in a page as it was typed, or worked out."""
SCHEMES = ("javascript:", "vbscript:", "data:text/html")


class Dangers(HTMLParser):
    """Read a page as a browser does; keep what would run."""

    def __init__(self) -> None:
        super().__init__()
        self.found: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        values = {name: value or "" for name, value in attrs}
        own = values.get("src", "").startswith("/static/")
        if tag in {"iframe", "object", "embed", "base"} or (
            tag == "script" and not own
        ):
            self.found.append(tag)
        if tag == "meta" and values.get("http-equiv", "").lower() == "refresh":
            self.found.append("meta refresh")
        for name, value in values.items():
            if name.startswith("on") or value.strip().lower().startswith(SCHEMES):
                self.found.append(f"{tag} {name}={value}")


def dangers(page: str) -> list[str]:
    parser = Dangers()
    parser.feed(page)
    return parser.found


@pytest.mark.parametrize("payload", PAYLOADS)
def test_each_text_would_be_noticed_if_it_were_not_escaped(payload: str) -> None:
    page = f'<title>{payload}</title><p title="{payload}">{payload}</p>'

    found = dangers(page) + dangers(f"<p title='{payload}'>{payload}</p>")

    assert found


@pytest.fixture
def world(session: Session) -> World:
    """Every name that somebody outside chooses is made of these texts."""
    world = a_world(session)
    world.partner.name = EVERYTHING
    world.story.link.name = EVERYTHING
    for user in world.people.values():
        user.name = EVERYTHING
    session.flush()
    for name in ("statements:statement_id", "certification_admin:certificate_id"):
        endpoint, _, argument = name.partition(":")
        made(world, f"{endpoint}.show", argument)
    return world


def made(world: World, endpoint: str, argument: str) -> object:
    maker = maker_for(endpoint, argument)
    assert maker is not None
    return world.the(maker)


def pages_of_staff(world: World) -> Iterator[str]:
    typed = {key: EVERYTHING for key, value in ANSWERS.items() if key != "country"}
    application = ApplicationFactory.create(
        version=world.story.version,
        answers=ANSWERS | typed | {"services": ["selling"], "team-size": "two-to-ten"},
    )
    service.comment(
        world.session,
        application,
        author=world.people[Role.ADMIN.value],
        text=EVERYTHING,
        now=NOW,
    )
    yield "/admin/applications"
    yield "/admin/applications/several"
    yield f"/admin/applications/{public_id('app', application.id)}"
    partner = f"/admin/partners/{world.partner.public_id}"
    yield "/admin/partners"
    for tab in ("overview", "customers", "commissions", "statements", "people", "log"):
        yield f"{partner}?tab={tab}"
    yield "/admin/commissions"
    yield "/admin/statements"
    yield f"/admin/statements/{world.statement.public_id}"
    yield f"/admin/statements/{world.statement.public_id}/payment"
    yield f"/admin/periods/{public_id('per', world.statement.period_id)}"
    yield "/admin/users"
    yield "/admin/audit"
    yield "/admin/certifications"


def pages_of_partner(world: World) -> Iterator[str]:
    yield "/app"
    yield "/app/links"
    yield f"/app/links/{public_id('lnk', world.story.link.id)}"
    yield "/app/team"
    yield "/app/customers"
    customer = made(world, "commissions.customer", "customer_id")
    yield f"/app/customers/{public_id('cus', customer)}"  # type: ignore[arg-type]  # its id
    yield "/app/earnings"
    yield "/app/statements"
    yield f"/app/statements/{world.statement.public_id}"
    yield "/app/certifications"
    yield "/account/security"
    yield f"/verify/{made(world, 'certification_public.verify', 'number')}"
    yield f"/verify/statement/{world.statement.sha256}"


@pytest.mark.parametrize(
    ("role", "pages"),
    [(Role.ADMIN, pages_of_staff), (Role.PARTNER_OWNER, pages_of_partner)],
)
def test_nothing_that_people_typed_runs_in_the_browser_of_others(
    role: Role, pages: object, world: World, sign_in: SignIn
) -> None:
    assert callable(pages)
    client: FlaskClient = sign_in(world.people[role.value])
    wrong, shown = [], 0
    for path in pages(world):
        world.session.flush()
        response = client.get(path)
        page = response.get_data(as_text=True)
        shown += MARK in page
        if (
            response.status_code != 200
            or dangers(page)
            or [raw for raw in RAW if raw in page]
        ):
            wrong.append(f"{path}: {response.status_code} {dangers(page)[:3]}")

    assert wrong == []
    assert shown >= 8
