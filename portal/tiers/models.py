from datetime import datetime
from uuid import UUID

from sqlalchemy import BigInteger, ForeignKey, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column, relationship

from portal.accounts.models import User
from portal.kit.db import Base
from portal.kit.ids import new_id, public_id
from portal.tiers.rules import ChangeReason


class TierChange(Base):
    """A move of an enrollment to another level.

    The history is worked out from sales, refunds, facts and overrides and kept for
    the pages; rating never reads it.
    """

    __tablename__ = "tier_changes"
    __table_args__ = (UniqueConstraint("enrollment_id", "from_at"),)

    id: Mapped[UUID] = mapped_column(primary_key=True, default=new_id)
    enrollment_id: Mapped[UUID] = mapped_column(ForeignKey("enrollments.id"))
    tier: Mapped[str]
    """The key of the level in the program's definition."""
    from_at: Mapped[datetime]
    metric_value: Mapped[int] = mapped_column(BigInteger)
    reason: Mapped[ChangeReason]


class RecordedFact(Base):
    """A value about a partner that somebody wrote down, such as a rating.

    Added, never changed: a later row for the same moment takes an earlier one's place.
    """

    __tablename__ = "tier_facts"

    id: Mapped[UUID] = mapped_column(primary_key=True, default=new_id)
    enrollment_id: Mapped[UUID] = mapped_column(
        ForeignKey("enrollments.id"), index=True
    )
    fact: Mapped[str]
    """Which value, as the requirements of the program's levels name it."""
    value: Mapped[int] = mapped_column(BigInteger)
    from_at: Mapped[datetime]
    """From when on it holds."""
    reason: Mapped[str]
    recorded_at: Mapped[datetime]
    recorded_by_id: Mapped[UUID | None] = mapped_column(ForeignKey("users.id"))

    recorded_by: Mapped[User | None] = relationship(lazy="raise")


class LevelOverride(Base):
    """A level that staff set by hand, for a time or until they end it."""

    __tablename__ = "tier_overrides"

    id: Mapped[UUID] = mapped_column(primary_key=True, default=new_id)
    enrollment_id: Mapped[UUID] = mapped_column(
        ForeignKey("enrollments.id"), index=True
    )
    level: Mapped[str]
    """The key of the level."""
    from_at: Mapped[datetime]
    until_at: Mapped[datetime | None]
    """When it ends by itself; none: when somebody ends it."""
    reason: Mapped[str]
    set_by_id: Mapped[UUID | None] = mapped_column(ForeignKey("users.id"))
    ended_at: Mapped[datetime | None]
    ended_by_id: Mapped[UUID | None] = mapped_column(ForeignKey("users.id"))

    set_by: Mapped[User | None] = relationship(lazy="raise", foreign_keys=set_by_id)
    ended_by: Mapped[User | None] = relationship(lazy="raise", foreign_keys=ended_by_id)

    @property
    def public_id(self) -> str:
        """The id that people and programs see."""
        return public_id("tov", self.id)

    @property
    def stops_at(self) -> datetime | None:
        """When it stopped or will stop to hold; none while nobody knows."""
        ends = [end for end in (self.until_at, self.ended_at) if end is not None]
        return min(ends, default=None)

    def holds(self, moment: datetime) -> bool:
        """Tell whether it holds at `moment`."""
        return self.from_at <= moment and (
            self.stops_at is None or moment < self.stops_at
        )
