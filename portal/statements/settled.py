"""What statements and payments come to. Pure values."""

from dataclasses import dataclass
from datetime import date, datetime
from enum import StrEnum

from portal.statements.rules import LineKind, Totals


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """Something that goes on a statement.

    Attributes:
        kind: Earned, taken back or adjusted.
        minor: The signed amount.
        at: When it clears; it goes on the statement of that period.
    """

    kind: LineKind
    minor: int
    at: datetime


class PaymentState(StrEnum):
    """What became of a statement's balance on its payment day."""

    PAID = "paid"
    DUE = "due"
    """The payment day is still to come."""
    NOTHING = "nothing"
    """There is nothing to pay, or other payments send it."""
    CARRIED = "carried"
    """Below zero: the next statement begins with it."""
    BELOW_MINIMUM = "below_minimum"
    WITHHELD = "withheld"
    """A requirement that stops payment was not met on the payment day."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Payment:
    """What is sent on one day, or why nothing is.

    Attributes:
        on: The payment day.
        minor: What is sent or will be; 0 unless paid or due.
        payable_minor: The balance that could be sent.
        state: What became of it.
        gates: The titles of what was not met, where that stopped it.
    """

    on: date
    minor: int
    payable_minor: int
    state: PaymentState
    gates: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Reserve:
    """A part of one period's earnings that is paid out later.

    Attributes:
        period: The label of the period that it was held back from.
        minor: How much.
        release_on: The day on which it is released.
        released: Whether that day has come.
        payment: What was sent on that day.
    """

    period: str
    minor: int
    release_on: date
    released: bool
    payment: Payment


@dataclass(frozen=True, slots=True, kw_only=True)
class Settled:
    """The statement of one period.

    Attributes:
        label: `2026-03` or `2026-Q1`.
        first_day: Its first day.
        last_day: Its last day.
        is_open: Whether the period is not over; then it is shown as if it closed with
            what is known.
        totals: Its parts; they fulfil the identity.
        draw_minor: The part of the adjustments that lifts a low month to the draw,
            or, below zero, that pays such a lift back.
        advance_minor: What is still to be paid back at its end.
        payment: What is sent on its payment day.
    """

    label: str
    first_day: date
    last_day: date
    is_open: bool
    totals: Totals
    draw_minor: int
    advance_minor: int
    payment: Payment


@dataclass(frozen=True, slots=True, kw_only=True)
class Settlement:
    """All statements of one partner in one currency.

    Attributes:
        statements: One for each period without a gap, earliest first.
        reserves: What was held back, earliest first.
    """

    statements: tuple[Settled, ...]
    reserves: tuple[Reserve, ...]

    @property
    def balance_minor(self) -> int:
        """What is owed at the end, without what is held back."""
        return self.statements[-1].totals.closing if self.statements else 0

    @property
    def paid_minor(self) -> int:
        """All that was sent."""
        return sum(statement.totals.payouts for statement in self.statements)

    @property
    def reserve_minor(self) -> int:
        """What is held back at the end."""
        return sum(part.minor for part in self.reserves if not part.released)
