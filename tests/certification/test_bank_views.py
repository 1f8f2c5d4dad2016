"""The bank as staff see it: statistics, corrections, retiring, extra time."""

import pytest
from sqlalchemy import select
from sqlalchemy.orm import Session

from portal.certification import queries
from portal.certification.models import (
    AnswerKey,
    Attempt,
    AttemptQuestion,
    AttemptStatus,
    Certification,
    KeyChange,
    Question,
)
from portal.kit.ids import new_id
from tests.conftest import CountQueries, SignIn
from tests.factories.base_factory import NOW
from tests.factories.certification import EXAM, certified, exam_of_every_kind, learner
from tests.factories.people import UserFactory

BANK = f"/admin/certifications/{EXAM}"


@pytest.fixture
def exam(session: Session) -> Certification:
    return exam_of_every_kind(session)


def the(session: Session, exam: Certification, key: str) -> Question:
    return next(q for q in queries.questions(session, exam.id) if q.key == key)


def path_of(question: Question) -> str:
    return f"/admin/certifications/questions/{question.public_id}"


def graded(session: Session, exam: Certification, marks: list[tuple[str, int]]) -> None:
    """Attempts that are over: for each, how question one went and the whole score."""
    user, enrollment = learner()
    one = the(session, exam, "one")
    for mark, right_count in marks:
        attempt = Attempt(
            id=new_id(),
            certification=exam,
            user=user,
            partner_id=enrollment.partner_id,
            status=AttemptStatus.FAILED,
            started_at=NOW,
            deadline_at=NOW,
            submitted_at=NOW,
            question_count=4,
            right_count=right_count,
            pass_percent=75,
        )
        attempt.questions = [
            AttemptQuestion(
                position=1, question=one, option_order=["a", "b"], is_right=mark == "+"
            )
        ]
        session.add(attempt)
    session.flush()


class TestStatistics:
    def test_strong_and_weak_attempts_are_compared(
        self, session: Session, exam: Certification
    ) -> None:
        graded(session, exam, [("+", 4)] * 8 + [("-", 1)] * 8 + [("+", 2)] * 4)

        found = queries.statistics(session, exam.id)

        [statistics] = found.values()
        assert statistics.is_telling
        assert (statistics.asked, statistics.right) == (20, 12)
        assert (statistics.upper, statistics.upper_right) == (6, 6)
        assert (statistics.lower, statistics.lower_right) == (6, 0)
        assert (statistics.right_percent, statistics.discrimination) == (60, 100)

    def test_the_bank_shows_them_or_that_there_are_too_few(
        self,
        session: Session,
        exam: Certification,
        sign_in: SignIn,
        count_queries: CountQueries,
    ) -> None:
        graded(session, exam, [("-", 4)] * 10 + [("+", 1)] * 10)
        client = sign_in(UserFactory.create(auditor=True))

        with count_queries() as statements:
            page = client.get(BANK).get_data(as_text=True)

        assert "50%" in page
        assert "check the key" in page
        assert page.count("Too few answers") == 6
        assert "Import questions" not in page
        assert len(statements) <= 8

    def test_an_empty_bank_says_what_to_do(
        self, session: Session, exam: Certification, sign_in: SignIn
    ) -> None:
        del exam
        empty = Certification(
            key="empty",
            title="Empty",
            summary="",
            question_count=1,
            pass_percent=1,
            minutes=1,
            attempts_allowed=1,
            wait_hours=1,
            valid_months=1,
        )
        session.add(empty)
        session.flush()

        page = sign_in(UserFactory.create(admin=True)).get(
            "/admin/certifications/empty"
        )

        assert b"No question yet" in page.data
        assert b"Import questions" in page.data


@pytest.mark.parametrize(
    ("key", "form", "stored"),
    [
        ("one", {"right": "b"}, ["b"]),
        ("several", {"right": ["b", "a"]}, ["a", "b"]),
        ("steps", {"place-a": "3", "place-b": "1", "place-c": "2"}, ["b", "c", "a"]),
        ("word", {"right": "upsell\r\n\r\nrenewal "}, ["upsell", "renewal"]),
    ],
)
def test_a_key_of_any_kind_is_tried_and_corrected(
    session: Session,
    sign_in: SignIn,
    key: str,
    form: dict[str, str],
    stored: list[str],
) -> None:
    question = the(session, certified(session, NOW).certification, key)
    client, path = sign_in(UserFactory.create(admin=True)), path_of(question)

    tried = client.post(f"{path}/correct", data=form | {"trial": "1"})
    session.expire_all()
    before = session.get_one(AnswerKey, question.id).right
    done = client.post(f"{path}/correct", data=form | {"reason": "Typing error"})
    session.expire_all()
    page = client.get(path).get_data(as_text=True)

    assert tried.status_code == 200
    assert b"What a correction would do" in tried.data
    assert before != stored
    assert done.status_code == 303
    assert session.get_one(AnswerKey, question.id).right == stored
    assert "Typing error" in page
    assert len(session.scalars(select(KeyChange)).all()) == 1


@pytest.mark.parametrize(
    ("form", "complaint"),
    [
        ({"right": "b"}, "Say why the answer was wrong"),
        ({"reason": "x"}, "Say what the right answer is"),
        ({"right": "a", "reason": "x"}, "the right answer already"),
        ({"right": "a", "trial": "1"}, "the right answer already"),
    ],
)
def test_a_correction_that_says_too_little_is_refused(
    session: Session,
    exam: Certification,
    sign_in: SignIn,
    form: dict[str, str],
    complaint: str,
) -> None:
    path = path_of(the(session, exam, "one"))

    page = sign_in(UserFactory.create(admin=True)).post(f"{path}/correct", data=form)

    assert page.status_code == 422
    assert complaint in page.get_data(as_text=True)


def test_a_question_is_retired_when_enough_are_left(
    session: Session, exam: Certification, sign_in: SignIn
) -> None:
    client, path = (
        sign_in(UserFactory.create(admin=True)),
        path_of(the(session, exam, "one")),
    )

    refused = client.post(f"{path}/retire", follow_redirects=True)
    exam.question_count, exam.topic_counts = 3, {}
    session.flush()
    done = client.post(f"{path}/retire", follow_redirects=True)

    assert b"Bring in another question" in refused.data
    assert b"The question is retired" in done.data
    assert b"New attempts do not ask it" in done.data
    assert b"Retired" in client.get(BANK).data


def test_the_answers_are_for_those_who_may_correct_them(
    session: Session, exam: Certification, sign_in: SignIn
) -> None:
    path = path_of(the(session, exam, "word"))

    assert b"Follow-up order" in sign_in(UserFactory.create(admin=True)).get(path).data
    assert sign_in(UserFactory.create(auditor=True)).get(path).status_code == 403


class TestExtraTime:
    PATH = "/admin/certifications/extra-time"

    def test_it_is_granted_by_address_and_listed(
        self, session: Session, sign_in: SignIn
    ) -> None:
        user, _ = learner()
        client = sign_in(UserFactory.create(admin=True))
        form = {"email": f" {user.email.upper()} ", "percent": "50"}

        empty = client.get(self.PATH)
        done = client.post(self.PATH, data=form, follow_redirects=True)

        assert b"Nobody has extra time" in empty.data
        assert user.name in done.get_data(as_text=True)
        assert queries.extra_percent(session, user.id) == 50

    @pytest.mark.parametrize(
        ("form", "complaint"),
        [
            ({"email": "", "percent": "50"}, "Enter the address"),
            ({"email": "nobody", "percent": "50"}, "Enter an e-mail address"),
            ({"email": "no@body.example", "percent": "50"}, "Nobody signs in"),
            ({"email": "no@body.example", "percent": "7"}, "Not a valid choice"),
        ],
    )
    def test_what_is_wrong_is_said(
        self, sign_in: SignIn, form: dict[str, str], complaint: str
    ) -> None:
        page = sign_in(UserFactory.create(admin=True)).post(self.PATH, data=form)

        assert page.status_code == 422
        assert complaint in page.get_data(as_text=True)
