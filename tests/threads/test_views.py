"""The pages of questions, for partners and for finance."""

import pytest
from flask.testing import FlaskClient
from sqlalchemy import select
from sqlalchemy.orm import Session

from portal.accounts.permissions import Role
from portal.adjustments.models import Adjustment
from portal.kit.ids import public_id
from portal.statements.models import Statement
from portal.threads.models import Thread
from tests.commissions.story import Story
from tests.conftest import CountQueries, SignIn
from tests.factories.people import PartnerMemberFactory, UserFactory
from tests.statements.books import a_month, a_period, close
from tests.threads.asking import a_question

EVIL = "<script>alert(1)</script>"


@pytest.fixture
def story(session: Session) -> Story:
    return Story(session)


@pytest.fixture
def statement(story: Story) -> Statement:
    [statement] = close(story.session, a_month(story))
    return statement


@pytest.fixture
def owner(story: Story, sign_in: SignIn) -> FlaskClient:
    return sign_in(story.user())


@pytest.fixture
def staff(session: Session, sign_in: SignIn) -> FlaskClient:
    del session
    return sign_in(UserFactory.create(finance=True))


def asked(story: Story, statement: Statement) -> Thread:
    return a_question(story.session, statement, story.user())


def status_of(thread: Thread) -> str:
    session = Session.object_session(thread)
    assert session
    session.refresh(thread)
    return thread.status.value


def colleague(story: Story, sign_in: SignIn, role: Role) -> FlaskClient:
    user = UserFactory.create(role=role)
    PartnerMemberFactory.create(user=user, partner=story.enrollment.partner)
    return sign_in(user)


class TestForPartners:
    def test_a_line_of_a_statement_leads_to_its_question(
        self, statement: Statement, owner: FlaskClient, session: Session
    ) -> None:
        here = f"/app/statements/{statement.public_id}"
        line = f"{here}/lines/1/question"
        page = owner.get(here).text
        assert line in page
        assert f'{here}/question"' in page
        assert statement.lines[0].why in owner.get(line).text

        answer = owner.post(line, data={"text": f"Why? {EVIL}"})

        thread = session.scalars(select(Thread)).one()
        assert answer.location == f"/app/questions/{thread.public_id}"
        shown = owner.get(answer.location).text
        assert "&lt;script&gt;" in shown
        assert EVIL not in shown
        assert owner.get(line).location == answer.location  # it goes on there

    def test_a_commission_leads_to_the_line_that_states_it(
        self, statement: Statement, owner: FlaskClient
    ) -> None:
        here = f"/app/earnings/{statement.lines[0].commission_public_id}"
        assert f"{here}/question" in owner.get(here).text

        answer = owner.get(f"{here}/question")

        assert answer.location.endswith(f"{statement.public_id}/lines/1/question")

    def test_a_commission_on_no_statement_cannot_be_asked_about(
        self, story: Story, owner: FlaskClient
    ) -> None:
        a_month(story)
        [line] = story.lines()
        here = f"/app/earnings/{line.public_id}"

        assert f"{here}/question" not in owner.get(here).text
        assert owner.get(f"{here}/question").status_code == 404

    def test_an_empty_message_is_not_sent(
        self, story: Story, statement: Statement, owner: FlaskClient, session: Session
    ) -> None:
        here = f"/app/statements/{statement.public_id}/question"

        assert "Write a sentence" in owner.post(here, data={"text": " "}).text
        assert owner.post(here, data={"text": "x" * 2_001}).status_code == 422
        assert session.scalars(select(Thread)).all() == []
        thread = asked(story, statement)
        answer = owner.post(f"/app/questions/{thread.public_id}", data={"text": ""})
        assert answer.status_code == 422

    def test_they_write_on_and_settle_it(
        self, story: Story, statement: Statement, owner: FlaskClient
    ) -> None:
        thread = asked(story, statement)
        here = f"/app/questions/{thread.public_id}"

        owner.post(here, data={"text": "And the refund?"})
        assert "And the refund?" in owner.get(here).text
        owner.post(f"{here}/resolve")

        page = owner.get(here).text
        assert "Writing opens it again" in page
        assert "It is settled" not in page
        assert owner.post(f"{here}/resolve").status_code == 409

    def test_the_list_is_empty_first_and_then_not(
        self, story: Story, statement: Statement, owner: FlaskClient
    ) -> None:
        assert "No question yet" in owner.get("/app/questions").text
        thread = asked(story, statement)
        a_question(story.session, statement, story.user(), position=None)

        page = owner.get("/app/questions").text

        assert thread.public_id in page
        assert "The whole statement" in page

    def test_who_only_reads_may_read_it(
        self, story: Story, statement: Statement, sign_in: SignIn
    ) -> None:
        thread = asked(story, statement)
        viewer = colleague(story, sign_in, Role.PARTNER_VIEWER)

        page = viewer.get(f"/app/questions/{thread.public_id}").text

        assert "looks after money can write" in page
        assert (
            "lines/1/question"
            not in viewer.get(f"/app/statements/{statement.public_id}").text
        )

    def test_other_partners_find_nothing(
        self, story: Story, statement: Statement, sign_in: SignIn
    ) -> None:
        thread = asked(story, statement)
        stranger = sign_in(Story(story.session).user())
        commission = statement.lines[0].commission_public_id

        for path in (
            f"/app/questions/{thread.public_id}",
            f"/app/statements/{statement.public_id}/question",
            f"/app/statements/{statement.public_id}/lines/1/question",
            f"/app/earnings/{commission}/question",
        ):
            assert stranger.get(path).status_code == 404
        for path in (
            f"/app/questions/{thread.public_id}",
            f"/app/questions/{thread.public_id}/resolve",
            f"/app/statements/{statement.public_id}/question",
        ):
            assert stranger.post(path, data={"text": "Mine?"}).status_code == 404
        assert thread.public_id not in stranger.get("/app/questions").text


class TestForStaff:
    def test_what_waits_is_in_the_inbox_and_on_the_list(
        self, story: Story, statement: Statement, staff: FlaskClient
    ) -> None:
        assert "No question waits" in staff.get("/admin/questions").text
        thread = asked(story, statement)

        for path in ("/admin", "/admin/questions", "/admin/questions?state=all"):
            assert thread.public_id in staff.get(path).text
        page = staff.get("/admin/questions?state=resolved").text
        assert "None in this state" in page

    def test_many_are_one_line_in_the_inbox(
        self, story: Story, statement: Statement, staff: FlaskClient
    ) -> None:
        session, program_id = story.session, story.version.program_id
        asked(story, statement)
        for month in range(2, 12):
            [later] = close(session, a_period(session, program_id, f"2026-{month:02}"))
            a_question(session, later, story.user(), position=None)

        assert "1 more question" in staff.get("/admin").text

    def test_they_answer_and_resolve(
        self, story: Story, statement: Statement, staff: FlaskClient
    ) -> None:
        thread = asked(story, statement)
        here = f"/admin/questions/{thread.public_id}"
        assert "No adjustment so far" in staff.get(here).text
        assert staff.post(here, data={"text": ""}).status_code == 422

        staff.post(here, data={"text": "It is the refund."})
        assert status_of(thread) == "answered"
        staff.post(here, data={"text": "So it is right.", "then": "resolve"})
        assert status_of(thread) == "resolved"

        assert "It opens again" in staff.get(here).text
        assert staff.post(f"{here}/resolve").status_code == 409

    def test_they_resolve_without_a_word(
        self, story: Story, statement: Statement, staff: FlaskClient
    ) -> None:
        thread = asked(story, statement)

        staff.post(f"/admin/questions/{thread.public_id}/resolve")

        assert status_of(thread) == "resolved"

    def test_the_auditor_reads_and_cannot_answer(
        self, story: Story, statement: Statement, sign_in: SignIn
    ) -> None:
        thread = asked(story, statement)
        auditor = sign_in(UserFactory.create(role=Role.AUDITOR))

        page = auditor.get(f"/admin/questions/{thread.public_id}").text

        assert "Somebody of finance answers it." in page
        assert "Propose an adjustment" not in page

    def test_an_answer_becomes_an_adjustment_that_the_partner_sees(
        self,
        story: Story,
        statement: Statement,
        staff: FlaskClient,
        owner: FlaskClient,
        sign_in: SignIn,
    ) -> None:
        thread = asked(story, statement)
        partner = public_id("prt", statement.partner_id)
        enrollment = public_id("enr", statement.enrollment_id)
        form = f"/admin/partners/{partner}/programs/{enrollment}/adjustments/new"
        link = f"{form}?thread={thread.public_id}"
        assert link in staff.get(f"/admin/questions/{thread.public_id}").text
        assert thread.public_id in staff.get(link).text

        filled = {
            "direction": "credit",
            "amount": "25.00",
            "reason": "correction",
            "note": "The rate was wrong.",
            "thread": thread.public_id,
        }
        assert staff.post(form, data=filled | {"amount": ""}).status_code == 422
        staff.post(form, data=filled)

        adjustment = story.session.scalars(select(Adjustment)).one()
        here = f"/admin/adjustments/{adjustment.public_id}"
        assert thread.public_id in staff.get(here).text
        mine = f"/app/questions/{thread.public_id}"
        assert "The rate was wrong." not in owner.get(mine).text
        sign_in(UserFactory.create(admin=True)).post(f"{here}/approve")
        assert "It is going to be on your next statement." in owner.get(mine).text
        story.session.expire_all()
        program_id = story.version.program_id
        [following] = close(
            story.session,
            a_period(story.session, program_id, "2026-12"),
        )
        assert following.number in owner.get(mine).text
        page = staff.get(f"/admin/questions/{thread.public_id}").text
        assert following.number in page

    @pytest.mark.parametrize("named", ["thr_nonsense", "thr_" + "0" * 26])
    def test_a_question_that_is_not_there_adjusts_nothing(
        self, story: Story, staff: FlaskClient, named: str
    ) -> None:
        partner = public_id("prt", story.enrollment.partner_id)
        enrollment = public_id("enr", story.enrollment.id)
        form = f"/admin/partners/{partner}/programs/{enrollment}/adjustments/new"

        assert staff.get(f"{form}?thread={named}").status_code == 404
        assert staff.post(form, data={"thread": named}).status_code == 404

    def test_the_list_reads_each_table_once(
        self,
        story: Story,
        statement: Statement,
        staff: FlaskClient,
        count_queries: CountQueries,
    ) -> None:
        asked(story, statement)
        with count_queries() as one:
            staff.get("/admin/questions")
        a_question(story.session, statement, story.user(), position=None)
        with count_queries() as two:
            staff.get("/admin/questions")

        assert len(two) == len(one)
