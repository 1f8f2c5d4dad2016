"""One open attempt at a time, the server's clock, and two windows."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from threading import Barrier
from uuid import UUID

import pytest
from flask.testing import FlaskClient
from sqlalchemy import Engine, create_engine, func, select, text
from sqlalchemy.orm import Session

from portal.accounts.models import User
from portal.audit.models import AuditEvent
from portal.certification import bank, queries, service
from portal.certification.models import ONE_OPEN_ATTEMPT, Attempt
from portal.kit.postgres import EmbeddedPostgres
from tests.conftest import SignIn
from tests.databases import MakeDatabase, named
from tests.factories import base_factory
from tests.factories.base_factory import NOW
from tests.factories.certification import EXAM, answer_all, learner, started

STARTS, SECOND = 50, timedelta(seconds=1)


@pytest.fixture(scope="module")
def database(new_database: MakeDatabase) -> str:
    return new_database()


@pytest.fixture(scope="module")
def engine(server: EmbeddedPostgres, database: str) -> Iterator[Engine]:
    """A database of its own, which takes what the test leaves with it."""
    engine = create_engine(named(server.app_url, database), pool_size=STARTS)
    yield engine
    engine.dispose()


def attempts_after(engine: Engine, starts: int) -> tuple[int, int]:
    """Let one person start an exam so many times at the same moment.

    Returns the attempts there are, and the starts in the audit trail.
    """
    with Session(engine) as session, session.begin():
        base_factory.bind(session)
        bank.install(session, bank.shipped(EXAM))
        user, enrollment = learner()
        session.flush()
        user_id, partner_id = user.id, enrollment.partner_id
    barrier = Barrier(starts)

    def start(_number: int) -> None:
        _start(engine, barrier, user_id, partner_id)

    with ThreadPoolExecutor(starts) as pool:
        list(pool.map(start, range(starts)))
    with Session(engine) as session:
        attempts = select(func.count()).where(Attempt.user_id == user_id)
        events = select(func.count()).where(
            AuditEvent.actor_id == user_id, AuditEvent.action == "attempt.started"
        )
        return session.scalar(attempts) or 0, session.scalar(events) or 0


def _start(engine: Engine, barrier: Barrier, user_id: UUID, partner_id: UUID) -> None:
    """Start once, on a connection of its own that is open before the others begin."""
    with Session(engine) as session:
        user, exam = session.get_one(User, user_id), queries.by_key(session, EXAM)
        barrier.wait(timeout=60)
        try:
            service.start(session, exam, user=user, partner_id=partner_id, now=NOW)
            session.commit()
        except service.AttemptIsOpen:
            session.rollback()


def test_fifty_starts_at_once_open_one_attempt(engine: Engine) -> None:
    assert attempts_after(engine, STARTS) == (1, 1)


def test_control_without_the_unique_index_each_start_opens_one(
    engine: Engine, server: EmbeddedPostgres, database: str
) -> None:
    """What the test above would see if nothing stood in the way."""
    owner = create_engine(named(server.owner_url, database))
    with owner.begin() as connection:
        connection.execute(text(f"DROP INDEX {ONE_OPEN_ATTEMPT}"))
    owner.dispose()

    assert attempts_after(engine, 5) == (5, 5)


def test_a_second_late_is_scored_as_of_the_deadline(session: Session) -> None:
    """Control: the same answers one second before it pass."""
    user, enrollment = learner()
    attempt = started(session, user, enrollment)
    end = attempt.deadline_at
    answer_all(session, attempt, rightly=5, now=end - SECOND)

    with pytest.raises(service.TimeIsOver):
        answer_all(session, attempt, rightly=12, now=end)
    assert service.submit(session, attempt, now=end + SECOND) is None
    other, place = learner()
    in_time = started(session, other, place)
    answer_all(session, in_time, rightly=12, now=end - SECOND)

    assert (attempt.right_count, attempt.submitted_at) == (5, end)
    assert service.submit(session, in_time, now=end + SECOND) is not None


@pytest.fixture
def windows(session: Session, sign_in: SignIn) -> tuple[FlaskClient, Attempt]:
    user, enrollment = learner()
    attempt = started(session, user, enrollment)
    attempt.deadline_at = attempt.deadline_at.replace(year=2100)
    session.flush()
    return sign_in(user), attempt


def saved(session: Session, attempt: Attempt) -> list[str]:
    session.expire_all()
    return list(
        queries.attempt_of(session, attempt.id, attempt.user_id).questions[0].answer
    )


def test_a_second_window_does_not_overwrite_the_first(
    session: Session, windows: tuple[FlaskClient, Attempt]
) -> None:
    """Control: without the version the later one wins, as it would unguarded."""
    client, attempt = windows
    order = attempt.asked_at(1).option_order
    path = f"/app/certifications/attempts/{attempt.public_id}/1"
    client.post(f"{path}/save", data={"answer": "1", "version": "0"})

    autosaved = client.post(f"{path}/save", data={"answer": "2", "version": "0"})
    sent = client.post(path, data={"answer": "2", "version": "0"})
    kept = saved(session, attempt)
    same = client.post(path, data={"answer": "1", "version": "0"})
    unguarded = client.post(path, data={"answer": "2"})

    assert autosaved.status_code == sent.status_code == 409
    assert b"What it saved stands." in sent.data
    assert kept == order[:1]
    assert same.status_code == unguarded.status_code == 303
    assert saved(session, attempt) == order[1:2]


def test_one_window_saves_as_often_as_it_likes(
    windows: tuple[FlaskClient, Attempt],
) -> None:
    client, attempt = windows
    path = f"/app/certifications/attempts/{attempt.public_id}/1"

    first = client.post(f"{path}/save", data={"answer": "1", "version": "0"})
    version = first.get_json()["version"]
    second = client.post(f"{path}/save", data={"answer": "2", "version": str(version)})

    assert (first.status_code, second.status_code) == (200, 200)
