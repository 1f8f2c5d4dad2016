"""What reviewers note about an application, and what makes two of them alike."""

from datetime import datetime
from uuid import UUID

from sqlalchemy import ForeignKey, Index, LargeBinary
from sqlalchemy.orm import Mapped, mapped_column, relationship

from portal.accounts.models import User
from portal.applications.likeness import FingerprintKind
from portal.kit.db import Base
from portal.kit.ids import new_id


class ApplicationComment(Base):
    """A reviewer's note to colleagues; the applicant never reads it."""

    __tablename__ = "application_comments"

    id: Mapped[UUID] = mapped_column(primary_key=True, default=new_id)
    application_id: Mapped[UUID] = mapped_column(
        ForeignKey("applications.id"), index=True
    )
    author_id: Mapped[UUID] = mapped_column(ForeignKey("users.id"))
    text: Mapped[str]
    written_at: Mapped[datetime]

    author: Mapped[User] = relationship(lazy="raise")


class ApplicationConflict(Base):
    """A reviewer's own word that they should not decide this application."""

    __tablename__ = "application_conflicts"

    user_id: Mapped[UUID] = mapped_column(ForeignKey("users.id"), primary_key=True)
    application_id: Mapped[UUID] = mapped_column(
        ForeignKey("applications.id"), primary_key=True
    )
    declared_at: Mapped[datetime]


class ApplicationLook(Base):
    """When a reviewer last had an application open."""

    __tablename__ = "application_looks"

    application_id: Mapped[UUID] = mapped_column(
        ForeignKey("applications.id"), primary_key=True
    )
    user_id: Mapped[UUID] = mapped_column(ForeignKey("users.id"), primary_key=True)
    looked_at: Mapped[datetime]


class ApplicationFingerprint(Base):
    """Something that two applications of one person or company have in common."""

    __tablename__ = "application_fingerprints"
    __table_args__ = (
        Index("ix_application_fingerprints_kind_digest", "kind", "digest"),
    )

    application_id: Mapped[UUID] = mapped_column(
        ForeignKey("applications.id", ondelete="CASCADE"), primary_key=True
    )
    kind: Mapped[FingerprintKind] = mapped_column(primary_key=True)
    digest: Mapped[bytes] = mapped_column(LargeBinary, primary_key=True)
    """SHA-256 of the value in its plainest form, so that all kinds share one index."""
