"""What a reviewer checks before anybody joins."""

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import select
from sqlalchemy.orm import Session

from portal.applications import service
from portal.applications.models import Application, ApplicationStatus
from portal.audit.models import AuditEvent
from portal.enrollments import queries as enrollments
from portal.enrollments.models import Enrollment
from tests.dashboard.pages import SignIn
from tests.enrollments.gates import TAX_FORM, version_with_gates
from tests.factories.applications import ApplicationFactory
from tests.factories.base_factory import NOW
from tests.factories.people import UserFactory

S = ApplicationStatus
CALL = TAX_FORM | {"key": "call", "title": "Talk to us", "blocks": ["join"], "how": ""}
CHECK = CALL | {"key": "credentials", "title": "Have your credentials checked"}


@pytest.fixture
def application(session: Session) -> Application:
    del session
    made: Application = ApplicationFactory.create(
        version=version_with_gates(CALL, CHECK, TAX_FORM)
    )
    return made


@pytest.fixture
def reviewer(session: Session, sign_in: SignIn) -> FlaskClient:
    del session
    return sign_in(UserFactory.create(reviewer=True, name="Dana"))


def address(application: Application, rest: str = "") -> str:
    return f"/admin/applications/{application.public_id}{rest}"


@pytest.mark.parametrize(
    ("confirmed", "named"),
    [
        ([], "Talk to us; Have your credentials checked"),
        (["call", "tax-form"], ": Have your credentials checked"),
    ],
)
def test_who_was_not_checked_is_not_let_in(
    session: Session, application: Application, confirmed: list[str], named: str
) -> None:
    with pytest.raises(service.NotConfirmed, match=named):
        service.approve(
            session,
            application,
            reviewer=UserFactory.create(reviewer=True),
            confirmed=confirmed,
            hold_seconds=0,
            now=NOW,
        )

    assert application.status is S.SUBMITTED


def test_what_was_checked_is_met_on_joining_and_the_log_says_by_whom(
    session: Session, application: Application
) -> None:
    dana = UserFactory.create(reviewer=True)
    service.approve(
        session,
        application,
        reviewer=dana,
        confirmed=["call", "credentials"],
        hold_seconds=0,
        now=NOW,
    )

    service.complete_approval(session, application, now=NOW)

    [enrollment] = session.scalars(select(Enrollment)).all()
    statuses = enrollments.checklist(
        session, enrollments.get(session, enrollment.id), now=NOW
    )
    unmet = [status.gate.key for status in statuses if not status.is_met]
    assert unmet == ["tax-form"]
    events = session.scalars(
        select(AuditEvent).where(
            AuditEvent.action == "gate.met", AuditEvent.actor_id == dana.id
        )
    )
    assert {event.details["gate"] for event in events} == {"call", "credentials"}
    approved = session.scalars(
        select(AuditEvent).where(AuditEvent.action == "application.approved")
    ).one()
    assert approved.details == {"confirmed": "call, credentials"}


def test_the_page_asks_for_the_ticks_before_it_approves(
    session: Session, application: Application, reviewer: FlaskClient
) -> None:
    page = reviewer.get(address(application)).text
    for words in ("I have checked", "Talk to us", "Have your credentials checked"):
        assert words in page
    assert "Approve with a note" not in page

    missing = reviewer.post(
        address(application, "/approve"),
        data={"approve-confirmed": ["call"], "approve-text": "Hello"},
    )
    assert missing.status_code == 422
    assert "then tick it: Have your credentials checked." in missing.text
    assert 'value="call" checked' in missing.text
    assert "Hello" in missing.text

    done = reviewer.post(
        address(application, "/approve"),
        data={"approve-confirmed": ["call", "credentials"]},
    )
    assert done.status_code == 303
    session.refresh(application)
    assert application.status is S.APPROVED


def test_the_command_takes_the_ticks_too(
    app: Flask, session: Session, application: Application
) -> None:
    dana = UserFactory.create(reviewer=True)
    session.commit()
    command = ["application", "approve", application.reference, "--as", dana.email]
    runner = app.test_cli_runner()

    refused = runner.invoke(args=command)
    done = runner.invoke(
        args=[*command, "--confirm", "call", "--confirm", "credentials"]
    )

    assert refused.exit_code == 1
    assert "Talk to us" in refused.output
    assert done.exit_code == 0, done.output
