"""A closed month is opened again by reversal, while nothing of it is paid."""

from datetime import date
from threading import Barrier
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import Engine, func, select, text
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from portal.accounts.models import User
from portal.audit.models import AuditEvent
from portal.commissions.models import Commission
from portal.enrollments import queries as enrollments
from portal.kit.errors import DomainError, Invalid
from portal.kit.ids import new_id, public_id
from portal.kit.money import Money
from portal.mail.models import OutboxEmail
from portal.mail.rendering import render
from portal.payouts import service
from portal.sales.models import Customer, Sale
from portal.statements import documents, queries
from portal.statements import service as statements
from portal.statements.documents.data import statement_data
from portal.statements.models import Period, PeriodStatus, Statement, StatementLine
from portal.verification.findings import Finding
from tests.commissions.story import Story
from tests.committed import at_once, committed
from tests.conftest import SignIn
from tests.factories import base_factory
from tests.payouts import paying
from tests.statements.books import a_month, a_period, approved, at, close, entry_of
from tests.statements.test_reserves import TENTH, a_story

__all__ = ["committed"]

WHY = "The bonus of Hanbit is missing."
NOW = at("2026-02-02")
AGAIN = at("2026-02-03")


@pytest.fixture
def story(session: Session) -> Story:
    return Story(session)


@pytest.fixture
def january(story: Story) -> Period:
    month = a_month(story)
    close(story.session, month)
    return month


@pytest.fixture
def finance(session: Session) -> User:
    del session
    return paying.finance()


def locked(session: Session, month: Period) -> Period:
    session.flush()
    return queries.period(session, month.id, lock=True)


def ask(session: Session, month: Period, actor: User, **change: Any) -> int | None:  # noqa: ANN401 - any argument
    given: dict[str, Any] = {"reason": WHY, "four_eyes": False, "now": NOW, **change}
    return service.ask_to_reopen(session, locked(session, month), actor=actor, **given)


def close_again(session: Session, month: Period) -> list[Statement]:
    return close(session, locked(session, month), now=AGAIN)


def all_of(session: Session, month: Period) -> list[Statement]:
    keys = session.scalars(
        select(Statement.id)
        .where(Statement.period_id == month.id)
        .order_by(Statement.count)
    )
    return [queries.get(session, key).statement for key in keys]


def broken(session: Session) -> list[Finding]:
    return paying.broken(session, AGAIN)


class TestByReversal:
    def test_what_was_issued_stays_and_is_taken_back_line_by_line(
        self, story: Story, january: Period, finance: User
    ) -> None:
        session = story.session
        before = statement_data(all_of(session, january)[0])

        assert ask(session, january, finance) == 1

        former, back = all_of(session, january)
        assert statement_data(former) == before
        assert (back.opening_minor, back.closing_minor) == (120_00, 0)
        assert [line.amount_minor for line in back.lines] == [-120_00]
        assert back.lines[0].reverses_id == former.lines[0].id
        assert back.count == former.count + 1
        assert statement_data(back)["reverses"] == former.number
        booked = {row.account: row.amount_minor for row in entry_of(
            session, f"statement:{back.id}"
        )}  # fmt: skip
        assert sorted(booked.values()) == [-120_00, 120_00]
        assert paying.owed(story) == Money(0, "USD")
        assert january.status is PeriodStatus.OPEN
        assert january.turn == 2
        assert broken(session) == []

    def test_the_next_close_states_everything_anew_and_says_what_it_replaces(
        self, story: Story, january: Period, finance: User, app: Flask
    ) -> None:
        session = story.session
        ask(session, january, finance)
        approved(story, 25_00)

        [again] = close_again(session, january)

        former, back, last = all_of(session, january)
        assert last.id == again.id
        assert again.refers_to == former.number
        assert again.totals.earned == 120_00
        assert again.totals.adjustments == 25_00
        assert again.closing_minor == 145_00
        assert [row.count for row in (former, back, last)] == [1, 2, 3]
        assert statement_data(again)["replaces"] == former.number
        assert paying.owed(story) == Money(145_00, "USD")
        assert queries.of_period(session, january.id) == [again]
        [view] = queries.period_views(session, program_id=january.program_id)
        assert (view.statements, view.totals.closing) == (1, 145_00)
        with app.app_context():
            for one in (former, back, last):
                for fmt in documents.FORMATS:
                    assert documents.render(one, fmt, "https://acme.example")
            csv = documents.render(back, "csv", "https://acme.example").decode()
        assert f"It takes back statement {former.number}." in csv
        assert broken(session) == []

    def test_a_sale_reported_late_belongs_to_its_month_again(
        self, story: Story, january: Period, finance: User
    ) -> None:
        session = story.session
        key = session.scalars(select(Sale.customer_id)).one()
        story.sale(session.get_one(Customer, key), at("2026-01-20"), 10_000)
        ask(session, january, finance)

        [again] = close_again(session, january)

        assert again.totals.earned == 140_00
        assert again.totals.adjustments == 0

    def test_a_correction_found_meanwhile_is_part_of_the_line_again(
        self, story: Story, january: Period, finance: User
    ) -> None:
        """Without that, the line and its adjustment would both be stated."""
        session = story.session
        sale = session.scalars(select(Sale)).one()
        story.refund(sale, at("2026-01-15"), 30_000)
        story.recompute(NOW)
        ask(session, january, finance)

        [again] = close_again(session, january)

        assert (again.totals.earned, again.totals.reversals) == (120_00, -60_00)
        assert again.totals.adjustments == 0
        assert broken(session) == []

    def test_a_line_and_what_corrects_it_are_one_line_again(
        self, story: Story, january: Period, finance: User
    ) -> None:
        session = story.session
        session.execute(text("UPDATE attributions SET enrollment_id = NULL"))
        session.expire_all()
        story.recompute(NOW)
        assert [line.amount_minor for line in story.lines()] == [120_00, -120_00]
        ask(session, january, finance)

        [again] = close_again(session, january)

        assert [line.amount_minor for line in again.lines] == [0]
        assert story.recompute(AGAIN).is_nothing
        assert broken(session) == []

    def test_a_line_that_earns_nothing_any_more_is_stated_at_zero(
        self, story: Story, january: Period, finance: User
    ) -> None:
        session = story.session
        ask(session, january, finance)
        session.execute(text("UPDATE attributions SET enrollment_id = NULL"))
        session.expire_all()
        story.recompute(NOW)
        assert story.recompute(NOW).is_nothing

        [again] = close_again(session, january)

        assert again.closing_minor == 0
        assert [line.amount_minor for line in again.lines] == [0]
        assert "not credited to you any more" in again.lines[0].why
        assert broken(session) == []

    def test_what_was_kept_back_is_kept_back_once(
        self, session: Session, finance: User
    ) -> None:
        story = a_story(session, holdback=TENTH)
        month = a_month(story)
        close(session, month)
        ask(session, month, finance)
        [again] = close_again(session, month)

        [held] = queries.held(session, before=at("2027-12-31"))

        assert held.statement.id == again.id
        assert broken(session) == []

    def test_it_can_be_done_more_than_once(
        self, story: Story, january: Period, finance: User
    ) -> None:
        session = story.session
        for _ in range(2):
            ask(session, january, finance)
            close_again(session, january)

        counts = [row.count for row in all_of(session, january)]
        assert counts == [1, 2, 3, 4, 5]
        assert january.turn == 3
        assert len(queries.reopenings(session, january.id)) == 2
        assert broken(session) == []

    def test_the_following_month_opens_with_the_new_balance(
        self, story: Story, january: Period, finance: User
    ) -> None:
        session = story.session
        ask(session, january, finance)
        approved(story, 5_00)
        close_again(session, january)

        february = a_period(session, january.program_id, "2026-02")
        [statement] = close(session, february)

        assert statement.opening_minor == 125_00
        assert broken(session) == []

    def test_the_partner_is_told(
        self, story: Story, january: Period, finance: User, app: Flask
    ) -> None:
        owner = story.user()
        ask(story.session, january, finance)

        [email] = story.session.scalars(
            select(OutboxEmail).where(OutboxEmail.template == "statements/reversed")
        )
        with app.app_context():
            written = render(email.template, email.context, "en")
        assert email.to == owner.email
        assert "does not count any more" in written.text
        assert "January 2026" in written.subject


class TestRefused:
    def refusal(self, story: Story, month: Period, finance: User) -> str:
        with pytest.raises(DomainError) as refused:
            ask(story.session, month, finance)
        assert january_is_as_it_was(story.session, month)
        return refused.value.message

    def test_once_something_is_paid(
        self, story: Story, january: Period, finance: User
    ) -> None:
        pay(story, 1_00)

        message = self.refusal(story, january, finance)

        assert story.enrollment.partner.name in message
        assert "was paid since 2026-01 was closed" in message

    def test_while_a_batch_is_about_to_pay(
        self, session: Session, finance: User
    ) -> None:
        story = paying.owed_120(session)
        [month] = session.scalars(select(Period))
        batch = paying.make(session, finance)

        assert batch.name in self.refusal(story, month, finance)

    def test_once_a_later_month_is_closed(
        self, story: Story, january: Period, finance: User
    ) -> None:
        close(story.session, a_period(story.session, january.program_id, "2026-02"))

        assert "2026-02 is closed" in self.refusal(story, january, finance)

    def test_when_it_is_not_closed(self, story: Story, finance: User) -> None:
        month = a_month(story)

        with pytest.raises(statements.NotClosed):
            ask(story.session, month, finance)

    def test_once_what_it_kept_back_is_released(
        self, session: Session, finance: User
    ) -> None:
        story = a_story(session, holdback=TENTH)
        month = a_month(story)
        close(session, month)
        keys = [story.enrollment.id]
        statements.release(session, keys, before=at("2027-12-31"), now=NOW)

        assert "stays closed" in self.refusal(story, month, finance)

    def test_without_a_reason(
        self, story: Story, january: Period, finance: User
    ) -> None:
        with pytest.raises(Invalid, match="Say why"):
            ask(story.session, january, finance, reason=" ")

    def test_a_payout_that_came_back_is_none(
        self, session: Session, finance: User
    ) -> None:
        paying.owed_120(session)
        [month] = session.scalars(select(Period))
        batch = paying.sent_batch(session)
        paying.take(session, batch, f"{batch.name}-00001,failed,account closed")

        assert ask(session, month, finance, now=paying.NOW) == 1


class TestFourEyes:
    def test_a_second_person_confirms_it(
        self, story: Story, january: Period, finance: User
    ) -> None:
        session = story.session
        assert ask(session, january, finance, four_eyes=True) is None
        assert january_is_as_it_was(session, january)
        with pytest.raises(statements.AlreadyAsked):
            ask(session, january, paying.finance(), four_eyes=True)
        with pytest.raises(statements.SecondPersonNeeded):
            confirm(session, january, finance)

        second = paying.finance()
        assert confirm(session, january, second) == 1

        actions = session.scalars(
            select(AuditEvent.action)
            .where(AuditEvent.subject_id == january.id)
            .order_by(AuditEvent.id)
        ).all()
        assert actions[-2:] == ["period.reopening_asked", "period.reopened"]

    def test_it_can_be_dropped_and_asked_for_anew(
        self, story: Story, january: Period, finance: User
    ) -> None:
        session = story.session
        ask(session, january, finance, four_eyes=True)

        month = locked(session, january)
        statements.drop_reopening(session, month, actor=finance, now=NOW)

        session.flush()
        assert january_is_as_it_was(session, january)
        with pytest.raises(queries.NoSuchReopening):
            confirm(session, january, paying.finance())
        assert ask(session, january, finance) == 1

    def test_what_is_paid_meanwhile_stops_it(
        self, story: Story, january: Period, finance: User
    ) -> None:
        ask(story.session, january, finance, four_eyes=True)
        pay(story, 1_00)

        with pytest.raises(statements.PaidAlready):
            confirm(story.session, january, paying.finance())


def test_another_broken_rule_of_the_table_is_not_hidden(
    story: Story, january: Period
) -> None:
    stranger = User(id=new_id())

    with pytest.raises(IntegrityError, match="asked_by_id"):
        ask(story.session, january, stranger, four_eyes=True)


class TestWalls:
    @pytest.mark.parametrize(
        "attack",
        [
            "UPDATE periods SET status = 'open', turn = 2, closed_at = NULL",
            "UPDATE commissions SET frozen_at = NULL, thawed_at = now()",
            "UPDATE period_reopenings SET reason = 'x'",
            "DELETE FROM period_reopenings",
        ],
    )
    def test_nothing_opens_or_thaws_without_reversal(
        self, story: Story, january: Period, finance: User, attack: str
    ) -> None:
        ask(story.session, january, finance, four_eyes=True)

        with pytest.raises(Exception, match=r"is closed|and frozen|denied"):
            story.session.execute(text(attack))

    def test_nobody_confirms_the_own_request(
        self, story: Story, january: Period, finance: User
    ) -> None:
        ask(story.session, january, finance, four_eyes=True)

        with pytest.raises(Exception, match="two_people"):
            story.session.execute(
                text(
                    "UPDATE period_reopenings SET confirmed_at = now(),"
                    " confirmed_by_id = asked_by_id"
                )
            )

    def test_a_turn_states_a_commission_once(
        self, story: Story, january: Period, finance: User
    ) -> None:
        session = story.session
        ask(session, january, finance)
        close_again(session, january)

        stated = select(func.count(), StatementLine.turn).where(
            StatementLine.commission_id == select(Commission.id).scalar_subquery()
        )
        assert session.execute(stated.group_by(StatementLine.turn)).all() == [
            (1, 1),
            (1, 2),
        ]


class TestPages:
    @pytest.fixture
    def staff(self, sign_in: SignIn, finance: User) -> FlaskClient:
        return sign_in(finance)

    def test_from_the_month_and_back(
        self, story: Story, january: Period, staff: FlaskClient, sign_in: SignIn
    ) -> None:
        here, owner = f"/admin/periods/{january.public_id}", sign_in(story.user())
        assert f"{here}/reopen" in staff.get(here).text
        page = staff.get(f"{here}/reopen").text
        assert "1 statement is reversed" in page
        assert staff.post(f"{here}/reopen", data={"reason": ""}).status_code == 422

        staff.post(f"{here}/reopen", data={"reason": WHY})

        page = staff.get(here).text
        assert WHY in page
        assert "Close January 2026" in page
        assert "is not closed" in staff.get(f"{here}/reopen").text
        story.session.expire_all()
        former, back = all_of(story.session, january)
        listed = owner.get("/app/statements").text
        assert "Reversed" in listed
        assert "Takes another back" in listed
        shown = owner.get(f"/app/statements/{former.public_id}").text
        assert f"{back.number} takes it back" in shown
        assert "Takes back" in owner.get(f"/app/statements/{back.public_id}").text

    @pytest.fixture
    def two_people(self, app: Flask, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setitem(app.config, "FOUR_EYES_CLOSE", True)

    @pytest.mark.usefixtures("two_people")
    def test_with_two_people(
        self, story: Story, january: Period, staff: FlaskClient, sign_in: SignIn
    ) -> None:
        here = f"/admin/periods/{january.public_id}"
        staff.post(f"{here}/reopen", data={"reason": WHY})
        assert "asks to reopen it" in staff.get(here).text
        assert "You asked for it" in staff.get(f"{here}/reopen").text
        assert staff.post(f"{here}/reopen/confirm").status_code == 403
        staff.post(f"{here}/reopen/drop")
        assert "asks to reopen it" not in staff.get(here).text
        staff.post(f"{here}/reopen", data={"reason": WHY})
        second = sign_in(paying.finance())
        assert "Confirm and reopen" in second.get(f"{here}/reopen").text

        second.post(f"{here}/reopen/confirm")

        story.session.expire_all()
        assert len(all_of(story.session, january)) == 2
        assert "Reopened on" in staff.get(here).text

    def test_it_says_why_it_cannot(
        self, story: Story, january: Period, staff: FlaskClient
    ) -> None:
        pay(story, 1_00)
        here = f"/admin/periods/{public_id('per', january.id)}/reopen"

        assert "was paid since" in staff.get(here).text
        assert staff.post(here, data={"reason": WHY}).status_code == 409


def pay(story: Story, minor: int) -> None:
    service.record(
        story.session,
        enrollment_id=story.enrollment.id,
        amount=Money(minor, "USD"),
        paid_on=date(2026, 2, 1),
        reference="SCT-1",
        form_id=new_id(),
        actor=paying.finance(),
        now=NOW,
    )


def confirm(session: Session, month: Period, actor: User) -> int:
    return service.confirm_reopening(
        session, locked(session, month), actor=actor, now=NOW
    )


def january_is_as_it_was(session: Session, month: Period) -> bool:
    found = locked(session, month)
    return found.status is PeriodStatus.CLOSED and len(all_of(session, month)) == 1


@pytest.mark.parametrize("locks", [True, False], ids=["as built", "without locks"])
def test_a_month_is_reopened_or_paid_and_never_both(
    committed: Engine, *, locks: bool
) -> None:
    """The control decides before the other one writes, as it would without locks."""
    with Session(committed) as session, session.begin():
        base_factory.bind(session)
        story = Story(session)
        close(session, a_month(story))
        enrollment_id, actor_id = story.enrollment.id, paying.finance().id
        [month_id] = session.scalars(
            select(Period.id).where(Period.program_id == story.version.program_id)
        )

    def reopens(session: Session, barrier: Barrier) -> None:
        actor = session.get_one(User, actor_id)
        month = queries.period(session, month_id, lock=True)
        if not locks:
            statements.require_reopenable(session, month)
            barrier.wait()
            barrier.wait()  # it is paid by now
            assert queries.paid_since(session, month)
            return
        barrier.wait()
        service.ask_to_reopen(
            session, month, reason=WHY, four_eyes=False, actor=actor, now=NOW
        )

    def pays(session: Session, barrier: Barrier) -> None:
        barrier.wait()
        service.record(
            session,
            enrollment_id=enrollment_id,
            amount=Money(120_00, "USD"),
            paid_on=date(2026, 2, 1),
            reference=f"SCT-{locks}",
            form_id=new_id(),
            actor=session.get_one(User, actor_id),
            now=NOW,
        )

    def work(number: int, barrier: Barrier) -> bool:
        with Session(committed) as session:
            try:
                with session.begin():
                    (reopens, pays)[number](session, barrier)
            except DomainError:
                return False
            finally:
                if number == 1 and not locks:
                    barrier.wait()
            return True

    done = at_once(work)

    with Session(committed) as session:
        assert sum(done) == (1 if locks else 2)
        member = enrollments.get(session, enrollment_id)
        owed = service.payable(
            session,
            partner_id=member.partner_id,
            program_id=member.program_id,
            currency="USD",
        )
        assert owed == Money(0, "USD")


def test_verify_finds_what_is_stated_twice(owner_session: Session) -> None:
    """Only with the walls off can a statement that was taken back stand again."""
    story = Story(owner_session)
    month = a_month(story)
    close(owner_session, month)
    ask(owner_session, month, paying.finance())
    close_again(owner_session, month)
    assert broken(owner_session) == []
    owner_session.execute(text("ALTER TABLE statement_lines DISABLE TRIGGER USER"))

    owner_session.execute(
        text("DELETE FROM statement_lines WHERE reverses_id IS NOT NULL")
    )

    [found] = [one for one in broken(owner_session) if one.invariant == "stated-once"]
    assert "stands on 2 statements" in found.problem
