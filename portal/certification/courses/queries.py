from collections.abc import Sequence
from dataclasses import dataclass
from uuid import UUID

from flask_babel import gettext as _
from sqlalchemy import and_, func, select
from sqlalchemy.orm import Session, joinedload

from portal.certification.courses import rules
from portal.certification.courses.models import Lesson, LessonRead, LessonVersion
from portal.kit.errors import NotFound


@dataclass(frozen=True, slots=True)
class Shown:
    """A lesson as readers see it: the lesson and its published version."""

    lesson: Lesson
    version: LessonVersion


def published(session: Session, certification_ids: Sequence[UUID]) -> list[Shown]:
    """Return what readers see of the courses of some exams, in order."""
    rows = session.execute(
        select(Lesson, LessonVersion)
        .join(
            LessonVersion,
            and_(
                LessonVersion.lesson_id == Lesson.id,
                LessonVersion.number == Lesson.published_number,
            ),
        )
        .where(
            Lesson.certification_id.in_(certification_ids), Lesson.retired_at.is_(None)
        )
        .order_by(Lesson.certification_id, Lesson.position)
    ).all()
    return [Shown(lesson, version) for lesson, version in rows]


def published_lesson(session: Session, certification_id: UUID, key: str) -> Shown:
    """Return one lesson as readers see it.

    Raises:
        NotFound: There is none, it is not published, or it is retired.
    """
    for shown in published(session, [certification_id]):
        if shown.lesson.key == key:
            return shown
    raise NotFound(_("There is no such lesson."))


def progress_of(
    session: Session, certification_ids: Sequence[UUID], user_id: UUID | None
) -> dict[UUID, rules.Progress]:
    """Return for each exam how far a person is in its course.

    Args:
        session: The session.
        certification_ids: The exams.
        user_id: The person; none for a visitor, who has read nothing.
    """
    shown = published(session, certification_ids)
    reads = _reads(session, [one.lesson.id for one in shown], user_id)
    found = {}
    for certification_id in certification_ids:
        course = [s for s in shown if s.lesson.certification_id == certification_id]
        latest = max(
            (one.lesson for one in course if one.lesson.id in reads),
            key=lambda lesson: (reads[lesson.id].read_at, lesson.position),
            default=None,
        )
        lines = [_line(one, reads.get(one.lesson.id)) for one in course]
        found[certification_id] = rules.progress(lines, latest.key if latest else None)
    return found


def latest_read(session: Session, lesson_id: UUID, user_id: UUID) -> LessonRead | None:
    """Return the latest version of a lesson that a person has read."""
    return _reads(session, [lesson_id], user_id).get(lesson_id)


def _reads(
    session: Session, lesson_ids: Sequence[UUID], user_id: UUID | None
) -> dict[UUID, LessonRead]:
    """Return the latest reading of each lesson by a person."""
    rows = session.scalars(
        select(LessonRead)
        .where(LessonRead.user_id == user_id, LessonRead.lesson_id.in_(lesson_ids))
        .order_by(LessonRead.number)
    )
    return {row.lesson_id: row for row in rows}


def _line(shown: Shown, read: LessonRead | None) -> rules.Line:
    return rules.Line(
        key=shown.lesson.key,
        title=shown.version.title,
        topic=shown.version.topic,
        minutes=shown.version.minutes,
        reading=rules.reading(read.number if read else None, shown.version.counts_from),
    )


def lessons(session: Session, certification_id: UUID) -> Sequence[Lesson]:
    """Return every lesson of an exam, drafts and retired ones too, for staff."""
    return session.scalars(
        select(Lesson)
        .where(Lesson.certification_id == certification_id)
        .order_by(Lesson.retired_at.is_not(None), Lesson.position)
    ).all()


def lesson(session: Session, lesson_id: UUID, *, lock: bool = False) -> Lesson:
    """Return one lesson with its exam, for staff.

    Raises:
        NotFound: There is none.
    """
    query = (
        select(Lesson)
        .where(Lesson.id == lesson_id)
        .options(joinedload(Lesson.certification))
    )
    if lock:
        query = query.with_for_update(of=Lesson).execution_options(
            populate_existing=True
        )
    found = session.scalar(query)
    if found is None:
        raise NotFound(_("There is no such lesson."))
    return found


def versions(session: Session, lesson_id: UUID) -> Sequence[LessonVersion]:
    """Return the published versions of a lesson, newest first."""
    return session.scalars(
        select(LessonVersion)
        .where(LessonVersion.lesson_id == lesson_id)
        .options(joinedload(LessonVersion.published_by))
        .order_by(LessonVersion.number.desc())
    ).all()


def current_versions(
    session: Session, certification_id: UUID
) -> dict[UUID, LessonVersion]:
    """Return the latest published version of each lesson of an exam."""
    rows = session.scalars(
        select(LessonVersion)
        .join(Lesson, Lesson.id == LessonVersion.lesson_id)
        .where(
            Lesson.certification_id == certification_id,
            LessonVersion.number == Lesson.published_number,
        )
    )
    return {row.lesson_id: row for row in rows}


def readers(session: Session, certification_id: UUID) -> dict[UUID, int]:
    """Return how many people have read each lesson of an exam, in any version."""
    rows = session.execute(
        select(LessonRead.lesson_id, func.count(func.distinct(LessonRead.user_id)))
        .join(Lesson, Lesson.id == LessonRead.lesson_id)
        .where(Lesson.certification_id == certification_id)
        .group_by(LessonRead.lesson_id)
    )
    return {lesson_id: count for lesson_id, count in rows}  # noqa: C416 - rows, not pairs
