"""A close that one person proposes and another confirms, by setting."""

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import select, text
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from portal.accounts.models import User
from portal.audit.models import AuditEvent
from portal.kit.errors import Invalid
from portal.statements import queries, service
from portal.statements.models import Period, PeriodStatus
from tests.commissions.story import Story
from tests.conftest import SignIn
from tests.factories.people import UserFactory
from tests.statements.books import a_month, a_period, approved, at, begin, close
from tests.statements.test_close import below_zero


@pytest.fixture
def story(session: Session) -> Story:
    return Story(session)


@pytest.fixture
def first() -> User:
    user: User = UserFactory.create(finance=True, name="Fina Nce")
    return user


@pytest.fixture
def second() -> User:
    user: User = UserFactory.create(finance=True)
    return user


def propose(period: Period, actor: User, notes: dict[str, str] | None = None) -> None:
    session = Session.object_session(period)
    assert session is not None
    service.propose_close(
        session,
        queries.period(session, period.id, lock=True),
        actor=actor,
        acknowledged=notes or {},
        now=period.ends_at,
    )


def confirm(period: Period, actor: User | None) -> None:
    session = Session.object_session(period)
    assert session is not None
    begin(session, period, actor=actor, four_eyes=True)


def actions(session: Session, period: Period) -> list[str]:
    return list(
        session.scalars(
            select(AuditEvent.action)
            .where(AuditEvent.subject_id == period.id)
            .order_by(AuditEvent.id)
        )
    )


class TestService:
    def test_two_people_close_with_the_notes_of_the_first(
        self, story: Story, first: User, second: User
    ) -> None:
        period = below_zero(story)

        propose(period, first, {"negative_balances": " one refund "})
        confirm(period, second)

        assert period.status is PeriodStatus.CLOSING
        assert period.acknowledged == {"negative_balances": "one refund"}
        assert (period.proposed_by_id, period.closed_by_id) == (first.id, second.id)
        assert actions(story.session, period) == [
            "period.close_proposed",
            "period.close_began",
        ]

    def test_nobody_confirms_alone(self, story: Story, first: User) -> None:
        period = a_month(story)

        with pytest.raises(service.NotProposed, match="needs two people"):
            confirm(period, first)
        propose(period, first)
        with pytest.raises(service.SecondPersonNeeded):
            confirm(period, first)
        with pytest.raises(service.SecondPersonNeeded):
            confirm(period, None)  # the command line is nobody

        assert period.status is PeriodStatus.OPEN

    def test_the_database_refuses_one_person_too(
        self, story: Story, first: User, second: User
    ) -> None:
        period = a_month(story)
        propose(period, first)
        confirm(period, second)
        story.session.flush()

        with pytest.raises(IntegrityError, match="two_people"):
            story.session.execute(
                text("UPDATE periods SET closed_by_id = proposed_by_id")
            )

    def test_what_changed_since_must_be_looked_at_again(
        self, story: Story, first: User, second: User
    ) -> None:
        period = a_month(story)
        propose(period, first)
        approved(story, 500)

        with pytest.raises(service.FiguresChanged):
            confirm(period, second)

    def test_a_warning_that_came_up_since_is_not_passed_over(
        self, story: Story, first: User, second: User
    ) -> None:
        period = a_month(story)
        propose(period, first)
        approved(story, 500, is_approved=False)

        with pytest.raises(service.WarningsUnanswered):
            confirm(period, second)

    def test_a_warning_needs_a_note_before_it_is_proposed(
        self, story: Story, first: User
    ) -> None:
        period = below_zero(story)

        with pytest.raises(service.WarningsUnanswered):
            propose(period, first)

    def test_it_is_proposed_once(self, story: Story, first: User, second: User) -> None:
        period = a_month(story)
        propose(period, first)

        with pytest.raises(service.AlreadyProposed):
            propose(period, second)
        confirm(period, second)
        with pytest.raises(service.AlreadyProposed):
            propose(period, second)

    def test_it_is_sent_back_with_a_reason_and_can_be_proposed_again(
        self, story: Story, first: User, second: User
    ) -> None:
        session, period = story.session, a_month(story)

        def send_back(reason: str) -> None:
            service.send_back(
                session, period, reason=reason, actor=second, now=period.ends_at
            )

        with pytest.raises(service.NotProposed):
            send_back("Too early.")
        propose(period, first)
        with pytest.raises(Invalid):
            send_back(" ")
        send_back("Hanbit's refund is missing.")
        propose(period, second)
        confirm(period, first)
        with pytest.raises(service.NotProposed):
            send_back("Too late.")

        assert actions(session, period)[1] == "period.close_sent_back"

    def test_without_the_setting_one_person_closes_what_was_proposed(
        self, story: Story, first: User
    ) -> None:
        period = a_month(story)
        propose(period, first)

        [statement] = close(story.session, period, actor=first)

        assert statement.closing_minor == 120_00


class TestPage:
    @pytest.fixture(autouse=True)
    def _two_people(self, app: Flask, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setitem(app.config, "FOUR_EYES_CLOSE", True)

    @staticmethod
    def url(period: Period) -> str:
        return f"/admin/periods/{period.public_id}"

    def test_from_the_proposal_to_the_close(
        self, story: Story, sign_in: SignIn, first: User, second: User
    ) -> None:
        period = below_zero(story)
        url = self.url(period)
        mine, theirs = sign_in(first), sign_in(second)
        form = {
            "confirmation": "2026-02",
            "known_negative_balances": "y",
            "note_negative_balances": "one refund",
        }

        asked = mine.get(url).text
        assert "Propose to close February 2026" in asked
        assert mine.post(f"{url}/close", data=form).status_code == 409
        assert mine.post(f"{url}/propose", data=form).status_code == 303
        waiting = mine.get(url).text
        assert "A second person confirms it; until then" in waiting
        assert "to confirm" not in waiting
        shown = theirs.get(url).text
        assert "by Fina Nce" in shown
        assert "one refund" in shown
        assert "Close proposed" in shown
        wrong = theirs.post(f"{url}/close", data={"confirmation": "2026-01"})
        assert wrong.status_code == 422
        done = theirs.post(f"{url}/close", data={"confirmation": "2026-02"})
        assert done.status_code == 303
        story.session.expire_all()
        assert period.status is PeriodStatus.CLOSING

    def test_a_proposal_is_sent_back_with_a_reason(
        self, story: Story, sign_in: SignIn, first: User, second: User
    ) -> None:
        period = a_month(story)
        url = self.url(period)
        propose(period, first)
        theirs = sign_in(second)

        empty = theirs.post(f"{url}/send-back", data={"reason": ""})
        sent = theirs.post(f"{url}/send-back", data={"reason": "Too early."})

        assert empty.status_code == 422
        assert "Say why, in a sentence." in empty.text
        assert sent.status_code == 303
        assert "Propose to close" in theirs.get(url).text

    def test_what_changed_since_is_said_and_takes_the_button_away(
        self, story: Story, sign_in: SignIn, first: User, second: User
    ) -> None:
        period = a_month(story)
        propose(period, first)
        approved(story, 500)

        page = sign_in(second).get(self.url(period)).text

        assert "something else by now" in page
        assert "to confirm" not in page

    def test_a_proposal_without_the_word_or_the_notes_is_refused(
        self, story: Story, sign_in: SignIn, first: User
    ) -> None:
        period = below_zero(story)
        client = sign_in(first)
        url = f"{self.url(period)}/propose"
        form = {"confirmation": "2026-02", "known_negative_balances": "y"}

        word = client.post(url, data={"confirmation": "x"})
        note = client.post(url, data=form)

        assert (word.status_code, note.status_code) == (422, 422)
        assert "Type 2026-02, exactly so." in word.text
        assert "Write a short note" in note.text


class TestAllDrafts:
    @pytest.fixture
    def staff(self, sign_in: SignIn, first: User) -> FlaskClient:
        return sign_in(first)

    def test_every_statement_is_listed_before_it_is_final(
        self, story: Story, staff: FlaskClient, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr("portal.statements.admin_views._ROWS", 2)
        for name, day in (("Alpha", 3), ("Beta", 4), ("Gamma", 5)):
            other = Story(story.session, story.version)
            other.enrollment.partner.name = name
            came = at(f"2026-01-0{day}")
            other.sale(other.credited(first_seen_at=came), came, day * 10_000)
            other.recompute()
        period = a_period(story.session, story.version.program_id, "2026-01")
        url = f"/admin/periods/{period.public_id}/preview"

        top = staff.get(url).text
        end = staff.get(f"{url}?from=2").text
        beyond = staff.get(f"{url}?from=999").text
        below = staff.get(f"{url}?from=-7").text
        found = staff.get(f"{url}?q=alph").text
        nothing = staff.get(f"{url}?q=zzz").text
        file = staff.get(f"{url}.csv").text

        assert "1 to 2 of 3" in top
        assert "Gamma" in top
        assert "Alpha" not in top
        assert "3 to 3 of 3" in end
        assert "Alpha" in end
        assert "3 to 3 of 3" in beyond
        assert "1 to 2 of 3" in below
        assert "1 to 1 of 1" in found
        assert "Nothing matches" in nothing
        assert file.splitlines()[1] == (
            "Gamma,0.00,100.00,0.00,0.00,0.00,0.00,0.00,0.00,0.00,100.00,USD"
        )

    def test_a_month_without_statements_says_so(
        self, story: Story, staff: FlaskClient
    ) -> None:
        period = a_period(story.session, story.version.program_id, "2026-01")

        page = staff.get(f"/admin/periods/{period.public_id}/preview").text

        assert "Nothing to state" in page
