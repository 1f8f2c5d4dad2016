"""What rating is given, and what it returns."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any
from uuid import UUID

from portal.programs.definition import ProgramDefinition


@dataclass(frozen=True, slots=True, kw_only=True)
class Terms:
    """A published version that governs a customer's sales.

    Attributes:
        definition: The program.
        number: The number of the version.
        effective_from: From when it is in force; none where that does not matter.
    """

    definition: ProgramDefinition
    number: int
    effective_from: datetime | None = None


class Commissioned(StrEnum):
    """What a line does."""

    EARNED = "earned"
    REVERSAL = "reversal"
    """A refund takes back, or a won dispute gives back."""


class Outcome(StrEnum):
    """What rating a sale came to."""

    RATED = "rated"
    HELD = "held"
    """Rated, but cleared only after the gate opened."""
    FORFEITED = "forfeited"
    """Nothing: a gate that blocks earning was unmet."""
    PAPERS_LATE = "papers_late"
    """Nothing: a gate was not met in time after the customer's first sale."""
    LEFT_EARLY = "left_early"
    """Nothing: the customer left before the commission was due."""
    OTHER_CURRENCY = "other_currency"
    DURATION_OVER = "duration_over"
    """Nothing: the months during which the customer's sales earn were over."""
    OVER_BUDGET = "over_budget"
    """Nothing: it would have gone over the program's budget."""
    NO_RULE = "no_rule"
    """Nothing: no rule of the program is about such a sale."""

    @property
    def counts(self) -> bool:
        """Whether the sale is part of its window."""
        return self in _COUNTED


# A tuple finds them by identity; a set would hash each of them in Python.
_COUNTED = (Outcome.RATED, Outcome.HELD)


@dataclass(frozen=True, slots=True, kw_only=True)
class RatedLine:
    """What one sale or refund comes to under one rule.

    Attributes:
        key: Names the line for ever: the event and the rule.
        kind: Earned or taken back.
        sale_id: The sale.
        refund_id: The refund, for a reversal by one.
        customer_id: Who bought.
        rule_key: The rule; `none` where none is about the sale.
        version_number: The version of the program that governs the sale.
        base_minor: By how much the amount changed on which the rule pays.
        amount_minor: The commission, in the currency of the program.
        over_cap_minor: What a cap cut off; it is not paid.
        currency: That currency.
        occurred_at: When the sale or refund happened.
        clears_at: When it may go on a statement; none while a gate holds it.
        trace: How the amount came about, as data.
    """

    key: str
    kind: Commissioned
    sale_id: UUID
    refund_id: UUID | None
    customer_id: UUID
    rule_key: str
    version_number: int
    base_minor: int
    amount_minor: int
    over_cap_minor: int
    currency: str
    occurred_at: datetime
    clears_at: datetime | None
    trace: dict[str, Any]
