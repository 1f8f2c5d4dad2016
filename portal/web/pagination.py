"""Pages of long lists by key: constant cost, and nothing skipped when rows arrive.

A list runs from new to old by (created_at, id). A cursor names the row after which, or
before which, a page begins.

    asked = page_request(request.args)
    rows = session.scalars(asked.limit(statement, Sale.created_at, Sale.id)).all()
    page = asked.page(rows, key=lambda sale: (sale.created_at, sale.id))
"""

import base64
import binascii
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Generic, TypeVar
from uuid import UUID

from flask_babel import gettext as _
from sqlalchemy import Select, tuple_
from sqlalchemy.orm import InstrumentedAttribute

from portal.kit.errors import Invalid

T = TypeVar("T")
S = TypeVar("S", bound=Select[*tuple[Any, ...]])

PAGE_SIZES = (25, 50, 100)
TOTAL_CAP = 10_000
"""Totals are exact up to here; counting further would cost more than it tells."""

_UUID_BYTES = 16


@dataclass(frozen=True, slots=True)
class Cursor:
    """The place of one row in a list."""

    created_at: datetime
    id: UUID

    def encode(self) -> str:
        """Return the cursor as part of an address."""
        raw = self.id.bytes + self.created_at.isoformat().encode()
        return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()

    @classmethod
    def decode(cls, text: str) -> "Cursor":
        """Read a cursor from an address.

        Raises:
            ValueError: It is not one of ours.
        """
        try:
            raw = base64.b64decode(
                text + "=" * (-len(text) % 4), altchars=b"-_", validate=True
            )
            moment = datetime.fromisoformat(raw[_UUID_BYTES:].decode())
            key = UUID(bytes=raw[:_UUID_BYTES])
        except (binascii.Error, UnicodeError) as error:
            raise ValueError(f"{text!r} is not a cursor") from error
        if moment.tzinfo is None:
            raise ValueError(f"{text!r} is not a cursor")
        return cls(moment, key)


@dataclass(frozen=True, slots=True)
class Page(Generic[T]):
    """One page of a list.

    Attributes:
        items: The rows, newest first.
        newer: Cursor of the page above, or None at the top.
        older: Cursor of the page below, or None at the end.
        total: How many there are in all, where somebody counted.
        total_is_capped: Whether there are more than `total`.
    """

    items: Sequence[T]
    newer: str | None = None
    older: str | None = None
    total: int | None = None
    total_is_capped: bool = False


@dataclass(frozen=True, slots=True)
class PageRequest:
    """Which page is asked for: at most one of `after` and `before` is set."""

    size: int = PAGE_SIZES[0]
    after: Cursor | None = None
    before: Cursor | None = None

    def limit(
        self,
        statement: S,
        created_at: InstrumentedAttribute[datetime],
        key: InstrumentedAttribute[UUID],
    ) -> S:
        """Return `statement` for this page, and one row more to see whether it goes on.

        A page before a cursor comes in reverse; `page` puts it right.
        """
        place = tuple_(created_at, key)
        if self.before:
            statement = statement.where(
                place > (self.before.created_at, self.before.id)
            )
            order = (created_at.asc(), key.asc())
        else:
            order = (created_at.desc(), key.desc())
        if self.after:
            statement = statement.where(place < (self.after.created_at, self.after.id))
        return statement.order_by(*order).limit(self.size + 1)

    def page(
        self,
        rows: Sequence[T],
        *,
        key: Callable[[T], tuple[datetime, UUID]],
        total: int | None = None,
    ) -> Page[T]:
        """Return the page made of what `limit` found.

        `total` is a count that stopped at `TOTAL_CAP` + 1.
        """
        goes_on = len(rows) > self.size
        items = list(rows[: self.size])
        if self.before:
            items.reverse()
        has_newer = goes_on if self.before else self.after is not None
        has_older = True if self.before else goes_on
        capped = total is not None and total > TOTAL_CAP
        return Page(
            items=items,
            newer=Cursor(*key(items[0])).encode() if items and has_newer else None,
            older=Cursor(*key(items[-1])).encode() if items and has_older else None,
            total=TOTAL_CAP if capped else total,
            total_is_capped=capped,
        )


def page_request(arguments: Mapping[str, str]) -> PageRequest:
    """Read which page is asked for from a query string.

    Raises:
        Invalid: A cursor is damaged.
    """
    size = next((s for s in PAGE_SIZES if str(s) == arguments.get("limit")), None)
    before = _cursor(arguments, "before")
    return PageRequest(
        size=size or PAGE_SIZES[0],
        after=None if before else _cursor(arguments, "after"),
        before=before,
    )


def _cursor(arguments: Mapping[str, str], name: str) -> Cursor | None:
    text = arguments.get(name)
    if not text:
        return None
    try:
        return Cursor.decode(text)
    except ValueError as error:
        raise Invalid(
            _("This link to a page of the list is damaged. Start from the first page."),
            field=name,
        ) from error
