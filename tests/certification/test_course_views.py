"""Courses on the pages of readers, visitors and staff."""

import pytest
from flask.testing import FlaskClient
from sqlalchemy import update
from sqlalchemy.orm import Session

from portal.accounts.models import User
from portal.certification.courses import queries, service
from portal.certification.courses.models import Lesson
from portal.certification.models import Question
from tests.conftest import SignIn
from tests.factories.base_factory import NOW
from tests.factories.certification import (
    EXAM,
    a_course,
    a_program_with_an_open_course,
    content,
    exam,
    learner,
    publish,
)
from tests.factories.people import PartnerMemberFactory, UserFactory

COURSE = f"/app/certifications/{EXAM}/course"
ADMIN = f"/admin/certifications/{EXAM}/course"
DRAFT = {
    "title": "Selling fairly",
    "topic": "A",
    "minutes": "7",
    "video_url": "https://video.example/1",
    "text": "# Fair\r\n\r\nSay that you are **paid**. <script>x</script>",
}


def main_of(page: bytes) -> bytes:
    return page.split(b"<main")[1].split(b"</main")[0]


@pytest.fixture
def reader(session: Session, sign_in: SignIn) -> FlaskClient:
    user, _ = learner()
    exam(session)
    return sign_in(user)


@pytest.fixture
def admin(session: Session, sign_in: SignIn) -> FlaskClient:
    exam(session)
    return sign_in(UserFactory.create(admin=True))


def words(page: bytes) -> str:
    return " ".join(page.decode().split())


def test_a_course_without_lessons_says_so(reader: FlaskClient) -> None:
    assert b"No lesson yet" in reader.get(COURSE).data


def test_a_reader_goes_through_the_course(
    session: Session, reader: FlaskClient
) -> None:
    a_course(session)
    session.flush()
    start = words(reader.get(COURSE).data)
    assert "0 of 3 lessons, about 15 minutes left" in start
    assert "Start reading" in start

    answer = reader.post(f"{COURSE}/one/read", data={"number": "1"})
    assert answer.headers["Location"] == f"{COURSE}/two"
    page = words(reader.get(f"{COURSE}/two").data)
    assert "1 of 3 lessons, about 10 minutes left" in page
    assert "Previous: One" in page
    assert "Next: Three" in page
    assert "Go on: Two" in words(reader.get(COURSE).data)
    reader.post(f"{COURSE}/two/read", data={"number": "1"})
    last = reader.post(f"{COURSE}/three/read", data={"number": "1"})

    assert last.headers["Location"] == COURSE
    done = words(reader.get(COURSE).data)
    assert "You have read the whole course" in done
    rules = words(reader.get(f"/app/certifications/{EXAM}/start").data)
    assert "You have read the whole course" in rules


def test_the_rules_of_the_exam_lead_to_the_course(
    session: Session, reader: FlaskClient
) -> None:
    a_course(session)
    session.flush()

    page = words(reader.get(f"/app/certifications/{EXAM}/start").data)

    assert "0 of 3 lessons, about 15 minutes left" in page
    assert COURSE in page


@pytest.mark.parametrize("again", [False, True])
def test_a_reader_sees_what_changed_since(
    session: Session, reader: FlaskClient, *, again: bool
) -> None:
    [lesson] = a_course(session, "One")
    session.flush()
    reader.post(f"{COURSE}/one/read", data={"number": "1"})

    publish(session, lesson, "Another text.", read_again=again)
    session.flush()
    page = words(reader.get(f"{COURSE}/one").data)

    told = "Changed since you read it" if again else "Corrected since you read it"
    assert told in page
    assert "News." in page
    assert "Mark as read" in page


@pytest.mark.parametrize("number", ["1", "", "x", "²"])
def test_a_page_that_is_out_of_date_is_not_marked(
    session: Session, reader: FlaskClient, number: str
) -> None:
    [lesson] = a_course(session, "One")
    publish(session, lesson, "Another text.", read_again=True)
    session.flush()

    answer = reader.post(f"{COURSE}/one/read", data={"number": number})

    assert answer.headers["Location"] == f"{COURSE}/one"
    page = words(reader.get(f"{COURSE}/one").data)
    assert "This lesson changed while you were reading." in page
    assert "0 of 1 lesson, about" in page


def test_a_lesson_is_shown_without_anything_that_runs(
    session: Session, reader: FlaskClient
) -> None:
    [lesson] = a_course(session, "One")
    attack = (
        "<img src=x onerror=alert(1)> [here](javascript:alert(1)) ![p](https://a/p.png)"
    )
    publish(session, lesson, attack)
    session.flush()

    page = reader.get(f"{COURSE}/one").data.decode().split("<main")[1]

    assert "&lt;img src=x" in page
    assert "javascript:" not in page
    assert 'src="https://a' not in page
    assert "https://a/p.png" in page


def test_what_is_not_published_is_not_found(
    session: Session, reader: FlaskClient
) -> None:
    [lesson] = a_course(session, "One")
    lesson.retired_at = NOW
    session.flush()

    assert reader.get(f"{COURSE}/one").status_code == 404
    assert reader.post(f"{COURSE}/one/read").status_code == 404
    assert reader.get(f"{COURSE}/nothing").status_code == 404


def test_a_course_is_for_those_whose_program_asks_for_it(
    session: Session, sign_in: SignIn
) -> None:
    a_course(session)
    client = sign_in(PartnerMemberFactory.create().user)
    session.flush()

    assert client.get(COURSE).status_code == 404
    assert client.get(f"{COURSE}/one").status_code == 404


def test_anyone_reads_a_course_that_a_program_opens(
    session: Session, client: FlaskClient
) -> None:
    a_course(session)
    session.flush()
    closed = client.get(f"/courses/{EXAM}").status_code

    a_program_with_an_open_course()
    session.flush()

    assert closed == 404
    assert b"Three" in client.get(f"/courses/{EXAM}").data
    page = words(client.get(f"/courses/{EXAM}/two").data)
    assert "What there is to know about two." in page
    assert "Next: Three" in page
    assert client.get(f"/courses/{EXAM}/none").status_code == 404


def test_an_open_course_may_be_empty(session: Session, client: FlaskClient) -> None:
    exam(session)
    a_program_with_an_open_course()
    session.flush()

    assert b"The course is being written." in client.get(f"/courses/{EXAM}").data


def test_a_program_by_invitation_opens_no_course(
    session: Session, client: FlaskClient
) -> None:
    a_course(session)
    a_program_with_an_open_course(visibility="invite_only")
    session.flush()

    assert client.get(f"/courses/{EXAM}").status_code == 404


# Staff


def test_staff_write_look_and_publish(session: Session, admin: FlaskClient) -> None:
    assert b"No lesson yet" in admin.get(ADMIN).data
    assert admin.get(f"{ADMIN}/new").status_code == 200

    preview = admin.post(f"{ADMIN}/new", data={**DRAFT, "preview": "1"}).data.decode()
    assert "<strong>paid</strong>" in preview
    assert "&lt;script&gt;" in preview
    assert queries.lessons(session, exam(session).id) == []
    made = admin.post(f"{ADMIN}/new", data=DRAFT)
    path = made.headers["Location"]
    assert b"Readers do not see this draft yet." in admin.get(path).data
    done = admin.post(f"{path}/publish", follow_redirects=True)

    assert b"Published. Readers see it from now on." in done.data
    [shown] = queries.published(session, [exam(session).id])
    assert shown.lesson.key == "selling-fairly"
    assert shown.version.text.startswith("# Fair\n\nSay")
    assert b"Selling fairly" in admin.get(ADMIN).data


def test_a_new_text_needs_a_word_about_what_is_new(
    session: Session, admin: FlaskClient
) -> None:
    [lesson] = a_course(session, "One")
    session.flush()
    path = f"/admin/certifications/lessons/{lesson.public_id}"

    preview = admin.post(path, data={**DRAFT, "revision": "1", "preview": "1"})
    assert b"Preview: not saved yet" in preview.data
    assert admin.post(path, data={**DRAFT, "revision": "1"}).status_code == 303
    assert b"Draft is newer" in admin.get(ADMIN).data
    assert b"The saved draft differs from it." in admin.get(path).data
    silent = admin.post(f"{path}/publish")
    long = admin.post(f"{path}/publish", data={"note": "n" * 301})
    told = admin.post(f"{path}/publish", data={"note": "Shorter.", "read_again": "y"})
    again = admin.post(f"{path}/publish", follow_redirects=True)

    assert silent.status_code == long.status_code == 422
    assert b"Say what is new" in silent.data
    assert told.status_code == 303
    assert b"Readers see this text already." in again.data
    assert b"Shorter." in admin.get(path).data


def test_two_editors_see_each_others_draft(
    session: Session, admin: FlaskClient
) -> None:
    [lesson] = a_course(session, "One")
    session.flush()
    path = f"/admin/certifications/lessons/{lesson.public_id}"
    admin.post(path, data={**DRAFT, "revision": "1", "text": "Theirs."})

    stale = admin.post(path, data={**DRAFT, "revision": "1", "text": "Mine."})
    blind = admin.post(path, data={**DRAFT, "revision": "x", "text": "Mine."})

    assert stale.status_code == blind.status_code == 409
    assert b"Theirs." in stale.data
    assert b"Mine." in stale.data
    assert b'name="revision" value="2"' in stale.data
    replaced = admin.post(path, data={**DRAFT, "revision": "2", "text": "Mine."})
    assert replaced.status_code == 303


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"title": ""}, "Enter a title."),
        ({"topic": " "}, "Enter a topic."),
        ({"minutes": "0"}, "Enter a number of minutes from 1 to 240."),
        ({"minutes": ""}, "Enter how many minutes reading takes."),
        ({"video_url": "http://a"}, "Enter an address that begins https://."),
        ({"text": ""}, "Write the lesson."),
        ({"text": "a\x07"}, "Remove the control characters."),
        ({"key": "Not Good"}, "Use small letters, digits and hyphens, 60 at most."),
        ({"title": "수업"}, "Enter a name: none can be made from this title."),
        ({"key": "one"}, "This course has a lesson of that name already."),
    ],
)
def test_what_is_wrong_with_a_draft_is_said_beside_it(
    session: Session, admin: FlaskClient, changed: dict[str, str], message: str
) -> None:
    a_course(session, "One")
    session.flush()

    page = admin.post(f"{ADMIN}/new", data={**DRAFT, **changed})

    assert page.status_code == 422
    assert message in page.data.decode()
    assert len(queries.lessons(session, exam(session).id)) == 1


def test_a_wrong_draft_is_not_saved(session: Session, admin: FlaskClient) -> None:
    [lesson] = a_course(session, "One")
    session.flush()
    path = f"/admin/certifications/lessons/{lesson.public_id}"

    answer = admin.post(path, data={**DRAFT, "revision": "1", "title": ""})

    assert answer.status_code == 422
    session.refresh(lesson)
    assert lesson.title == "One"


def test_staff_order_retire_and_bring_back(
    session: Session, admin: FlaskClient
) -> None:
    one, two, _three = a_course(session)
    session.flush()
    base = "/admin/certifications/lessons"

    assert admin.post(f"{base}/{two.public_id}/up").headers["Location"] == ADMIN
    session.expire_all()
    assert next(x.key for x in queries.lessons(session, exam(session).id)) == "two"
    admin.post(f"{base}/{one.public_id}/retire")
    twice = admin.post(f"{base}/{one.public_id}/retire", follow_redirects=True)
    assert b"This lesson is retired already." in twice.data
    assert b"Bring it back" in twice.data
    admin.post(f"{base}/{one.public_id}/restore")
    session.expire_all()
    assert session.get_one(Lesson, one.id).retired_at is None


def test_the_editor_names_topics_without_a_lesson(
    session: Session, admin: FlaskClient
) -> None:
    [lesson] = a_course(session, "One")
    session.flush()
    shown = queries.published_lesson(session, lesson.certification_id, "one")
    service.mark_read(session, shown, UserFactory.create(), 1, now=NOW)
    session.execute(update(Question).values(topic="B"))
    session.flush()

    page = admin.get(ADMIN).data

    assert b"no lesson has them: B" in page
    assert queries.readers(session, lesson.certification_id) == {lesson.id: 1}


def test_who_may_only_read_finds_no_buttons(session: Session, sign_in: SignIn) -> None:
    [lesson] = a_course(session, "One")
    reviewer: User = UserFactory.create(role="reviewer")
    client = sign_in(reviewer)
    session.flush()

    pages = [
        client.get(ADMIN).data,
        client.get(f"/admin/certifications/lessons/{lesson.public_id}").data,
    ]

    assert all(b"<button" not in main_of(page) for page in pages)
    assert content().title.encode() in pages[0]
