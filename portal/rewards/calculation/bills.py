"""What rewards take off a bill: free months, discounts, credit."""

from collections import Counter
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from types import MappingProxyType

from portal.kit.money import BPS_PER_WHOLE, Rounding, divide
from portal.programs.definition import ProgramDefinition, Reward, RewardKind
from portal.rewards.calculation.facts import Due, DueState, ReferralFact
from portal.rewards.calculation.rating import rewards_due

_NOBODY: Mapping[str, datetime] = MappingProxyType({})
_MONTHS_IN_YEAR = 12


@dataclass(frozen=True, slots=True, kw_only=True)
class Bill:
    """A bill of the vendor to somebody who has rewards.

    Attributes:
        id: What is given twice under one id counts once.
        at: When it is written.
        amount_minor: Without rewards, in the program's currency.
        months: How many months it is for.
    """

    id: str
    at: datetime
    amount_minor: int
    months: int = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class BilledRewards:
    """What rewards take off one bill.

    Attributes:
        bill: The bill.
        free_months: How many of its months are free.
        free_minor: What they take off.
        percent_bps: The discount on the rest.
        percent_minor: What it takes off.
        credits: The credit used, by the key of the `Due`.
        forfeited: The credit that this bill could not use and that is gone.
        to_pay_minor: What is left to pay; never less than nothing.
    """

    bill: Bill
    free_months: int
    free_minor: int
    percent_bps: int
    percent_minor: int
    credits: Mapping[str, int]
    forfeited: Mapping[str, int]
    to_pay_minor: int


def percent_off_at(
    definition: ProgramDefinition,
    facts: Iterable[ReferralFact],
    beneficiary: str,
    at: datetime,
    *,
    approvals: Mapping[str, datetime] = _NOBODY,
) -> int:
    """Return the discount in basis points that stands on a bill of that moment.

    Discounts for one bill are taken as not used before; `bills_after` knows better.
    """
    dues = _dues_of(definition, facts, beneficiary, at, approvals)
    percent_bps, _used = _percent_of(_rewards(definition), dues, ())
    return percent_bps


def bills_after(
    definition: ProgramDefinition,
    facts: Iterable[ReferralFact],
    beneficiary: str,
    bills: Iterable[Bill],
    *,
    approvals: Mapping[str, datetime] = _NOBODY,
) -> list[BilledRewards]:
    """Return what the rewards of one beneficiary take off each bill, oldest first.

    Each bill looks at what was known when it was written. Free months come first,
    then discounts on the rest, then credit, the oldest first.
    """
    known = tuple(facts)
    used: Counter[str] = Counter()
    after = []
    unique = {bill.id: bill for bill in bills}
    for bill in sorted(unique.values(), key=lambda bill: (bill.at, bill.id)):
        dues = _dues_of(definition, known, beneficiary, bill.at, approvals)
        after.append(_billed(_rewards(definition), bill, dues, used))
    return after


def _rewards(definition: ProgramDefinition) -> Mapping[str, Reward]:
    return {reward.key: reward for reward in definition.rewards}


def _dues_of(
    definition: ProgramDefinition,
    facts: Iterable[ReferralFact],
    beneficiary: str,
    at: datetime,
    approvals: Mapping[str, datetime],
) -> list[Due]:
    """Return what stands for the beneficiary at that moment, oldest first."""
    dues = rewards_due(definition, facts, approvals=approvals, as_of=at)
    standing = (
        (due.due_at, due)
        for due in dues
        if due.beneficiary == beneficiary
        and due.state is DueState.DUE
        and due.due_at is not None
    )
    return [due for _at, due in sorted(standing, key=lambda one: (one[0], one[1].key))]


def _billed(
    rewards: Mapping[str, Reward], bill: Bill, dues: list[Due], used: Counter[str]
) -> BilledRewards:
    """Return what is taken off one bill, and write down what it used up."""
    amount = max(bill.amount_minor, 0)
    free_months = _free_months(bill, dues, used) if amount else 0
    free = divide(amount * free_months, bill.months, Rounding.HALF_AWAY)
    percent_bps, once = (
        _percent_of(rewards, dues, used) if amount > free else (0, frozenset())
    )
    used.update(once)
    percent = divide((amount - free) * percent_bps, BPS_PER_WHOLE, Rounding.HALF_AWAY)
    left = amount - free - percent
    credits_used: dict[str, int] = {}
    forfeited: dict[str, int] = {}
    for due in dues:
        reward = rewards[due.reward_key]
        remaining = due.value - used[due.key]
        fits = reward.bills == "any" or bill.months >= _MONTHS_IN_YEAR
        if due.kind is not RewardKind.CREDIT or not fits or remaining <= 0 or not left:
            continue
        most = divide(amount * reward.most_of_bill_bps, BPS_PER_WHOLE, Rounding.DOWN)
        credits_used[due.key] = min(remaining, left, most)
        left -= credits_used[due.key]
        used[due.key] += credits_used[due.key]
        if reward.excess == "forfeit":
            forfeited[due.key] = remaining - credits_used[due.key]
            used[due.key] += forfeited[due.key]
    return BilledRewards(
        bill=bill,
        free_months=free_months,
        free_minor=free,
        percent_bps=percent_bps,
        percent_minor=percent,
        credits=credits_used,
        forfeited={key: minor for key, minor in forfeited.items() if minor},
        to_pay_minor=left,
    )


def _free_months(bill: Bill, dues: list[Due], used: Counter[str]) -> int:
    """Return how many of the bill's months are free, and write them down as used."""
    taken = 0
    for due in dues:
        if due.kind is RewardKind.FREE_MONTHS:
            months = min(due.value - used[due.key], bill.months - taken)
            used[due.key] += months
            taken += months
    return taken


def _percent_of(
    rewards: Mapping[str, Reward], dues: Iterable[Due], used: Collection[str]
) -> tuple[int, frozenset[str]]:
    """Return the discount of one bill, and which discounts for one bill it uses.

    Those that last come first; of the others, no more are used than the bill can
    take, so that the rest stands on the next one.
    """
    off = [
        due
        for due in dues
        if due.kind is RewardKind.PERCENT_OFF and due.key not in used
    ]
    lasting_first = sorted(off, key=lambda due: not rewards[due.reward_key].lasts)
    alone = [due for due in lasting_first if not rewards[due.reward_key].adds_up]
    largest = max(alone, key=lambda due: due.value, default=None)
    total = 0
    once = set()
    for due in lasting_first:
        reward = rewards[due.reward_key]
        if total >= BPS_PER_WHOLE or not (reward.adds_up or due is largest):
            continue
        total += due.value
        if not reward.lasts:
            once.add(due.key)
    return min(total, BPS_PER_WHOLE), frozenset(once)
