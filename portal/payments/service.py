from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from portal.payments.models import InboxEvent, InboxSource, InboxStatus


def receive(
    session: Session,
    event: dict[str, Any],
    *,
    source: InboxSource,
    now: datetime,
) -> bool:
    """Keep a Stripe event; return whether it was new.

    Args:
        session: The session that holds the open transaction.
        event: The event object, its signature checked or its file trusted.
        source: How it reached us.
        now: The moment of arrival.
    """
    inserted = session.execute(
        insert(InboxEvent)
        .values(
            id=event["id"],
            type=event["type"],
            payload=event,
            occurred_at=datetime.fromtimestamp(event["created"], UTC),
            received_at=now,
            source=source,
            status=InboxStatus.RECEIVED,
            note="",
        )
        .on_conflict_do_nothing(index_elements=["id"])
        .returning(InboxEvent.id)
    )
    return inserted.one_or_none() is not None


def lock_waiting(session: Session, event_id: str) -> InboxEvent | None:
    """Return the event, locked, if it still waits to be acted on.

    An event that another worker holds counts as not waiting.
    """
    return session.scalar(
        select(InboxEvent)
        .where(
            InboxEvent.id == event_id,
            InboxEvent.status.in_(
                [InboxStatus.RECEIVED, InboxStatus.PARKED, InboxStatus.FAILED]
            ),
        )
        .with_for_update(skip_locked=True)
    )


def parked_for(session: Session, stripe_ids: Sequence[str]) -> Sequence[str]:
    """Return the ids of the events that wait for one of these objects."""
    return session.scalars(
        select(InboxEvent.id)
        .where(
            InboxEvent.status == InboxStatus.PARKED,
            InboxEvent.parked_for.in_(stripe_ids),
        )
        .order_by(InboxEvent.occurred_at, InboxEvent.id)
    ).all()
