from datetime import timedelta
from html import unescape

import pytest
from flask.testing import FlaskClient
from sqlalchemy import select
from sqlalchemy.orm import Session

from portal.accounts.permissions import Role
from portal.audit import service as audit
from portal.audit.models import AuditEvent
from portal.dashboard.queries import partners as queries
from portal.enrollments.models import EnrollmentStatus
from portal.fees.models import FeeInvoice, FeeSubscription
from portal.fees.rules import FeeStatus
from portal.kit.clock import utc_now
from portal.kit.money import Money
from tests.commissions.story import Story, a_version
from tests.dashboard.pages import DAY, CountQueries, SignIn, issue, page, pay
from tests.factories.base_factory import NOW
from tests.factories.people import (
    PartnerFactory,
    UserFactory,
)
from tests.factories.programs import EnrollmentFactory

LIST = "/admin/partners"


@pytest.fixture
def story(session: Session) -> Story:
    now = utc_now()
    story = Story(session)
    story.sale(story.credited(first_seen_at=now - 90 * DAY), now - 70 * DAY)
    story.recompute(now)
    return story


@pytest.fixture
def admin(session: Session, sign_in: SignIn) -> FlaskClient:
    del session
    return sign_in(UserFactory.create(admin=True))


class TestList:
    def test_partners_are_listed_with_what_they_brought(
        self, story: Story, admin: FlaskClient
    ) -> None:
        shown = page(admin, LIST)

        assert story.enrollment.partner.name in shown
        assert "$120.00" in shown
        assert "Germany" in shown
        assert "<div>Partner</div>" in shown
        assert "1 of 1" in shown

    def test_they_are_found_by_name_address_and_id(
        self, story: Story, admin: FlaskClient
    ) -> None:
        partner = story.enrollment.partner
        user = story.user()
        other = PartnerFactory.create(name="100% Growth")

        for text in (partner.name, user.email, partner.public_id):
            shown = page(admin, f"{LIST}?q={text}")
            assert partner.name in shown
            assert other.name not in shown
        assert other.name in page(admin, f"{LIST}?q=100%25")
        assert partner.name not in page(admin, f"{LIST}?q=%25")
        assert "Nothing matches" in page(admin, f"{LIST}?q=nobody")

    def test_they_are_filtered_by_program_and_state(
        self, story: Story, admin: FlaskClient
    ) -> None:
        partner = story.enrollment.partner
        waiting = EnrollmentFactory.create(version=a_version())
        program = waiting.version.program.public_id

        by_program = page(admin, f"{LIST}?program={program}")
        by_both = page(admin, f"{LIST}?program={program}&status=terminated")
        nonsense = page(admin, f"{LIST}?program=x&status=y")

        assert waiting.partner.name in by_program
        assert partner.name not in by_program
        assert "Nothing matches" in by_both
        assert partner.name in nonsense

    def test_they_come_in_pages(self, session: Session, admin: FlaskClient) -> None:
        for number in range(27):
            PartnerFactory.create(created_at=NOW + timedelta(minutes=number))
        session.flush()

        first = page(admin, LIST)
        older = first.partition('rel="next" href="')[2].partition('"')[0]

        assert "25 of 27" in first
        assert "2 of 27" in page(admin, older)

    def test_the_empty_list_says_what_to_do(self, admin: FlaskClient) -> None:
        shown = page(admin, LIST)

        assert "No partner yet" in shown
        assert "Export CSV" not in shown

    def test_a_reviewer_sees_no_money(self, story: Story, sign_in: SignIn) -> None:
        client = sign_in(UserFactory.create(reviewer=True))

        assert "$" not in page(client, LIST)
        assert "Earned" not in page(client, LIST)
        assert "earned" not in page(client, f"{LIST}.csv")
        assert "$" not in page(client, f"{LIST}/{story.enrollment.partner.public_id}")

    def test_partners_may_not_look(self, story: Story, sign_in: SignIn) -> None:
        client = sign_in(story.user())

        for address in (LIST, f"{LIST}.csv"):
            assert client.get(address).status_code == 403

    @pytest.mark.parametrize("size", [1, 20])
    def test_the_number_of_queries_does_not_grow(
        self,
        size: int,
        session: Session,
        admin: FlaskClient,
        count_queries: CountQueries,
    ) -> None:
        version = a_version()
        for _number in range(size):
            story = Story(session, version)
            story.sale(story.credited(), NOW)
            story.recompute()

        with count_queries() as statements:
            page(admin, LIST)

        assert len(statements) == 10


class TestFile:
    def test_it_holds_what_the_filter_leaves(
        self, story: Story, admin: FlaskClient
    ) -> None:
        PartnerFactory.create(name="Elsewhere")
        partner = story.enrollment.partner

        lines = page(admin, f"{LIST}.csv?q={partner.name}").splitlines()

        assert lines[0].startswith("partner,name,country,website,joined_on,program")
        assert len(lines) == 2
        assert partner.public_id in lines[1]
        assert lines[1].endswith(",pending,partner,1,120.00,USD")

    def test_a_name_is_never_a_formula(
        self, session: Session, admin: FlaskClient
    ) -> None:
        PartnerFactory.create(name='=HYPERLINK("https://evil.example","Click")')
        session.flush()

        shown = page(admin, f"{LIST}.csv")

        assert "'=HYPERLINK" in shown
        assert ",=HYPERLINK" not in shown
        assert ',"=HYPERLINK' not in shown

    def test_long_lists_are_read_in_parts(
        self, session: Session, admin: FlaskClient, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(queries, "_EXPORT_CHUNK", 2)
        for number in range(5):
            PartnerFactory.create(created_at=NOW + timedelta(minutes=number // 2))
        session.flush()

        lines = page(admin, f"{LIST}.csv").splitlines()

        assert len(lines) == 6
        assert len(set(lines)) == 6


def tab(client: FlaskClient, story: Story, name: str) -> str:
    partner = story.enrollment.partner
    return page(client, f"{LIST}/{partner.public_id}?tab={name}")


class TestPartner:
    def test_the_overview_shows_requirements_and_money(
        self, story: Story, session: Session, admin: FlaskClient
    ) -> None:
        issue(session, story, utc_now() - 70 * DAY)
        pay(session, story, Money(2_000, "USD"), utc_now())

        shown = tab(admin, story, "overview")

        assert story.enrollment.partner.name in shown
        for gate in story.version.definition.gates:
            assert gate.title in shown
        assert "$100.00" in shown  # owed: $120 less $20
        assert "No end" in shown
        assert "Suspend" in shown

    def test_customers_come_with_the_clicks_that_lost(
        self, session: Session, admin: FlaskClient
    ) -> None:
        story = Story(session)
        rival = Story(session, story.version)
        rival.click(NOW - 50 * DAY, visitor="v")
        click = story.click(NOW - 40 * DAY, visitor="v")
        story.credited(
            click=click, first_seen_at=NOW - 39 * DAY, name="<i>Braun</i> Labs"
        )

        raw = admin.get(
            f"{LIST}/{story.enrollment.partner.public_id}?tab=customers"
        ).get_data(as_text=True)

        assert "&lt;i&gt;Braun&lt;/i&gt; Labs" in raw
        assert "The last click before the customer came" in raw
        assert "1 other click lost" in raw
        assert rival.enrollment.partner.name in raw
        assert "A later click won" in raw

    def test_customers_come_with_their_country_and_when_they_left(
        self, story: Story, admin: FlaskClient
    ) -> None:
        story.credited(country="JP", left_at=NOW - 3 * DAY)

        shown = tab(admin, story, "customers")

        assert "Japan" in shown
        assert "Left on Feb 26, 2026" in shown

    def test_every_other_tab_shows_its_rows(
        self, story: Story, session: Session, admin: FlaskClient
    ) -> None:
        statement = issue(session, story, utc_now() - 70 * DAY)
        user = story.user()
        fee = FeeSubscription(
            enrollment_id=story.enrollment.id,
            amount_minor=30_000,
            currency="USD",
            interval="month",
            status=FeeStatus.ACTIVE,
            created_at=NOW,
        )
        session.add(fee)
        session.flush()
        session.add(
            FeeInvoice(
                subscription_id=fee.id,
                stripe_invoice_id="in_fee",
                number="FEE-0001",
                status="paid",
                currency="USD",
                amount_minor=30_000,
                paid_minor=30_000,
                refunded_minor=0,
                period_start=NOW,
                period_end=NOW + 30 * DAY,
                created_at=NOW,
                paid_at=NOW,
                attempts=1,
                hosted_url="",
                payment_ids=[],
            )
        )
        audit.record(session, "link.created", story.link.id, actor=user, at=NOW)
        session.flush()

        assert "$120.00" in tab(admin, story, "commissions")
        assert statement.number in tab(admin, story, "statements")
        assert user.email in tab(admin, story, "people")
        assert "FEE-0001" in tab(admin, story, "fees")
        assert "Link created" in tab(admin, story, "log")

    @pytest.mark.parametrize(
        ("name", "words"),
        [
            ("overview", "In no program"),
            ("customers", "No customer yet"),
            ("commissions", "No commission yet"),
            ("statements", "No statement yet"),
            ("people", "Nobody can sign in"),
            ("fees", "No fee yet"),
            ("log", "Nothing has happened yet"),
            ("anything", "In no program"),
        ],
    )
    def test_each_tab_has_words_for_nothing(
        self, name: str, words: str, session: Session, admin: FlaskClient
    ) -> None:
        partner = PartnerFactory.create(website="")
        session.flush()

        assert words in page(admin, f"{LIST}/{partner.public_id}?tab={name}")

    def test_the_log_is_about_this_partner_only(
        self, story: Story, session: Session, admin: FlaskClient
    ) -> None:
        other = Story(session, story.version)
        audit.record(
            session, "link.created", other.link.id, actor=None, at=NOW, code="other"
        )
        session.flush()

        assert "code: other" not in tab(admin, story, "log")
        assert "code: other" in tab(admin, other, "log")

    def test_what_a_role_may_not_see_is_neither_offered_nor_given(
        self, story: Story, sign_in: SignIn
    ) -> None:
        client = sign_in(UserFactory.create(reviewer=True))
        address = f"{LIST}/{story.enrollment.partner.public_id}"

        shown = page(client, address)

        assert "tab=customers" in shown
        assert "Suspend" not in shown
        for name in ("commissions", "statements", "fees", "log"):
            assert f"tab={name}" not in shown
            assert client.get(f"{address}?tab={name}").status_code == 403

    def test_a_name_is_shown_as_text(
        self, session: Session, admin: FlaskClient
    ) -> None:
        partner = PartnerFactory.create(
            name="<script>alert(1)</script>", website="javascript:alert(1)"
        )
        session.flush()

        raw = admin.get(f"{LIST}/{partner.public_id}").get_data(as_text=True)

        assert "<script>alert" not in raw
        assert 'href="javascript' not in raw
        assert "<script>alert" not in admin.get(LIST).get_data(as_text=True)

    def test_an_unknown_partner_is_not_found(self, admin: FlaskClient) -> None:
        assert admin.get(f"{LIST}/prt_{'0' * 26}").status_code == 404


@pytest.fixture
def place(story: Story) -> str:
    enrollment = story.enrollment
    return f"{LIST}/{enrollment.partner.public_id}/programs/{enrollment.public_id}"


def reason_for(story: Story, verb: str, text: str = "Sold links") -> dict[str, str]:
    return {f"{verb}-{story.enrollment.public_id}-reason": text}


class TestChangingAPlace:
    def test_it_is_suspended_resumed_and_ended_with_a_reason(
        self, story: Story, session: Session, admin: FlaskClient, place: str
    ) -> None:
        states = []
        for verb in ("suspend", "resume", "terminate"):
            answer = admin.post(f"{place}/{verb}", data=reason_for(story, verb))
            assert answer.status_code == 303
            session.refresh(story.enrollment)
            states.append(story.enrollment.status)

        events = session.scalars(
            select(AuditEvent).where(AuditEvent.subject_id == story.enrollment.id)
        ).all()
        assert states == [
            EnrollmentStatus.SUSPENDED,
            EnrollmentStatus.ACTIVE,
            EnrollmentStatus.TERMINATED,
        ]
        assert [e.details.get("why") for e in events].count("Sold links") == 3
        assert "Ended" in tab(admin, story, "overview")

    def test_a_second_click_changes_nothing(
        self, story: Story, session: Session, admin: FlaskClient, place: str
    ) -> None:
        data = reason_for(story, "suspend")
        admin.post(f"{place}/suspend", data=data)

        second = admin.post(f"{place}/suspend", data=data, follow_redirects=True)

        assert "Nothing was changed" in unescape(second.get_data(as_text=True))
        events = session.scalars(
            select(AuditEvent.action).where(
                AuditEvent.subject_id == story.enrollment.id
            )
        ).all()
        assert list(events).count("enrollment.suspended") == 1

    def test_without_a_reason_it_is_refused(
        self, story: Story, session: Session, admin: FlaskClient, place: str
    ) -> None:
        answer = admin.post(f"{place}/suspend", data=reason_for(story, "suspend", ""))

        assert answer.status_code == 422
        shown = answer.get_data(as_text=True)
        assert "Write why" in shown
        assert "<dialog" in shown
        assert "open aria-labelledby" in shown
        session.refresh(story.enrollment)
        assert story.enrollment.status is not EnrollmentStatus.SUSPENDED

    @pytest.mark.parametrize("role", [Role.REVIEWER, Role.FINANCE, Role.AUDITOR])
    def test_only_admins_may(
        self, role: Role, story: Story, sign_in: SignIn, place: str
    ) -> None:
        client = sign_in(UserFactory.create(role=role))

        answer = client.post(f"{place}/suspend", data=reason_for(story, "suspend"))

        assert answer.status_code == 403

    def test_a_place_of_another_partner_is_not_found(
        self, story: Story, session: Session, admin: FlaskClient
    ) -> None:
        other = Story(session, story.version).enrollment.partner
        enrollment = story.enrollment.public_id

        answer = admin.post(
            f"{LIST}/{other.public_id}/programs/{enrollment}/suspend",
            data=reason_for(story, "suspend"),
        )

        assert answer.status_code == 404
