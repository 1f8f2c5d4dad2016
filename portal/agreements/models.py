"""Signed agreements. Everything here is added, never changed."""

from datetime import datetime
from uuid import UUID

from sqlalchemy import ForeignKey, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column, relationship

from portal.enrollments.models import Enrollment
from portal.kit.db import Base
from portal.kit.ids import new_id, public_id

ONE_PER_TEXT = "uq_agreement_signatures_enrollment_id_version_text_sha256"


class AgreementText(Base):
    """A text that somebody signed, kept for good under its hash."""

    __tablename__ = "agreement_texts"

    sha256: Mapped[str] = mapped_column(primary_key=True)
    """Of the exact Markdown, in hexadecimal."""
    text: Mapped[str]


class AgreementSignature(Base):
    """Who signed which text for which partner, when, and from where.

    Names are kept as they were when it was signed.
    """

    __tablename__ = "agreement_signatures"
    __table_args__ = (
        UniqueConstraint("enrollment_id", "version", "text_sha256", name=ONE_PER_TEXT),
    )

    id: Mapped[UUID] = mapped_column(primary_key=True, default=new_id)
    enrollment_id: Mapped[UUID] = mapped_column(ForeignKey("enrollments.id"))
    title: Mapped[str]
    version: Mapped[str]
    text_sha256: Mapped[str] = mapped_column(ForeignKey("agreement_texts.sha256"))
    program_name: Mapped[str]
    issuer_name: Mapped[str]
    """The vendor; empty for signatures from before it was kept."""
    partner_name: Mapped[str]
    signed_by_id: Mapped[UUID] = mapped_column(ForeignKey("users.id"))
    signer_name: Mapped[str]
    signer_email: Mapped[str]
    signer_role: Mapped[str]
    """The role in which the person signed; empty where it was not kept."""
    signed_at: Mapped[datetime]
    remote_address: Mapped[str]
    user_agent: Mapped[str]
    """What the browser calls itself; empty where it was not kept."""
    language: Mapped[str]
    """Of the page on which it was signed; empty where it was not kept."""

    enrollment: Mapped[Enrollment] = relationship(lazy="raise")
    text: Mapped[AgreementText] = relationship(lazy="raise")

    @property
    def public_id(self) -> str:
        """The id that people and programs see."""
        return public_id("sig", self.id)

    @property
    def identity(self) -> tuple[str, str]:
        """What tells the signed text from others."""
        return (self.version, self.text_sha256)


class AgreementNotice(Base):
    """That a partner was told to sign a new text by a date."""

    __tablename__ = "agreement_notices"
    __table_args__ = (
        UniqueConstraint(
            "enrollment_id",
            "version",
            "text_sha256",
            "shuts_at",
            name="uq_agreement_notices_once",
        ),
    )

    id: Mapped[UUID] = mapped_column(primary_key=True, default=new_id)
    enrollment_id: Mapped[UUID] = mapped_column(ForeignKey("enrollments.id"))
    version: Mapped[str]
    text_sha256: Mapped[str]
    shuts_at: Mapped[datetime]
    """The first moment after the last day for signing."""
    sent_at: Mapped[datetime]
