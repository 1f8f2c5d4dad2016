"""Programs and their versions. A published version never changes."""

from datetime import datetime
from enum import StrEnum
from functools import cached_property
from typing import Any
from uuid import UUID

from sqlalchemy import CheckConstraint, ForeignKey, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column, relationship

from portal.kit.db import Base
from portal.kit.ids import new_id, public_id
from portal.programs.definition import ProgramDefinition

ONE_PROGRAM_PER_KEY = "uq_programs_key"


class VersionState(StrEnum):
    """What a version is at some moment."""

    COMING = "coming"
    IN_FORCE = "in_force"
    PAST = "past"
    REPLACED = "replaced"
    """A newer version starts at the same moment: this one never counts."""


class Program(Base):
    """What partners join; its terms are in its versions."""

    __tablename__ = "programs"

    id: Mapped[UUID] = mapped_column(primary_key=True, default=new_id)
    key: Mapped[str] = mapped_column(unique=True)
    created_at: Mapped[datetime]

    @property
    def public_id(self) -> str:
        """The id that people and programs see."""
        return public_id("pgm", self.id)


class ProgramVersion(Base):
    """One published definition, in force from `effective_from` on."""

    __tablename__ = "program_versions"
    __table_args__ = (
        UniqueConstraint("program_id", "number"),
        CheckConstraint("number > 0", name="number"),
    )

    id: Mapped[UUID] = mapped_column(primary_key=True, default=new_id)
    program_id: Mapped[UUID] = mapped_column(ForeignKey("programs.id"))
    number: Mapped[int]
    """1 for the first, without gaps."""
    definition_json: Mapped[dict[str, Any]]
    effective_from: Mapped[datetime]
    published_at: Mapped[datetime]
    published_by_id: Mapped[UUID | None] = mapped_column(ForeignKey("users.id"))
    """Who published it; none for what the installation brought along."""

    program: Mapped[Program] = relationship(lazy="raise")

    @cached_property
    def definition(self) -> ProgramDefinition:
        """The definition, checked once per loaded row."""
        return ProgramDefinition.model_validate(self.definition_json)
