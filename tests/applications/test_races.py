"""Two people at the same moment, on a database of their own that really commits."""

from collections.abc import Callable
from datetime import timedelta
from threading import Barrier
from uuid import UUID, uuid4

import pytest
from sqlalchemy import Engine, func, select
from sqlalchemy.orm import Session

from portal.accounts.models import User
from portal.applications import queries, service
from portal.applications.models import Application, ApplicationStatus
from portal.audit.models import AuditEvent
from portal.enrollments.models import Enrollment
from portal.kit.errors import Conflict
from portal.programs.models import ProgramVersion
from tests.committed import at_once, committed
from tests.factories import base_factory
from tests.factories.applications import (
    ANSWERS,
    ApplicationFactory,
    version_with_join,
)
from tests.factories.base_factory import NOW
from tests.factories.people import UserFactory
from tests.factories.programs import ProgramVersionFactory

__all__ = ["committed"]


def together(engine: Engine, *calls: Callable[[Session], object]) -> list[object]:
    """Run each call in a transaction of its own, all at the same moment."""

    def run(number: int, barrier: Barrier) -> object:
        with Session(engine) as session:
            barrier.wait()
            try:
                found = calls[number](session)
                session.commit()
            except Conflict as refusal:
                return refusal
            return found

    return at_once(run, len(calls))


def count(engine: Engine, model: type) -> int:
    with Session(engine) as session:
        return session.scalar(select(func.count()).select_from(model)) or 0


def test_two_windows_that_start_at_once_make_one_draft(committed: Engine) -> None:
    with Session(committed) as session:
        base_factory.bind(session)
        version_id = ProgramVersionFactory.create().id
        session.commit()

    def start(n: int) -> Callable[[Session], None]:
        def call(session: Session) -> None:
            service.start(
                session,
                session.get_one(ProgramVersion, version_id),
                email="mina@hanbit.example",
                country=None,
                remote_address=f"192.0.2.{n}",
                locale="en",
                now=NOW,
            )

        return call

    before = count(committed, Application)

    together(committed, *(start(n) for n in range(4)))

    assert count(committed, Application) == before + 1


def test_two_reviewers_at_once_make_one_decision(committed: Engine) -> None:
    with Session(committed) as session:
        base_factory.bind(session)
        application_id = ApplicationFactory.create().id
        reviewers = [UserFactory.create(reviewer=True) for _ in range(2)]
        session.commit()
        ids = [user.id for user in reviewers]

    def approve(n: int) -> Callable[[Session], str]:
        def call(session: Session) -> str:
            application = queries.get(session, application_id, lock=True)
            service.approve(
                session,
                application,
                reviewer=session.get_one(User, ids[n]),
                hold_seconds=30,
                now=NOW,
            )
            return "approved"

        return call

    outcomes = together(committed, approve(0), approve(1))

    assert outcomes.count("approved") == 1
    assert any(isinstance(o, service.AlreadyDecided) for o in outcomes)


def test_two_workers_at_once_make_one_partner(committed: Engine) -> None:
    with Session(committed) as session:
        base_factory.bind(session)
        application_id = ApplicationFactory.create(approved=True).id
        session.commit()
    before = count(committed, Enrollment)

    def complete(session: Session) -> None:
        application = queries.get(session, application_id, lock=True)
        service.complete_approval(session, application, now=NOW + timedelta(seconds=30))

    together(committed, complete, complete, complete)

    assert count(committed, Enrollment) == before + 1
    with Session(committed) as session:
        application = queries.get(session, application_id)
        assert application.status is ApplicationStatus.APPROVED
        assert application.partner_id is not None


def waiting(engine: Engine, how_many: int) -> tuple[list[UUID], list[UUID]]:
    """Applications that it takes two to approve or not, and two reviewers."""
    with Session(engine) as session:
        base_factory.bind(session)
        version = version_with_join(two_reviewers_from=0 if how_many == 1 else None)
        applications = [
            ApplicationFactory.create(
                version=version,
                email=f"mina@{domain}",
                answers=ANSWERS | {"company": domain, "website": f"https://{domain}"},
            ).id
            for domain in (f"{uuid4().hex}.example" for _ in range(how_many))
        ]
        reviewers = [UserFactory.create(reviewer=True).id for _ in range(2)]
        session.commit()
    return applications, reviewers


def decided(engine: Engine, ids: list[UUID]) -> list[str]:
    """What the audit trail says about approvals."""
    with Session(engine) as session:
        return list(
            session.scalars(
                select(AuditEvent.action)
                .where(
                    AuditEvent.subject_id.in_(ids),
                    AuditEvent.action.startswith("application.approved"),
                )
                .order_by(AuditEvent.action)
            )
        )


@pytest.mark.parametrize("is_guarded", [True, False])
def test_two_first_approvals_at_once_are_the_two_that_it_takes(
    committed: Engine, *, is_guarded: bool
) -> None:
    """Without the lock both would be the first, and nobody the second."""
    ids, reviewers = waiting(committed, 1)
    read = Barrier(2, timeout=30)

    def approve(n: int) -> Callable[[Session], bool]:
        def call(session: Session) -> bool:
            application = queries.get(session, ids[0], lock=is_guarded)
            if not is_guarded:
                read.wait()
            return service.approve(
                session,
                application,
                reviewer=session.get_one(User, reviewers[n]),
                hold_seconds=30,
                now=NOW,
            )

        return call

    outcomes = together(committed, approve(0), approve(1))

    first, done = "application.approved_first", "application.approved"
    assert decided(committed, ids) == ([done, first] if is_guarded else [first, first])
    assert sorted(map(bool, outcomes)) == [False, is_guarded]


@pytest.mark.parametrize("is_guarded", [True, False])
def test_two_that_approve_several_at_once_approve_each_once(
    committed: Engine, *, is_guarded: bool
) -> None:
    """One waits for the other, whichever order they chose them in."""
    ids, reviewers = waiting(committed, 3)
    read = Barrier(2, timeout=30)

    def several(n: int) -> Callable[[Session], int]:
        def call(session: Session) -> int:
            reviewer = session.get_one(User, reviewers[n])
            chosen = ids if n else ids[::-1]
            if is_guarded:
                approved, _left = service.approve_several(
                    session, chosen, reviewer=reviewer, hold_seconds=30, now=NOW
                )
                return len(approved)
            rows = [queries.get(session, one) for one in ids]
            read.wait()
            for row in rows:
                service.approve(
                    session, row, reviewer=reviewer, hold_seconds=30, now=NOW
                )
            return len(rows)

        return call

    outcomes = together(committed, several(0), several(1))

    assert sorted(map(str, outcomes)) == (["0", "3"] if is_guarded else ["3", "3"])
    assert len(decided(committed, ids)) == (3 if is_guarded else 6)
