from datetime import timedelta

import pytest
from flask.testing import FlaskClient
from sqlalchemy.orm import Session

from portal.agreements import queries, service
from portal.enrollments import queries as enrollments
from portal.enrollments.models import Enrollment, EnrollmentStatus
from portal.kit.clock import utc_now
from portal.programs.models import ProgramVersion
from tests.agreements.signing import (
    DAY,
    NEW_TEXT,
    definition_with,
    first_version,
    next_version,
    signed,
)
from tests.conftest import CountQueries, SignIn
from tests.factories.base_factory import NOW
from tests.factories.people import UserFactory
from tests.factories.programs import EnrollmentFactory

PAGE = "/admin/agreements"


@pytest.fixture
def staff(session: Session, sign_in: SignIn) -> FlaskClient:
    del session
    return sign_in(UserFactory.create(auditor=True))


@pytest.fixture
def version(session: Session) -> ProgramVersion:
    del session
    return first_version()


def joined(version: ProgramVersion, name: str) -> Enrollment:
    enrollment: Enrollment = EnrollmentFactory.create(
        version=version, partner__name=name
    )
    return enrollment


@pytest.fixture
def everyone(session: Session, version: ProgramVersion) -> dict[str, Enrollment]:
    """One partner in each state; the new text began a week ago."""
    now = utc_now()
    found = {
        name: joined(version, name)
        for name in ("Signed Ltd", "Due Ltd", "Lapsed Ltd", "Missing Ltd", "Ended Ltd")
    }
    for name in ("Due Ltd", "Lapsed Ltd", "Ended Ltd"):
        signed(session, found[name])
    next_version(
        version.program,
        2,
        definition_with("2026-02", NEW_TEXT, within_days=30),
        effective_from=now - 7 * DAY,
    )
    signed(session, found["Signed Ltd"], now=now)
    for name in ("Due Ltd", "Lapsed Ltd"):
        service.ask_again(session, found[name], now=now)
    [gate] = enrollments.intervals(session, found["Lapsed Ltd"].id, "agreement")
    gate.met_until = now - timedelta(minutes=1)
    found["Ended Ltd"].status = EnrollmentStatus.TERMINATED
    session.flush()
    return found


class TestList:
    def test_nobody_yet(self, staff: FlaskClient) -> None:
        assert "Nobody has to accept an agreement yet" in staff.get(PAGE).text

    @pytest.mark.parametrize(
        ("state", "name", "words"),
        [
            ("signed", "Signed Ltd", "Signed"),
            ("due", "Due Ltd", "Must sign again"),
            ("lapsed", "Lapsed Ltd", "Not signed again in time"),
            ("missing", "Missing Ltd", "Not signed yet"),
            ("ended", "Ended Ltd", "Left the program"),
        ],
    )
    def test_it_says_how_each_partner_stands(
        self,
        staff: FlaskClient,
        everyone: dict[str, Enrollment],
        state: str,
        name: str,
        words: str,
    ) -> None:
        page = staff.get(PAGE, query_string={"state": state}).text

        assert words in page
        assert {other for other in everyone if f"{other}</bdi>" in page} == {name}

    def test_it_is_filtered_by_version_program_and_partner(
        self, staff: FlaskClient, everyone: dict[str, Enrollment]
    ) -> None:
        def names(**query: str) -> set[str]:
            page = staff.get(PAGE, query_string=query).text
            return {name for name in everyone if f"{name}</bdi>" in page}

        one = everyone["Due Ltd"]
        assert names() == set(everyone)
        assert names(version="2026-02") == {"Signed Ltd"}
        assert names(version="2026-01") == {"Due Ltd", "Lapsed Ltd", "Ended Ltd"}
        assert names(program=one.version.program.public_id) == set(everyone)
        assert names(partner=one.partner.public_id) == {"Due Ltd"}
        assert names(state="nonsense", program="x") == set(everyone)
        assert names(version="1999-01") == set()

    def test_it_counts_what_waits(
        self, staff: FlaskClient, everyone: dict[str, Enrollment]
    ) -> None:
        assert len(everyone) == 5
        page = staff.get(PAGE, query_string={"state": "due"}).text

        assert 'Must sign again <span class="num">1</span>' in page
        assert 'Not signed yet <span class="num">1</span>' in page

    def test_a_longer_list_takes_no_more_queries(
        self,
        session: Session,
        staff: FlaskClient,
        version: ProgramVersion,
        count_queries: CountQueries,
    ) -> None:
        def cost() -> int:
            session.flush()
            with count_queries() as queries:
                assert staff.get(PAGE).status_code == 200
            return len(queries)

        signed(session, joined(version, "First"))
        few = cost()
        for number in range(5):
            signed(session, joined(version, f"Other {number}"))

        assert cost() == few

    def test_as_a_file(
        self, staff: FlaskClient, everyone: dict[str, Enrollment]
    ) -> None:
        everyone["Due Ltd"].partner.name = "=cmd()"
        text = staff.get(f"{PAGE}.csv").text.removeprefix("\ufeff")

        header, *rows = text.splitlines()
        assert header.startswith("partner,partner_id,program,state,sign_by,")
        assert len(rows) == 5
        [due] = staff.get(f"{PAGE}.csv", query_string={"state": "due"}).text.split(
            "\r\n"
        )[1:2]
        last_day = (utc_now() + 23 * DAY).date().isoformat()
        assert f",due,{last_day},2026-01," in due
        assert due.split(",")[0] in {"'=cmd()", "Due Ltd"}

    def test_a_first_signature_has_a_last_day_where_the_gate_has_a_deadline(
        self, session: Session, staff: FlaskClient
    ) -> None:
        definition = definition_with("2026-01")
        for gate in definition["gates"]:
            if gate["kind"] == "agreement":
                gate["deadline_days"] = 60
        joined(first_version(definition_json=definition), "New Ltd")
        session.flush()

        assert (NOW + 60 * DAY).date().isoformat() in staff.get(PAGE).text


class TestSignature:
    def test_it_shows_the_record_and_what_changed_since(
        self, session: Session, staff: FlaskClient, everyone: dict[str, Enrollment]
    ) -> None:
        signature = signed_by(session, everyone["Due Ltd"])

        page = staff.get(f"{PAGE}/{signature}").text

        assert "You get 20% of each sale." in page
        assert "192.0.2.1" in page
        assert "What changed since then, up to version 2026-02" in page
        assert '<ins><span class="vh">Added: </span>15%' in page

    def test_the_text_in_force_has_not_changed(
        self, session: Session, staff: FlaskClient, everyone: dict[str, Enrollment]
    ) -> None:
        signature = signed_by(session, everyone["Signed Ltd"])

        assert "What changed since" not in staff.get(f"{PAGE}/{signature}").text

    def test_a_program_that_asks_for_none_any_more_still_shows_it(
        self, session: Session, staff: FlaskClient, version: ProgramVersion
    ) -> None:
        enrollment = joined(version, "Blue Fern")
        signature = signed(session, enrollment)
        bare = definition_with("2026-01")
        bare["agreement"] = None
        bare["gates"] = [g for g in bare["gates"] if g["kind"] != "agreement"]
        enrollment.version = next_version(version.program, 2, bare, effective_from=NOW)
        session.flush()

        page = staff.get(f"{PAGE}/{signature.public_id}")

        assert page.status_code == 200
        assert "What changed since" not in page.text

    def test_the_pdf(
        self, session: Session, staff: FlaskClient, everyone: dict[str, Enrollment]
    ) -> None:
        signature = signed_by(session, everyone["Due Ltd"])

        response = staff.get(f"{PAGE}/{signature}.pdf")

        assert response.data.startswith(b"%PDF")

    def test_what_is_not_there_is_not_found(self, staff: FlaskClient) -> None:
        assert staff.get(f"{PAGE}/sig_{'0' * 26}").status_code == 404


def signed_by(session: Session, enrollment: Enrollment) -> str:
    return queries.signatures(session, enrollment.id)[0].public_id
