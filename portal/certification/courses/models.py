"""Lessons, their published versions, and who has read which."""

from datetime import datetime
from enum import StrEnum
from uuid import UUID

from sqlalchemy import ForeignKey, ForeignKeyConstraint, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column, relationship

from portal.accounts.models import User
from portal.certification.courses.content import LessonContent
from portal.certification.models import Certification
from portal.kit.db import Base
from portal.kit.ids import new_id, public_id

ONE_KEY = "uq_lessons_certification_id_key"


class LessonState(StrEnum):
    """What readers see of a lesson."""

    DRAFT = "draft"
    PUBLISHED = "published"
    RETIRED = "retired"


class Lesson(Base):
    """One lesson of an exam's course, with the draft that staff work on."""

    __tablename__ = "lessons"
    __table_args__ = (
        UniqueConstraint("certification_id", "key"),
        # Two lessons that change places pass through one for a moment.
        UniqueConstraint(
            "certification_id", "position", deferrable=True, initially="DEFERRED"
        ),
    )

    id: Mapped[UUID] = mapped_column(primary_key=True, default=new_id)
    certification_id: Mapped[UUID] = mapped_column(ForeignKey("certifications.id"))
    key: Mapped[str]
    position: Mapped[int]
    """Its place in the course; there may be gaps."""
    title: Mapped[str]
    topic: Mapped[str]
    minutes: Mapped[int]
    video_url: Mapped[str] = mapped_column(default="")
    text: Mapped[str]
    """Markdown."""
    revision: Mapped[int] = mapped_column(default=1)
    """Counts the saved drafts, so that two editors do not overwrite each other."""
    published_number: Mapped[int | None]
    """The version that readers see."""
    retired_at: Mapped[datetime | None]

    certification: Mapped[Certification] = relationship(lazy="raise")

    @property
    def public_id(self) -> str:
        """The id that people and programs see."""
        return public_id("les", self.id)

    @property
    def state(self) -> LessonState:
        """What readers see of it."""
        if self.retired_at is not None:
            return LessonState.RETIRED
        if self.published_number is None:
            return LessonState.DRAFT
        return LessonState.PUBLISHED

    @property
    def content(self) -> LessonContent:
        """The draft."""
        return _content(self)


class LessonVersion(Base):
    """What readers saw from one publication to the next. Never changed."""

    __tablename__ = "lesson_versions"

    lesson_id: Mapped[UUID] = mapped_column(ForeignKey("lessons.id"), primary_key=True)
    number: Mapped[int] = mapped_column(primary_key=True)
    """From 1 on."""
    title: Mapped[str]
    topic: Mapped[str]
    minutes: Mapped[int]
    video_url: Mapped[str]
    text: Mapped[str]
    counts_from: Mapped[int]
    """Who has read this version or a later one need not read this one again."""
    note: Mapped[str]
    """What is new in it, for those who read the version before."""
    published_at: Mapped[datetime]
    published_by_id: Mapped[UUID | None] = mapped_column(ForeignKey("users.id"))
    """None when it came from a file."""

    published_by: Mapped[User | None] = relationship(lazy="raise")

    @property
    def content(self) -> LessonContent:
        """What it says."""
        return _content(self)


class LessonRead(Base):
    """Somebody marked a version of a lesson as read. Never changed."""

    __tablename__ = "lesson_reads"
    __table_args__ = (
        ForeignKeyConstraint(
            ["lesson_id", "number"],
            ["lesson_versions.lesson_id", "lesson_versions.number"],
        ),
    )

    user_id: Mapped[UUID] = mapped_column(ForeignKey("users.id"), primary_key=True)
    lesson_id: Mapped[UUID] = mapped_column(primary_key=True, index=True)
    number: Mapped[int] = mapped_column(primary_key=True)
    read_at: Mapped[datetime]


def _content(row: Lesson | LessonVersion) -> LessonContent:
    # It was checked on its way in.
    return LessonContent.model_construct(
        title=row.title,
        topic=row.topic,
        minutes=row.minutes,
        video_url=row.video_url,
        text=row.text,
    )
