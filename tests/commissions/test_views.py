from collections.abc import Callable
from contextlib import AbstractContextManager
from datetime import timedelta
from html import unescape
from uuid import UUID

import pytest
from flask.testing import FlaskClient
from sqlalchemy import select, update
from sqlalchemy.orm import Session

from portal.accounts.models import User
from portal.accounts.permissions import Role
from portal.attribution.models import Attribution
from portal.commissions.models import Commission
from portal.enrollments.models import GateInterval
from portal.kit.clock import utc_now
from portal.kit.ids import public_id
from portal.sales.models import RefundKind, Sale
from tests.commissions.facts import bands, rule
from tests.commissions.story import Story, a_version
from tests.factories.base_factory import NOW
from tests.factories.people import PartnerMemberFactory, UserFactory

DAY = timedelta(days=1)
SignIn = Callable[[User], FlaskClient]
CountQueries = Callable[[], AbstractContextManager[list[str]]]


def page(client: FlaskClient, address: str) -> str:
    response = client.get(address)
    assert response.status_code == 200
    return unescape(response.get_data(as_text=True))


def _public(key: UUID, prefix: str = "cus") -> str:
    return public_id(prefix, key)


@pytest.fixture
def story(session: Session) -> Story:
    """A sale of a year ago on a statement, and one refunded in part in the hold."""
    now = utc_now()
    story = Story(session, a_version(hold={"days": 30}))
    customer = story.credited(
        first_seen_at=now - 400 * DAY, external_id="cus_shown", name="Braun Labs"
    )
    story.sale(customer, now - 390 * DAY, 100_000)
    story.recompute(now)
    story.freeze(now, "2026-01")
    sold = story.sale(customer, now - 10 * DAY, 60_000)
    story.refund(sold, now - 5 * DAY, 20_000)
    story.recompute(now)
    return story


def newest(story: Story) -> Commission:
    return story.lines()[-1]


class TestEarnings:
    def test_lines_are_listed_with_their_sums(
        self, story: Story, sign_in: SignIn
    ) -> None:
        shown = page(sign_in(story.user()), "/app/earnings")

        assert "$280.00" in shown
        assert "3 lines" in shown
        assert "B•••n Labs" in shown
        assert "Braun" not in shown
        assert "On hold" in shown

    def test_the_sums_follow_the_filter(self, story: Story, sign_in: SignIn) -> None:
        client = sign_in(story.user())
        sold_on = story.lines()[0].occurred_at

        by_state = page(client, "/app/earnings?state=on_statement")
        by_month = page(client, f"/app/earnings?month={sold_on:%Y-%m}")
        nothing = page(client, "/app/earnings?state=cleared")

        assert "1 line" in by_state
        assert "$200.00" in by_state
        assert "1 line" in by_month
        assert "Nothing matches" in nothing

    def test_a_filter_that_makes_no_sense_is_left_out(
        self, story: Story, sign_in: SignIn
    ) -> None:
        shown = page(
            sign_in(story.user()),
            "/app/earnings?state=lost&month=0000-99&customer=nobody",
        )

        assert "3 lines" in shown

    def test_lines_come_in_pages(self, session: Session, sign_in: SignIn) -> None:
        story = Story(session)
        customer = story.credited()
        for number in range(26):
            story.sale(customer, NOW - number * DAY, 1_000)
        story.recompute()
        client = sign_in(story.user())

        first = page(client, "/app/earnings")
        older = first.partition('rel="next" href="')[2].partition('"')[0]

        assert "26 lines" in first
        assert "1 shown" in page(client, older)

    @pytest.mark.parametrize("sales", [2, 9])
    def test_the_list_costs_the_same_however_long(
        self,
        session: Session,
        sign_in: SignIn,
        count_queries: CountQueries,
        sales: int,
    ) -> None:
        story = Story(session)
        for number in range(sales):
            story.sale(story.credited(), NOW - number * DAY, 1_000)
        story.recompute()
        client = sign_in(story.user())

        with count_queries() as statements:
            page(client, "/app/earnings")

        assert len(statements) == 6

    def test_somebody_who_has_earned_nothing_is_told_what_comes(
        self, session: Session, sign_in: SignIn
    ) -> None:
        user = Story(session).user()

        assert "Nothing earned yet" in page(sign_in(user), "/app/earnings")

    def test_somebody_in_no_program_sees_the_empty_page(
        self, session: Session, sign_in: SignIn
    ) -> None:
        del session
        member = PartnerMemberFactory.create()

        assert "Nothing earned yet" in page(sign_in(member.user), "/app/earnings")

    def test_the_file_has_what_the_list_has_and_runs_no_formula(
        self, session: Session, sign_in: SignIn
    ) -> None:
        story = Story(session)
        customer = story.credited(name="=HYPERLINK(x) Labs")
        story.sale(customer, NOW - 9 * DAY, 1_000)
        story.recompute()

        response = sign_in(story.user()).get("/app/earnings.csv")

        text = response.get_data(as_text=True)
        assert response.headers["Content-Type"].startswith("text/csv")
        assert "'=•••) Labs" in text
        assert ",10.00,20%,2.00,USD,cleared," in text

    def test_a_held_line_has_no_day_in_the_file(
        self, session: Session, sign_in: SignIn
    ) -> None:
        gates = [
            gate | {"sales_while_unmet": "held"}
            for gate in a_version().definition_json["gates"]
        ]
        story = Story(session, a_version(gates=gates))
        session.execute(
            update(GateInterval)
            .where(GateInterval.enrollment_id == story.enrollment.id)
            .values(met_until=NOW - 20 * DAY)
        )
        customer = story.credited()
        story.sale(customer, NOW - 9 * DAY, 1_000)
        story.recompute()
        client = sign_in(story.user())

        assert ",waiting,,," in client.get("/app/earnings.csv").get_data(as_text=True)
        assert "Waiting for a requirement" in page(client, "/app/earnings")
        address = f"/app/earnings/{newest(story).public_id}"
        assert "When the requirement is met" in page(client, address)

    def test_a_marketer_sees_no_earnings(self, story: Story, sign_in: SignIn) -> None:
        client = sign_in(story.user(Role.PARTNER_MARKETER))

        assert client.get("/app/earnings").status_code == 403
        assert client.get("/app/earnings.csv").status_code == 403


class TestLine:
    def test_the_page_says_why(self, story: Story, sign_in: SignIn) -> None:
        line = newest(story)

        shown = page(sign_in(story.user()), f"/app/earnings/{line.public_id}")

        month = line.trace["month"]
        assert f"of $200.00 refunded, customer month {month} of 36." in shown
        assert month == 13
        assert "Your commission: the difference" in shown
        assert "You earn 20% of what your customer pays, without tax" in shown
        assert "Sales of a customer earn for 36 months" in shown
        assert "20% of $600.00" in shown  # the line that it takes back from

    def test_bands_and_levels_are_told_as_the_rule(
        self, session: Session, sign_in: SignIn
    ) -> None:
        steps = bands((0, 1_000), (50_000, 2_000))
        marginal = Story(session, a_version(rules=[rule(window="month", bands=steps)]))
        whole = Story(session, a_version(rules=[rule(mode="whole", bands=steps)]))
        levels = Story(session, a_version(based_on="monday-affiliate"))
        shown = []
        for story in (marginal, whole, levels):
            story.sale(story.credited(), NOW - 9 * DAY)
            story.recompute()
            address = f"/app/earnings/{newest(story).public_id}"
            shown.append(page(sign_in(story.user()), address))

        assert "10% from the start and 20% from $500.00" in shown[0]
        assert "Each rate counts for the part above its amount." in shown[0]
        assert "The highest rate that is reached counts for all of it." in shown[1]
        assert "25% on the level Starter" in shown[2]

    def test_another_partners_line_is_no_such_page(
        self, story: Story, session: Session, sign_in: SignIn
    ) -> None:
        stranger = Story(session).user()
        line = newest(story)

        response = sign_in(stranger).get(f"/app/earnings/{line.public_id}")

        assert response.status_code == 404


class TestCustomers:
    def test_customers_are_listed_with_masked_names(
        self, story: Story, sign_in: SignIn
    ) -> None:
        shown = page(sign_in(story.user()), "/app/customers")

        assert "B•••n Labs" in shown
        assert "Braun" not in shown
        assert "$1,400.00" in shown  # 1,000 and 600, less 200
        assert "$280.00" in shown
        assert "Earning" in shown

    def test_every_state_of_a_customer_is_said(
        self, session: Session, sign_in: SignIn
    ) -> None:
        now = utc_now()
        short = Story(session, a_version(rules=[rule(duration_months=1)]))
        ended = short.credited(first_seen_at=now - 90 * DAY)
        short.sale(ended, now - 80 * DAY)
        short.credited(first_seen_at=now - 2 * DAY)
        life = Story(session, a_version(rules=[rule()]))
        life.sale(life.credited(), now - 8 * DAY, currency="EUR")
        untaxed = short.credited(first_seen_at=now - 3 * DAY)
        short.sale(untaxed, now - 2 * DAY, 0)
        client = sign_in(short.user())

        shown = page(client, "/app/customers")
        for_life = page(sign_in(life.user()), "/app/customers")
        one = page(client, f"/app/customers/{ended.public_id}")

        assert "Ended" in shown
        assert "Signed up" in shown
        assert "Starts with the first payment" in shown
        assert "For life" in for_life
        assert "$0.00" in for_life
        assert "Sales to this customer have stopped earning" in one

    @pytest.mark.parametrize("customers", [2, 9])
    def test_the_list_costs_the_same_however_long(
        self,
        session: Session,
        sign_in: SignIn,
        count_queries: CountQueries,
        customers: int,
    ) -> None:
        story = Story(session)
        for number in range(customers):
            story.sale(story.credited(), NOW - number * DAY, 1_000)
        story.recompute()
        client = sign_in(story.user())

        with count_queries() as statements:
            page(client, "/app/customers")

        assert len(statements) == 6

    def test_the_empty_list_says_what_comes(
        self, session: Session, sign_in: SignIn
    ) -> None:
        client = sign_in(Story(session).user())

        assert "No customers yet" in page(client, "/app/customers")
        assert "Nothing matches" in page(client, "/app/customers?limit=25")

    def test_the_story_of_a_customer_is_told(
        self, story: Story, sign_in: SignIn
    ) -> None:
        address = f"/app/customers/{_public(newest(story).customer_id)}"

        shown = page(sign_in(story.user()), address)

        assert "Clicked your link" in shown
        assert "Came to the vendor" in shown
        assert "Paid $600.00" in shown
        assert "Got $200.00 back" in shown
        assert "$280.00" in shown

    def test_a_customer_without_a_click_on_record_has_a_story_too(
        self, story: Story, session: Session, sign_in: SignIn
    ) -> None:
        row = session.scalars(select(Attribution)).one()
        row.decision = row.decision | {"winners": []}
        session.flush()

        shown = page(
            sign_in(story.user()), f"/app/customers/{_public(row.customer_id)}"
        )

        assert "Came to the vendor" in shown
        assert "Clicked your link" not in shown

    def test_money_that_came_back_is_told_and_no_money_is_too(
        self, session: Session, sign_in: SignIn
    ) -> None:
        story = Story(session)
        customer = story.credited()
        sold = story.sale(customer, NOW - 9 * DAY)
        story.refund(sold, NOW - 8 * DAY, 60_001, RefundKind.DISPUTE)
        story.refund(sold, NOW - 7 * DAY, -60_001, RefundKind.DISPUTE_WON)
        client = sign_in(story.user())
        address = f"/app/customers/{customer.public_id}"

        before = page(client, address)
        story.recompute()
        after = page(client, address)

        assert "The first payment appears here" in before
        assert "$600.00 came back to the vendor" in after

    def test_a_marketer_sees_the_customer_but_no_money(
        self, story: Story, sign_in: SignIn
    ) -> None:
        client = sign_in(story.user(Role.PARTNER_MARKETER))
        address = f"/app/customers/{_public(newest(story).customer_id)}"

        shown = page(client, address)
        listed = page(client, "/app/customers")

        assert "Paid" in shown
        assert "Got money back" in shown
        assert "$" not in shown + listed

    def test_a_marketer_reads_of_money_that_came_back_to_the_vendor(
        self, story: Story, sign_in: SignIn
    ) -> None:
        line = newest(story)
        sale = story.session.get_one(Sale, line.sale_id)
        story.refund(sale, utc_now() - DAY, -20_000, RefundKind.REFUND_FAILED)
        story.recompute()
        client = sign_in(story.user(Role.PARTNER_MARKETER))

        shown = page(client, f"/app/customers/{_public(line.customer_id)}")

        assert "Money came back to the vendor" in shown
        assert "$" not in shown

    def test_another_partners_customer_is_no_such_page(
        self, story: Story, session: Session, sign_in: SignIn
    ) -> None:
        client = sign_in(Story(session).user())
        address = f"/app/customers/{_public(newest(story).customer_id)}"

        assert client.get(address).status_code == 404


class TestStaff:
    def test_all_lines_are_listed_and_the_sums_follow_the_filter(
        self, story: Story, session: Session, sign_in: SignIn
    ) -> None:
        other = Story(session)
        other.sale(other.credited(name=None), NOW - 9 * DAY, 1_000)
        other.recompute()
        client = sign_in(UserFactory.create(finance=True))
        partner = story.enrollment.partner.public_id

        everything = page(client, "/admin/commissions")
        filtered = page(client, f"/admin/commissions?partner={partner}&kind=earned")
        program = newest(other).program_id

        assert "4 lines" in everything
        assert "Braun Labs" in everything
        assert "2 lines" in filtered
        assert "$320.00" in filtered
        assert "1 line" in page(
            client, f"/admin/commissions?program={_public(program, 'pgm')}"
        )

    @pytest.mark.parametrize("sales", [2, 9])
    def test_the_list_costs_the_same_however_long(
        self,
        session: Session,
        sign_in: SignIn,
        count_queries: CountQueries,
        sales: int,
    ) -> None:
        story = Story(session)
        for number in range(sales):
            story.sale(story.credited(), NOW - number * DAY, 1_000)
        story.recompute()
        client = sign_in(UserFactory.create(finance=True))

        with count_queries() as statements:
            page(client, "/admin/commissions")

        assert len(statements) == 6

    def test_the_empty_list_says_so(self, session: Session, sign_in: SignIn) -> None:
        del session
        client = sign_in(UserFactory.create(finance=True))

        assert "No commission yet" in page(client, "/admin/commissions")
        assert "Nothing matches" in page(client, "/admin/commissions?state=cleared")

    def test_a_line_shows_its_trace_and_who_lost(
        self, session: Session, sign_in: SignIn
    ) -> None:
        story = Story(session)
        rival = Story(session, story.version)
        rival.click(NOW - 50 * DAY, visitor="v")
        click = story.click(NOW - 40 * DAY, visitor="v")
        customer = story.credited(click=click, first_seen_at=NOW - 39 * DAY)
        story.sale(customer, NOW - 30 * DAY)
        story.recompute()
        client = sign_in(UserFactory.create(auditor=True))

        shown = page(client, f"/admin/commissions/{newest(story).public_id}")

        assert "20% of $600.00, customer month 1 of 36." in shown
        assert "The last click before the customer came on" in shown
        assert story.enrollment.partner.name in shown
        assert rival.enrollment.partner.name in shown
        assert "A later click won" in shown

    def test_a_line_without_a_decision_or_a_winner_is_shown_too(
        self, story: Story, session: Session, sign_in: SignIn
    ) -> None:
        client = sign_in(UserFactory.create(finance=True))
        address = f"/admin/commissions/{newest(story).public_id}"
        row = session.scalars(select(Attribution)).one()
        row.decision = row.decision | {"winners": []}
        session.flush()

        without_winner = page(client, address)
        row.customer_id = Story(session).credited().id
        row.program_id = a_version().program_id
        session.flush()
        without_decision = page(client, address)

        assert "No click counts for the customer" in without_winner
        assert "not credited to anybody" in without_decision

    def test_a_reviewer_sees_no_commissions(
        self, story: Story, sign_in: SignIn
    ) -> None:
        client = sign_in(UserFactory.create(reviewer=True))

        assert client.get("/admin/commissions").status_code == 403
        address = f"/admin/commissions/{newest(story).public_id}"
        assert client.get(address).status_code == 403
