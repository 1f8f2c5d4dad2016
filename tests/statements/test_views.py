import pytest
from flask.testing import FlaskClient
from sqlalchemy.orm import Session

from portal.accounts.permissions import Role
from portal.kit.ids import public_id
from portal.statements import queries
from portal.statements.models import Period, PeriodStatus, Statement
from tests.commissions.story import Story, a_version
from tests.conftest import CountQueries, SignIn
from tests.factories.people import UserFactory
from tests.statements.books import a_month, a_period, at, begin, close, rename
from tests.statements.test_close import below_zero, pay

EVIL = '<script>alert(1)</script>=HYPERLINK("x")'


@pytest.fixture
def story(session: Session) -> Story:
    return Story(session)


@pytest.fixture
def staff(session: Session, sign_in: SignIn) -> FlaskClient:
    del session
    return sign_in(UserFactory.create(finance=True))


def owner(story: Story, sign_in: SignIn) -> FlaskClient:
    return sign_in(story.user())


class TestList:
    def test_before_the_first_statement_it_names_the_day(
        self, story: Story, sign_in: SignIn
    ) -> None:
        a_month(story)

        page = owner(story, sign_in).get("/app/statements").text

        assert "No statement yet" in page
        assert "Jan 31, 2026" in page
        assert "$120.00" in page

    def test_a_partner_in_no_running_program_learns_what_it_is_for(
        self, story: Story, sign_in: SignIn
    ) -> None:
        assert (
            "once you are in a program"
            in owner(story, sign_in).get("/app/statements").text
        )

    def test_a_month_without_a_line_shows_the_opening(
        self, story: Story, sign_in: SignIn
    ) -> None:
        close(story.session, a_month(story))
        a_period(story.session, story.version.program_id, "2026-02")

        page = owner(story, sign_in).get("/app/statements").text

        assert "February 2026, so far" in page

    def test_each_row_has_its_files(self, story: Story, sign_in: SignIn) -> None:
        [statement] = close(story.session, a_month(story))

        page = owner(story, sign_in).get("/app/statements").text

        for fmt in ("pdf", "csv", "xlsx", "json"):
            assert f"/app/statements/{statement.public_id}.{fmt}" in page
        assert statement.number in page

    def test_years_can_be_chosen(self, story: Story, sign_in: SignIn) -> None:
        [old] = close(story.session, a_month(story, "2025-12"))
        [new] = close(
            story.session,
            a_period(story.session, story.version.program_id, "2026-01"),
        )
        client = owner(story, sign_in)

        everything = client.get("/app/statements").text
        one_year = client.get("/app/statements?year=2025").text
        nonsense = client.get("/app/statements?year=1999").text

        assert old.number in everything
        assert new.number in everything
        assert old.number in one_year
        assert new.number not in one_year
        assert new.number in nonsense

    def test_the_number_of_queries_does_not_grow(
        self, story: Story, sign_in: SignIn, count_queries: CountQueries
    ) -> None:
        client = owner(story, sign_in)
        close(story.session, a_month(story, "2025-12"))
        with count_queries() as few:
            client.get("/app/statements")
        for label in ("2026-01", "2026-02"):
            close(
                story.session,
                a_period(story.session, story.version.program_id, label),
            )
        with count_queries() as many:
            client.get("/app/statements")

        assert len(many) == len(few)


class TestPage:
    def test_it_says_what_the_pdf_says(self, story: Story, sign_in: SignIn) -> None:
        rename(story, EVIL)
        period = below_zero(story)
        [statement] = close(story.session, period, notes={"negative_balances": "ok"})

        page = owner(story, sign_in).get(f"/app/statements/{statement.public_id}")

        assert page.status_code == 200
        assert statement.sha256 in page.text
        assert "−$120.00" in page.text
        assert "Bank transfer E2E-1" in page.text
        assert "<script>alert" not in page.text
        assert "/app/earnings/com_" in page.text

    @pytest.mark.parametrize("end", ["", ".pdf", ".csv", ".xlsx", ".json"])
    def test_somebody_elses_is_not_found(
        self, story: Story, session: Session, sign_in: SignIn, end: str
    ) -> None:
        [statement] = close(session, a_month(story))
        other = owner(Story(session, story.version), sign_in)

        response = other.get(f"/app/statements/{statement.public_id}{end}")

        assert response.status_code == 404

    @pytest.mark.parametrize(
        ("fmt", "begins"),
        [("pdf", b"%PDF"), ("csv", b"\xef\xbb\xbf"), ("xlsx", b"PK"), ("json", b"{")],
    )
    def test_files_have_safe_names(
        self, story: Story, sign_in: SignIn, fmt: str, begins: bytes
    ) -> None:
        [statement] = close(story.session, a_month(story))

        response = owner(story, sign_in).get(
            f"/app/statements/{statement.public_id}.{fmt}"
        )

        assert response.data.startswith(begins)
        assert response.headers["Content-Disposition"].endswith(
            f"filename={statement.number}.{fmt}"
        )

    def test_other_files_do_not_exist(self, story: Story, sign_in: SignIn) -> None:
        [statement] = close(story.session, a_month(story))

        response = owner(story, sign_in).get(
            f"/app/statements/{statement.public_id}.exe"
        )

        assert response.status_code == 404

    def test_a_marketer_sees_no_statements(self, story: Story, sign_in: SignIn) -> None:
        marketer = sign_in(story.user(Role.PARTNER_MARKETER))

        assert marketer.get("/app/statements").status_code == 403

    def test_the_number_of_queries_does_not_grow_with_lines(
        self, session: Session, sign_in: SignIn, count_queries: CountQueries
    ) -> None:
        counts = []
        for lines in (1, 6):
            story = Story(session)
            customer = story.credited(first_seen_at=at("2026-01-02"))
            for day in range(10, 10 + lines):
                story.sale(customer, at(f"2026-01-{day}"))
            story.recompute()
            period = a_period(session, story.version.program_id, "2026-01")
            [statement] = close(session, period)
            client = owner(story, sign_in)
            with count_queries() as seen:
                client.get(f"/app/statements/{statement.public_id}")
            counts.append(len(seen))

        assert counts[0] == counts[1]


class TestVerify:
    @pytest.fixture
    def issued(self, story: Story) -> Statement:
        return close(story.session, a_month(story))[0]

    def test_a_real_one_shows_number_month_and_program_only(
        self, issued: Statement, client: FlaskClient
    ) -> None:
        page = client.get(f"/verify/statement/{issued.sha256}").text

        assert "This statement is real" in page
        assert issued.number in page
        assert issued.program_name in page
        assert issued.partner_name not in page
        assert "120.00" not in page

    @pytest.mark.parametrize("sha256", ["0" * 64, "zz", "a" * 63])
    def test_an_unknown_one_is_not_ours(
        self, issued: Statement, client: FlaskClient, sha256: str
    ) -> None:
        del issued

        response = client.get(f"/verify/statement/{sha256}")

        assert response.status_code == 200
        assert "No statement with this fingerprint" in response.text

    def test_a_typed_one_leads_to_its_page(
        self, issued: Statement, client: FlaskClient
    ) -> None:
        typed = f" {issued.sha256.upper()[:32]} {issued.sha256.upper()[32:]} "

        response = client.get("/verify/statement", query_string={"sha256": typed})

        assert response.status_code == 303
        assert response.location.endswith(issued.sha256)

    def test_the_form_is_there_and_an_empty_one_comes_back(
        self, client: FlaskClient, session: Session
    ) -> None:
        del session

        assert "Check a statement" in client.get("/verify/statement").text
        empty = client.get("/verify/statement?sha256=")
        assert empty.location.endswith("/verify/statement")


class TestPeriods:
    def url(self, period: Period) -> str:
        return f"/admin/periods/{public_id('per', period.id)}"

    def test_an_empty_list_says_what_comes(self, staff: FlaskClient) -> None:
        assert "No months yet" in staff.get("/admin/periods").text

    def test_the_list_shows_the_sums(self, story: Story, staff: FlaskClient) -> None:
        close(
            story.session,
            a_month(story),
            actor=UserFactory.create(finance=True, name="Fina Nce"),
        )
        a_period(story.session, story.version.program_id, "2026-02")

        page = staff.get("/admin/periods").text

        assert "January 2026" in page
        assert "February 2026" in page
        assert "$120.00" in page
        assert "Fina Nce" in page

    def test_an_open_month_shows_checks_bridge_and_button(
        self, story: Story, staff: FlaskClient
    ) -> None:
        period = a_month(story)

        page = staff.get(self.url(period)).text

        assert "The month is over." in page
        assert "$120.00" in page
        assert "Type 2026-01 to confirm" in page

    def test_a_month_without_partners_says_so(
        self, session: Session, staff: FlaskClient
    ) -> None:
        period = a_period(session, a_version().program_id, "2026-01")

        assert "Nothing to state" in staff.get(self.url(period)).text

    def test_what_stops_takes_the_button_away(
        self, story: Story, staff: FlaskClient
    ) -> None:
        a_period(story.session, story.version.program_id, "2025-12")
        period = a_month(story)

        page = staff.get(self.url(period)).text

        assert "cannot be closed yet" in page
        assert "to confirm" not in page

    def test_an_auditor_may_look_and_not_close(
        self, story: Story, sign_in: SignIn
    ) -> None:
        period = a_month(story)
        auditor = sign_in(UserFactory.create(auditor=True))

        assert "to confirm" not in auditor.get(self.url(period)).text
        assert auditor.post(f"{self.url(period)}/close").status_code == 403

    def test_closing_needs_the_word_and_every_note(
        self, story: Story, staff: FlaskClient
    ) -> None:
        period = below_zero(story)
        url = f"{self.url(period)}/close"

        wrong = staff.post(url, data={"confirmation": "2026-01"})

        assert wrong.status_code == 422
        assert "Type 2026-02, exactly so." in wrong.text
        assert "Tick this" in wrong.text

    def test_closing_begins_the_work_and_a_second_click_is_refused(
        self, story: Story, staff: FlaskClient
    ) -> None:
        period = below_zero(story)
        url = f"{self.url(period)}/close"
        form = {
            "confirmation": "2026-02",
            "known_negative_balances": "y",
            "note_negative_balances": "one refund",
        }

        first = staff.post(url, data=form)
        second = staff.post(url, data=form)

        assert first.status_code == 303
        assert second.status_code == 409
        story.session.expire_all()
        assert period.status is PeriodStatus.CLOSING
        assert "Statements are being written" in staff.get(self.url(period)).text
        assert staff.get(f"{self.url(period)}/progress.json").json == {
            "done": 0,
            "total": 1,
            "text": "0 of 1 parts are done.",
            "finished": False,
        }

    def test_a_tick_without_a_note_is_not_enough(
        self, story: Story, staff: FlaskClient
    ) -> None:
        period = below_zero(story)

        response = staff.post(
            f"{self.url(period)}/close",
            data={"confirmation": "2026-02", "known_negative_balances": "y"},
        )

        assert response.status_code == 422
        assert "Write a short note" in response.text
        story.session.expire_all()
        assert period.status is PeriodStatus.OPEN

    def test_a_closed_month_shows_what_was_issued(
        self, story: Story, staff: FlaskClient
    ) -> None:
        period = below_zero(story)
        [statement] = close(
            story.session, period, notes={"negative_balances": "one refund"}
        )

        page = staff.get(self.url(period)).text

        assert "1 statement was issued" in page
        assert "one refund" in page
        assert statement.public_id in page

    def test_a_preview_of_one_statement_writes_nothing(
        self, story: Story, staff: FlaskClient
    ) -> None:
        period = a_month(story)
        page = staff.get(
            f"{self.url(period)}/preview/{story.enrollment.public_id}"
        ).text

        assert "$120.00" in page
        assert story.enrollment.partner.name in page
        assert queries.of_period(story.session, period.id) == []


class TestStaffStatements:
    def test_the_list_finds_by_name_number_and_month(
        self, story: Story, staff: FlaskClient
    ) -> None:
        rename(story, "100%_Pure")
        [statement] = close(story.session, a_month(story))

        def shows(query: str) -> bool:
            return statement.public_id in staff.get(f"/admin/statements?{query}").text

        assert shows("")
        assert shows("q=100%25_p")
        assert shows(f"q={statement.number}")
        assert shows("month=2026-01")
        assert not shows("q=nobody")
        assert not shows("month=2026-02")

    def test_an_empty_list_says_what_comes(self, staff: FlaskClient) -> None:
        assert "No statements yet" in staff.get("/admin/statements").text

    def test_a_page_shows_the_payments(self, story: Story, staff: FlaskClient) -> None:
        [statement] = close(story.session, a_month(story))
        url = f"/admin/statements/{statement.public_id}"
        before = staff.get(url).text

        pay(story, statement.money(5_000))
        part = staff.get(url).text
        pay(story, statement.money(7_000), "2026-02-04")
        whole = staff.get(url).text

        assert "None yet." in before
        assert "Paid in part" in part
        assert "the next statement" in part
        assert "Paid in part" not in whole

    def test_a_payment_on_a_statement_links_to_it(
        self, story: Story, staff: FlaskClient
    ) -> None:
        period = below_zero(story)
        [statement] = close(story.session, period, notes={"negative_balances": "x"})

        page = staff.get(f"/admin/statements/{statement.public_id}").text

        assert "a statement</a>" in page

    def test_staff_get_the_files_too(self, story: Story, staff: FlaskClient) -> None:
        [statement] = close(story.session, a_month(story))

        response = staff.get(f"/admin/statements/{statement.public_id}.pdf")

        assert response.data.startswith(b"%PDF")


def test_the_latest_statement_of_a_partner(story: Story) -> None:
    partner_id = story.enrollment.partner_id
    assert queries.latest_of_partner(story.session, partner_id) is None
    [statement] = close(story.session, a_month(story))

    view = queries.latest_of_partner(story.session, partner_id)

    assert view is not None
    assert view.statement.id == statement.id
    assert view.state == "final"


def test_a_close_without_partners_is_all_done(
    session: Session, staff: FlaskClient
) -> None:
    period = a_period(session, a_version().program_id, "2026-01")
    begin(session, period)
    session.flush()

    said = staff.get(f"/admin/periods/{period.public_id}/progress.json").json

    assert said is not None
    assert said["total"] == 1
