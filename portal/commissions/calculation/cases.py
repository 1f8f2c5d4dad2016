"""What holds for a sale under a rule, once and for all its refunds."""

from dataclasses import dataclass, field
from datetime import datetime
from typing import NamedTuple

from portal.commissions.calculation.clauses import Clause
from portal.commissions.calculation.facts import Outcome
from portal.commissions.calculation.gates import Verdict
from portal.commissions.calculation.scale import Scale
from portal.programs.definition import Gate
from portal.tiers.facts import CustomerFact, SaleFact
from portal.tiers.rules import Standing


class WindowKey(NamedTuple):
    """Names a window of a rule."""

    version: int
    rule: str
    label: str
    owner: int
    """The number of the customer's or the sale's id; 0 for all of the partner's."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Tenure:
    """A customer under a version: what holds for all its sales there.

    Attributes:
        customer: What became of it.
        first: Its first sale that brought money.
        papers: The gate that was not met in time after it; none if none was missed.
        ends: When its sales stop earning, by the months for which a rule pays, and
            how a trace writes it.
    """

    customer: CustomerFact
    first: SaleFact
    papers: Gate | None
    ends: dict[int, tuple[datetime, str]] = field(default_factory=dict)


class Case(NamedTuple):
    """A sale under a rule: what holds for the sale and all its refunds.

    Attributes:
        clause: The rule.
        tenure: The customer.
        outcome: What the sale comes to.
        counts: Whether it is part of its window.
        gates: What the gates say.
        window: Its window.
        standing: The partner's level, where the rate depends on it.
        month: The month of the customer's life.
        earns_until: When the customer's sales stop earning, as a trace writes it.
        scale: The bands.
        clears_at: When what it earns may go on a statement.
    """

    clause: Clause
    tenure: Tenure
    outcome: Outcome
    counts: bool
    gates: Verdict
    window: WindowKey
    standing: Standing | None
    month: int | None
    earns_until: str | None
    scale: Scale
    clears_at: datetime | None
