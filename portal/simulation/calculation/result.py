"""What a simulation comes to."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from portal.commissions.calculation import Commissioned, RatedLine
from portal.deals.rules import Registered
from portal.programs.definition import ProgramDefinition
from portal.rewards.calculation import Due
from portal.simulation.calculation.credit import Credit
from portal.simulation.calculation.ordinals import Ordinals
from portal.statements.settled import Settlement
from portal.tiers.rules import Timeline


class WhyUncounted(StrEnum):
    """Why something that happened earns nobody anything."""

    NO_CREDIT = "no_credit"
    """Nobody gets the credit for the customer."""
    NOT_ACCEPTED = "not_accepted"
    """The vendor did not accept the lead."""
    BOT = "bot"
    NOT_JOINED = "not_joined"
    """The partner joins later than the simulation ends."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Uncounted:
    """Something that happened and that nobody earns from.

    Attributes:
        event: What kind of event.
        id: Its id.
        customer: Of which customer.
        why: Why nobody does.
    """

    event: str
    id: str
    customer: str
    why: WhyUncounted


@dataclass(frozen=True, slots=True, kw_only=True)
class Sums:
    """What became of everything that a partner earned, in minor units.

    earned + reversed + adjusted = paid + balance + reserve + pending + held.

    Attributes:
        earned: By all lines of sales.
        reversed: By all lines of refunds and departures.
        adjusted: By staff, and by draws.
        over_cap: What caps cut off; no part of the rest.
        paid: Sent until the end.
        balance: Owed on the last statement.
        reserve: Held back for later days.
        pending: Clears after the end.
        held: Waits for a requirement.
    """

    earned: int = 0
    reversed: int = 0
    adjusted: int = 0
    over_cap: int = 0
    paid: int = 0
    balance: int = 0
    reserve: int = 0
    pending: int = 0
    held: int = 0

    @property
    def net(self) -> int:
        """What the partner has of it all, sooner or later."""
        return self.earned + self.reversed + self.adjusted


@dataclass(frozen=True, slots=True, kw_only=True)
class PartnerRun:
    """What a program comes to for one partner.

    Attributes:
        partner: Who.
        joined_at: When it joined.
        lines: Its commission lines, in the order in which they count.
        tiers: How its level moved; none without tiers.
        settlements: Its statements, by currency.
        pending_from: The end of the simulation, after which lines are pending.
    """

    partner: str
    joined_at: datetime
    lines: tuple[RatedLine, ...]
    tiers: Timeline | None
    settlements: Mapping[str, Settlement]
    pending_from: datetime

    def sums(self, currency: str) -> Sums:
        """Return what became of what was earned in a currency."""
        lines = [line for line in self.lines if line.currency == currency]
        settlement = self.settlements[currency]
        return Sums(
            earned=_sum(line for line in lines if line.kind is Commissioned.EARNED),
            reversed=_sum(line for line in lines if line.kind is Commissioned.REVERSAL),
            adjusted=sum(
                statement.totals.adjustments for statement in settlement.statements
            ),
            over_cap=sum(line.over_cap_minor for line in lines),
            paid=settlement.paid_minor,
            balance=settlement.balance_minor,
            reserve=settlement.reserve_minor,
            pending=_sum(
                line
                for line in lines
                if line.clears_at is not None and line.clears_at > self.pending_from
            ),
            held=_sum(line for line in lines if line.clears_at is None),
        )


def _sum(lines: Iterable[RatedLine]) -> int:
    return sum(line.amount_minor for line in lines)


@dataclass(frozen=True, slots=True, kw_only=True)
class Names:
    """What the file calls the things that lines are about."""

    sales: Ordinals
    refunds: Ordinals
    customers: Ordinals


@dataclass(frozen=True, slots=True, kw_only=True)
class Result:
    """What a program comes to for given events.

    Attributes:
        definition: The program.
        until: What happened after it was left out.
        counted: How many events were looked at.
        left_out: How many happened later.
        partners: Every partner that had joined, in the order in which they did.
        rewards: What is due that is not cash, or is not, in the order of earning.
        credits: Who got the credit for each customer, in the order of conversion.
        registrations: What became of the customers whom partners registered.
        uncounted: What earns nobody anything.
        names: What the file calls things.
    """

    definition: ProgramDefinition
    until: datetime
    counted: int
    left_out: int
    partners: tuple[PartnerRun, ...]
    rewards: tuple[Due, ...]
    credits: tuple[Credit, ...]
    registrations: tuple[Registered, ...]
    uncounted: tuple[Uncounted, ...]
    names: Names

    @property
    def currency(self) -> str:
        """In which currency the program pays."""
        return self.definition.currency
