from collections.abc import Callable
from contextlib import AbstractContextManager
from datetime import timedelta

import pytest
from flask.testing import FlaskClient
from sqlalchemy import select
from sqlalchemy.orm import Session

from portal.accounts.models import User
from portal.accounts.permissions import Role
from portal.applications.models import Application, ApplicationStatus
from portal.kit.clock import utc_now
from portal.kit.ids import new_id, public_id
from portal.mail.models import OutboxEmail
from tests.factories.applications import (
    ANSWERS,
    ApplicationFactory,
    ApplicationMessageFactory,
    version_with_join,
)
from tests.factories.people import UserFactory

SignIn = Callable[[User], FlaskClient]
S = ApplicationStatus


@pytest.fixture
def reviewer(session: Session, sign_in: SignIn) -> FlaskClient:
    del session
    user = UserFactory.create(reviewer=True, email="dana@vendor.example", name="Dana")
    return sign_in(user)


def address(application: Application, verb: str = "") -> str:
    return f"/admin/applications/{application.public_id}{verb}"


class TestQueue:
    def test_the_one_due_first_is_open(self, reviewer: FlaskClient) -> None:
        now = utc_now()
        ApplicationFactory.create(
            answers=ANSWERS | {"company": "Later Ltd"},
            answer_by=now + timedelta(days=3),
        )
        ApplicationFactory.create(
            answers=ANSWERS | {"company": "Sooner Ltd"},
            answer_by=now + timedelta(hours=3),
        )
        ApplicationFactory.create(
            answers=ANSWERS | {"company": "Late Ltd"}, answer_by=now
        )

        page = reviewer.get("/admin/applications").text

        assert page.index("Late Ltd") < page.index("Sooner Ltd")
        assert page.index("Sooner Ltd") < page.index("Later Ltd")
        for text in ("Overdue", "Due soon", "1 of 3", 'data-key="j"', 'data-key="a"'):
            assert text in page
        assert 'data-key="k"' not in page

    @pytest.mark.parametrize(
        ("state", "shown"),
        [
            ("review", {"submitted"}),
            ("waiting", {"info_requested"}),
            ("approved", {"approved"}),
            ("rejected", {"rejected"}),
            ("all", {s.value for s in S} - {"draft"}),
        ],
    )
    def test_each_chip_shows_its_own(
        self, reviewer: FlaskClient, state: str, shown: set[str]
    ) -> None:
        for trait in ("waiting", "approved", "rejected", "withdrawn", "draft"):
            status = {"waiting": "info_requested"}.get(trait, trait)
            ApplicationFactory.create(
                **{trait: True}, answers=ANSWERS | {"company": f"Co {status}"}
            )
        ApplicationFactory.create(answers=ANSWERS | {"company": "Co submitted"})

        page = reviewer.get(f"/admin/applications?state={state}").text

        assert {s.value for s in S if f"Co {s.value}" in page} == shown

    def test_an_empty_queue_says_so(self, reviewer: FlaskClient) -> None:
        assert "Nothing waits here" in reviewer.get("/admin/applications").text
        response = reviewer.get("/admin/applications?state=nonsense")
        assert response.location == "/admin/applications"

    @pytest.mark.parametrize("state", ["review", "all"])
    def test_it_costs_the_same_however_long_it_is(
        self,
        reviewer: FlaskClient,
        count_queries: Callable[[], AbstractContextManager[list[str]]],
        state: str,
    ) -> None:
        costs = []
        for _ in range(2):
            ApplicationFactory.create_batch(4)
            with count_queries() as statements:
                reviewer.get(f"/admin/applications?state={state}")
            costs.append(len(statements))

        assert costs[0] == costs[1]

    def test_long_lists_have_pages(self, reviewer: FlaskClient) -> None:
        version = ApplicationFactory.create(rejected=True).version
        ApplicationFactory.create_batch(30, rejected=True, version=version)

        page = reviewer.get("/admin/applications?state=rejected").text

        assert "25 shown" in page
        assert "after=" in page

    @pytest.mark.parametrize("role", [r for r in Role if not r.is_staff])
    def test_partners_have_no_business_here(
        self, session: Session, sign_in: SignIn, role: Role
    ) -> None:
        del session
        application = ApplicationFactory.create()
        client = sign_in(UserFactory.create(role=role))

        assert client.get("/admin/applications").status_code == 403
        assert client.get(address(application)).status_code == 403
        for verb in ("/approve", "/reject", "/ask", "/undo"):
            assert client.post(address(application, verb)).status_code == 403

    def test_an_auditor_reads_but_does_not_decide(
        self, session: Session, sign_in: SignIn
    ) -> None:
        del session
        application = ApplicationFactory.create()
        client = sign_in(UserFactory.create(auditor=True))

        page = client.get(address(application))

        assert page.status_code == 200
        assert 'data-key="a"' not in page.text
        assert client.post(address(application, "/approve")).status_code == 403


class TestApplication:
    def test_the_reviewer_sees_what_there_is_to_know(
        self, reviewer: FlaskClient
    ) -> None:
        application = ApplicationFactory.create(
            email="mina@hanbit.example",
            version=version_with_join(countries=["DE"]),
            answers=ANSWERS | {"company": "<script>alert(1)</script>", "phone": ""},
        )
        earlier = ApplicationFactory.create(rejected=True, email="mina@hanbit.example")
        ApplicationMessageFactory.create(application=application, author__name="Dana")

        page = reviewer.get(address(application)).text

        for text in (
            "&lt;script&gt;alert(1)&lt;/script&gt;",
            "South Korea",
            "Selling software, Training",
            "The e-mail address belongs to the website",
            "The country is not served by this program",
            earlier.reference,
            "Which of your clients",
            "Not given",
        ):
            assert text in page
        assert "<script>alert" not in page

    def test_a_decided_one_shows_who_and_when(self, reviewer: FlaskClient) -> None:
        application = ApplicationFactory.create(
            rejected=True, decided_by__name="Lee", decision_note="Try in May."
        )

        page = reviewer.get(address(application)).text

        for text in ("Lee", "Mar 1, 2026", "Not a fit for the program", "Try in May."):
            assert text in page
        assert 'data-key="r"' not in page

    def test_an_unknown_one_is_not_found(self, reviewer: FlaskClient) -> None:
        url = f"/admin/applications/{public_id('app', new_id())}"

        assert reviewer.get(url).status_code == 404
        assert reviewer.get("/admin/applications/app_x").status_code == 404


class TestDeciding:
    def test_approve_then_undo(self, session: Session, reviewer: FlaskClient) -> None:
        application = ApplicationFactory.create()

        approved = reviewer.post(
            address(application, "/approve"), follow_redirects=True
        )

        session.refresh(application)
        assert application.status is S.APPROVED
        assert "Approved Hanbit Digital." in approved.text
        assert address(application, "/undo") in approved.text
        held = reviewer.get(address(application)).text
        assert "nobody outside knows of it" in held
        undone = reviewer.post(address(application, "/undo"), follow_redirects=True)
        assert "Undone." in undone.text
        session.refresh(application)
        assert str(application.status) == "submitted"

    def test_a_double_click_is_harmless(
        self, session: Session, reviewer: FlaskClient
    ) -> None:
        application = ApplicationFactory.create()

        answers = [reviewer.post(address(application, "/approve")) for _ in range(2)]

        assert [a.status_code for a in answers] == [303, 303]
        session.refresh(application)
        assert application.status is S.APPROVED

    def test_the_second_reviewer_gets_a_conflict(
        self, session: Session, reviewer: FlaskClient, sign_in: SignIn
    ) -> None:
        application = ApplicationFactory.create()
        reviewer.post(address(application, "/approve"))
        other = sign_in(UserFactory.create(reviewer=True))

        response = other.post(
            address(application, "/reject"), data={"reject-reason": "full"}
        )

        assert response.status_code == 409
        assert "Dana has approved this application" in response.text
        session.refresh(application)
        assert application.status is S.APPROVED

    def test_reject_with_a_reason_and_own_words(
        self, session: Session, reviewer: FlaskClient
    ) -> None:
        application = ApplicationFactory.create()

        response = reviewer.post(
            address(application, "/reject"),
            data={"reject-reason": "full", "reject-text": " Try in May.\r\nPlease. "},
        )

        assert response.location == "/admin/applications"
        session.refresh(application)
        assert application.decision_note == "Try in May.\nPlease."
        mail = session.scalars(select(OutboxEmail)).one()
        assert mail.hold_until == application.held_until

    @pytest.mark.parametrize("reason", ["", "because"])
    def test_a_rejection_needs_one_of_our_reasons(
        self, session: Session, reviewer: FlaskClient, reason: str
    ) -> None:
        application = ApplicationFactory.create()

        page = reviewer.post(
            address(application, "/reject"),
            data={"reject-reason": reason, "reject-text": "Typed words"},
        )

        assert page.status_code == 422
        assert "Typed words" in page.text
        assert "There is a problem" in page.text
        session.refresh(application)
        assert application.status is S.SUBMITTED

    def test_a_note_that_is_too_long_changes_nothing(
        self, session: Session, reviewer: FlaskClient
    ) -> None:
        application = ApplicationFactory.create()

        page = reviewer.post(
            address(application, "/approve"), data={"approve-text": "x" * 5001}
        )

        assert page.status_code == 422
        session.refresh(application)
        assert application.status is S.SUBMITTED

    def test_ask_for_more(self, session: Session, reviewer: FlaskClient) -> None:
        application = ApplicationFactory.create()

        empty = reviewer.post(address(application, "/ask"), data={"ask-text": ""})
        asked = reviewer.post(
            address(application, "/ask"),
            data={"ask-text": "Which ones?"},
            follow_redirects=True,
        )

        assert empty.status_code == 422
        assert "Write what you want to know." in empty.text
        assert "Your question to Hanbit Digital is sent." in asked.text
        session.refresh(application)
        assert application.status is S.INFO_REQUESTED

    def test_too_late_to_undo(self, session: Session, reviewer: FlaskClient) -> None:
        application = ApplicationFactory.create(approved=True)

        response = reviewer.post(address(application, "/undo"))

        assert response.status_code == 409
        session.refresh(application)
        assert application.status is S.APPROVED

    def test_nobody_decides_for_their_own_company(
        self, session: Session, reviewer: FlaskClient
    ) -> None:
        application = ApplicationFactory.create(email="mina@vendor.example")

        response = reviewer.post(address(application, "/approve"))

        assert response.status_code == 403
        session.refresh(application)
        assert application.status is S.SUBMITTED

    def test_approving_again_long_after_offers_no_undo(
        self, session: Session, sign_in: SignIn
    ) -> None:
        del session
        dana = UserFactory.create(reviewer=True, email="dana@vendor.example")
        application = ApplicationFactory.create(approved=True, decided_by=dana)

        page = sign_in(dana).post(
            address(application, "/approve"), follow_redirects=True
        )

        assert "Approved Hanbit Digital." in page.text
        assert "/undo" not in page.text
