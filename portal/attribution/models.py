from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import CheckConstraint, ForeignKey, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column, relationship

from portal.accounts.models import User
from portal.attribution.records import from_data
from portal.attribution.rules import Decision
from portal.attribution.splitting import share_bps
from portal.kit.db import Base
from portal.kit.ids import new_id
from portal.programs.models import ProgramVersion
from portal.sales.models import Customer


class Attribution(Base):
    """Which enrollment gets the credit for a customer in one program, and why.

    Where several share the customer each has a row, with the same decision. Where
    nobody gets the credit in a program that was looked at, one row says so.
    """

    __tablename__ = "attributions"
    __table_args__ = (
        UniqueConstraint(
            "customer_id",
            "program_id",
            "enrollment_id",
            postgresql_nulls_not_distinct=True,
        ),
        CheckConstraint("weight BETWEEN 0 AND of_weight", name="weight"),
        CheckConstraint("of_weight > 0", name="of_weight"),
        CheckConstraint("enrollment_id IS NULL OR weight > 0", name="credited"),
    )

    id: Mapped[UUID] = mapped_column(primary_key=True, default=new_id)
    customer_id: Mapped[UUID] = mapped_column(ForeignKey("customers.id"))
    program_id: Mapped[UUID] = mapped_column(ForeignKey("programs.id"))
    version_id: Mapped[UUID] = mapped_column(ForeignKey("program_versions.id"))
    """The version in force at the conversion; it governs the customer's sales."""
    enrollment_id: Mapped[UUID | None] = mapped_column(
        ForeignKey("enrollments.id"), index=True
    )
    """Who gets the credit; none when no click counts in this program."""
    weight: Mapped[int]
    """The enrollment's share of the customer, of `of_weight`; 0 for nobody's."""
    of_weight: Mapped[int]
    """What the weights of all that share the customer in this program add up to."""
    click_id: Mapped[UUID | None]
    """The enrollment's latest click that won. Clicks may be cleaned up, so it is no
    foreign key."""
    reference: Mapped[str | None]
    """What the customer said it came with when this was decided, `clk_...`."""
    decided_at: Mapped[datetime]
    converted_at: Mapped[datetime]
    """When the customer signed up or first bought, whichever came first."""
    decision: Mapped[dict[str, Any]]
    """Every click that was looked at, with why it lost; see `attribution.records`."""

    customer: Mapped[Customer] = relationship(lazy="raise")
    version: Mapped[ProgramVersion] = relationship(lazy="raise")

    @property
    def reasons(self) -> Decision:
        """The decision as the rules made it."""
        return from_data(self.decision)

    @property
    def is_shared(self) -> bool:
        """Whether somebody else has a part of the customer."""
        return 0 < self.weight < self.of_weight

    @property
    def share_bps(self) -> int:
        """The share in basis points, rounded, for people to read."""
        return share_bps(self.weight, self.of_weight)


class UnmanagedCustomer(Base):
    """A customer whom an enrollment no longer looks after.

    It keeps the credit; only rules with `managed_from` ask. Whoever looks after the
    customer again has no row; the audit log keeps what was.
    """

    __tablename__ = "unmanaged_customers"
    __table_args__ = (CheckConstraint("reason <> ''", name="has_reason"),)

    enrollment_id: Mapped[UUID] = mapped_column(
        ForeignKey("enrollments.id"), primary_key=True
    )
    customer_id: Mapped[UUID] = mapped_column(
        ForeignKey("customers.id"), primary_key=True
    )
    unmanaged_from: Mapped[datetime]
    reason: Mapped[str]
    """For the staff."""
    noted_at: Mapped[datetime]
    noted_by_id: Mapped[UUID | None] = mapped_column(ForeignKey("users.id"))

    noted_by: Mapped[User | None] = relationship(lazy="raise")
