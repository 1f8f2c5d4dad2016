from datetime import datetime
from uuid import UUID

from sqlalchemy import BigInteger, ForeignKey, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from portal.kit.db import Base
from portal.kit.ids import new_id
from portal.tiers.rules import ChangeReason


class TierChange(Base):
    """A move of an enrollment to another level.

    The history is worked out from sales and refunds and kept for the pages; rating
    never reads it.
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
