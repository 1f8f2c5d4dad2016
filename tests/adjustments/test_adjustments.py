"""Adjustments by hand, from the proposal to the statement."""

from datetime import timedelta
from itertools import product

import pytest
from flask.testing import FlaskClient
from sqlalchemy import select, text
from sqlalchemy.exc import DBAPIError, IntegrityError
from sqlalchemy.orm import Session

from portal.accounts.models import User
from portal.adjustments import queries, service
from portal.adjustments.models import (
    TRANSITIONS,
    Adjustment,
    AdjustmentStatus,
    AlreadyDecided,
)
from portal.adjustments.rules import AdjustmentReason
from portal.audit.models import AuditEvent
from portal.kit.ids import new_id
from portal.kit.money import Money
from portal.statements import service as statements
from portal.statements.models import Period, Statement
from portal.statements.queries import so_far
from portal.statements.rules import LineKind, Severity
from portal.verification.service import verify
from tests.commissions.story import Story
from tests.conftest import CountQueries, SignIn
from tests.factories.adjustments import AdjustmentFactory
from tests.factories.base_factory import NOW
from tests.factories.people import UserFactory
from tests.statements.books import a_month, a_period, at, close

NOTE = "For the broken link in January."


@pytest.fixture
def story(session: Session) -> Story:
    return Story(session)


@pytest.fixture
def maker(session: Session) -> User:
    del session
    user: User = UserFactory.create(finance=True)
    return user


@pytest.fixture
def checker(session: Session) -> User:
    del session
    user: User = UserFactory.create(admin=True)
    return user


def propose(story: Story, maker: User, minor: int = 25_00) -> Adjustment:
    return service.propose(
        story.session,
        story.enrollment,
        amount=Money(minor, "USD"),
        reason=AdjustmentReason.GOODWILL,
        note=NOTE,
        form_id=new_id(),
        actor=maker,
        now=NOW,
    )


def approve(adjustment: Adjustment, checker: User, day: str = "2026-01-20") -> None:
    session = Session.object_session(adjustment)
    assert session
    service.approve(session, adjustment, note="Seen.", actor=checker, now=at(day))


def january(story: Story) -> Period:
    return a_period(story.session, story.version.program_id, "2026-01")


class TestDeciding:
    def test_nobody_decides_on_the_own_proposal(
        self, story: Story, maker: User
    ) -> None:
        adjustment = propose(story, maker)

        with pytest.raises(service.SecondPersonNeeded, match="second person"):
            approve(adjustment, maker)
        with pytest.raises(service.SecondPersonNeeded):
            service.reject(story.session, adjustment, note="", actor=maker, now=NOW)

        assert adjustment.status is AdjustmentStatus.PROPOSED

    @pytest.mark.usefixtures("session")
    def test_the_database_refuses_one_person_for_both(self) -> None:
        maker = UserFactory.create(finance=True)

        with pytest.raises(IntegrityError, match="two_people"):
            AdjustmentFactory.create(
                proposer=maker,
                status=AdjustmentStatus.APPROVED,
                decided_by_id=maker.id,
                decided_at=NOW,
            )

    def test_what_was_proposed_is_never_rewritten(self, session: Session) -> None:
        AdjustmentFactory.create()

        with pytest.raises(DBAPIError, match="permission denied"):
            session.execute(text("UPDATE adjustments SET amount_minor = 1"))

    @pytest.mark.parametrize(
        ("before", "after"), list(product(AdjustmentStatus, repeat=2))
    )
    def test_only_a_proposal_can_still_be_decided(
        self, before: AdjustmentStatus, after: AdjustmentStatus
    ) -> None:
        adjustment = Adjustment(status=before)

        if before is AdjustmentStatus.PROPOSED and after is not before:
            assert after in TRANSITIONS[before]
            adjustment.move_to(after)
            assert adjustment.status is after
        else:
            with pytest.raises(AlreadyDecided, match=f"is {before} already"):
                adjustment.move_to(after)

    def test_only_the_proposer_withdraws(
        self, story: Story, maker: User, checker: User
    ) -> None:
        adjustment = propose(story, maker)

        with pytest.raises(service.NotYours, match="reject it"):
            service.withdraw(story.session, adjustment, actor=checker, now=NOW)
        service.withdraw(story.session, adjustment, actor=maker, now=NOW)

        assert adjustment.status is AdjustmentStatus.WITHDRAWN

    def test_zero_is_no_adjustment(self, story: Story, maker: User) -> None:
        with pytest.raises(service.NothingToAdjust, match="above zero"):
            propose(story, maker, 0)

    def test_the_same_form_proposes_once(self, story: Story, maker: User) -> None:
        first = propose(story, maker)
        story.session.flush()

        again = service.propose(
            story.session,
            story.enrollment,
            amount=Money(99, "USD"),
            reason=AdjustmentReason.BONUS,
            note="Again",
            form_id=first.id,
            actor=maker,
            now=NOW,
        )

        assert again is first
        assert again.amount == Money(25_00, "USD")

    def test_each_step_is_on_record(
        self, story: Story, maker: User, checker: User
    ) -> None:
        adjustment = propose(story, maker)
        approve(adjustment, checker)
        story.session.flush()

        events = story.session.scalars(
            select(AuditEvent)
            .where(AuditEvent.subject_id == adjustment.id)
            .order_by(AuditEvent.action.desc())
        ).all()

        assert [event.action for event in events] == [
            "adjustment.proposed",
            "adjustment.approved",
        ]
        assert events[0].details["amount_minor"] == 25_00
        assert events[1].details["note"] == "Seen."


class TestOnTheStatement:
    def test_the_next_close_states_it_once_and_books_it(
        self, story: Story, maker: User, checker: User
    ) -> None:
        approve(propose(story, maker, -20_00), checker)

        statement = self.closed(story, a_month(story))
        following = close(story.session, self.february(story))

        line = statement.lines[-1]
        assert (line.kind, line.amount_minor) == (LineKind.ADJUSTMENT, -20_00)
        assert line.what.startswith("Goodwill adj_")
        assert line.why == NOTE
        assert statement.totals.adjustments == -20_00
        assert statement.closing_minor == 120_00 - 20_00
        assert [row.lines for row in following] == [[]]
        assert verify(story.session, at("2026-03-01")) == []

    def test_it_is_enough_for_a_statement(
        self, story: Story, maker: User, checker: User
    ) -> None:
        approve(propose(story, maker), checker)

        statement = self.closed(story, january(story))

        assert [line.amount_minor for line in statement.lines] == [25_00]
        assert verify(story.session, at("2026-02-01")) == []

    @pytest.mark.parametrize("verb", ["leave", "reject", "withdraw"])
    def test_what_is_not_approved_changes_nothing(
        self, story: Story, maker: User, checker: User, verb: str
    ) -> None:
        adjustment = propose(story, maker)
        if verb == "reject":
            service.reject(
                story.session, adjustment, note="No.", actor=checker, now=NOW
            )
        elif verb == "withdraw":
            service.withdraw(story.session, adjustment, actor=maker, now=NOW)

        assert (
            close(story.session, january(story), notes={"adjustments_waiting": "Later"})
            == []
        )

    def test_what_is_approved_while_a_close_runs_waits_for_the_next(
        self, story: Story, maker: User, checker: User
    ) -> None:
        period = a_month(story)
        adjustment = propose(story, maker)
        approve(adjustment, checker)
        began_at = adjustment.decided_at
        assert began_at
        close_at = began_at - timedelta(microseconds=1)
        period.ends_at = close_at  # so that the month is over

        [statement] = close(story.session, period, now=close_at)
        later = self.closed(story, self.february(story))

        assert LineKind.ADJUSTMENT not in {line.kind for line in statement.lines}
        assert [line.amount_minor for line in later.lines] == [25_00]

    def test_every_preview_foresees_it(
        self, story: Story, maker: User, checker: User
    ) -> None:
        approve(propose(story, maker), checker)
        period = a_month(story)

        [row] = statements.preview(story.session, period).rows
        draft = statements.draft_now(story.session, story.enrollment, period)
        [running] = so_far(story.session, story.enrollment.partner_id)
        statement = self.closed(story, period)

        assert statement.totals == row.totals == draft.totals == running.totals
        assert statement.totals.adjustments == 25_00

    def test_a_close_warns_of_what_waits(self, story: Story, maker: User) -> None:
        period = january(story)
        assert "adjustments_waiting" not in self.checked(story, period)

        propose(story, maker)
        story.session.flush()

        assert self.checked(story, period)["adjustments_waiting"] is Severity.WARNING

    def test_a_line_that_says_another_amount_is_found(
        self, owner_session: Session
    ) -> None:
        story = Story(owner_session)
        maker, checker = UserFactory.create(finance=True), UserFactory.create()
        approve(propose(story, maker), checker)
        self.closed(story, january(story))
        owner_session.execute(text("UPDATE adjustments SET amount_minor = 26"))
        owner_session.expire_all()

        found = verify(owner_session, at("2026-02-01"))

        assert [(row.invariant, row.problem) for row in found] == [
            ("adjustments-are-approved", "is approved at 26, its line says 2500")
        ]

    @staticmethod
    def closed(story: Story, period: Period) -> Statement:
        [statement] = close(story.session, period)
        return statement

    @staticmethod
    def february(story: Story) -> Period:
        return a_period(story.session, story.version.program_id, "2026-02")

    @staticmethod
    def checked(story: Story, period: Period) -> dict[str, Severity]:
        found = statements.check(story.session, period, period.ends_at)
        return {row.key: row.severity for row in found}


@pytest.fixture
def staff(sign_in: SignIn, checker: User) -> FlaskClient:
    return sign_in(checker)


def place(story: Story) -> str:
    enrollment = story.enrollment
    partner = enrollment.partner.public_id
    return f"/admin/partners/{partner}/programs/{enrollment.public_id}/adjustments/new"


TYPED = {
    "direction": "debit",
    "amount": "1,025.50",
    "reason": "clawback",
    "note": "  Paid twice \n in March. ",
}


class TestPages:
    def test_a_proposal_shows_the_statement_to_come(
        self, story: Story, staff: FlaskClient
    ) -> None:
        a_month(story)

        form = staff.get(place(story)).text
        answer = staff.post(place(story), data=TYPED, follow_redirects=True)

        assert "$120.00" in form
        assert "−$1,025.50" in answer.text
        assert "−$905.50" in answer.text
        assert "Paid twice in March." in answer.text
        assert "a second person must decide" in answer.text

    def test_before_the_first_month_it_says_so(
        self, story: Story, staff: FlaskClient
    ) -> None:
        assert "No month is open" in staff.get(place(story)).text

    @pytest.mark.parametrize(
        ("change", "said"),
        [
            ({"direction": ""}, "Choose who gets the money."),
            ({"amount": "ten"}, "Enter an amount in USD, like 1330.40."),
            ({"amount": "0"}, "Enter an amount above zero."),
            ({"reason": "gift"}, "Not a valid choice"),
            ({"note": ""}, "the partner must understand it"),
        ],
    )
    def test_a_wrong_field_is_named_and_nothing_is_lost(
        self, story: Story, staff: FlaskClient, change: dict[str, str], said: str
    ) -> None:
        answer = staff.post(place(story), data=TYPED | {"note": "Kept."} | change)

        assert answer.status_code == 422
        assert said in answer.text
        assert "Kept." in answer.text or "note" in change

    @pytest.mark.parametrize(
        ("verb", "said"),
        [
            ("approve", "Approved. The next statement shows it."),
            ("reject", "Rejected. Nothing changes."),
        ],
    )
    def test_a_second_person_decides_once(
        self, story: Story, staff: FlaskClient, verb: str, said: str
    ) -> None:
        adjustment = AdjustmentFactory.create(enrollment=story.enrollment)
        url = f"/admin/adjustments/{adjustment.public_id}"

        assert "Approve" in staff.get(url).text
        answer = staff.post(f"{url}/{verb}", data={"note": "Fine."})
        again = staff.post(f"{url}/reject")

        assert said in staff.get(answer.location).text
        assert again.status_code == 409

    def test_the_proposer_takes_it_back(
        self, story: Story, staff: FlaskClient, checker: User
    ) -> None:
        mine = AdjustmentFactory.create(enrollment=story.enrollment, proposer=checker)
        url = f"/admin/adjustments/{mine.public_id}"

        assert staff.post(f"{url}/approve").status_code == 403
        answer = staff.post(f"{url}/withdraw", follow_redirects=True)

        assert "Withdrawn. Nothing changes." in answer.text

    def test_a_long_note_is_refused_and_kept(
        self, story: Story, staff: FlaskClient
    ) -> None:
        adjustment = AdjustmentFactory.create(enrollment=story.enrollment)
        url = f"/admin/adjustments/{adjustment.public_id}"

        answer = staff.post(f"{url}/approve", data={"note": "x" * 301})

        assert answer.status_code == 422
        assert "x" * 301 in answer.text

    def test_once_stated_it_leads_to_the_statement(
        self, story: Story, staff: FlaskClient, maker: User, checker: User
    ) -> None:
        adjustment = propose(story, maker)
        approve(adjustment, checker)
        url = f"/admin/adjustments/{adjustment.public_id}"
        period = january(story)

        before = staff.get(url).text
        [statement] = close(story.session, period)

        assert "The next statement" in before
        assert statement.number in staff.get(url).text

    def test_an_auditor_reads_and_decides_nothing(
        self, story: Story, sign_in: SignIn
    ) -> None:
        adjustment = AdjustmentFactory.create(enrollment=story.enrollment)
        auditor = sign_in(UserFactory.create(auditor=True))
        url = f"/admin/adjustments/{adjustment.public_id}"

        assert "Somebody who may adjust" in auditor.get(url).text
        assert auditor.post(f"{url}/approve").status_code == 403

    def test_the_list_has_its_states(self, story: Story, staff: FlaskClient) -> None:
        empty = staff.get("/admin/adjustments").text
        AdjustmentFactory.create(enrollment=story.enrollment)

        listed = staff.get("/admin/adjustments?state=proposed").text

        assert "No adjustment yet" in empty
        assert NOTE in listed
        assert "No adjustment yet" not in staff.get("/admin/adjustments").text
        assert NOTE not in staff.get("/admin/adjustments?state=approved").text

    def test_a_list_takes_the_same_queries_for_one_or_many(
        self, story: Story, staff: FlaskClient, count_queries: CountQueries
    ) -> None:
        def asked() -> int:
            with count_queries() as statements:
                staff.get("/admin/adjustments")
            return len(statements)

        AdjustmentFactory.create(enrollment=story.enrollment)
        one = asked()
        AdjustmentFactory.create_batch(5, enrollment=story.enrollment)

        assert asked() == one

    def test_the_inbox_says_that_one_waits(
        self, story: Story, staff: FlaskClient
    ) -> None:
        assert "adjustment waits" not in staff.get("/admin").text
        AdjustmentFactory.create(enrollment=story.enrollment)

        assert "1 adjustment waits" in staff.get("/admin").text

    def test_there_is_no_such_adjustment(self, staff: FlaskClient) -> None:
        adjustment = Adjustment(id=new_id())

        answer = staff.get(f"/admin/adjustments/{adjustment.public_id}")

        assert answer.status_code == 404


def test_one_can_be_locked(session: Session) -> None:
    adjustment = AdjustmentFactory.create()

    assert queries.get(session, adjustment.id, lock=True) is adjustment
