"""Lessons: written, published in versions, ordered, read."""

from datetime import timedelta

import pytest
from sqlalchemy import select, text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.orm import Session

from portal.accounts.models import User
from portal.audit.models import AuditEvent
from portal.certification.courses import queries, rules, service
from portal.certification.courses.models import LessonState
from portal.certification.courses.rules import Line, Reading
from portal.kit.errors import Invalid
from tests.conftest import CountQueries
from tests.factories.base_factory import NOW
from tests.factories.certification import a_course, content, exam, publish
from tests.factories.people import UserFactory


def line(key: str, reading: Reading = Reading.UNREAD, topic: str = "A") -> Line:
    return Line(key, key.title(), topic, 5, reading)


def test_progress_counts_what_is_read_and_what_is_left() -> None:
    found = rules.progress(
        [line("a", Reading.READ), line("b", Reading.CHANGED), line("c")], "a"
    )

    assert (found.total, found.read, found.minutes_left) == (3, 1, 10)
    assert found.resume is not None
    assert found.resume.key == "b"


@pytest.mark.parametrize(
    ("readings", "last", "following"),
    [
        ("...", None, 0),
        ("r..", "0", 1),
        (".r.", "1", 2),
        ("..r", "2", 0),
        ("rrr", "1", None),
        ("", None, None),
        ("r.", "retired", 1),
    ],
)
def test_one_resumes_after_the_lesson_read_last(
    readings: str, last: str | None, following: int | None
) -> None:
    lines = [
        line(str(n), Reading.READ if mark == "r" else Reading.UNREAD)
        for n, mark in enumerate(readings)
    ]

    found = rules.progress(lines, last).resume

    assert found == (None if following is None else lines[following])


def test_only_topics_with_wrong_answers_are_to_be_studied() -> None:
    lines = [line("a", topic="X"), line("b", topic="Y"), line("c", topic="X")]

    found = rules.to_study(lines, {"X": [1, 2], "Y": [2, 2], "Z": [0, 1]})

    assert found == {"X": [lines[0], lines[2]], "Z": []}


def progress_of(session: Session, user: User) -> rules.Progress:
    session.flush()
    certification = exam(session)
    return queries.progress_of(session, [certification.id], user.id)[certification.id]


def read(session: Session, user: User, key: str, number: int, hours: int = 0) -> None:
    session.flush()
    shown = queries.published_lesson(session, exam(session).id, key)
    at = NOW + timedelta(hours=hours)
    service.mark_read(session, shown, user, number, now=at)


def test_a_draft_is_seen_by_no_reader_until_it_is_published(session: Session) -> None:
    lesson = service.create(
        session, exam(session), "new", content(), actor=None, now=NOW
    )
    user = UserFactory.create()
    before = progress_of(session, user).total

    publish(session, lesson)

    assert (before, progress_of(session, user).total) == (0, 1)
    assert lesson.state is LessonState.PUBLISHED


def test_readers_keep_the_published_text_while_staff_write(session: Session) -> None:
    [lesson] = a_course(session, "One")
    service.edit(session, lesson, content(text="New."), revision=1, actor=None, now=NOW)
    session.flush()

    shown = queries.published_lesson(session, lesson.certification_id, "one")

    assert shown.version.text == "What there is to know about one."


def test_marking_twice_counts_once(session: Session) -> None:
    a_course(session)
    user = UserFactory.create()

    read(session, user, "one", 1)
    read(session, user, "one", 1)

    assert progress_of(session, user).read == 1


def test_a_small_correction_keeps_a_lesson_read(session: Session) -> None:
    [lesson] = a_course(session, "One")
    user = UserFactory.create()
    read(session, user, "one", 1)

    publish(session, lesson, "Corrected.")

    assert progress_of(session, user).read == 1


def test_a_lesson_that_is_new_at_heart_must_be_read_again(session: Session) -> None:
    [lesson] = a_course(session, "One")
    user = UserFactory.create()
    read(session, user, "one", 1)

    publish(session, lesson, "Another text.", read_again=True)
    publish(session, lesson, "Another text, corrected.")

    [changed] = progress_of(session, user).lines
    assert changed.reading is Reading.CHANGED
    read(session, user, "one", 2)
    assert progress_of(session, user).read == 1


def test_what_changed_under_the_reader_is_not_marked_as_read(session: Session) -> None:
    [lesson] = a_course(session, "One")
    user = UserFactory.create()
    publish(session, lesson, "Another text.", read_again=True)

    with pytest.raises(service.LessonChanged):
        read(session, user, "one", 1)
    with pytest.raises(service.LessonChanged):
        read(session, user, "one", 3)  # there is no such version

    assert progress_of(session, user).read == 0


def test_the_same_text_is_not_published_twice(session: Session) -> None:
    [lesson] = a_course(session, "One")

    with pytest.raises(service.NothingToPublish):
        publish(session, lesson)


def test_readers_are_told_what_is_new(session: Session) -> None:
    [lesson] = a_course(session, "One")
    lesson.text = "Another text."

    with pytest.raises(Invalid) as refusal:
        service.publish(
            session, lesson, note=" ", read_again=False, actor=None, now=NOW
        )

    assert refusal.value.field == "note"


def test_published_versions_and_readings_never_change(session: Session) -> None:
    a_course(session, "One")
    read(session, UserFactory.create(), "one", 1)

    for table in ("lesson_versions", "lesson_reads"):
        with pytest.raises(DBAPIError), session.begin_nested():
            session.execute(text(f"UPDATE {table} SET number = 9"))  # noqa: S608


def test_two_editors_do_not_overwrite_each_other(session: Session) -> None:
    [lesson] = a_course(session, "One")
    mine, theirs = content(text="Mine."), content(text="Theirs.")
    service.edit(session, lesson, theirs, revision=1, actor=None, now=NOW)

    with pytest.raises(service.DraftChanged):
        service.edit(session, lesson, mine, revision=1, actor=None, now=NOW)

    assert lesson.text == "Theirs."


def test_saving_the_same_draft_is_no_new_revision(session: Session) -> None:
    [lesson] = a_course(session, "One")

    service.edit(session, lesson, lesson.content, revision=1, actor=None, now=NOW)

    assert lesson.revision == 1


def order_of(session: Session) -> str:
    session.flush()
    return " ".join(one.key for one in queries.lessons(session, exam(session).id))


def test_a_lesson_moves_past_its_neighbour(session: Session) -> None:
    one, two, three = a_course(session)
    staff = UserFactory.create(admin=True)
    service.retire(session, two, actor=staff, now=NOW)

    assert service.move(session, three, up=True, actor=staff, now=NOW)
    assert order_of(session) == "three one two"  # the retired one stands last
    assert not service.move(session, three, up=True, actor=staff, now=NOW)
    assert service.move(session, three, up=False, actor=staff, now=NOW)
    assert not service.move(session, three, up=False, actor=staff, now=NOW)
    assert order_of(session) == "one three two"
    session.execute(text("SET CONSTRAINTS ALL IMMEDIATE"))  # no place given twice
    assert one.position < three.position


def test_a_retired_lesson_comes_back_as_it_was(session: Session) -> None:
    lesson, *_others = a_course(session)
    user, staff = UserFactory.create(), UserFactory.create(admin=True)
    read(session, user, "one", 1)

    service.retire(session, lesson, actor=staff, now=NOW)
    gone = progress_of(session, user)
    with pytest.raises(service.LessonRetired):
        service.retire(session, lesson, actor=staff, now=NOW)
    with pytest.raises(service.LessonRetired):
        publish(session, lesson, "Another text.")
    lesson.text = "What there is to know about one."
    service.bring_back(session, lesson, actor=staff, now=NOW)
    service.bring_back(session, lesson, actor=staff, now=NOW)
    back = progress_of(session, user)

    assert (gone.total, gone.read) == (2, 0)
    assert (back.total, back.read) == (3, 1)


def test_two_lessons_of_a_course_have_two_names(session: Session) -> None:
    a_course(session, "One")

    with pytest.raises(Invalid) as refusal:
        service.create(session, exam(session), "one", content(), actor=None, now=NOW)

    assert refusal.value.field == "key"


def test_every_change_is_in_the_audit_trail(session: Session) -> None:
    [lesson] = a_course(session, "One")
    staff = UserFactory.create(admin=True)
    service.edit(session, lesson, content(text="x"), revision=1, actor=staff, now=NOW)
    service.publish(session, lesson, note="n", read_again=True, actor=staff, now=NOW)
    service.retire(session, lesson, actor=staff, now=NOW)
    service.bring_back(session, lesson, actor=staff, now=NOW)
    session.flush()

    found = session.scalars(
        select(AuditEvent.action)
        .where(AuditEvent.subject_id == lesson.id)
        .order_by(AuditEvent.id)
    ).all()

    assert sorted(found) == [
        "lesson.brought_back",
        "lesson.created",
        "lesson.edited",
        "lesson.published",
        "lesson.published",
        "lesson.retired",
    ]


def test_progress_over_many_courses_is_two_queries(
    session: Session, count_queries: CountQueries
) -> None:
    a_course(session)
    user = UserFactory.create()
    session.flush()
    certification = exam(session)

    with count_queries() as statements:
        queries.progress_of(session, [certification.id], user.id)

    assert len(statements) == 2
