from datetime import timedelta

import pytest
from flask.testing import FlaskClient
from sqlalchemy import select
from sqlalchemy.orm import Session

from portal.audit.models import AuditEvent
from portal.kit.clock import utc_now
from portal.programs import service
from portal.programs.documents import dump_json, load_yaml, preset
from portal.programs.models import Program
from tests.conftest import CountQueries, SignIn
from tests.factories.people import UserFactory
from tests.programs.definitions import HUBSPOT, MONDAY, changed
from tests.programs.test_public_views import publish, read


def publish_again(session: Session, days: int = 0, **parts: object) -> None:
    """Publish the next version of the affiliate program."""
    now = utc_now()
    service.publish(
        session,
        changed(**{"hold": {"days": 31}, **parts}),
        actor=None,
        effective_from=now + timedelta(days=days),
        now=now,
    )
    session.flush()


@pytest.fixture
def staff(sign_in: SignIn) -> FlaskClient:
    return sign_in(UserFactory.create(auditor=True))


class TestList:
    def test_without_a_program_it_says_how_to_begin(self, staff: FlaskClient) -> None:
        page = read(staff, "/admin/programs")

        assert "No program yet" in page
        assert "portal programs publish --preset hubspot-solutions-partner" in page

    @pytest.mark.parametrize("count", [1, 4])
    def test_it_costs_the_same_however_long_it_is(
        self,
        staff: FlaskClient,
        session: Session,
        count_queries: CountQueries,
        count: int,
    ) -> None:
        publish(session, *(changed(key=f"program-{n}") for n in range(count)))

        with count_queries() as statements:
            page = staff.get("/admin/programs").text

        assert page.count("Everyone") == count
        assert len(statements) == 3  # the user, the programs, a freeze

    def test_only_who_may_publish_is_offered_a_new_program(
        self, staff: FlaskClient, sign_in: SignIn
    ) -> None:
        admin = sign_in(UserFactory.create(admin=True))

        assert "New program" not in read(staff, "/admin/programs")
        assert "New program" in read(admin, "/admin/programs")


class TestOneProgram:
    def test_it_shows_its_terms_with_their_evidence(
        self, staff: FlaskClient, session: Session
    ) -> None:
        publish(session, preset(HUBSPOT))

        page = read(staff, f"/admin/programs/{HUBSPOT}")

        assert "You earn 20% of what your customer pays" in page
        assert "Assumed" in page
        assert "fee.minor_by_tier" in page
        assert "Command line" in page
        assert "New version" not in page

    def test_a_past_version_points_to_the_one_in_force(
        self, staff: FlaskClient, session: Session
    ) -> None:
        publish(session, preset(MONDAY))
        publish_again(session)
        note = "There is a newer version in force."

        assert note in read(staff, f"/admin/programs/{MONDAY}/versions/1")
        assert note not in read(staff, f"/admin/programs/{MONDAY}")
        assert staff.get(f"/admin/programs/{MONDAY}/versions/3").status_code == 404

    def test_partners_terms_are_shown_until_the_coming_ones_begin(
        self, staff: FlaskClient, session: Session
    ) -> None:
        publish(session, preset(MONDAY))
        publish_again(session, days=30, sources=[], visibility="invite_only")

        now = read(staff, f"/admin/programs/{MONDAY}")
        coming = read(staff, f"/admin/programs/{MONDAY}/versions/2")

        assert "Version 1 In force" in now
        assert "Version 2 starts on" in now
        assert "What changes with version 2" in now
        assert "This version starts on" in coming
        assert "keep the terms they came under" in coming
        assert "these are your own terms" in coming
        assert "See the public page" not in coming
        assert "Coming" in read(staff, "/admin/programs")

    def test_a_new_agreement_says_what_changed_and_who_must_sign_again(
        self, staff: FlaskClient, session: Session
    ) -> None:
        publish(session, preset(MONDAY))
        old = dump_json(preset(MONDAY))["agreement"]
        publish_again(session, name="Renamed")
        new = old | {
            "version": "2026-08",
            "text": old["text"] + "\n\nOne more rule.",
            "sign_again": {"within_days": 30},
        }
        publish_again(session, days=30, agreement=new)

        first = read(staff, f"/admin/programs/{MONDAY}/versions/2")
        third = read(staff, f"/admin/programs/{MONDAY}/versions/3")

        assert "must accept this one within 30 days of its first day" in third
        assert f"What changed since version {old['version']}" in third
        assert "Added: One more rule." in third
        assert "must accept this one" not in first
        assert "What changed since version" not in first

    def test_a_program_without_an_agreement_shows_none(
        self, staff: FlaskClient, session: Session
    ) -> None:
        gates = [
            gate
            for gate in dump_json(preset(MONDAY))["gates"]
            if gate["key"] != "agreement"
        ]
        publish(session, changed(agreement=None, gates=gates))

        page = read(staff, f"/admin/programs/{MONDAY}")

        assert "See who has accepted it" not in page
        assert "Read the agreement" not in page

    def test_a_version_that_never_counts_says_so(
        self, staff: FlaskClient, session: Session
    ) -> None:
        at = utc_now() + timedelta(days=3)
        for name in ("Typo", "Fixed"):
            service.publish(
                session,
                changed(name=name),
                actor=None,
                effective_from=at,
                now=utc_now(),
            )
        session.flush()

        page = read(staff, f"/admin/programs/{MONDAY}/versions/1")

        assert "This version never counts" in page

    def test_versions_stand_in_a_list_with_their_state(
        self, staff: FlaskClient, session: Session, count_queries: CountQueries
    ) -> None:
        publish(session, preset(MONDAY))
        publish_again(session)
        publish_again(session, days=30, name="Next")

        with count_queries() as statements:
            page = read(staff, f"/admin/programs/{MONDAY}/versions")

        assert [w for w in ("Coming", "In force", "Past") if w not in page] == []
        assert "Changes of version 3" in page
        assert "The first version" in page
        assert len(statements) == 4  # the user, the program, its versions, a freeze

    def test_the_file_of_a_version_reads_back_the_same(
        self, staff: FlaskClient, session: Session
    ) -> None:
        publish(session, preset(MONDAY))

        answer = staff.get(f"/admin/programs/{MONDAY}/versions/1.yaml")

        assert answer.status_code == 200
        assert answer.mimetype == "application/yaml"
        name = "monday-affiliate-version-1.yaml"
        assert name in answer.headers["Content-Disposition"]
        assert load_yaml(answer.text) == preset(MONDAY)

    def test_an_unknown_program_or_one_without_versions_is_not_found(
        self, staff: FlaskClient, session: Session
    ) -> None:
        session.add(Program(key="fresh", created_at=utc_now()))
        session.flush()

        for path in ("nothing", "fresh", "fresh/versions", "fresh/changes"):
            assert staff.get(f"/admin/programs/{path}").status_code == 404


class TestChanges:
    def test_one_version_has_nothing_to_compare(
        self, staff: FlaskClient, session: Session
    ) -> None:
        publish(session, preset(MONDAY))

        page = read(staff, f"/admin/programs/{MONDAY}/changes")

        assert "One version so far" in page

    def test_the_last_change_is_told_in_words(
        self, staff: FlaskClient, session: Session
    ) -> None:
        publish(session, preset(MONDAY))
        publish_again(session)

        page = read(staff, f"/admin/programs/{MONDAY}/changes")

        assert "From version 1 to version 2" in page
        assert "Waiting time, days: 31 instead of 30." in page

    def test_any_two_versions_can_be_compared(
        self, staff: FlaskClient, session: Session
    ) -> None:
        publish(session, preset(MONDAY))
        publish_again(session)
        publish_again(session, hold={"days": 30})
        path = f"/admin/programs/{MONDAY}/changes"

        assert "31 instead of 30" in read(staff, f"{path}?from=1&to=2")
        assert "30 instead of 31" in read(staff, f"{path}?from=2&to=1")
        assert "The two versions say the same." in read(staff, f"{path}?from=1&to=3")
        assert "From version 2 to version 3" in read(staff, f"{path}?from=x&to=y")
        assert staff.get(f"{path}?from=1&to=9").status_code == 404


def test_who_may_only_read_cannot_change_anything(
    staff: FlaskClient, sign_in: SignIn, session: Session
) -> None:
    publish(session, preset(MONDAY))
    partner = sign_in(UserFactory.create())

    for path in ("", f"/{MONDAY}", f"/{MONDAY}/versions", f"/{MONDAY}/changes"):
        assert partner.get(f"/admin/programs{path}").status_code == 403
    for path in ("/new", f"/{MONDAY}/edit"):
        assert staff.get(f"/admin/programs{path}").status_code == 403
        assert staff.post(f"/admin/programs{path}").status_code == 403
    assert session.scalars(select(AuditEvent.action)).all() == ["program.published"]
