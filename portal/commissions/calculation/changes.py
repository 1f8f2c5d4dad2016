"""From sales, refunds and departures to what changes, in order.

A change is a step in what is left of a sale, as far as commissions are concerned: a
refund that the program does not take back is a step of nothing, and a customer who
leaves during a prepaid term gives back the months that were not used.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import NamedTuple
from uuid import UUID
from zoneinfo import ZoneInfo

from portal.kit.clock import add_months
from portal.kit.money import Rounding, divide
from portal.programs.definition import Clawback, ProgramDefinition
from portal.tiers.facts import CustomerFact, Event, RefundFact, SaleFact


class Change(NamedTuple):
    """A step in what is left of a sale.

    Attributes:
        sale: The sale.
        refund: The refund that it is; none for the sale itself and a departure.
        leaves_at: When the customer left, for that step; otherwise none.
        before: What was left of the sale's net before; 0 for the sale itself.
        after: What is left after.
    """

    sale: SaleFact
    refund: RefundFact | None
    leaves_at: datetime | None
    before: int
    after: int

    @property
    def is_sale(self) -> bool:
        """Whether this is the sale itself."""
        return self.refund is None and self.leaves_at is None

    @property
    def kind(self) -> str:
        """What a trace calls it."""
        if self.refund is not None:
            return "refund"
        return "sale" if self.leaves_at is None else "left"


def changes_of(
    events: Sequence[Event],
    definition_of: Callable[[SaleFact], ProgramDefinition],
    customers: Mapping[UUID, CustomerFact],
) -> Iterator[Change]:
    """Return every step, in the order in which events count.

    Args:
        events: Sales and refunds in order.
        definition_of: The program as it governs a sale.
        customers: What became of the customers.
    """
    course: dict[UUID, _Left] = {}
    for event in _with_departures(events, definition_of, customers):
        sale = event.sale
        if isinstance(event, _Departure):
            left = _left_of(sale, course)
            before = left.now
            left.used = sale.net_minor - event.taken_back(sale.net_minor)
            yield Change(sale, None, event.moment, before, left.now)
        elif event.refund is None:
            yield Change(sale, None, None, 0, sale.net_minor)
        else:
            left = _left_of(sale, course)
            before = left.now
            clawback = definition_of(sale).clawback
            left.refund(event.change_minor, counts=_is_taken_back(clawback, event))
            yield Change(sale, event.refund, None, before, left.now)


@dataclass(slots=True)
class _Left:
    """What is left of a sale, as far as commissions are concerned.

    Attributes:
        kept: What refunds that count left.
        used: The most that a departure leaves.
        uncounted: What refunds that do not count took.
    """

    kept: int
    used: int
    uncounted: int = 0

    @property
    def now(self) -> int:
        """What is left: what was not refunded of what was used."""
        return min(self.kept, self.used)

    def refund(self, change: int, *, counts: bool) -> None:
        """Take in a refund, or money that came back.

        What came back comes first out of what was not counted when it went.
        """
        if change < 0 and not counts:
            self.uncounted -= change
            return
        if change > 0:
            free = min(change, self.uncounted)
            self.uncounted -= free
            change -= free
        self.kept += change


def _left_of(sale: SaleFact, course: dict[UUID, _Left]) -> _Left:
    """Return what is left of a sale; kept only of sales that something happened to."""
    known = course.get(sale.id)
    if known is None:
        known = course[sale.id] = _Left(sale.net_minor, sale.net_minor)
    return known


def _is_taken_back(clawback: Clawback, event: Event) -> bool:
    if clawback.refunds == "none":
        return False
    last = clawback.refund_days
    return last is None or event.moment <= event.sale.occurred_at + timedelta(days=last)


@dataclass(frozen=True, slots=True)
class _Departure:
    """A customer leaves in the middle of what a sale paid for."""

    sale: SaleFact
    moment: datetime
    unused: int
    months: int
    refund: None = None

    def taken_back(self, left: int) -> int:
        """Return the part of what is left that was not used."""
        return divide(left * self.unused, self.months, Rounding.HALF_AWAY)


def _with_departures(
    events: Sequence[Event],
    definition_of: Callable[[SaleFact], ProgramDefinition],
    customers: Mapping[UUID, CustomerFact],
) -> Iterator[Event | _Departure]:
    departures = list(_departures(events, definition_of, customers))
    if not departures:
        yield from events
        return
    departures.sort(key=lambda step: (step.moment, step.sale.reference))
    waiting = iter(departures)
    following = next(waiting, None)
    for event in events:
        while following is not None and following.moment < event.moment:
            yield following
            following = next(waiting, None)
        yield event
    while following is not None:
        yield following
        following = next(waiting, None)


def _departures(
    events: Sequence[Event],
    definition_of: Callable[[SaleFact], ProgramDefinition],
    customers: Mapping[UUID, CustomerFact],
) -> Iterator[_Departure]:
    gone = {key: one.left_at for key, one in customers.items() if one.left_at}
    # Nothing is looked up for those whose customers all stayed.
    for event in events if gone else ():
        sale = event.sale
        left_at = gone.get(sale.customer_id)
        if event.refund is not None or left_at is None or left_at < sale.occurred_at:
            continue
        definition = definition_of(sale)
        months = definition.clawback.prepaid_months
        if months is None:
            continue
        used = _months_begun(sale.occurred_at, left_at, months, definition.zone)
        if used < months:
            yield _Departure(sale, left_at, months - used, months)


def _months_begun(since: datetime, until: datetime, most: int, zone: ZoneInfo) -> int:
    """Return how many months begin before `until`, at most `most`."""
    return sum(add_months(since, month, zone) < until for month in range(most))
