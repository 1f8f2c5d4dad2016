"""The inbox: what Stripe told us, kept before it is acted on."""

from datetime import datetime
from enum import StrEnum
from typing import Any

from sqlalchemy import Index
from sqlalchemy.orm import Mapped, mapped_column

from portal.kit.db import Base


class InboxSource(StrEnum):
    """How an event reached us."""

    WEBHOOK = "webhook"
    IMPORT = "import"


class InboxStatus(StrEnum):
    """What became of an event."""

    RECEIVED = "received"
    HANDLED = "handled"
    IGNORED = "ignored"
    """Nothing of ours; `note` says why."""
    PARKED = "parked"
    """Waits for something that has not arrived yet, such as a refund's sale."""
    FAILED = "failed"
    """Broke while being handled; a person has it tried again."""


class InboxEvent(Base):
    """One Stripe event, whole.

    Stripe delivers at least once; its own event id as primary key makes the second
    delivery change nothing.
    """

    __tablename__ = "inbox_events"
    __table_args__ = (Index("ix_inbox_events_received_at_id", "received_at", "id"),)

    id: Mapped[str] = mapped_column(primary_key=True)
    """Stripe's `evt_...`."""
    type: Mapped[str]
    payload: Mapped[dict[str, Any]]
    occurred_at: Mapped[datetime]
    """Stripe's `created`."""
    received_at: Mapped[datetime]
    source: Mapped[InboxSource]
    status: Mapped[InboxStatus] = mapped_column(
        default=InboxStatus.RECEIVED, index=True
    )
    note: Mapped[str] = mapped_column(default="")
    parked_for: Mapped[str | None] = mapped_column(index=True)
    """The Stripe id that a parked event waits for, such as `ch_...`."""
    handled_at: Mapped[datetime | None]

    def settle(
        self,
        status: InboxStatus,
        *,
        at: datetime,
        note: str = "",
        parked_for: str | None = None,
    ) -> None:
        """Note what became of the event."""
        self.status = status
        self.note = note[:500]
        self.parked_for = parked_for
        self.handled_at = at
