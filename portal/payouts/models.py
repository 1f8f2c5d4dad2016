"""Money sent to partners. Written once; the books are what counts."""

from datetime import date, datetime
from uuid import UUID

from sqlalchemy import (
    BigInteger,
    CheckConstraint,
    ForeignKey,
    String,
    UniqueConstraint,
)
from sqlalchemy.orm import Mapped, mapped_column

from portal.kit.db import Base
from portal.kit.ids import new_id, public_id
from portal.kit.money import Money

ONE_PER_REFERENCE = "uq_payouts_partner_id_reference"


class Payout(Base):
    """A transfer that finance made at the bank and noted here."""

    __tablename__ = "payouts"
    __table_args__ = (
        UniqueConstraint("partner_id", "reference"),
        CheckConstraint("amount_minor > 0", name="positive"),
        CheckConstraint("reference <> ''", name="has_reference"),
    )

    id: Mapped[UUID] = mapped_column(primary_key=True, default=new_id)
    partner_id: Mapped[UUID] = mapped_column(ForeignKey("partners.id"))
    program_id: Mapped[UUID] = mapped_column(ForeignKey("programs.id"))
    amount_minor: Mapped[int] = mapped_column(BigInteger)
    currency: Mapped[str] = mapped_column(String(3))
    paid_on: Mapped[date]
    reference: Mapped[str]
    """What the bank shows on both sides; unique for the partner."""
    form_id: Mapped[UUID] = mapped_column(unique=True)
    """Of the rendered form, so that sending it twice notes one transfer."""
    recorded_by_id: Mapped[UUID | None] = mapped_column(ForeignKey("users.id"))
    recorded_at: Mapped[datetime]

    @property
    def public_id(self) -> str:
        """The id that people and programs see."""
        return public_id("pay", self.id)

    @property
    def amount(self) -> Money:
        """How much was sent."""
        return Money(self.amount_minor, self.currency)
