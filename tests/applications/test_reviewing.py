"""What reviewers do besides deciding one application."""

from collections.abc import Callable
from contextlib import AbstractContextManager
from datetime import timedelta

import pytest
from flask.testing import FlaskClient
from sqlalchemy import select
from sqlalchemy.orm import Session

from portal.applications import review_queries, service
from portal.applications.models import Application, ApplicationStatus
from portal.applications.review_models import ApplicationComment, ApplicationLook
from portal.applications.review_queries import Scope
from portal.kit.clock import utc_now
from portal.programs.models import ProgramVersion
from portal.web.pagination import Cursor, Page, PageRequest
from tests.conftest import SignIn
from tests.factories.applications import (
    ANSWERS,
    ApplicationFactory,
    version_with_join,
)
from tests.factories.base_factory import NOW
from tests.factories.people import UserFactory

S = ApplicationStatus
QUEUE = "/admin/applications"


@pytest.fixture
def reviewer(session: Session, sign_in: SignIn) -> FlaskClient:
    del session
    user = UserFactory.create(reviewer=True, email="dana@vendor.example", name="Dana")
    return sign_in(user)


@pytest.fixture
def colleague(session: Session, sign_in: SignIn) -> FlaskClient:
    del session
    return sign_in(UserFactory.create(reviewer=True, name="Lee"))


def address(application: Application, verb: str = "") -> str:
    return f"{QUEUE}/{application.public_id}{verb and '/'}{verb}"


def clean(version: ProgramVersion | None = None, **values: object) -> Application:
    """An application whose checks find nothing."""
    n = str(values.pop("n", ""))
    given = {"version": version} if version else {}
    row: Application = ApplicationFactory.create(
        email=f"mina@clean{n}.example",
        answers=ANSWERS
        | {"company": f"Clean {n}", "website": f"https://clean{n}.example"},
        **given,
        **values,
    )
    return row


class TestNotes:
    def test_colleagues_read_comments_and_applicants_do_not(
        self, session: Session, reviewer: FlaskClient, colleague: FlaskClient
    ) -> None:
        application = ApplicationFactory.create()

        reviewer.post(
            address(application, "comment"), data={"comment-text": "Met at a fair"}
        )

        assert "Met at a fair" in colleague.get(address(application)).text
        assert session.scalars(select(ApplicationComment.text)).all() == [
            "Met at a fair"
        ]

    @pytest.mark.parametrize("text", ["", " ", "x" * 5001])
    def test_what_cannot_be_kept_stays_in_the_form(
        self, session: Session, reviewer: FlaskClient, text: str
    ) -> None:
        application = ApplicationFactory.create()

        page = reviewer.post(
            address(application, "comment"), data={"comment-text": text}
        )

        assert page.status_code == 422
        assert text.strip() in page.text
        assert session.scalars(select(ApplicationComment)).all() == []


class TestSnooze:
    def test_it_leaves_the_queue_and_comes_back(
        self, session: Session, reviewer: FlaskClient
    ) -> None:
        application = ApplicationFactory.create()
        company = application.company

        asleep = reviewer.post(
            address(application, "snooze"), data={"snooze-days": "3"}
        )

        assert asleep.location == QUEUE
        assert "comes back later" in reviewer.get(QUEUE).text
        assert company not in reviewer.get(QUEUE).text
        assert company in reviewer.get(f"{QUEUE}?state=snoozed").text
        assert "Snoozed until" in reviewer.get(address(application)).text
        reviewer.post(address(application, "wake"))
        assert company in reviewer.get(QUEUE).text
        session.refresh(application)
        assert application.snoozed_until is None

    def test_it_comes_back_by_itself(self, session: Session) -> None:
        user = UserFactory.create(reviewer=True)
        ApplicationFactory.create(snoozed_until=NOW)

        counts = review_queries.scope_counts(session, reviewer_id=user.id, now=NOW)

        assert (counts[Scope.AWAKE], counts[Scope.SNOOZED]) == (1, 0)

    @pytest.mark.parametrize("days", ["", "0", "2", "soon"])
    def test_only_for_as_long_as_is_offered(
        self, session: Session, reviewer: FlaskClient, days: str
    ) -> None:
        application = ApplicationFactory.create()

        page = reviewer.post(address(application, "snooze"), data={"snooze-days": days})

        assert page.status_code == 422
        session.refresh(application)
        assert application.snoozed_until is None

    def test_what_is_decided_does_not_sleep(self, reviewer: FlaskClient) -> None:
        application = ApplicationFactory.create(rejected=True)

        answer = reviewer.post(
            address(application, "snooze"), data={"snooze-days": "1"}
        )

        assert answer.status_code == 409


class TestTakingCare:
    def test_one_takes_it_and_leaves_it_again(
        self, session: Session, reviewer: FlaskClient, colleague: FlaskClient
    ) -> None:
        application = ApplicationFactory.create(waiting=True)

        reviewer.post(address(application, "take"))

        assert "Take over from Dana" in colleague.get(address(application)).text
        assert "Leave to others" in reviewer.get(address(application)).text
        reviewer.post(address(application, "release"))
        session.refresh(application)
        assert application.assigned_to_id is None

    def test_there_is_a_view_of_ones_own(self, reviewer: FlaskClient) -> None:
        mine = clean(n="mine")
        clean(n="others")
        reviewer.post(address(mine, "take"))

        page = reviewer.get(f"{QUEUE}?state=mine").text

        assert "Clean mine" in page
        assert "Clean others" not in page

    def test_one_learns_who_looks_and_begins_with_another(
        self, session: Session, reviewer: FlaskClient, colleague: FlaskClient
    ) -> None:
        first, second = clean(n="1", answer_by=NOW), clean(n="2")
        reviewer.get(QUEUE)
        second_name = second.company

        page = colleague.get(QUEUE).text

        assert f'<h2 id="h-app"><bdi>{second_name}' in page
        assert "Dana is looking at this." in colleague.get(address(first)).text
        look = session.scalars(
            select(ApplicationLook).where(ApplicationLook.application_id == first.id)
        ).first()
        assert look is not None
        look.looked_at = utc_now() - timedelta(minutes=5, seconds=1)
        session.flush()
        looks = review_queries.lookers(
            session, [first.id], besides=second.id, now=look.looked_at
        )
        assert looks
        later = look.looked_at + timedelta(minutes=5)
        names = review_queries.lookers(
            session, [first.id], besides=second.id, now=later
        )
        assert "Dana" not in names.values()


class TestReversing:
    @pytest.mark.parametrize("by_rule", [True, False])
    def test_a_rejection_of_a_person_or_a_rule_can_be_reversed(
        self, session: Session, reviewer: FlaskClient, *, by_rule: bool
    ) -> None:
        changes = {"decided_by": None} if by_rule else {}
        application = ApplicationFactory.create(rejected=True, **changes)

        reviewer.post(address(application, "reopen"))
        session.refresh(application)
        reopened = str(application.status)
        reviewer.post(address(application, "approve"))

        session.refresh(application)
        assert reopened == "submitted"
        assert application.status is S.APPROVED
        assert application.reason is None

    def test_not_while_it_can_be_undone_nor_anything_else(
        self, reviewer: FlaskClient
    ) -> None:
        held = ApplicationFactory.create(
            rejected=True, held_until=utc_now() + timedelta(hours=1)
        )
        approved = ApplicationFactory.create(approved=True)

        for application in (held, approved):
            answer = reviewer.post(address(application, "reopen"))
            assert answer.status_code == 409

    def test_not_beside_a_newer_one(
        self, session: Session, reviewer: FlaskClient
    ) -> None:
        old = ApplicationFactory.create(rejected=True)
        ApplicationFactory.create(version=old.version, email=old.email)

        answer = reviewer.post(address(old, "reopen"))

        assert answer.status_code == 409
        assert "newer application" in answer.text
        session.refresh(old)
        assert old.status is S.REJECTED


class TestSeveral:
    def test_those_without_warnings_are_approved_together(
        self, session: Session, reviewer: FlaskClient
    ) -> None:
        good = [clean(n=str(n)) for n in range(3)]
        doubtful = ApplicationFactory.create(email="x@gmail.com")
        preview = reviewer.get(f"{QUEUE}/several").text
        chosen = [row.public_id for row in good[:2]] + [doubtful.public_id, "app_x"]

        page = reviewer.post(
            f"{QUEUE}/several", data={"selected": chosen}, follow_redirects=True
        )

        assert preview.count('name="selected"') == 3
        assert "Its checks found something to look at" in preview
        assert "Approved 2 applications." in page.text
        assert "Left as they are" in page.text
        for row in (*good, doubtful):
            session.refresh(row)
        assert [row.status for row in good] == [S.APPROVED, S.APPROVED, S.SUBMITTED]
        assert doubtful.status is S.SUBMITTED

    def test_none_chosen_is_none_approved(self, reviewer: FlaskClient) -> None:
        page = reviewer.post(f"{QUEUE}/several", follow_redirects=True).text

        assert "Choose at least one application." in page
        assert "None can be approved without a look" in page

    def test_each_that_needs_a_person_is_left(self, session: Session) -> None:
        user = UserFactory.create(reviewer=True, email="dana@vendor.example")
        own = ApplicationFactory.create(
            email="mina@vendor.example",
            answers=ANSWERS | {"website": "https://vendor.example"},
        )
        staff = UserFactory.create(reviewer=True, email="rex@cleanstaff.example")
        rows = [
            own,
            clean(n="decided", rejected=True),
            clean(version_with_join(two_reviewers_from=0), n="two"),
            clean(n="staff"),
        ]
        rows[3].email = staff.email
        session.flush()

        approved, left = service.approve_several(
            session, [r.id for r in rows], reviewer=user, hold_seconds=30, now=NOW
        )

        assert approved == []
        assert {item.application.id: item.obstacle for item in left} == {
            rows[0].id: service.Obstacle.CONFLICT,
            rows[1].id: service.Obstacle.NOT_WAITING,
            rows[2].id: service.Obstacle.TWO_REVIEWERS,
            rows[3].id: service.Obstacle.REFUSED,
        }


class TestQueue:
    def test_the_page_with_warnings_costs_the_same_however_long(
        self,
        reviewer: FlaskClient,
        count_queries: Callable[[], AbstractContextManager[list[str]]],
    ) -> None:
        costs = []
        for path in ("", "/several"):
            for _ in range(2):
                ApplicationFactory.create_batch(4)
                with count_queries() as statements:
                    reviewer.get(QUEUE + path)
                costs.append(len(statements))

        assert costs[0] == costs[1]
        assert costs[2] == costs[3]

    def test_pages_run_by_what_is_due_and_meet(self, session: Session) -> None:
        version = ApplicationFactory.create(waiting=True).version
        rows = [
            ApplicationFactory.create(
                version=version, answer_by=NOW + timedelta(hours=n // 2)
            )
            for n in range(7)
        ]
        expected = sorted(rows, key=lambda row: (row.answer_by, row.id))

        def page(**asked: Cursor) -> Page[Application]:
            return review_queries.queue_page(
                session,
                S.SUBMITTED,
                review_queries.in_scope(Scope.EVERY, reviewer_id=version.id, now=NOW),
                PageRequest(size=3, **asked),
            )

        seen: list[Application] = []
        cursor = None
        while True:
            found = page(after=Cursor.decode(cursor)) if cursor else page()
            seen += found.items
            cursor = found.older
            if cursor is None:
                break
        assert seen == expected
        assert found.newer is not None
        back = page(before=Cursor.decode(found.newer))
        assert list(back.items) == expected[3:6]

    def test_the_export_runs_no_formula_and_keeps_to_its_view(
        self, reviewer: FlaskClient
    ) -> None:
        ApplicationFactory.create(answers=ANSWERS | {"company": "=HYPERLINK(1)"})
        ApplicationFactory.create(
            rejected=True, answers=ANSWERS | {"company": "Turned down"}
        )

        every = reviewer.get(f"{QUEUE}/export.csv").text
        one = reviewer.get(f"{QUEUE}/export.csv?state=rejected").text

        assert "'=HYPERLINK(1)" in every
        assert "Turned down" in every
        assert "HYPERLINK" not in one
        assert "not_a_fit" in one
