"""Months, sums and payment of statements. Pure: no clock, no database."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from enum import StrEnum
from zoneinfo import ZoneInfo

from portal.enrollments.rules import GateStatus
from portal.kit.clock import add_months, month_start
from portal.kit.money import Money
from portal.programs.definition import ProgramDefinition
from portal.programs.rules import payout_date


@dataclass(frozen=True, slots=True)
class Month:
    """A calendar month in a time zone: `[starts_at, ends_at)`.

    Attributes:
        label: `2026-10`.
        starts_at: The instant at which it begins.
        ends_at: The instant at which the next one begins.
    """

    label: str
    starts_at: datetime
    ends_at: datetime


def month_of(moment: datetime, zone: ZoneInfo) -> Month:
    """Return the month in which `moment` lies."""
    starts_at = month_start(moment.astimezone(zone).date(), zone)
    return Month(
        label=f"{starts_at.astimezone(zone):%Y-%m}",
        starts_at=starts_at,
        ends_at=add_months(starts_at, 1, zone),
    )


def months_until(first: datetime, last: datetime, zone: ZoneInfo) -> list[Month]:
    """Return the months from the one of `first` to the one of `last`, both in it."""
    months = []
    month = month_of(first, zone)
    while month.starts_at <= last:
        months.append(month)
        month = month_of(month.ends_at, zone)
    return months


def first_and_last_day(
    starts_at: datetime, ends_at: datetime, zone: ZoneInfo
) -> tuple[date, date]:
    """Return the first and the last day of a half-open span of whole days."""
    before_end = ends_at.astimezone(zone).date() - timedelta(days=1)
    return starts_at.astimezone(zone).date(), before_end


class LineKind(StrEnum):
    """What a line of a statement does to the balance."""

    EARNED = "earned"
    REVERSAL = "reversal"
    ADJUSTMENT = "adjustment"
    DRAW = "draw"
    """Lifts a low month to the draw, or pays such a lift back."""
    HOLDBACK = "holdback"
    RELEASE = "release"
    """What was held back and is owed from now on."""
    WITHHOLDING = "withholding"
    """Tax."""
    PAYOUT = "payout"


@dataclass(frozen=True, slots=True, kw_only=True)
class Totals:
    """The parts of a statement, in minor units, signed as the summary shows them.

    Nothing yet charges fees on a statement; that part is 0 and belongs to the identity
    all the same.
    """

    opening: int = 0
    earned: int = 0
    reversals: int = 0
    adjustments: int = 0
    holdback: int = 0
    releases: int = 0
    withholding: int = 0
    fees: int = 0
    payouts: int = 0
    """What was paid out, as a positive number."""

    @property
    def gained(self) -> int:
        """What the partner gained, before tax and fees."""
        return (
            self.earned
            + self.reversals
            + self.adjustments
            + self.holdback
            + self.releases
        )

    @property
    def change(self) -> int:
        """What the statement adds to the balance: everything but the payouts."""
        return self.gained - self.withholding - self.fees

    @property
    def booked(self) -> int:
        """What the close books. Releases and payouts are in the books already."""
        return self.change - self.releases

    @property
    def closing(self) -> int:
        """The balance carried to the next statement."""
        return self.opening + self.change - self.payouts

    @property
    def taken_back(self) -> "Totals":
        """The parts of the statement that takes this one back, to its opening."""
        return Totals(
            opening=self.closing,
            earned=-self.earned,
            reversals=-self.reversals,
            adjustments=-self.adjustments,
            holdback=-self.holdback,
            releases=-self.releases,
            withholding=-self.withholding,
            fees=-self.fees,
            payouts=-self.payouts,
        )

    def __add__(self, other: "Totals") -> "Totals":
        return Totals(
            opening=self.opening + other.opening,
            earned=self.earned + other.earned,
            reversals=self.reversals + other.reversals,
            adjustments=self.adjustments + other.adjustments,
            holdback=self.holdback + other.holdback,
            releases=self.releases + other.releases,
            withholding=self.withholding + other.withholding,
            fees=self.fees + other.fees,
            payouts=self.payouts + other.payouts,
        )


_PARTS = {
    LineKind.EARNED: ("earned", 1),
    LineKind.REVERSAL: ("reversals", 1),
    LineKind.ADJUSTMENT: ("adjustments", 1),
    LineKind.DRAW: ("adjustments", 1),
    LineKind.HOLDBACK: ("holdback", 1),
    LineKind.RELEASE: ("releases", 1),
    LineKind.WITHHOLDING: ("withholding", -1),
    LineKind.PAYOUT: ("payouts", -1),
}
"""In which part of a statement a line counts, and whether that part is shown as what
it takes away."""


def part_of(kind: LineKind, minor: int) -> Totals:
    """Return the parts of a statement that has one line and opens with nothing."""
    name, sign = _PARTS[kind]
    return Totals(**{name: sign * minor})


def totals_of(opening: int, lines: Iterable[tuple[LineKind, int]]) -> Totals:
    """Return the parts of a statement with these lines."""
    sums = dict.fromkeys(LineKind, 0)
    for kind, amount in lines:
        sums[kind] += amount
    return sum(map(part_of, sums, sums.values()), start=Totals(opening=opening))


def is_late(clears_at: datetime | None, month_starts_at: datetime) -> bool:
    """Tell whether a line belongs to a month before the one that states it.

    That month is closed, so the sale or refund was reported after its close.
    """
    return clears_at is not None and clears_at < month_starts_at


def count_kinds(kinds: Iterable[LineKind]) -> dict[LineKind, int]:
    """Return how often each kind occurs, those that do not with 0."""
    found = dict.fromkeys(LineKind, 0)
    for kind in kinds:
        found[kind] += 1
    return found


class Payment(StrEnum):
    """What follows from a closing balance."""

    DUE = "due"
    NOTHING = "nothing"
    CARRIED = "carried"
    """Below zero: the next statement begins with it."""
    BELOW_MINIMUM = "below_minimum"
    HELD = "held"
    """A requirement that stops payment is not met."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PaymentPlan:
    """When a closing balance is paid, or why it is not.

    Attributes:
        payment: What follows.
        pays_on: The day of payment; none when nothing is paid.
        gate: The title of the requirement in the way; empty otherwise.
    """

    payment: Payment
    pays_on: date | None = None
    gate: str = ""


def plan_payment(
    definition: ProgramDefinition,
    *,
    closing: Money,
    last_day: date,
    unmet: Sequence[GateStatus],
) -> PaymentPlan:
    """Return when `closing` is paid.

    Args:
        definition: The program, for its payout policy.
        closing: The closing balance.
        last_day: The last day of the statement's period.
        unmet: The gates that stop payment and are not met.
    """
    if closing.minor < 0:
        return PaymentPlan(payment=Payment.CARRIED)
    if closing.minor == 0:
        return PaymentPlan(payment=Payment.NOTHING)
    if closing.minor < definition.payout.minimum_minor:
        return PaymentPlan(payment=Payment.BELOW_MINIMUM)
    if unmet:
        return PaymentPlan(payment=Payment.HELD, gate=unmet[0].gate.title)
    return PaymentPlan(payment=Payment.DUE, pays_on=payout_date(definition, last_day))


def number_of(program_key: str, label: str, count: int) -> str:
    """Return a statement's number: `ACME-2026-000042`; the count never restarts."""
    return f"{program_key.upper()}-{label[:4]}-{count:06d}"


def count_of(number: str) -> int:
    """Return the count within a statement's number."""
    return int(number.rpartition("-")[2])


class Severity(StrEnum):
    """What a check means for the close."""

    FINE = "ok"
    NOTE = "info"
    WARNING = "warn"
    """A person must say that they know, with a note."""
    STOP = "bad"


@dataclass(frozen=True, slots=True, kw_only=True)
class Check:
    """One thing to look at before a month is closed.

    Attributes:
        key: Its name for machines.
        severity: Whether it stops the close.
        text: What was found, in a sentence.
        detail: What follows from it or what to do.
    """

    key: str
    severity: Severity
    text: str
    detail: str = ""
