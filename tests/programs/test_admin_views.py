from datetime import timedelta

import pytest
from flask.testing import FlaskClient
from sqlalchemy.orm import Session

from portal.kit.clock import utc_now
from portal.programs import service
from portal.programs.documents import load_yaml, preset
from tests.conftest import CountQueries, SignIn
from tests.factories.people import UserFactory
from tests.programs.definitions import HUBSPOT, MONDAY, changed
from tests.programs.test_public_views import publish, read


def publish_again(session: Session, days: int = 0, **parts: object) -> None:
    """Publish a second version of the affiliate program."""
    now = utc_now()
    service.publish(
        session,
        changed(hold_days=31, **parts),
        actor=None,
        effective_from=now + timedelta(days=days),
        now=now,
    )
    session.flush()


@pytest.fixture
def staff(sign_in: SignIn) -> FlaskClient:
    return sign_in(UserFactory.create(auditor=True))


def test_without_a_program_the_list_says_how_to_begin(staff: FlaskClient) -> None:
    page = read(staff, "/admin/programs")

    assert "No program yet" in page
    assert "portal program import --preset hubspot-solutions-partner" in page


@pytest.mark.parametrize("count", [1, 4])
def test_the_list_costs_the_same_however_long_it_is(
    staff: FlaskClient, session: Session, count_queries: CountQueries, count: int
) -> None:
    publish(session, *(changed(key=f"program-{n}") for n in range(count)))

    with count_queries() as statements:
        page = staff.get("/admin/programs").text

    assert page.count("Everyone") == count
    assert len(statements) == 2  # the user, the programs


def test_a_program_shows_its_terms_with_their_evidence(
    staff: FlaskClient, session: Session
) -> None:
    publish(session, preset(HUBSPOT))

    page = read(staff, f"/admin/programs/{HUBSPOT}")

    assert "You earn 20% of what your customer pays" in page
    assert "Assumed" in page
    assert "fee.minor_by_tier" in page
    assert "Command line" in page


def test_an_older_version_says_that_there_is_a_newer_one(
    staff: FlaskClient, session: Session
) -> None:
    publish(session, preset(MONDAY))
    publish_again(session)

    assert "There is a newer version." in read(
        staff, f"/admin/programs/{MONDAY}/versions/1"
    )
    assert "There is a newer version." not in read(staff, f"/admin/programs/{MONDAY}")
    assert staff.get(f"/admin/programs/{MONDAY}/versions/3").status_code == 404


def test_a_version_that_waits_says_from_when(
    staff: FlaskClient, session: Session
) -> None:
    publish(session, preset(MONDAY))
    publish_again(session, days=30, sources=[], visibility="invite_only")

    page = read(staff, f"/admin/programs/{MONDAY}")

    assert "This version starts on" in page
    assert "these are your own terms" in page
    assert "See the public page" not in page
    assert "Upcoming" in read(staff, "/admin/programs")


def test_the_file_of_a_version_reads_back_the_same(
    staff: FlaskClient, session: Session
) -> None:
    publish(session, preset(MONDAY))

    answer = staff.get(f"/admin/programs/{MONDAY}/versions/1.yaml")

    assert answer.status_code == 200
    assert answer.mimetype == "application/yaml"
    assert "monday-affiliate-version-1.yaml" in answer.headers["Content-Disposition"]
    assert load_yaml(answer.text) == preset(MONDAY)


def test_partners_have_no_business_here(sign_in: SignIn, session: Session) -> None:
    publish(session, preset(MONDAY))
    partner = sign_in(UserFactory.create())

    for path in ("", f"/{MONDAY}", f"/{MONDAY}/versions/1.yaml"):
        assert partner.get(f"/admin/programs{path}").status_code == 403


def test_an_unknown_program_is_not_found(staff: FlaskClient) -> None:
    assert staff.get("/admin/programs/nothing").status_code == 404
