from datetime import datetime
from enum import StrEnum
from typing import Any, NamedTuple
from uuid import UUID

from sqlalchemy import (
    BigInteger,
    CheckConstraint,
    ForeignKey,
    Index,
    String,
    UniqueConstraint,
    text,
)
from sqlalchemy.orm import Mapped, mapped_column, relationship

from portal.kit.db import Base
from portal.kit.ids import new_id, public_id
from portal.kit.money import Money
from portal.partners.models import Partner
from portal.programs.models import ProgramVersion
from portal.sales.models import Customer, Refund, Sale


class CommissionKind(StrEnum):
    """What a line does."""

    EARNED = "earned"
    REVERSAL = "reversal"
    """A refund or dispute takes back, or a won dispute gives back."""
    ADJUSTMENT = "adjustment"
    """The difference to a line that is on an earlier statement."""


class CommissionState(StrEnum):
    """Where a line stands; follows from its dates and is never stored."""

    HELD = "waiting"
    """A requirement is not met yet."""
    ON_HOLD = "on_hold"
    """The days in which a refund may still come are not over."""
    CLEARED = "cleared"
    ON_STATEMENT = "on_statement"


class Commission(Base):
    """What one sale or refund earned a partner under one rule, and why.

    Until a statement takes it, a line is a projection that is worked out anew with
    every event. A frozen line never changes; a trigger in the database sees to it.
    """

    __tablename__ = "commissions"
    __table_args__ = (
        UniqueConstraint("enrollment_id", "key"),
        CheckConstraint(
            "(frozen_at IS NULL) = (period_label IS NULL)", name="frozen_in_a_period"
        ),
        CheckConstraint(
            "frozen_at IS NULL OR clears_at IS NOT NULL", name="frozen_when_cleared"
        ),
        Index("ix_commissions_page", "partner_id", "occurred_at", "id"),
        Index("ix_commissions_all", "occurred_at", "id"),
        Index(
            "ix_commissions_open",
            "enrollment_id",
            "clears_at",
            postgresql_where=text("frozen_at IS NULL"),
        ),
    )

    id: Mapped[UUID] = mapped_column(primary_key=True, default=new_id)
    key: Mapped[str]
    """The event and the rule: `sale:<id>/<rule>`; `.../adj1` for its adjustment."""
    enrollment_id: Mapped[UUID] = mapped_column(ForeignKey("enrollments.id"))
    partner_id: Mapped[UUID] = mapped_column(ForeignKey("partners.id"))
    program_id: Mapped[UUID] = mapped_column(ForeignKey("programs.id"), index=True)
    version_id: Mapped[UUID] = mapped_column(ForeignKey("program_versions.id"))
    customer_id: Mapped[UUID] = mapped_column(ForeignKey("customers.id"), index=True)
    sale_id: Mapped[UUID] = mapped_column(ForeignKey("sales.id"), index=True)
    refund_id: Mapped[UUID | None] = mapped_column(ForeignKey("refunds.id"))
    kind: Mapped[CommissionKind]
    rule_key: Mapped[str]
    base_minor: Mapped[int] = mapped_column(BigInteger)
    """By how much the net sales changed, in the currency of the program."""
    amount_minor: Mapped[int] = mapped_column(BigInteger)
    currency: Mapped[str] = mapped_column(String(3))
    occurred_at: Mapped[datetime]
    clears_at: Mapped[datetime | None]
    """When it may go on a statement; none while a requirement holds it back."""
    trace: Mapped[dict[str, Any]]
    """How the amount came about, as data; see `commissions.calculation`."""
    frozen_at: Mapped[datetime | None]
    period_label: Mapped[str | None] = mapped_column(String(7))
    """The period of the statement that took it, `YYYY-MM`."""
    thawed_at: Mapped[datetime | None]
    """When the statement that took it was last reversed; such a line is never removed,
    because that statement goes on showing it."""

    customer: Mapped[Customer] = relationship(lazy="raise")
    partner: Mapped[Partner] = relationship(lazy="raise")
    version: Mapped[ProgramVersion] = relationship(lazy="raise")
    sale: Mapped[Sale] = relationship(lazy="raise")
    refund: Mapped[Refund | None] = relationship(lazy="raise")

    @property
    def public_id(self) -> str:
        """The id that people and programs see."""
        return public_id("com", self.id)

    @property
    def amount(self) -> Money:
        """What it comes to."""
        return Money(self.amount_minor, self.currency)

    @property
    def base(self) -> Money:
        """By how much the net sales changed."""
        return Money(self.base_minor, self.currency)

    @property
    def settles(self) -> str:
        """The key of the line that this line is, or that it adjusts."""
        return settled_by(self.key)

    def state_at(self, now: datetime) -> CommissionState:
        """Return where the line stands at `now`."""
        if self.frozen_at is not None:
            return CommissionState.ON_STATEMENT
        if self.clears_at is None:
            return CommissionState.HELD
        if self.clears_at > now:
            return CommissionState.ON_HOLD
        return CommissionState.CLEARED


class LineRow(NamedTuple):
    """A line as plain values, the columns of `Commission`, for work on many of them."""

    id: UUID
    key: str
    enrollment_id: UUID
    partner_id: UUID
    program_id: UUID
    version_id: UUID
    customer_id: UUID
    sale_id: UUID
    refund_id: UUID | None
    kind: CommissionKind
    rule_key: str
    base_minor: int
    amount_minor: int
    currency: str
    occurred_at: datetime
    clears_at: datetime | None
    trace: dict[str, Any]
    frozen_at: datetime | None = None
    period_label: str | None = None
    thawed_at: datetime | None = None

    @property
    def settles(self) -> str:
        """The key of the line that this line is, or that it adjusts."""
        return settled_by(self.key)


def settled_by(key: str) -> str:
    """Return the key of the line that the line of this key is, or that it adjusts."""
    event, rule, *_ = key.split("/")
    return f"{event}/{rule}"
