"""Referral links, and who followed them. No address of anybody is kept."""

from datetime import datetime
from uuid import UUID

from sqlalchemy import ForeignKey, Index
from sqlalchemy.orm import Mapped, mapped_column, relationship

from portal.enrollments.models import Enrollment
from portal.kit.db import Base
from portal.kit.ids import new_id, public_id

ONE_LINK_PER_CODE = "uq_referral_links_code"


class ReferralLink(Base):
    """A link with a code, owned by one enrollment."""

    __tablename__ = "referral_links"

    id: Mapped[UUID] = mapped_column(primary_key=True, default=new_id)
    enrollment_id: Mapped[UUID] = mapped_column(
        ForeignKey("enrollments.id"), index=True
    )
    code: Mapped[str] = mapped_column(unique=True)
    """What comes after `/r/`, lower case."""
    name: Mapped[str]
    destination_url: Mapped[str]
    """Where it leads; `{vendor}` stands for the vendor's own site."""
    created_at: Mapped[datetime]
    disabled_at: Mapped[datetime | None]
    """Since when it does not count; people who follow it still get somewhere."""

    enrollment: Mapped[Enrollment] = relationship(lazy="raise")

    @property
    def public_id(self) -> str:
        """The id that people and programs see."""
        return public_id("lnk", self.id)

    @property
    def is_disabled(self) -> bool:
        """Whether the partner switched it off."""
        return self.disabled_at is not None


class Click(Base):
    """One visit through a referral link."""

    __tablename__ = "clicks"
    __table_args__ = (
        Index("ix_clicks_link_id_clicked_at", "link_id", "clicked_at"),
        Index("ix_clicks_visitor_clicked_at", "visitor", "clicked_at"),
    )

    id: Mapped[UUID] = mapped_column(primary_key=True, default=new_id)
    link_id: Mapped[UUID] = mapped_column(ForeignKey("referral_links.id"))
    visitor: Mapped[str]
    """What the browser's cookie holds; empty for a visitor without one."""
    clicked_at: Mapped[datetime]
    is_bot: Mapped[bool]
    counts: Mapped[bool]
    """Whether a person opened the link, as far as the browser tells."""
    referrer_host: Mapped[str]
    """The site that the visitor came from; empty when the browser does not say."""
    landing_url: Mapped[str]

    @property
    def public_id(self) -> str:
        """The id that travels to the vendor's site as `gh_click`."""
        return public_id("clk", self.id)
