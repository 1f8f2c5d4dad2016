"""Files of Stripe events: reading them, and taking them in."""

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy.exc import DataError
from sqlalchemy.orm import Session

from portal.payments import service as payments
from portal.payments.models import InboxSource
from portal.webhooks import service
from portal.webhooks.rules import NotAnEvent, checked_event, read_json

Event = dict[str, Any]


@dataclass(slots=True)
class Contents:
    """What a file holds.

    Attributes:
        events: Its events, oldest first.
        problems: What cannot be read: the number of the line, and why.
    """

    events: list[Event] = field(default_factory=list)
    problems: list[tuple[int, str]] = field(default_factory=list)


@dataclass(slots=True)
class Tally:
    """What became of the events of a file.

    Attributes:
        new: How many had not been here before.
        known: How many had.
        statuses: Where the new ones ended up, and those that had waited for them.
        customers: Whose credit must be looked at.
        unstorable: The ids of events that the database refuses.
    """

    new: int = 0
    known: int = 0
    statuses: Counter[str] = field(default_factory=Counter)
    customers: set[UUID] = field(default_factory=set)
    unstorable: list[str] = field(default_factory=list)


def contents(text: str, *, livemode: bool) -> Contents:
    """Read a file: an event on each line, or one list as the API returns it."""
    found = Contents()
    numbered: list[tuple[int, object]] = []
    for number, data in _entries(text):
        if isinstance(data, NotAnEvent):
            found.problems.append((number, str(data)))
        else:
            numbered.append((number, data))
    for number, data in numbered:
        try:
            found.events.append(checked_event(data, livemode=livemode))
        except NotAnEvent as error:
            found.problems.append((number, str(error)))
    found.events.sort(key=lambda event: (event["created"], event["id"]))
    found.problems.sort()
    return found


def take_in(
    session: Session, events: Sequence[Event], tally: Tally, *, now: datetime
) -> None:
    """Keep events and act on those that are new, counting in `tally`."""
    for event in events:
        try:
            with session.begin_nested():
                is_new = payments.receive(
                    session, event, source=InboxSource.IMPORT, now=now
                )
        except DataError:
            tally.unstorable.append(event["id"])
            continue
        if not is_new:
            tally.known += 1
            continue
        tally.new += 1
        _act(session, event["id"], tally, now)


def _act(session: Session, event_id: str, tally: Tally, now: datetime) -> None:
    """Act on an event, and on everything that waited for it."""
    queue = [event_id]
    while queue:
        current = queue.pop(0)
        acted = service.act(session, current, now=now)
        if acted.outcome is None:
            continue
        if current != event_id:
            tally.statuses["parked"] -= 1
        tally.statuses[acted.outcome.status] += 1
        tally.customers |= acted.customers
        queue.extend(key for key in acted.waiting if key not in queue)


def _entries(text: str) -> Iterator[tuple[int, object]]:
    """Yield each entry with the number of its line, or of its place in a list."""
    if listed := _list_of(text):
        yield from enumerate(listed, start=1)
        return
    for number, line in enumerate(text.splitlines(), start=1):
        if not line.strip():
            continue
        try:
            yield number, read_json(line)
        except NotAnEvent as error:
            yield number, error


def _list_of(text: str) -> list[object]:
    """Return the entries of a file that is one list; nothing if it is not."""
    try:
        whole = read_json(text)
    except NotAnEvent:
        return []
    if isinstance(whole, dict) and whole.get("object") == "list":
        data = whole.get("data")
        return data if isinstance(data, list) else []
    return whole if isinstance(whole, list) else []
