"""The right answers do not leave the server, in no response of an attempt."""

from collections.abc import Iterator

from flask.testing import FlaskClient
from sqlalchemy import select, update
from sqlalchemy.orm import Session
from werkzeug.test import TestResponse

from portal.audit.models import AuditEvent
from portal.certification.models import AnswerKey, Question
from portal.certification.rules import QuestionKind
from tests.conftest import SignIn
from tests.factories.certification import EXAM, exam_of_every_kind, learner
from tests.factories.people import UserFactory

MARKER = "ZZ-CORRECT-7f3a"


def plant(session: Session) -> None:
    """Mark every explanation, and the answer that is typed."""
    exam_of_every_kind(session)
    session.execute(update(AnswerKey).values(explanation=MARKER))
    typed = select(Question.id).where(Question.kind == QuestionKind.TEXT)
    session.execute(
        update(AnswerKey)
        .where(AnswerKey.question_id.in_(typed))
        .values(right=[f"{MARKER}-typed"])
    )
    session.flush()


def attempt(client: FlaskClient, answer: dict[str, str]) -> Iterator[TestResponse]:
    """Every response of an attempt, from the rules to the result and after it."""
    base = f"/app/certifications/{EXAM}/start"
    yield client.get("/app/certifications")
    yield client.get(base)
    started = client.post(base)
    yield started
    first = started.headers["Location"].rpartition("/")[0]
    for number in range(1, 5):
        yield client.get(f"{first}/{number}")
        yield client.post(f"{first}/{number}/save", data=answer)
        yield client.post(f"{first}/{number}", data={"answer": "not offered"})
        yield client.post(f"{first}/{number}", data=answer)
        accept = {"Accept": "application/json"}
        yield client.get(f"{first}/{number}", headers=accept)
    yield client.get(f"{first}/overview")
    yield client.get(f"{first}/result")  # too early
    yield client.post(f"{first}/submit")
    yield client.get(f"{first}/result")
    yield client.get(f"{first}/1")
    yield client.get(f"{first}/retry.ics")


def test_no_response_of_an_attempt_holds_an_answer(
    session: Session, sign_in: SignIn
) -> None:
    plant(session)
    user, _ = learner()

    responses = list(attempt(sign_in(user), {"answer": "1"}))

    assert len(responses) > 20
    for response in responses:
        assert MARKER.encode() not in response.data, response.request.path
        assert MARKER not in str(response.headers)


def test_a_blank_attempt_gives_nothing_away_either(
    session: Session, sign_in: SignIn
) -> None:
    plant(session)
    user, _ = learner()

    responses = list(attempt(sign_in(user), {}))

    assert all(MARKER.encode() not in response.data for response in responses)
    ended = session.scalars(
        select(AuditEvent).where(AuditEvent.action == "attempt.failed")
    ).one()
    assert ended.details["right"] == 0


def test_control_the_page_that_may_show_the_answer_shows_the_marker(
    session: Session, sign_in: SignIn
) -> None:
    """The search above would find it: staff who correct keys read it in a page."""
    plant(session)
    typed = session.scalars(
        select(Question).where(Question.kind == QuestionKind.TEXT)
    ).one()

    page = sign_in(UserFactory.create(admin=True)).get(
        f"/admin/certifications/questions/{typed.public_id}"
    )

    assert MARKER.encode() in page.data
