from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import ForeignKey, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column, relationship

from portal.attribution.rules import Decision, from_data
from portal.kit.db import Base
from portal.kit.ids import new_id
from portal.programs.models import ProgramVersion
from portal.sales.models import Customer


class Attribution(Base):
    """Which enrollment gets the credit for a customer in one program, and why."""

    __tablename__ = "attributions"
    __table_args__ = (UniqueConstraint("customer_id", "program_id"),)

    id: Mapped[UUID] = mapped_column(primary_key=True, default=new_id)
    customer_id: Mapped[UUID] = mapped_column(ForeignKey("customers.id"))
    program_id: Mapped[UUID] = mapped_column(ForeignKey("programs.id"))
    version_id: Mapped[UUID] = mapped_column(ForeignKey("program_versions.id"))
    """The version in force at the conversion; it governs the customer's sales."""
    enrollment_id: Mapped[UUID | None] = mapped_column(
        ForeignKey("enrollments.id"), index=True
    )
    """Who gets the credit; none when no click counts in this program."""
    click_id: Mapped[UUID | None]
    """The click that won. Clicks may be cleaned up, so it is no foreign key."""
    reference: Mapped[str | None]
    """What the customer said it came with when this was decided, `clk_...`."""
    decided_at: Mapped[datetime]
    converted_at: Mapped[datetime]
    """When the customer signed up or first bought, whichever came first."""
    decision: Mapped[dict[str, Any]]
    """Every click that was looked at, with why it lost; see `attribution.rules`."""

    customer: Mapped[Customer] = relationship(lazy="raise")
    version: Mapped[ProgramVersion] = relationship(lazy="raise")

    @property
    def reasons(self) -> Decision:
        """The decision as the rules made it."""
        return from_data(self.decision)
