"""Who did what to what, and when. Rows are added, never changed."""

from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import ForeignKey, Index
from sqlalchemy.orm import Mapped, mapped_column

from portal.kit.db import Base
from portal.kit.ids import new_id


class AuditEvent(Base):
    """One thing that one actor did to one subject."""

    __tablename__ = "audit_events"
    __table_args__ = (Index("ix_audit_events_at_id", "at", "id"),)

    id: Mapped[UUID] = mapped_column(primary_key=True, default=new_id)
    at: Mapped[datetime]
    actor_id: Mapped[UUID | None] = mapped_column(ForeignKey("users.id"))
    """Who did it; none for the portal itself."""
    action: Mapped[str]
    """`<feature>.<past participle>`, such as `application.approved`."""
    subject_id: Mapped[UUID] = mapped_column(index=True)
    details: Mapped[dict[str, Any]]
