"""The partner's own pages about links."""

from datetime import timedelta

import pytest
from flask.testing import FlaskClient
from sqlalchemy import select
from sqlalchemy.orm import Session

from portal.accounts.models import User
from portal.accounts.permissions import Role
from portal.enrollments import service as enrollment_service
from portal.enrollments.models import Enrollment, EnrollmentStatus
from portal.kit.clock import utc_now
from portal.tracking.models import ReferralLink
from tests.conftest import CountQueries, SignIn
from tests.factories.base_factory import NOW
from tests.factories.people import PartnerMemberFactory, UserFactory
from tests.factories.programs import EnrollmentFactory
from tests.factories.tracking import ClickFactory, ReferralLinkFactory
from tests.tracking.test_service import enrollment_with_links_open


@pytest.fixture
def enrollment(session: Session) -> Enrollment:
    return enrollment_with_links_open(session)


def _member(enrollment: Enrollment, role: Role = Role.PARTNER_OWNER) -> User:
    user: User = UserFactory.create(role=role)
    PartnerMemberFactory.create(user=user, partner=enrollment.partner)
    return user


@pytest.fixture
def owner(sign_in: SignIn, enrollment: Enrollment) -> FlaskClient:
    return sign_in(_member(enrollment))


def _links(session: Session) -> list[ReferralLink]:
    session.expire_all()
    return list(session.scalars(select(ReferralLink).order_by(ReferralLink.id)))


def test_the_first_link_is_there_when_the_page_is_opened(
    owner: FlaskClient, session: Session
) -> None:
    first, second = owner.get("/app/links").text, owner.get("/app/links").text

    (link,) = _links(session)
    assert f"http://localhost/r/{link.code}" in first
    assert "My first link" in second
    assert "http://localhost:8027/" in first


def test_somebody_who_may_only_look_makes_no_first_link(
    sign_in: SignIn, session: Session, enrollment: Enrollment
) -> None:
    viewer = sign_in(_member(enrollment, Role.PARTNER_VIEWER))

    page = viewer.get("/app/links").text

    assert _links(session) == []
    assert "an owner or a marketer of your team" in page


def test_before_the_gates_are_met_the_page_names_them(
    sign_in: SignIn, session: Session
) -> None:
    enrollment: Enrollment = EnrollmentFactory.create()
    client = sign_in(_member(enrollment))

    page = client.get("/app/links").text

    assert "open when this is done" in page
    assert "Pass the solutions partner certification" in page
    assert "Accept the solutions partner agreement" in page
    assert 'href="/app/certifications"' in page
    assert "Pay the membership fee" not in page
    assert "New link" not in page
    assert _links(session) == []
    form = client.get("/app/links/new").text
    assert "No links can be made now" in form
    answer = client.post(
        "/app/links/new", data={"enrollment": str(enrollment.id), "name": "x"}
    )
    assert answer.status_code == 422


def test_links_stay_visible_when_a_gate_closes_again(
    owner: FlaskClient, enrollment: Enrollment, session: Session
) -> None:
    owner.get("/app/links")
    enrollment_service.lose_gate(session, enrollment, "certification", now=utc_now())
    session.flush()

    page = owner.get("/app/links").text

    assert "My first link" in page
    assert "Pass the solutions partner certification" in page


def test_a_stopped_partner_reads_why(
    owner: FlaskClient, enrollment: Enrollment, session: Session
) -> None:
    enrollment.move_to(EnrollmentStatus.SUSPENDED)
    session.flush()

    assert "You cannot make links" in owner.get("/app/links").text


def test_somebody_in_no_program_reads_that(sign_in: SignIn, session: Session) -> None:
    del session
    client = sign_in(PartnerMemberFactory.create().user)

    assert "No links yet" in client.get("/app/links").text


def test_a_new_link_is_made_and_shown(owner: FlaskClient, session: Session) -> None:
    answer = owner.post(
        "/app/links/new",
        data={
            "name": " =Summer ",
            "destination": "/pricing",
            "code": " Summer-Offer ",
            "enrollment": _choice(owner),
        },
    )

    assert answer.status_code == 303
    (link,) = _links(session)
    assert (link.name, link.code) == ("=Summer", "summer-offer")
    page = owner.get(answer.location).text
    assert "http://localhost/r/summer-offer" in page
    assert "http://localhost:8027/pricing" in page
    assert "No clicks yet" in page


def _choice(client: FlaskClient) -> str:
    page = client.get("/app/links/new").text
    return page.split("<option")[1].split('value="')[1].split('"')[0]


@pytest.mark.parametrize(
    ("field", "value", "message"),
    [
        ("name", "", "Give the link a name"),
        ("name", "x" * 81, "Use at most 80 characters."),
        ("destination", "https://evil.example/", "Links may only lead to these sites"),
        ("destination", "//evil.example/", "Links may only lead to these sites"),
        ("code", "no", "Use 3 to 40 small letters"),
        ("code", "taken", "This code is in use already."),
        ("enrollment", "00000000-0000-0000-0000-000000000000", "Not a valid choice"),
    ],
)
def test_mistakes_are_shown_next_to_the_field(
    owner: FlaskClient, session: Session, field: str, value: str, message: str
) -> None:
    ReferralLinkFactory.create(code="taken")
    data = {"name": "Kept as typed", "enrollment": _choice(owner), field: value}

    answer = owner.post("/app/links/new", data=data)

    assert answer.status_code == 422
    assert message in answer.text
    assert "There is a problem" in answer.text
    assert (value in answer.text) or field == "enrollment"
    assert [link.code for link in _links(session)] == ["taken"]


def test_other_partners_links_do_not_exist(
    owner: FlaskClient, session: Session
) -> None:
    other: ReferralLink = ReferralLinkFactory.create()

    page = f"/app/links/{other.public_id}"
    assert owner.get(page).status_code == 404
    assert owner.post(f"{page}/disable").status_code == 404
    assert owner.post(f"{page}/enable").status_code == 404
    assert owner.get("/app/links/lnk_nonsense").status_code == 404
    assert other.code not in owner.get("/app/links").text
    session.refresh(other)
    assert other.disabled_at is None


def test_a_link_is_switched_off_and_on(
    owner: FlaskClient, enrollment: Enrollment, session: Session
) -> None:
    link: ReferralLink = ReferralLinkFactory.create(enrollment=enrollment)
    page = f"/app/links/{link.public_id}"

    off = owner.post(f"{page}/disable", follow_redirects=True).text
    session.refresh(link)
    was_disabled = link.is_disabled
    assert "This link is switched off." in off
    assert "Switched off" in owner.get("/app/links").text

    on = owner.post(f"{page}/enable", follow_redirects=True).text
    session.refresh(link)
    assert (was_disabled, link.is_disabled) == (True, False)
    assert "The link is switched on again." in on


def test_a_link_shows_where_visitors_came_from(
    owner: FlaskClient, enrollment: Enrollment
) -> None:
    link: ReferralLink = ReferralLinkFactory.create(enrollment=enrollment)
    ClickFactory.create(link=link, referrer_host="blog.example")
    ClickFactory.create(link=link)

    page = owner.get(f"/app/links/{link.public_id}").text

    assert "blog.example" in page
    assert "Not known" in page


def test_viewers_read_and_do_not_change(
    sign_in: SignIn, enrollment: Enrollment, session: Session
) -> None:
    link: ReferralLink = ReferralLinkFactory.create(enrollment=enrollment)
    session.flush()
    viewer = sign_in(_member(enrollment, Role.PARTNER_VIEWER))

    assert "New link" not in viewer.get("/app/links").text
    page = f"/app/links/{link.public_id}"
    assert "Switch off" not in viewer.get(page).text
    assert viewer.post(f"{page}/disable").status_code == 403
    assert viewer.get("/app/links/new").status_code == 403


def test_the_list_needs_as_many_queries_for_many_links_as_for_one(
    owner: FlaskClient,
    enrollment: Enrollment,
    session: Session,
    count_queries: CountQueries,
) -> None:
    ReferralLinkFactory.create(enrollment=enrollment)
    session.flush()
    with count_queries() as few:
        owner.get("/app/links")
    for number in range(20):
        link = ReferralLinkFactory.create(
            enrollment=enrollment, created_at=NOW + timedelta(minutes=number)
        )
        ClickFactory.create(link=link)
    session.flush()
    with count_queries() as many:
        owner.get("/app/links")

    assert len(many) == len(few)
