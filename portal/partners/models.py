"""The organisation that promotes and gets paid, and its people."""

from datetime import datetime
from uuid import UUID

from sqlalchemy import CheckConstraint, ForeignKey, Index, text
from sqlalchemy.orm import Mapped, mapped_column, relationship

from portal.accounts.models import User
from portal.kit.db import Base
from portal.kit.ids import new_id, public_id

ONE_OPEN_SPELL = "uq_team_spells_open"


class Partner(Base):
    """A company or person who promotes and gets paid."""

    __tablename__ = "partners"

    id: Mapped[UUID] = mapped_column(primary_key=True, default=new_id)
    name: Mapped[str] = mapped_column(index=True)
    country: Mapped[str]
    """ISO 3166 code of two letters."""
    website: Mapped[str] = mapped_column(default="")
    created_at: Mapped[datetime]

    @property
    def public_id(self) -> str:
        """The id that people and programs see."""
        return public_id("prt", self.id)


class PartnerMember(Base):
    """A user's place in a partner; the user's role says what they may do there."""

    __tablename__ = "partner_members"

    user_id: Mapped[UUID] = mapped_column(ForeignKey("users.id"), primary_key=True)
    partner_id: Mapped[UUID] = mapped_column(ForeignKey("partners.id"), index=True)
    joined_at: Mapped[datetime]

    user: Mapped[User] = relationship(lazy="raise")
    partner: Mapped[Partner] = relationship(lazy="raise")


class TeamSpell(Base):
    """A time during which somebody who had joined was on a partner's team.

    Closed by `until_at`, never deleted: who was on the team on a past day decides
    which requirements were met then.
    """

    __tablename__ = "team_spells"
    __table_args__ = (
        Index(
            ONE_OPEN_SPELL,
            "user_id",
            unique=True,
            postgresql_where=text("until_at IS NULL"),
        ),
        CheckConstraint("until_at >= from_at", name="ends_after_it_began"),
    )

    id: Mapped[UUID] = mapped_column(primary_key=True, default=new_id)
    partner_id: Mapped[UUID] = mapped_column(ForeignKey("partners.id"), index=True)
    user_id: Mapped[UUID] = mapped_column(ForeignKey("users.id"))
    from_at: Mapped[datetime]
    until_at: Mapped[datetime | None]

    user: Mapped[User] = relationship(lazy="raise")
