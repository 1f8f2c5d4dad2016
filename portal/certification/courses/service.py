"""Writing lessons, publishing them, and marking them as read."""

from datetime import datetime
from uuid import UUID

from flask_babel import gettext as _
from sqlalchemy import func, select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from portal.accounts.models import User
from portal.audit import service as audit
from portal.certification.courses import queries
from portal.certification.courses.content import LessonContent
from portal.certification.courses.models import (
    ONE_KEY,
    Lesson,
    LessonRead,
    LessonState,
    LessonVersion,
)
from portal.certification.models import Certification
from portal.kit.db import violates
from portal.kit.errors import Conflict, Invalid
from portal.kit.ids import new_id


class DraftChanged(Conflict):
    """Somebody else saved the draft in the meantime."""

    code = "draft_changed"


class NothingToPublish(Conflict):
    """Readers see the draft already."""

    code = "nothing_to_publish"


class LessonRetired(Conflict):
    """The lesson is retired."""

    code = "lesson_retired"


class LessonChanged(Conflict):
    """A newer version came out while somebody was reading."""

    code = "lesson_changed"


def create(
    session: Session,
    certification: Certification,
    key: str,
    content: LessonContent,
    *,
    actor: User | None,
    now: datetime,
) -> Lesson:
    """Add a lesson at the end of a course, as a draft.

    Args:
        session: The session that holds the open transaction.
        certification: The exam.
        key: Its name in addresses; it stays the same for ever.
        content: The draft.
        actor: Who writes it; none for a file.
        now: When.

    Raises:
        Invalid: The course has a lesson of that key.
    """
    _one_place_at_a_time(session, certification.id)
    last = session.scalar(
        select(func.max(Lesson.position)).where(
            Lesson.certification_id == certification.id
        )
    )
    lesson = Lesson(
        id=new_id(),
        certification=certification,
        key=key,
        position=(last or 0) + 1,
        revision=1,
        **content.model_dump(),
    )
    try:
        with session.begin_nested():
            session.add(lesson)
    except IntegrityError as error:
        if not violates(error, ONE_KEY):
            raise
        raise Invalid(
            _("This course has a lesson of that name already."), field="key"
        ) from error
    audit.record(session, "lesson.created", lesson.id, actor=actor, at=now, key=key)
    return lesson


def edit(
    session: Session,
    lesson: Lesson,
    content: LessonContent,
    *,
    revision: int,
    actor: User | None,
    now: datetime,
) -> None:
    """Save the draft of a lesson; readers go on seeing the published version.

    Args:
        session: The session that holds the open transaction.
        lesson: The lesson, locked by the caller.
        content: The new draft.
        revision: The draft that it was made from.
        actor: Who writes it; none for a file.
        now: When.

    Raises:
        DraftChanged: Somebody else saved one in the meantime.
    """
    if lesson.revision != revision:
        raise DraftChanged(
            _("Somebody else saved this lesson meanwhile. Compare before you save.")
        )
    if lesson.content == content:
        return
    for name, value in content.model_dump().items():
        setattr(lesson, name, value)
    lesson.revision += 1
    audit.record(
        session,
        "lesson.edited",
        lesson.id,
        actor=actor,
        at=now,
        revision=lesson.revision,
    )


def publish(
    session: Session,
    lesson: Lesson,
    *,
    note: str,
    read_again: bool,
    actor: User | None,
    now: datetime,
) -> LessonVersion:
    """Let readers see the draft.

    Args:
        session: The session that holds the open transaction.
        lesson: The lesson, locked by the caller.
        note: What is new, for those who know the version before.
        read_again: Whether they have to read it again.
        actor: Who publishes it; none for a file.
        now: When.

    Raises:
        LessonRetired: It is retired.
        NothingToPublish: Readers see it already.
        Invalid: Nothing is said about what is new.
    """
    if lesson.state is LessonState.RETIRED:
        raise LessonRetired(_("This lesson is retired. Bring it back first."))
    before = next(iter(queries.versions(session, lesson.id)), None)
    if before is not None and before.content == lesson.content:
        raise NothingToPublish(_("Readers see this text already."))
    if before is not None and not note.strip():
        raise Invalid(_("Say what is new, for those who read it."), field="note")
    number = before.number + 1 if before else 1
    version = LessonVersion(
        lesson_id=lesson.id,
        number=number,
        counts_from=before.counts_from if before and not read_again else number,
        note=note.strip() if before else "",
        published_at=now,
        published_by_id=actor.id if actor else None,
        **lesson.content.model_dump(),
    )
    session.add(version)
    lesson.published_number = number
    audit.record(
        session, "lesson.published", lesson.id, actor=actor, at=now, number=number
    )
    return version


def move(
    session: Session, lesson: Lesson, *, up: bool, actor: User, now: datetime
) -> bool:
    """Change places with the lesson before or after; tell whether there is one.

    Args:
        session: The session that holds the open transaction.
        lesson: The lesson.
        up: Towards the beginning.
        actor: Who moves it.
        now: When.
    """
    _one_place_at_a_time(session, lesson.certification_id)
    session.refresh(lesson, ["position"])
    way = Lesson.position.desc() if up else Lesson.position
    beyond = (
        Lesson.position < lesson.position if up else Lesson.position > lesson.position
    )
    other = session.scalar(
        select(Lesson)
        .where(
            Lesson.certification_id == lesson.certification_id,
            Lesson.retired_at.is_(None),
            beyond,
        )
        .order_by(way)
        .limit(1)
        .execution_options(populate_existing=True)
    )
    if other is None:
        return False
    lesson.position, other.position = other.position, lesson.position
    audit.record(
        session,
        "lesson.moved",
        lesson.id,
        actor=actor,
        at=now,
        position=lesson.position,
    )
    return True


def retire(session: Session, lesson: Lesson, *, actor: User, now: datetime) -> None:
    """Take a lesson out of the course. Who read it, and when, is kept.

    Raises:
        LessonRetired: It is retired.
    """
    if lesson.retired_at is not None:
        raise LessonRetired(_("This lesson is retired already."))
    lesson.retired_at = now
    audit.record(session, "lesson.retired", lesson.id, actor=actor, at=now)


def bring_back(session: Session, lesson: Lesson, *, actor: User, now: datetime) -> None:
    """Put a retired lesson back into the course, as it was published last."""
    if lesson.retired_at is not None:
        lesson.retired_at = None
        audit.record(session, "lesson.brought_back", lesson.id, actor=actor, at=now)


def mark_read(
    session: Session, shown: queries.Shown, user: User, number: int, *, now: datetime
) -> None:
    """Keep that a person has read a version of a lesson. Twice is once.

    Args:
        session: The session that holds the open transaction.
        shown: The lesson as readers see it at present.
        user: Who read it.
        number: The version that was on the page.
        now: When.

    Raises:
        LessonChanged: A version to be read again came out in the meantime.
    """
    version = shown.version
    if not version.counts_from <= number <= version.number:
        raise LessonChanged(
            _("This lesson changed while you were reading. Here is the new text.")
        )
    session.execute(
        insert(LessonRead)
        .values(user_id=user.id, lesson_id=shown.lesson.id, number=number, read_at=now)
        .on_conflict_do_nothing()
    )


def _one_place_at_a_time(session: Session, certification_id: UUID) -> None:
    """Make changes to the order of one course wait for each other."""
    session.execute(
        select(Certification.id)
        .where(Certification.id == certification_id)
        .with_for_update(key_share=True)
    )
