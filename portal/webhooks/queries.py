from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from flask_babel import gettext as _
from sqlalchemy import and_, or_, select
from sqlalchemy.orm import Session

from portal.kit.errors import NotFound
from portal.payments.models import InboxEvent, InboxStatus
from portal.web.pagination import Page

LOST_AFTER = timedelta(minutes=10)
TRY_AGAIN_AFTER = timedelta(hours=1)
GIVE_UP_AFTER = timedelta(days=3)


class NoSuchEvent(NotFound):
    """There is no event with this id."""

    code = "event_not_found"


@dataclass(frozen=True, slots=True, kw_only=True)
class EventFilter:
    """Which events of the inbox to show.

    Attributes:
        status: Only these.
        kind: Only events of this type.
        after: Only events that arrived before this one.
        before: Only events that arrived after this one.
        size: How many at most.
    """

    status: InboxStatus | None = None
    kind: str | None = None
    after: str | None = None
    before: str | None = None
    size: int = 50


def event(session: Session, event_id: str) -> InboxEvent:
    """Return one event.

    Raises:
        NoSuchEvent: There is none.
    """
    found = session.get(InboxEvent, event_id)
    if found is None:
        raise NoSuchEvent(_("There is no such event."))
    return found


def events(session: Session, asked: EventFilter) -> Page[InboxEvent]:
    """Return one page of the inbox, the latest arrival first.

    A page begins after, or before, an event that is named by its id: the place of
    that event in the list is looked up here.
    """
    query = select(InboxEvent)
    if asked.status is not None:
        query = query.where(InboxEvent.status == asked.status)
    if asked.kind:
        query = query.where(InboxEvent.type == asked.kind)
    mark = session.get(InboxEvent, asked.before or asked.after or "")
    if mark is not None:
        earlier = or_(
            InboxEvent.received_at < mark.received_at,
            and_(InboxEvent.received_at == mark.received_at, InboxEvent.id < mark.id),
        )
        later = or_(
            InboxEvent.received_at > mark.received_at,
            and_(InboxEvent.received_at == mark.received_at, InboxEvent.id > mark.id),
        )
        query = query.where(later if asked.before else earlier)
    backwards = asked.before is not None and mark is not None
    order = (
        (InboxEvent.received_at.asc(), InboxEvent.id.asc())
        if backwards
        else (InboxEvent.received_at.desc(), InboxEvent.id.desc())
    )
    rows = session.scalars(query.order_by(*order).limit(asked.size + 1)).all()
    goes_on = len(rows) > asked.size
    items = list(rows[: asked.size])
    if backwards:
        items.reverse()
    has_newer = goes_on if backwards else mark is not None
    has_older = backwards or goes_on
    return Page(
        items=items,
        newer=items[0].id if items and has_newer else None,
        older=items[-1].id if items and has_older else None,
    )


def types(session: Session) -> Sequence[str]:
    """Return every type of event that ever arrived."""
    return session.scalars(
        select(InboxEvent.type).distinct().order_by(InboxEvent.type)
    ).all()


def left_behind(session: Session, now: datetime, *, most: int = 500) -> Sequence[str]:
    """Return the ids of events that nobody acts on any more, oldest first.

    These are events whose job was lost, and events that broke a while ago and may
    work by now.
    """
    return session.scalars(
        select(InboxEvent.id)
        .where(
            or_(
                and_(
                    InboxEvent.status == InboxStatus.RECEIVED,
                    InboxEvent.received_at < now - LOST_AFTER,
                ),
                and_(
                    InboxEvent.status == InboxStatus.FAILED,
                    InboxEvent.handled_at < now - TRY_AGAIN_AFTER,
                    InboxEvent.received_at > now - GIVE_UP_AFTER,
                ),
            )
        )
        .order_by(InboxEvent.occurred_at, InboxEvent.id)
        .limit(most)
    ).all()
