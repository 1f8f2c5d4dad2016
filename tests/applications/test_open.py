"""Programs that take in everybody who asks."""

from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient
from pydantic import ValidationError
from sqlalchemy import select
from sqlalchemy.orm import Session

from portal.applications import service, tasks
from portal.applications.models import Application, ApplicationStatus
from portal.audit.models import AuditEvent
from portal.enrollments import queries as enrollments
from portal.enrollments.models import Enrollment
from portal.kit.clock import utc_now
from portal.mail.models import OutboxEmail
from portal.mail.rendering import render
from portal.programs.definition import ProgramDefinition
from portal.programs.documents import preset
from portal.programs.models import ProgramVersion
from tests.applications.test_public_views import Opened, opened
from tests.dashboard.pages import SignIn
from tests.enrollments.gates import TAX_FORM
from tests.factories.applications import ApplicationFactory
from tests.factories.base_factory import NOW
from tests.factories.people import PartnerMemberFactory, UserFactory
from tests.factories.programs import EnrollmentFactory, ProgramVersionFactory

__all__ = ["opened"]

S = ApplicationStatus


def open_definition(*gates: dict[str, Any]) -> dict[str, Any]:
    definition = preset("hubspot-solutions-partner").model_dump(mode="json")
    definition["join"]["mode"] = "open"
    definition["gates"] = [
        *(gate for gate in definition["gates"] if gate["kind"] != "review"),
        *gates,
    ]
    return definition


def open_version(**changes: object) -> ProgramVersion:
    version: ProgramVersion = ProgramVersionFactory.create(
        definition_json=open_definition(), **changes
    )
    return version


def draft(**changes: object) -> Application:
    application: Application = ApplicationFactory.create(
        draft=True, **({"version": open_version()} | changes)
    )
    return application


def send(session: Session, application: Application) -> None:
    service.submit(session, application, agrees_to_checks=False, now=NOW)
    session.flush()


def mails(session: Session) -> list[OutboxEmail]:
    return list(session.scalars(select(OutboxEmail).order_by(OutboxEmail.id)))


class TestDefinition:
    @pytest.mark.parametrize(
        ("gate", "remedy"),
        [
            (
                {"key": "look", "kind": "review", "title": "x", "blocks": ["join"]},
                "remove the gate look, or make join.mode apply",
            ),
            (
                TAX_FORM | {"blocks": ["join"]},
                "let the gate tax-form block link, earn or payout",
            ),
        ],
    )
    def test_nobody_reviews_so_nothing_may_wait_for_it(
        self, gate: dict[str, Any], remedy: str
    ) -> None:
        with pytest.raises(ValidationError, match=remedy):
            ProgramDefinition.model_validate(open_definition(gate))

    def test_what_is_confirmed_after_joining_is_fine(self) -> None:
        definition = ProgramDefinition.model_validate(open_definition(TAX_FORM))

        assert definition.gates[-1].how.startswith("Send form")


class TestSending:
    def test_it_is_approved_without_anybody_and_the_log_says_so(
        self, session: Session
    ) -> None:
        application = draft()

        send(session, application)

        assert application.status is S.APPROVED
        assert application.decided_by_id is None
        assert application.checks_agreed_at is None
        assert not application.is_held(NOW)
        event = session.scalars(
            select(AuditEvent).where(AuditEvent.action == "application.approved")
        ).one()
        assert event.actor_id is None
        assert event.details == {"why": "open to everybody"}
        assert mails(session) == []

    def test_the_job_opens_the_workspace_and_the_mail_is_truthful(
        self, app: Flask, session: Session
    ) -> None:
        application = draft(version=open_version(effective_from=NOW))
        send(session, application)
        session.commit()

        with app.app_context():
            tasks.complete_approval(str(application.id))
            session.expire_all()
            [mail] = mails(session)
            rendered = render(mail.template, mail.context, mail.locale)

        [enrollment] = session.scalars(select(Enrollment)).all()
        enrollment = enrollments.get(session, enrollment.id)
        statuses = enrollments.checklist(session, enrollment, now=utc_now())
        met = [status.gate.kind for status in statuses if status.is_met]
        assert met == ["email"]
        assert application.partner_id == enrollment.partner_id
        for body in (rendered.text, rendered.html):
            words = " ".join(body.split())
            assert "It takes in everybody who asks." in words
            assert "approved your application" not in words

    def test_an_address_of_staff_is_refused(self, session: Session) -> None:
        staff = UserFactory.create(reviewer=True)

        with pytest.raises(service.StaffAddress, match="who works here"):
            send(session, draft(email=staff.email))

    def test_who_is_in_already_is_told_so(self, session: Session) -> None:
        version = open_version()
        member = PartnerMemberFactory.create()
        EnrollmentFactory.create(partner=member.partner, version=version)

        with pytest.raises(service.AlreadyInProgram):
            send(session, draft(version=version, email=member.user.email))

    def test_a_program_that_reviews_by_now_reviews_this_one_too(
        self, session: Session
    ) -> None:
        version = open_version()
        ProgramVersionFactory.create(
            program=version.program, number=2, effective_from=NOW
        )
        application = draft(version=version)

        service.submit(session, application, agrees_to_checks=True, now=NOW)

        assert application.status is S.SUBMITTED
        assert mails(session)[0].template == "applications/received"


class TestPages:
    def test_from_the_first_page_to_the_last(
        self, session: Session, opened: Opened, client: FlaskClient
    ) -> None:
        version = open_version()
        start = client.get(f"/apply/{version.program.key}").text
        assert "Join the Solutions Partner Program" in start
        assert "You are in as soon as you have sent your answers." in start
        posted = client.post(
            f"/apply/{version.program.key}", data={"start-email": "a@b.example"}
        )
        assert posted.status_code == 303

        application = draft(version=version)
        browser = opened(application)
        check = browser.get(f"/apply/{application.reference}/check").text
        assert "Join the program" in check
        assert "agree" not in check
        sent = browser.post(
            f"/apply/{application.reference}/check", follow_redirects=True
        ).text

        assert "<h1>You are in</h1>" in sent
        assert "Answer expected by" not in sent
        session.refresh(application)
        assert application.status is S.APPROVED
        status = browser.get(f"/application/{application.reference}").text
        assert "Welcome: you are in" in status

    def test_a_refusal_stands_on_the_page(
        self, session: Session, opened: Opened
    ) -> None:
        staff = UserFactory.create(reviewer=True)
        application = draft(email=staff.email)
        browser = opened(application)

        answer = browser.post(f"/apply/{application.reference}/check")

        assert answer.status_code == 422
        assert "This address belongs to somebody who works here." in answer.text
        session.refresh(application)
        assert application.status is S.DRAFT

    def test_staff_read_that_nobody_decided(
        self, session: Session, sign_in: SignIn
    ) -> None:
        application = draft()
        send(session, application)
        session.commit()

        page = sign_in(UserFactory.create(reviewer=True)).get(
            f"/admin/applications/{application.public_id}"
        )

        assert "This program takes in everybody who asks" in page.text
        assert "The partner is being set up." in page.text

    def test_a_decision_of_the_portal_is_named_so(self, session: Session) -> None:
        application = draft()
        send(session, application)

        with pytest.raises(service.AlreadyDecided, match="The portal has approved"):
            service.approve(
                session,
                application,
                reviewer=UserFactory.create(reviewer=True),
                hold_seconds=0,
                now=NOW,
            )
