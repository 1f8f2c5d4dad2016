from datetime import timedelta
from itertools import product

import pytest
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from portal.applications.models import (
    OPEN,
    TRANSITIONS,
    Application,
    ApplicationStatus,
    ApplicationTransition,
)
from portal.kit.db import violates
from tests.factories.applications import ApplicationFactory
from tests.factories.base_factory import NOW

S = ApplicationStatus
ALLOWED = {
    (S.DRAFT, S.SUBMITTED),
    (S.DRAFT, S.WITHDRAWN),
    (S.SUBMITTED, S.INFO_REQUESTED),
    (S.SUBMITTED, S.APPROVED),
    (S.SUBMITTED, S.REJECTED),
    (S.SUBMITTED, S.WITHDRAWN),
    (S.INFO_REQUESTED, S.SUBMITTED),
    (S.INFO_REQUESTED, S.REJECTED),
    (S.INFO_REQUESTED, S.WITHDRAWN),
    (S.APPROVED, S.SUBMITTED),
    (S.REJECTED, S.SUBMITTED),
    (S.REJECTED, S.INFO_REQUESTED),
}


@pytest.mark.parametrize(("before", "after"), list(product(S, S)))
def test_only_the_listed_moves_are_possible(
    before: ApplicationStatus, after: ApplicationStatus
) -> None:
    application = Application(status=before)

    if (before, after) in ALLOWED:
        application.move_to(after)
        assert application.status is after
    else:
        with pytest.raises(ApplicationTransition):
            application.move_to(after)
        assert application.status is before


def test_the_table_names_every_status() -> None:
    assert set(TRANSITIONS) == set(S)


@pytest.mark.parametrize("status", OPEN)
def test_the_database_refuses_a_second_open_application(
    session: Session, status: ApplicationStatus
) -> None:
    first = ApplicationFactory.create()

    with pytest.raises(IntegrityError) as caught, session.begin_nested():
        ApplicationFactory.create(
            version=first.version, email=first.email, status=status
        )

    assert violates(caught.value, "uq_applications_open")


def test_a_closed_application_leaves_room_for_another(session: Session) -> None:
    first = ApplicationFactory.create(rejected=True)

    second = ApplicationFactory.create(version=first.version, email=first.email)

    assert session.get(Application, second.id) is second


def test_the_applicant_does_not_see_a_decision_that_is_held() -> None:
    application = Application(
        status=S.APPROVED,
        decided_from=S.SUBMITTED,
        held_until=NOW + timedelta(seconds=30),
    )

    assert application.shown_status(NOW) is S.SUBMITTED
    assert application.shown_status(NOW + timedelta(seconds=30)) is S.APPROVED
