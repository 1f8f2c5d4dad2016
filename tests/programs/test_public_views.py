import re
from datetime import timedelta

import pytest
from flask.testing import FlaskClient
from sqlalchemy.orm import Session

from portal.kit.clock import utc_now
from portal.programs import service
from portal.programs.definition import ProgramDefinition
from portal.programs.documents import dump_json, preset
from tests.conftest import CountQueries
from tests.programs.definitions import HUBSPOT, MONDAY, changed


def publish(session: Session, *definitions: ProgramDefinition) -> None:
    now = utc_now()
    for definition in definitions:
        service.publish(
            session,
            definition,
            actor=None,
            effective_from=now - timedelta(days=1),
            now=now,
        )
    session.flush()


def read(client: FlaskClient, address: str, status: int = 200) -> str:
    """The page's text, without tags and with plain spaces."""
    answer = client.get(address)
    assert answer.status_code == status
    assert answer.text.count("<h1") == 1
    return re.sub(r"\s+", " ", re.sub(r"<[^>]+>", "", answer.text))


class TestHome:
    def test_without_a_program_it_says_so(self, client: FlaskClient) -> None:
        assert "No program is open" in read(client, "/")

    def test_each_open_program_stands_there_in_words(
        self, client: FlaskClient, session: Session
    ) -> None:
        publish(session, preset(HUBSPOT), preset(MONDAY))

        page = read(client, "/")

        assert "You earn 20% of what your customer pays" in page
        assert "You earn 25% to 100% of what your customer pays" in page
        assert "Send an application; most get an answer in 5 days." in page
        assert "Partner program membership costs $35.00 each month." in page
        assert 'href="/apply/monday-affiliate"' in client.get("/").text

    def test_hidden_programs_do_not_show(
        self, client: FlaskClient, session: Session
    ) -> None:
        publish(session, changed(name="Secret", visibility="unlisted"))

        assert "Secret" not in read(client, "/")

    def test_a_guess_is_worked_out_for_every_program(
        self, client: FlaskClient, session: Session
    ) -> None:
        publish(session, preset(HUBSPOT))

        page = read(client, "/?customers=1&price=100")

        assert "$7,800.00" in page
        assert "$1,560.00" in page
        assert "$420.00" in page

    @pytest.mark.parametrize(
        ("query", "problem"),
        [
            ("customers=0&price=1", "Enter a number from 1 to 100."),
            ("customers=2&price=1000001", "Enter an amount from 1 to 1000000."),
            ("customers=two&price=1", "Not a valid integer value"),
            ("price=5", "Enter how many new customers you would bring."),
        ],
    )
    def test_a_wrong_guess_says_what_to_enter(
        self, client: FlaskClient, session: Session, query: str, problem: str
    ) -> None:
        publish(session, preset(HUBSPOT))

        for address in ("/", f"/programs/{HUBSPOT}"):
            page = read(client, f"{address}?{query}", 422)
            assert "There is a problem" in page
            assert problem in page

    @pytest.mark.parametrize("count", [1, 4])
    def test_it_costs_the_same_however_many_programs_there_are(
        self,
        client: FlaskClient,
        session: Session,
        count_queries: CountQueries,
        count: int,
    ) -> None:
        publish(session, *(changed(key=f"program-{n}") for n in range(count)))

        with count_queries() as statements:
            page = client.get("/").text

        assert page.count('class="card stack-sm"') == count
        assert len(statements) == 1


class TestDetail:
    def test_it_states_the_exact_terms(
        self, client: FlaskClient, session: Session
    ) -> None:
        publish(session, preset(HUBSPOT))

        page = read(client, f"/programs/{HUBSPOT}")

        for sentence in (
            "You earn 20% of what your customer pays, without tax, for 36 months.",
            "those for April to June on 14 August",
            "from 312.5 points",
            "Pass the solutions partner certification.",
            "Solutions partner agreement, version 2026-07.",
            "JPY 4,800 a month",
            "Version 1 of these terms",
        ):
            assert sentence in page

    def test_assumed_terms_are_marked_and_explained(
        self, client: FlaskClient, session: Session
    ) -> None:
        publish(session, preset(MONDAY))

        page = read(client, f"/programs/{MONDAY}")

        assert "Some of these terms are assumed or reported" in page
        assert "It is nobody's published term." in page.replace("&#39;", "'")

    def test_ones_own_terms_need_no_marks(
        self, client: FlaskClient, session: Session
    ) -> None:
        gates = [
            g for g in dump_json(preset(MONDAY))["gates"] if g["key"] != "agreement"
        ]
        publish(session, changed(sources=[], agreement=None, gates=gates))

        page = read(client, f"/programs/{MONDAY}")

        assert "Assumed" not in page
        assert "The agreement" not in page

    def test_an_estimate_is_an_address(
        self, client: FlaskClient, session: Session
    ) -> None:
        publish(session, preset(MONDAY))

        page = read(client, f"/programs/{MONDAY}?customers=6&price=100")

        assert "$175.00" in page
        assert "Month by month" in page

    def test_where_an_estimate_would_be_wrong_none_is_shown(
        self, client: FlaskClient, session: Session
    ) -> None:
        publish(session, preset("software-advice-ppl"))

        shown = read(client, "/programs/software-advice-ppl?customers=2&price=49")

        assert "a price for each contact" in shown.lower()
        assert "in the first year" not in shown

    def test_an_unlisted_program_opens_for_who_has_the_address(
        self, client: FlaskClient, session: Session
    ) -> None:
        publish(session, changed(visibility="unlisted"))

        assert "Affiliate Program" in read(client, f"/programs/{MONDAY}")

    def test_an_unknown_address_lists_the_open_programs(
        self, client: FlaskClient, session: Session
    ) -> None:
        assert "No program is open" in read(client, "/programs/nothing", 404)
        publish(session, preset(HUBSPOT))

        page = read(client, "/programs/nothing", 404)

        assert "Solutions Partner Program" in page

    def test_an_invitation_only_program_does_not_show_itself(
        self, client: FlaskClient, session: Session
    ) -> None:
        publish(session, changed(name="Secret", visibility="invite_only"))

        assert "Secret" not in read(client, f"/programs/{MONDAY}", 404)
