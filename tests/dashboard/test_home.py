from datetime import timedelta

import pytest
from sqlalchemy import select, update
from sqlalchemy.orm import Session

from portal.accounts.models import User
from portal.accounts.permissions import Role
from portal.enrollments import service as enrollments
from portal.enrollments.models import Enrollment, EnrollmentStatus, GateInterval
from portal.fees.models import FeeSubscription
from portal.fees.rules import FeeStatus
from portal.kit.clock import utc_now
from portal.kit.money import Money
from portal.tracking.models import ReferralLink
from tests.commissions.story import LONG_AGO, Story, a_version
from tests.dashboard.pages import DAY, CountQueries, SignIn, issue, page, pay
from tests.factories.people import PartnerMemberFactory, UserFactory
from tests.factories.programs import EnrollmentFactory


@pytest.fixture
def story(session: Session) -> Story:
    """A partner with a statement of two months ago and money on hold."""
    now = utc_now()
    story = Story(session, a_version(hold={"days": 20}))
    customer = story.credited(first_seen_at=now - 200 * DAY, name="Braun Labs")
    story.sale(customer, now - 100 * DAY, 100_000)
    story.sale(customer, now - 2 * DAY, 50_000)
    story.recompute(now)
    return story


class TestMoney:
    def test_the_figures_come_from_the_books(
        self, story: Story, session: Session, sign_in: SignIn
    ) -> None:
        now = utc_now()
        issue(session, story, now - 70 * DAY)
        pay(session, story, Money(5_000, "USD"), now)

        shown = page(sign_in(story.user()))

        assert "$150.00" in shown  # 20 % of $1,000 less $50 paid
        assert "$100.00" in shown  # on hold
        assert "Clears by" in shown
        assert "$50.00" in shown
        assert "1 payment" in shown
        assert "0 new this month" in shown

    def test_the_latest_statement_is_one_click_away(
        self, story: Story, session: Session, sign_in: SignIn
    ) -> None:
        statement = issue(session, story, utc_now() - 70 * DAY)
        client = sign_in(story.user())

        shown = page(client)
        address = f"/app/statements/{statement.public_id}"

        assert "statement is ready" in shown
        assert f'class="btn btn-primary" href="{address}.pdf">Download PDF' in shown
        for ending in (".csv", ".xlsx", ".json", ""):
            assert f'href="{address}{ending}"' in shown
        assert client.get(f"{address}.pdf").data.startswith(b"%PDF")

    def test_earnings_are_drawn_by_month_with_a_table(
        self, story: Story, sign_in: SignIn
    ) -> None:
        shown = page(sign_in(story.user()))

        assert "Earnings by month" in shown
        assert "<svg" in shown
        assert "Show as table" in shown
        assert "$300.00 in twelve months" in shown

    def test_the_way_to_the_next_tier_is_shown(
        self, story: Story, sign_in: SignIn
    ) -> None:
        shown = page(sign_in(story.user()))

        assert "Still missing" in shown

    def test_currencies_have_figures_of_their_own(
        self, story: Story, session: Session, sign_in: SignIn
    ) -> None:
        other = a_version(currency="EUR", key="european")
        EnrollmentFactory.create(version=other, partner=story.enrollment.partner)
        session.flush()

        shown = page(sign_in(story.user()))

        assert shown.count("<dt>Available</dt>") == 2
        assert "€0.00" in shown
        assert "$100.00" in shown

    def test_what_is_below_zero_or_not_planned_is_explained(
        self, session: Session, sign_in: SignIn
    ) -> None:
        payout = {"schedule": "monthly", "days_after": 15, "minimum_minor": 900_000}
        story = Story(session, a_version(payout=payout))
        customer = story.credited()
        story.sale(customer, utc_now() - 100 * DAY)
        story.recompute(utc_now())
        issue(session, story, utc_now() - 100 * DAY)

        shown = page(sign_in(story.user()))

        assert "Kept until it reaches the minimum payment" in shown

    def test_what_waits_for_a_step_is_named(
        self, session: Session, sign_in: SignIn
    ) -> None:
        now = utc_now()
        story = Story(session)
        story.sale(story.credited(first_seen_at=now - 9 * DAY), now - 5 * DAY)
        story.recompute(now)
        line = story.lines()[0]
        line.clears_at = None
        session.flush()

        assert "more waits for a step of yours" in page(sign_in(story.user()))

    def test_what_cleared_comes_with_the_next_statement(
        self, session: Session, sign_in: SignIn
    ) -> None:
        now = utc_now()
        story = Story(session)
        story.sale(story.credited(first_seen_at=now - 9 * DAY), now - 5 * DAY)
        story.recompute(now)

        shown = page(sign_in(story.user()))

        assert "$120.00" in shown
        assert "more comes with the next statement" in shown


class TestWhoSeesWhat:
    def test_a_marketer_sees_no_money(
        self, story: Story, session: Session, sign_in: SignIn
    ) -> None:
        issue(session, story, utc_now() - 70 * DAY)

        shown = page(sign_in(story.user(Role.PARTNER_MARKETER)))

        assert "$" not in shown
        assert "Earnings by month" not in shown
        assert "statement is ready" not in shown
        assert "Still missing" not in shown
        assert "Active customers" in shown
        assert "B•••n Labs" in shown

    def test_other_partners_data_is_never_shown(
        self, story: Story, session: Session, sign_in: SignIn
    ) -> None:
        issue(session, story, utc_now() - 70 * DAY)
        other = Story(session, story.version)
        client = sign_in(other.user())

        shown = page(client)
        address = f"/app/programs/{story.enrollment.public_id}/first-link"

        assert "B•••n" not in shown
        assert story.link.code not in shown
        assert "$100.00" not in shown
        assert "statement is ready" not in shown
        assert client.post(address).status_code == 404

    def test_staff_have_no_workspace(self, session: Session, sign_in: SignIn) -> None:
        del session
        client = sign_in(UserFactory.create(admin=True))

        assert client.get("/app").status_code == 403

    def test_names_are_shown_as_text(self, session: Session, sign_in: SignIn) -> None:
        story = Story(session)
        story.credited(name="<script>alert(1)</script> Ltd")
        user = story.user()
        user.name = "<img src=x onerror=alert(1)>"
        session.flush()

        response = sign_in(user).get("/app")
        shown = response.get_data(as_text=True)

        assert "<img" not in shown
        assert shown.count("<script") == 1  # the portal's own


@pytest.fixture
def newcomer(session: Session) -> Enrollment:
    """A partner who has done every step and has no link yet."""
    enrollment: Enrollment = EnrollmentFactory.create(version=a_version())
    for gate in enrollment.version.definition.gates:
        session.add(
            GateInterval(
                enrollment_id=enrollment.id, gate_key=gate.key, met_from=LONG_AGO
            )
        )
    session.flush()
    return enrollment


def member_of(enrollment: Enrollment, role: Role = Role.PARTNER_OWNER) -> User:
    user: User = UserFactory.create(role=role)
    PartnerMemberFactory.create(user=user, partner=enrollment.partner)
    return user


class TestLink:
    def test_the_link_can_be_copied(self, story: Story, sign_in: SignIn) -> None:
        shown = page(sign_in(story.user()))

        assert f'data-copy="http://localhost/r/{story.link.code}"' in shown
        assert "Copy my link" in shown
        assert "Create my link" not in shown

    def test_the_first_link_is_made_with_one_click_and_only_once(
        self, newcomer: Enrollment, session: Session, sign_in: SignIn
    ) -> None:
        client = sign_in(member_of(newcomer))
        address = f"/app/programs/{newcomer.public_id}/first-link"
        assert f'action="{address}"' in page(client)

        first, second = client.post(address), client.post(address)

        links = session.scalars(select(ReferralLink.id)).all()
        assert (first.status_code, second.status_code) == (303, 303)
        assert len(links) == 1
        shown = page(client)
        assert "Your link is ready" in shown
        assert "Copy my link" in shown

    def test_a_paused_partner_makes_no_link(
        self, newcomer: Enrollment, session: Session, sign_in: SignIn
    ) -> None:
        client = sign_in(member_of(newcomer))
        enrollments.suspend(
            session,
            newcomer,
            actor=UserFactory.create(admin=True),
            reason="",
            now=utc_now(),
        )
        session.flush()

        client.post(f"/app/programs/{newcomer.public_id}/first-link")
        shown = page(client)

        assert "You cannot make links" in shown
        assert ": paused" in shown
        assert "Create my link" not in shown

    def test_a_viewer_cannot_make_one(
        self, newcomer: Enrollment, sign_in: SignIn
    ) -> None:
        client = sign_in(member_of(newcomer, Role.PARTNER_VIEWER))
        address = f"/app/programs/{newcomer.public_id}/first-link"

        assert "Create my link" not in page(client)
        assert client.post(address).status_code == 403


def lose_gates(session: Session, *keys: str) -> None:
    session.execute(
        update(GateInterval)
        .where(GateInterval.gate_key.in_(keys))
        .values(met_until=utc_now() - DAY)
    )


class TestFirstSteps:
    def test_a_new_partner_sees_the_steps_in_place_of_the_chart(
        self, session: Session, sign_in: SignIn
    ) -> None:
        enrollment = EnrollmentFactory.create(version=a_version())
        session.flush()

        shown = page(sign_in(member_of(enrollment)))

        assert "Your steps in" in shown
        assert "Earnings by month" not in shown
        assert "No earnings yet" not in shown
        assert "Next:" in shown

    def test_the_banner_leads_to_the_next_step(
        self, session: Session, sign_in: SignIn
    ) -> None:
        story = Story(session)
        gates = story.version.definition.gates
        agreement = next(gate for gate in gates if gate.kind == "agreement")
        lose_gates(session, agreement.key)

        owner = page(sign_in(story.user()))
        marketer = page(sign_in(story.user(Role.PARTNER_MARKETER)))

        assert f"Next: {agreement.title}" in owner
        assert "Read and accept" in owner
        assert "Read and accept" not in marketer
        assert "Your steps in" in marketer

    def test_a_failed_fee_comes_before_everything_else(
        self, story: Story, session: Session, sign_in: SignIn
    ) -> None:
        now = utc_now()
        issue(session, story, now - 70 * DAY)
        session.add(
            FeeSubscription(
                enrollment_id=story.enrollment.id,
                amount_minor=30_000,
                currency="USD",
                interval="month",
                status=FeeStatus.PAST_DUE,
                created_at=now - timedelta(days=31),
            )
        )
        session.flush()

        owner = page(sign_in(story.user()))
        viewer = page(sign_in(story.user(Role.PARTNER_VIEWER)))

        assert "The payment of your fee failed" in owner
        assert "Pay now" in owner
        assert "statement is ready" not in owner
        assert "See the fee" in viewer

    def test_with_everything_done_a_tip_is_left(
        self, session: Session, sign_in: SignIn
    ) -> None:
        story = Story(session)
        client = sign_in(story.user())

        before = page(client)
        story.credited()
        after = page(client)

        assert "Pass your link on" in before
        assert "No earnings yet" in before
        assert "No customers yet" in before
        assert "Know which of your pages works best" in after

    def test_a_place_that_ended_asks_for_nothing(
        self, session: Session, sign_in: SignIn
    ) -> None:
        story = Story(session)
        lose_gates(session, *(gate.key for gate in story.version.definition.gates))
        client = sign_in(story.user())
        session.execute(update(Enrollment).values(status=EnrollmentStatus.TERMINATED))

        shown = page(client)

        assert "Your steps in" not in shown
        assert "Next:" not in shown

    def test_somebody_in_no_program_is_told_so(
        self, session: Session, sign_in: SignIn
    ) -> None:
        user = UserFactory.create(name="")
        PartnerMemberFactory.create(user=user)
        session.flush()

        assert "You are in no program yet" in page(sign_in(user))


@pytest.mark.parametrize("size", [1, 30])
def test_the_number_of_queries_does_not_grow(
    size: int, session: Session, sign_in: SignIn, count_queries: CountQueries
) -> None:
    now = utc_now()
    story = Story(session)
    for number in range(size):
        customer = story.credited(first_seen_at=now - (400 + number) * DAY)
        story.sale(customer, now - (100 + number) * DAY, 10_000)
    story.recompute(now)
    issue(session, story, now - 100 * DAY)
    client = sign_in(story.user())

    with count_queries() as statements:
        page(client)

    assert len(statements) == 30
