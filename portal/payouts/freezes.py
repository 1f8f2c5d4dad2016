"""The switch that stops payouts: a row, so that every process sees it at once."""

from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import CheckConstraint, ForeignKey, Index, text
from sqlalchemy.orm import Mapped, mapped_column

from portal.kit.db import Base
from portal.kit.ids import new_id

ONE_FREEZE = "uq_payout_freezes_one"


class PayoutFreeze(Base):
    """A time during which nothing was paid out. It goes on until `thawed_at`."""

    __tablename__ = "payout_freezes"
    __table_args__ = (
        Index(
            ONE_FREEZE,
            text("(thawed_at IS NULL)"),
            unique=True,
            postgresql_where=text("thawed_at IS NULL"),
        ),
        CheckConstraint("reason <> ''", name="has_reason"),
        CheckConstraint(
            "(thawed_at IS NULL) = (thaw_reason = '')", name="thawed_for_a_reason"
        ),
    )

    id: Mapped[UUID] = mapped_column(primary_key=True, default=new_id)
    reason: Mapped[str]
    findings: Mapped[list[Any]]
    """What `portal verify` said, a sentence each; empty when a person froze them."""
    frozen_at: Mapped[datetime]
    frozen_by_id: Mapped[UUID | None] = mapped_column(ForeignKey("users.id"))
    """None for the portal itself and the command line."""
    thawed_at: Mapped[datetime | None]
    thawed_by_id: Mapped[UUID | None] = mapped_column(ForeignKey("users.id"))
    thaw_reason: Mapped[str] = mapped_column(default="")
