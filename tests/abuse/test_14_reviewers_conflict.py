"""Abuse case 14: a reviewer decides about themselves, their company or friends."""

from collections.abc import Callable
from datetime import timedelta

import pytest
from flask.testing import FlaskClient
from sqlalchemy import select
from sqlalchemy.orm import Session

from portal.accounts.models import User
from portal.accounts.permissions import Role
from portal.applications.models import Application, ApplicationStatus
from portal.applications.review_models import ApplicationConflict
from portal.audit.models import AuditEvent
from tests.conftest import SignIn
from tests.factories.applications import (
    ANSWERS,
    ApplicationFactory,
    version_with_join,
)
from tests.factories.base_factory import NOW
from tests.factories.people import PartnerMemberFactory, UserFactory

S = ApplicationStatus
APPLICANT = "mina@hanbit.example"
POSTS: dict[str, dict[str, str]] = {
    "approve": {},
    "reject": {"reject-reason": "full"},
    "ask": {"ask-text": "Why?"},
    "comment": {"comment-text": "Good people"},
    "snooze": {"snooze-days": "1"},
    "take": {},
}


def address(application: Application, verb: str = "") -> str:
    return f"/admin/applications/{application.public_id}{verb and '/'}{verb}"


def same_person(user: User, application: Application) -> None:
    application.email = user.email


def same_domain(user: User, application: Application) -> None:
    del application
    user.email = "dana@hanbit.example"


def member(user: User, application: Application) -> None:
    del application
    mine = PartnerMemberFactory.create(user=user)
    PartnerMemberFactory.create(partner=mine.partner, user__email="boss@hanbit.example")


def referred_by(user: User, application: Application) -> None:
    application.answers = ANSWERS | {"referred-by": f" {user.name.upper()} "}


def declared(user: User, application: Application) -> None:
    row = ApplicationConflict(
        user_id=user.id, application_id=application.id, declared_at=NOW
    )
    Session.object_session(user).add(row)  # type: ignore[union-attr]  # it is in one


TIES = [same_person, same_domain, member, referred_by, declared]
Tie = Callable[[User, Application], None]


@pytest.mark.parametrize("role", [Role.REVIEWER, Role.ADMIN])
@pytest.mark.parametrize("tie", TIES)
def test_whoever_has_a_stake_neither_opens_nor_decides(
    session: Session, sign_in: SignIn, tie: Tie, role: Role
) -> None:
    user = UserFactory.create(role=role, email="dana@vendor.example", name="Dana Kim")
    application = ApplicationFactory.create(email=APPLICANT)
    tie(user, application)
    session.flush()
    client: FlaskClient = sign_in(user)

    answers = [client.get(address(application)).status_code]
    answers += [
        client.post(address(application, verb), data=data).status_code
        for verb, data in POSTS.items()
    ]

    assert answers == [403] * 7
    session.refresh(application)
    assert application.status is S.SUBMITTED
    events = session.scalars(
        select(AuditEvent).where(
            AuditEvent.subject_id == application.id,
            AuditEvent.action == "application.conflict_refused",
        )
    ).all()
    assert len(events) == 7
    assert {(e.actor_id, e.details["kind"]) for e in events} == {
        (user.id, tie.__name__)
    }


def test_without_a_tie_the_same_person_decides(
    session: Session, sign_in: SignIn
) -> None:
    user = UserFactory.create(reviewer=True, email="dana@vendor.example", name="Dana")
    application = ApplicationFactory.create(
        email=APPLICANT, answers=ANSWERS | {"referred-by": "Somebody else"}
    )

    assert sign_in(user).get(address(application)).status_code == 200
    assert sign_in(user).post(address(application, "approve")).status_code == 303
    session.refresh(application)
    assert application.status is S.APPROVED


def test_the_queue_leads_past_what_is_not_for_one(
    session: Session, sign_in: SignIn
) -> None:
    user = UserFactory.create(reviewer=True, email="dana@hanbit.example")
    ApplicationFactory.create(
        email=APPLICANT, answers=ANSWERS | {"company": "Own Ltd", "name": "Secret Me"}
    )
    client = sign_in(user)

    alone = client.get("/admin/applications").text
    ApplicationFactory.create(
        answers=ANSWERS | {"company": "Other Ltd"}, answer_by=NOW + timedelta(days=9)
    )
    session.flush()
    page = client.get("/admin/applications").text

    assert "A colleague decides these" in alone
    assert "Secret Me" not in alone + page
    assert '<h2 id="h-app"><bdi>Other Ltd' in page


def test_saying_so_is_enough_and_final(session: Session, sign_in: SignIn) -> None:
    user = UserFactory.create(reviewer=True, email="dana@vendor.example")
    application = ApplicationFactory.create(first_approver=user, assigned_to=user)
    client = sign_in(user)

    for _ in range(2):
        told = client.post(address(application, "conflict"))

    assert told.status_code == 303
    assert client.get(address(application)).status_code == 403
    session.refresh(application)
    assert application.first_approver_id is None
    assert application.assigned_to_id is None
    actions = session.scalars(
        select(AuditEvent.action).where(AuditEvent.subject_id == application.id)
    ).all()
    assert actions.count("application.conflict_declared") == 1


def test_above_the_programs_threshold_it_takes_two(
    session: Session, sign_in: SignIn
) -> None:
    version = version_with_join(two_reviewers_from=1)
    application = ApplicationFactory.create(version=version, email="mina@gmail.com")
    dana, lee = (UserFactory.create(reviewer=True) for _ in range(2))
    url = address(application, "approve")

    first = sign_in(dana).post(url, follow_redirects=True)
    again = sign_in(dana).post(url)
    session.refresh(application)
    between = application.status
    seen = sign_in(lee).get(address(application)).text
    sign_in(lee).post(url)

    assert "A second reviewer has to agree" in first.text
    assert again.status_code == 409
    assert between is S.SUBMITTED
    assert f"{dana.name} has approved on" in seen
    session.refresh(application)
    assert application.status is S.APPROVED
    assert (application.first_approver_id, application.decided_by_id) == (
        dana.id,
        lee.id,
    )


@pytest.mark.parametrize("least", [None, 2])
def test_below_it_one_is_enough(
    session: Session, sign_in: SignIn, least: int | None
) -> None:
    version = version_with_join(two_reviewers_from=least)
    application = ApplicationFactory.create(version=version, email="a@gmail.com")

    sign_in(UserFactory.create(reviewer=True)).post(address(application, "approve"))

    session.refresh(application)
    assert application.status is S.APPROVED


def test_asking_makes_two_agree_from_the_start(
    session: Session, sign_in: SignIn
) -> None:
    version = version_with_join(two_reviewers_from=0)
    application = ApplicationFactory.create(version=version)
    dana, lee = (UserFactory.create(reviewer=True) for _ in range(2))
    sign_in(dana).post(address(application, "approve"))

    sign_in(lee).post(address(application, "ask"), data={"ask-text": "Why?"})

    session.refresh(application)
    assert application.first_approver_id is None
