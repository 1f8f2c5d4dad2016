"""What partners ask about statements, from the question to the next statement."""

from datetime import datetime, timedelta
from itertools import product
from threading import Barrier

import pytest
from flask import Flask
from sqlalchemy import Engine, select, text
from sqlalchemy.exc import DBAPIError, IntegrityError
from sqlalchemy.orm import Session

from portal.accounts.models import User
from portal.accounts.permissions import Role
from portal.adjustments import service as adjustments
from portal.adjustments.models import Adjustment
from portal.adjustments.rules import AdjustmentReason
from portal.audit.models import AuditEvent
from portal.kit.ids import new_id
from portal.kit.money import Money
from portal.mail.models import OutboxEmail
from portal.mail.rendering import Rendered, render
from portal.statements import queries as statements
from portal.statements.models import Statement
from portal.threads import queries, service
from portal.threads.models import (
    ONE_OPEN_THREAD,
    TRANSITIONS,
    Thread,
    ThreadMessage,
    ThreadStatus,
    ThreadTransition,
)
from tests.commissions.story import Story
from tests.committed import at_once, committed, without_index
from tests.factories import base_factory
from tests.factories.base_factory import NOW
from tests.factories.people import PartnerMemberFactory, UserFactory
from tests.payouts.paying import broken
from tests.statements.books import a_month, a_period, at, close
from tests.threads.asking import QUESTION, a_question

__all__ = ["committed"]
LATER = NOW + timedelta(hours=2)


@pytest.fixture
def story(session: Session) -> Story:
    return Story(session)


@pytest.fixture
def statement(story: Story) -> Statement:
    [statement] = close(story.session, a_month(story))
    return statement


@pytest.fixture
def asker(story: Story) -> User:
    return story.user()


@pytest.fixture
def finance(session: Session) -> User:
    del session
    user: User = UserFactory.create(finance=True)
    return user


def answer(thread: Thread, finance: User, *, resolves: bool = False) -> None:
    session = Session.object_session(thread)
    assert session
    service.answer(
        session,
        queries.get(session, thread.id, lock=True),
        text="The refund of the 20th is taken off.",
        resolves=resolves,
        form_id=new_id(),
        actor=finance,
        now=LATER,
    )
    session.flush()


def reply(thread: Thread, asker: User) -> None:
    session = Session.object_session(thread)
    assert session
    service.reply(
        session,
        queries.get(session, thread.id, lock=True),
        text="And the one before?",
        form_id=new_id(),
        actor=asker,
        now=LATER,
    )
    session.flush()


def status_of(thread: Thread) -> tuple[str, datetime | None]:
    return thread.status.value, thread.resolved_at


def mails(session: Session, template: str) -> list[OutboxEmail]:
    return list(
        session.scalars(
            select(OutboxEmail)
            .where(OutboxEmail.template == f"threads/{template}")
            .order_by(OutboxEmail.to)
        )
    )


def written(app: Flask, email: OutboxEmail) -> Rendered:
    with app.app_context():
        return render(email.template, email.context, "en")


class TestTalking:
    def test_a_question_goes_to_finance_by_mail(
        self,
        app: Flask,
        statement: Statement,
        asker: User,
        finance: User,
        session: Session,
    ) -> None:
        UserFactory.create(finance=True, is_active=False)
        thread = a_question(session, statement, asker)

        [email] = mails(session, "asked")
        told = written(app, email)
        assert email.to == finance.email
        assert statement.number in told.subject
        assert "We expected 25 %." in told.text
        assert f"/admin/questions/{thread.public_id}" in told.text
        assert statement.lines[0].what in told.html
        assert queries.waiting(session, 10) == ([thread], 1)

    def test_without_finance_the_admins_get_it(
        self, statement: Statement, asker: User, session: Session
    ) -> None:
        admin = UserFactory.create(admin=True)
        UserFactory.create(role=Role.REVIEWER)
        a_question(session, statement, asker)

        assert [email.to for email in mails(session, "asked")] == [admin.email]

    def test_the_answer_goes_to_who_looks_after_money(
        self,
        app: Flask,
        story: Story,
        statement: Statement,
        asker: User,
        finance: User,
    ) -> None:
        viewer = UserFactory.create(role=Role.PARTNER_VIEWER)
        PartnerMemberFactory.create(user=viewer, partner=story.enrollment.partner)
        thread = a_question(story.session, statement, asker, position=None)

        answer(thread, finance)

        [email] = mails(story.session, "answered")
        told = written(app, email)
        assert email.to == asker.email
        assert "The refund of the 20th is taken off." in told.html
        assert f"/app/questions/{thread.public_id}" in told.text
        assert "Line" not in told.text  # it is about the whole statement
        assert thread.status is ThreadStatus.ANSWERED
        assert queries.waiting(story.session, 10) == ([], 0)

    def test_writing_on_makes_it_wait_again(
        self, statement: Statement, asker: User, finance: User, session: Session
    ) -> None:
        thread = a_question(session, statement, asker)
        reply(thread, asker)
        answer(thread, finance)
        answer(thread, finance)
        reply(thread, asker)

        assert thread.status is ThreadStatus.OPEN
        assert thread.spoke_at == LATER
        seen = queries.get(session, thread.id, lock=True)
        assert [row.from_staff for row in seen.messages] == [
            False, False, True, True, False,
        ]  # fmt: skip
        assert seen.messages[0].text == QUESTION

    def test_an_answer_can_resolve_it_and_a_reply_opens_it(
        self, statement: Statement, asker: User, finance: User, session: Session
    ) -> None:
        thread = a_question(session, statement, asker)

        answer(thread, finance, resolves=True)

        assert thread.status is ThreadStatus.RESOLVED
        assert thread.resolved_by_id == finance.id
        with pytest.raises(ThreadTransition, match="resolved already"):
            answer(thread, finance)
        with pytest.raises(ThreadTransition):
            answer(thread, finance, resolves=True)
        reply(thread, asker)
        assert status_of(thread) == ("open", None)

    def test_the_partner_says_that_it_is_settled(
        self, statement: Statement, asker: User, session: Session
    ) -> None:
        thread = a_question(session, statement, asker)

        service.resolve(session, thread, actor=asker, now=LATER)

        assert thread.resolved_by_id == asker.id
        events = select(AuditEvent.action).where(AuditEvent.subject_id == thread.id)
        assert set(session.scalars(events)) == {"thread.asked", "thread.resolved"}

    @pytest.mark.parametrize(("before", "after"), list(product(ThreadStatus, repeat=2)))
    def test_only_listed_moves_are_made(
        self, before: ThreadStatus, after: ThreadStatus
    ) -> None:
        thread = Thread(status=before)

        if after in TRANSITIONS[before]:
            thread.move_to(after, now=NOW)
            assert thread.status is after
        else:
            with pytest.raises(ThreadTransition):
                thread.move_to(after, now=NOW)


class TestOnce:
    def test_a_form_sent_twice_asks_once(
        self, statement: Statement, asker: User, session: Session
    ) -> None:
        form_id = new_id()
        for _ in range(2):
            thread = service.ask(
                session,
                statement,
                position=1,
                text=QUESTION,
                form_id=form_id,
                actor=asker,
                now=NOW,
            )
        for _ in range(2):
            service.reply(
                session, thread, text="Well?", form_id=form_id, actor=asker, now=NOW
            )
            service.answer(
                session,
                thread,
                text="Well?",
                resolves=True,
                form_id=form_id,
                actor=asker,
                now=NOW,
            )

        assert len(session.scalars(select(Thread)).all()) == 1
        assert len(session.scalars(select(ThreadMessage)).all()) == 1

    def test_a_line_has_one_question_at_a_time(
        self, statement: Statement, asker: User, session: Session
    ) -> None:
        thread = a_question(session, statement, asker)
        a_question(session, statement, asker, position=None)

        for position in (1, None):
            with pytest.raises(service.AlreadyAsked, match="write there"):
                a_question(session, statement, asker, position=position)
        service.resolve(session, thread, actor=asker, now=LATER)
        session.flush()

        assert a_question(session, statement, asker).status is ThreadStatus.OPEN

    def test_a_line_that_is_not_there_cannot_be_asked_about(
        self, statement: Statement, asker: User, session: Session
    ) -> None:
        with pytest.raises(queries.NoSuchLine):
            a_question(session, statement, asker, position=2)
        with pytest.raises(IntegrityError, match="fk_threads_line"):
            session.execute(
                text(
                    "INSERT INTO threads (id, statement_id, position, form_id, status,"
                    " asked_at, spoke_at) VALUES (gen_random_uuid(), :statement, 2,"
                    " gen_random_uuid(), 'open', now(), now())"
                ),
                {"statement": statement.id},
            )

    def test_many_questions_at_a_time_are_refused(
        self, story: Story, asker: User, session: Session
    ) -> None:
        customer = story.credited(first_seen_at=at("2026-01-02"))
        for _ in range(service.MOST_OPEN):
            story.sale(customer, at("2026-01-10"), 60_000)
        [statement] = close(session, a_month(story))
        for line in statement.lines[:-1]:
            thread = a_question(session, statement, asker, position=line.position)

        with pytest.raises(service.TooManyOpen, match="20 of your questions"):
            a_question(session, statement, asker, position=None)
        service.resolve(session, thread, actor=asker, now=LATER)

        assert a_question(session, statement, asker, position=None).id != thread.id

    def test_another_broken_rule_of_the_table_is_not_hidden(
        self, statement: Statement, asker: User, session: Session
    ) -> None:
        nowhere = Statement(id=new_id(), partner_id=statement.partner_id)

        with pytest.raises(IntegrityError, match="fk_threads_statement_id"):
            a_question(session, nowhere, asker, position=None)

    def test_messages_are_never_changed(
        self, statement: Statement, asker: User, session: Session
    ) -> None:
        a_question(session, statement, asker)

        with pytest.raises(DBAPIError, match="permission denied"):
            session.execute(text("UPDATE thread_messages SET text = 'x'"))

    @pytest.mark.parametrize("gone", [False, True], ids=["as built", "wall gone"])
    def test_two_who_ask_at_once_ask_once(
        self, committed: Engine, *, gone: bool
    ) -> None:
        """Without the index there would be two threads: the lock alone cannot tell."""
        with Session(committed) as session, session.begin():
            base_factory.bind(session)
            story = Story(session)
            [statement] = close(session, a_month(story))
            statement_id, asker_id = statement.id, story.user().id

        def work(number: int, barrier: Barrier) -> bool:
            del number
            with Session(committed) as session:
                barrier.wait()
                try:
                    with session.begin():
                        a_question(
                            session,
                            statements.get(session, statement_id).statement,
                            session.get_one(User, asker_id),
                        )
                except service.AlreadyAsked:
                    return False
                return True

        with without_index(committed, ONE_OPEN_THREAD, gone=gone):
            asked = at_once(work)
            with Session(committed) as session, session.begin():
                session.execute(
                    text(
                        "UPDATE threads SET status = 'resolved', resolved_at = now(),"
                        " resolved_by_id = :who"
                    ),
                    {"who": asker_id},
                )

        assert sum(asked) == (2 if gone else 1)


class TestAdjusting:
    def adjust(self, story: Story, finance: User, minor: int = 25_00) -> Adjustment:
        return adjustments.propose(
            story.session,
            story.enrollment,
            amount=Money(minor, "USD"),
            reason=AdjustmentReason.CORRECTION,
            note="The rate of the 12th was wrong.",
            form_id=new_id(),
            actor=finance,
            now=LATER,
        )

    def test_the_answer_becomes_a_line_on_the_next_statement(
        self,
        app: Flask,
        story: Story,
        statement: Statement,
        asker: User,
        finance: User,
    ) -> None:
        session = story.session
        thread = a_question(session, statement, asker)
        adjustment = self.adjust(story, finance)
        for _ in range(2):
            service.link(session, thread, adjustment, actor=finance, now=LATER)
        service.tell_adjusted(session, adjustment, now=LATER)  # nobody: proposed only
        [proposed] = queries.changes(session, thread.id)
        assert not proposed.is_told
        assert mails(session, "adjusted") == []

        adjustments.approve(
            session,
            adjustment,
            note="",
            actor=UserFactory.create(admin=True),
            now=at("2026-02-03"),
        )
        service.tell_adjusted(session, adjustment, now=at("2026-02-03"))
        [email] = mails(session, "adjusted")
        assert "$25.00" in written(app, email).subject
        program_id = story.version.program_id
        [following] = close(session, a_period(session, program_id, "2026-02"))

        [change] = queries.changes(session, thread.id)
        assert change.is_told
        assert change.statement == following
        assert following.adjustments_minor == 25_00
        assert queries.behind(session, adjustment.id) == thread
        assert broken(session, LATER) == []

    def test_an_adjustment_without_a_question_tells_nobody(
        self, story: Story, finance: User
    ) -> None:
        adjustment = self.adjust(story, finance)
        admin = UserFactory.create(admin=True)
        adjustments.approve(story.session, adjustment, note="", actor=admin, now=LATER)

        service.tell_adjusted(story.session, adjustment, now=LATER)

        assert queries.behind(story.session, adjustment.id) is None
        assert mails(story.session, "adjusted") == []

    def test_another_balance_cannot_be_adjusted_for_it(
        self, story: Story, statement: Statement, asker: User, finance: User
    ) -> None:
        thread = a_question(story.session, statement, asker)
        elsewhere = self.adjust(Story(story.session), finance)

        with pytest.raises(service.OtherPartner):
            service.link(story.session, thread, elsewhere, actor=finance, now=LATER)
