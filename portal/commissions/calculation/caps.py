"""Caps and budgets: the most that is paid, and what went over."""

from dataclasses import dataclass, field
from datetime import datetime

from portal.commissions.calculation.facts import Terms
from portal.programs.definition import Budget, Cap, CapScope, ProgramDefinition, Rule
from portal.tiers.facts import SaleFact
from portal.tiers.windows import span_of

_ORDER = tuple(CapScope)
"""From the narrowest to the widest; what one lets through reaches the next."""


@dataclass(slots=True)
class Caps:
    """What each cap has let through so far.

    A cap keeps the sum of what came in and pays the part of it below the cap. So the
    order of refunds does not matter, and what a refund takes back comes out of what
    went over first.
    """

    _in: dict[tuple[str, ...], int] = field(default_factory=dict)
    _spent: dict[str, int] = field(default_factory=dict)

    def let_through(self, rule: Rule, sale: SaleFact, terms: Terms, amount: int) -> int:
        """Return how much of `amount` the caps of a rule let through.

        Each version counts for itself, as its windows do.
        """
        place = f"{terms.number}/{rule.key}"
        for cap in sorted(rule.caps, key=lambda cap: _ORDER.index(cap.per)):
            amount = self._below(
                cap, (place, *_bucket(cap, sale, terms.definition)), amount
            )
        return amount

    def _below(self, cap: Cap, bucket: tuple[str, ...], amount: int) -> int:
        before = self._in.get(bucket, 0)
        after = self._in[bucket] = before + amount
        return min(after, cap.most_minor) - min(before, cap.most_minor)

    def spend(self, budget: Budget, month: str, amount: int, *, is_new: bool) -> bool:
        """Take an amount out of a budget; return whether there was enough left.

        Args:
            budget: The budget.
            month: The month of the sale.
            amount: What the sale, or a change of it, comes to.
            is_new: Whether it is the sale itself. What was paid once may come back
                after a dispute even if the budget is used up by then.
        """
        bucket = month if budget.per == "month" else ""
        spent = self._spent.get(bucket, 0) + amount
        if is_new and spent > budget.most_minor:
            return False
        self._spent[bucket] = spent
        return True


def month_of(moment: datetime, definition: ProgramDefinition) -> str:
    """Return the month in which a moment lies in the program's zone."""
    return span_of("month", moment, definition.zone).label


def _bucket(cap: Cap, sale: SaleFact, definition: ProgramDefinition) -> tuple[str, ...]:
    if cap.per is CapScope.SALE:
        return (cap.per, str(sale.id))
    if cap.per is CapScope.CUSTOMER:
        return (cap.per, str(sale.customer_id))
    if cap.per is CapScope.LIFE:
        return (cap.per,)
    return (cap.per, span_of(cap.per.value, sale.occurred_at, definition.zone).label)
