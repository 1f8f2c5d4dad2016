"""Questions of every kind in the browser, saved while one types."""

from datetime import timedelta

import pytest
from flask.testing import FlaskClient
from sqlalchemy.orm import Session

from portal.accounts.models import User
from portal.certification import queries, service
from portal.certification.models import Attempt, AttemptQuestion, AttemptStatus
from portal.kit.clock import utc_now
from portal.kit.errors import Invalid
from tests.conftest import SignIn
from tests.factories.base_factory import NOW
from tests.factories.certification import (
    answer_all,
    exam_of_every_kind,
    learner,
    started,
)
from tests.factories.people import UserFactory


@pytest.fixture
def attempt(session: Session) -> Attempt:
    user, enrollment = learner()
    return started(
        session,
        user,
        enrollment,
        utc_now(),
        certification=exam_of_every_kind(session),
    )


@pytest.fixture
def client(attempt: Attempt, sign_in: SignIn) -> FlaskClient:
    return sign_in(attempt.user)


def the(attempt: Attempt, kind: str) -> AttemptQuestion:
    return next(a for a in attempt.questions if a.question.kind == kind)


def path_of(attempt: Attempt, asked: AttemptQuestion) -> str:
    return f"/app/certifications/attempts/{attempt.public_id}/{asked.position}"


def saved(attempt: Attempt, kind: str) -> list[str]:
    session = Session.object_session(attempt)
    assert session is not None
    session.expire_all()
    found = queries.attempt_of(session, attempt.id, attempt.user_id)
    return the(found, kind).answer


@pytest.mark.parametrize(
    ("kind", "form", "answer"),
    [
        ("text", {"answer": "  Follow-up\torder\x07 "}, ["Follow-up order"]),
        ("text", {"answer": ""}, []),
        ("order", {"place-1": "3", "place-2": "1", "place-3": "2"}, [1, 2, 0]),
        ("order", {"place-1": "", "place-2": "2", "place-3": "1"}, [2, 1]),
        ("multiple", {"answer": ["1", "3"]}, [0, 2]),
        ("single", {"answer": "2"}, [1]),
        ("single", {}, []),
    ],
)
def test_an_answer_is_kept_while_it_is_given_and_shown_again(
    attempt: Attempt,
    client: FlaskClient,
    kind: str,
    form: dict[str, str],
    answer: list[int | str],
) -> None:
    asked = the(attempt, kind)
    path, order = path_of(attempt, asked), asked.option_order

    reply = client.post(f"{path}/save", data=form)

    keys = [order[one] if isinstance(one, int) else one for one in answer]
    expected = keys if kind == "order" else sorted(keys)
    assert (reply.status_code, reply.json) == (
        200,
        {"saved": True, "version": 1},
    )
    assert saved(attempt, kind) == expected
    page = client.get(path).get_data(as_text=True)
    marks = page.count(" checked") + page.count(" selected")
    assert marks == (0 if kind == "text" else len(answer))
    if kind == "text" and answer:
        assert 'value="Follow-up order"' in page


@pytest.mark.parametrize(
    ("kind", "form", "complaint"),
    [
        ("order", {"place-1": "1", "place-2": "1"}, "Give each line a place"),
        ("order", {"place-1": "7"}, "Choose among the places shown"),
        ("text", {"answer": "x" * 201}, "at most 200 characters"),
        ("single", {"answer": ["1", "2"]}, "Choose one answer"),
        ("multiple", {"answer": "a"}, "Choose among the answers shown"),
    ],
)
def test_what_cannot_be_an_answer_is_said_beside_the_question(
    attempt: Attempt,
    client: FlaskClient,
    kind: str,
    form: dict[str, str],
    complaint: str,
) -> None:
    path = path_of(attempt, the(attempt, kind))

    page, reply = client.post(path, data=form), client.post(f"{path}/save", data=form)

    assert page.status_code == reply.status_code == 422
    assert complaint in page.get_data(as_text=True)
    assert reply.get_json()["saved"] is False
    assert saved(attempt, kind) == []


def test_what_was_typed_stays_beside_the_complaint(
    attempt: Attempt, client: FlaskClient
) -> None:
    page = client.post(
        path_of(attempt, the(attempt, "order")),
        data={"place-1": "2", "place-2": "2"},
    ).get_data(as_text=True)

    assert page.count(" selected") == 2


def test_nothing_is_saved_after_the_deadline(
    session: Session, attempt: Attempt, client: FlaskClient
) -> None:
    attempt.deadline_at = utc_now() - timedelta(seconds=1)
    session.flush()
    path = path_of(attempt, the(attempt, "text"))

    reply = client.post(f"{path}/save", data={"answer": "renewal"})

    assert reply.status_code == 409
    assert saved(attempt, "text") == []


def test_nobody_elses_attempt_is_saved_to(attempt: Attempt, sign_in: SignIn) -> None:
    other, _ = learner()
    path = path_of(attempt, the(attempt, "text"))

    assert sign_in(other).post(f"{path}/save").status_code == 404


def test_coming_back_shows_the_same_questions_in_the_same_order(
    session: Session, attempt: Attempt, sign_in: SignIn
) -> None:
    del session
    pages = [
        [
            client.get(path_of(attempt, asked)).get_data(as_text=True)
            for asked in attempt.questions
        ]
        for client in (sign_in(attempt.user), sign_in(attempt.user))
    ]

    labels = [[page.partition("<form")[2].count("label") for page in p] for p in pages]
    assert labels[0] == labels[1]
    for first, second, asked in zip(*pages, attempt.questions, strict=True):
        for label in asked.labels:
            place = first.index(f">{label}<")
            assert abs(second.index(f">{label}<") - place) < 400  # tokens differ


def test_the_page_gives_no_key_of_an_option_away(
    attempt: Attempt, client: FlaskClient
) -> None:
    """In a bank the right option often comes first, and its key says so."""
    for asked in attempt.questions:
        page = client.get(path_of(attempt, asked)).get_data(as_text=True)
        for key in asked.option_order:
            assert f'value="{key}"' not in page
            assert f'-{key}"' not in page.partition("<fieldset")[2]


def test_an_attempt_of_every_kind_is_graded_all_or_nothing(session: Session) -> None:
    user, enrollment = learner()
    certification = exam_of_every_kind(session)
    attempt = started(session, user, enrollment, certification=certification)
    answer_all(session, attempt, rightly=4)
    several = the(attempt, "multiple")
    service.answer(attempt, several.position, several.answer[:1], now=NOW)

    service.submit(session, attempt, now=NOW)

    assert attempt.status is AttemptStatus.PASSED
    assert attempt.score_by_topic == {"A": [1, 2], "B": [2, 2]}
    marks = {a.question.key: a.is_right for a in attempt.questions}
    assert marks == {"one": True, "several": False, "steps": True, "word": True}


class TestExtraTime:
    @pytest.mark.parametrize(("percent", "minutes"), [(0, 30), (50, 45), (100, 60)])
    def test_it_moves_the_deadline_of_the_next_attempt(
        self, session: Session, percent: int, minutes: int
    ) -> None:
        user, enrollment = learner()
        admin: User = UserFactory.create(admin=True)
        for granted in (25, percent):
            service.grant_extra_time(session, user, granted, actor=admin, now=NOW)
            session.flush()

        attempt = started(session, user, enrollment)

        assert attempt.deadline_at == NOW + timedelta(minutes=minutes)
        assert attempt.extra_percent == percent
        listed = [(e.user_id, e.percent) for e in queries.extra_times(session)]
        assert listed == ([(user.id, percent)] if percent else [])

    def test_any_other_share_is_refused(self, session: Session) -> None:
        admin: User = UserFactory.create(admin=True)

        with pytest.raises(Invalid, match="times shown"):
            service.grant_extra_time(session, admin, 30, actor=admin, now=NOW)


class TestRenewal:
    def test_it_is_possible_from_some_days_before_and_costs_no_day(
        self, session: Session
    ) -> None:
        user, enrollment = learner()
        certification = exam_of_every_kind(session)

        def passed(now: object) -> object:
            attempt = started(
                session,
                user,
                enrollment,
                now,  # type: ignore[arg-type]  # a moment
                certification=certification,
            )
            answer_all(session, attempt, rightly=4, now=attempt.started_at)
            found = service.submit(session, attempt, now=attempt.started_at)
            session.flush()
            assert found is not None
            return found.expires_at

        first = passed(NOW)
        early = NOW.replace(year=2027) - timedelta(days=30)

        assert first == NOW.replace(year=2027)
        with pytest.raises(service.HoldsCertificate, match="30 January 2027"):
            started(
                session,
                user,
                enrollment,
                early - timedelta(seconds=1),
                certification=certification,
            )
        assert passed(early) == NOW.replace(year=2028)

    def test_the_page_says_from_when_on(
        self, session: Session, sign_in: SignIn
    ) -> None:
        user, enrollment = learner()
        now = utc_now()
        certification = exam_of_every_kind(session)
        attempt = started(session, user, enrollment, now, certification=certification)
        answer_all(session, attempt, rightly=4, now=now)
        certificate = service.submit(session, attempt, now=now)
        assert certificate is not None
        session.flush()
        path, client = "/app/certifications/solutions-partner/start", sign_in(user)

        early = client.get(path).get_data(as_text=True)
        certificate.expires_at = now + timedelta(days=5)
        session.flush()
        late = client.get(path).get_data(as_text=True)

        assert "You can renew it from" in early
        assert "Start the clock" not in early
        assert "renewing early costs no day" in late
        assert "Start the clock" in late
