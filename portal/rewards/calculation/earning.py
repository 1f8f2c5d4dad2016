"""What was earned before any cap: by each referral, or by a number of them."""

from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from portal.kit.money import BPS_PER_WHOLE, divide
from portal.programs.definition import Reward
from portal.rewards.calculation.facts import Reason, ReferralFact
from portal.rewards.calculation.risk import risk_of
from portal.rewards.calculation.standing import Standing

Reached = Mapping[tuple[str, int], datetime]
"""When a beneficiary had a number of referrals for the first time."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Earned:
    """One reward as it was earned.

    Attributes:
        key: Of the `Due` that it becomes.
        beneficiary: Who gets it.
        earned_at: When it was earned; what is capped counts in this order.
        ready_at: When nothing is in its way but approval; none: something is missing.
        amount: How much, before any cap; 0 where nothing is earned.
        nothing: Why nothing is earned.
        is_repeated: Whether another one of its group counts already.
        missing: What is missing.
        leaves_at: When the friend left, where that ends it.
        figures: What the trace says about it.
    """

    key: str
    beneficiary: str
    earned_at: datetime
    ready_at: datetime | None
    amount: int
    nothing: Reason | None = None
    is_repeated: bool = False
    missing: Reason | None = None
    leaves_at: datetime | None = None
    figures: Mapping[str, Any] = field(default_factory=dict)


def earned_by(reward: Reward, standings: Sequence[Standing]) -> list[Earned]:
    """Return what the referrals earn of one reward."""
    if reward.is_milestone:
        return list(_milestones(reward, standings))
    return list(_one_by_one(reward, standings))


def _one_by_one(reward: Reward, standings: Sequence[Standing]) -> Iterator[Earned]:
    taken: set[tuple[str, ...]] = set()
    for standing in standings:
        amount, figures = _amount(reward, standing.fact)
        nothing = standing.nothing or _too_late(reward, standing)
        if nothing is None and amount == 0:
            nothing = Reason.NOTHING_LEFT
        is_repeated = nothing is None and standing.group in taken
        if nothing is None:
            taken.add(standing.group)
        yield Earned(
            key=f"{reward.key}/{standing.fact.id}",
            beneficiary=standing.beneficiary,
            earned_at=standing.fact.at,
            ready_at=standing.ready_at,
            amount=0 if nothing else amount,
            nothing=nothing,
            is_repeated=is_repeated,
            missing=standing.missing,
            leaves_at=standing.fact.left_at if reward.while_active else None,
            figures={
                **figures,
                "signals": list(standing.signals),
                "risk": risk_of(standing.signals),
            },
        )


def _too_late(reward: Reward, standing: Standing) -> Reason | None:
    """Say so where the friend left before a discount could begin."""
    ready_at = standing.ready_at or standing.screened_at
    left_at = standing.fact.left_at
    if reward.while_active and left_at is not None and left_at <= ready_at:
        return Reason.LEFT_EARLY
    return None


def _amount(reward: Reward, fact: ReferralFact) -> tuple[int, dict[str, Any]]:
    """Return how much one referral earns, and the figures behind it."""
    if reward.value is None:
        rate_bps = reward.rate_bps or 0
        base = max(fact.net_minor, 0)
        return divide(base * rate_bps, BPS_PER_WHOLE, reward.rounding), {
            "base_minor": base,
            "rate_bps": rate_bps,
            "rounding": reward.rounding,
        }
    if not reward.per_seat:
        return reward.value, {}
    seats = _seats_left(reward, fact)
    return reward.value * seats, {
        "seats": seats,
        "seats_bought": max(fact.seats, 0),
        "each": reward.value,
    }


def _seats_left(reward: Reward, fact: ReferralFact) -> int:
    """Return the seats that count: those bought, less those given up in time.

    Seats that are given up and taken again before the time is over count again, but
    never more than were bought. Who leaves gives up all of them.
    """
    bought = max(fact.seats, 0)
    if reward.true_up_days is None:
        return bought
    until = fact.at + timedelta(days=reward.true_up_days)
    changes = [change for change in fact.seat_changes if change[0] <= until]
    if fact.left_at is not None and fact.left_at <= until:
        changes.append((fact.left_at, 0))
    if not changes:
        return bought
    # Of several at one moment, the fewest seats count.
    _moment, seats = max(changes, key=lambda change: (change[0], -change[1]))
    return min(max(seats, 0), bought)


def _milestones(reward: Reward, standings: Sequence[Standing]) -> Iterator[Earned]:
    """Yield each number that was reached, once, and those that only held ones reach.

    What was reached stays, even when referrals are taken out afterwards, and is not
    granted again when the number is reached a second time.
    """
    sure = _reached(standings)
    likely = _reached(standings, with_held=True)
    for (beneficiary, count), moment in sorted(likely.items(), key=lambda i: i[0]):
        at_count = reward.at_count or 0
        if count != at_count and (reward.every is None or count % reward.every):
            continue
        surely_at = sure.get((beneficiary, count))
        held = [
            s
            for s in standings
            if s.beneficiary == beneficiary and s.missing and s.nothing is None
        ]
        signals = dict.fromkeys(signal for s in held for signal in s.signals)
        yield Earned(
            key=f"{reward.key}/{beneficiary}/{count}",
            beneficiary=beneficiary,
            earned_at=surely_at or moment,
            ready_at=surely_at,
            amount=reward.value or 0,
            missing=None if surely_at else held[0].missing,
            figures={
                "count": count,
                "signals": [] if surely_at else list(signals),
                "risk": risk_of([] if surely_at else list(signals)),
            },
        )


def _reached(standings: Sequence[Standing], *, with_held: bool = False) -> Reached:
    """Return when each beneficiary reached each number for the first time."""
    # At one moment, those who are taken out go before others come in.
    events: list[tuple[datetime, bool, str, tuple[str, ...]]] = []
    for standing in standings:
        starts_at = standing.ready_at
        ends_at = standing.fact.rejected_at
        if starts_at is None and ends_at is None and with_held:
            starts_at = standing.screened_at
        never = ends_at is not None and starts_at is not None and ends_at <= starts_at
        if standing.refused or starts_at is None or never:
            continue
        events.append((starts_at, True, standing.beneficiary, standing.group))
        if ends_at is not None:
            events.append((ends_at, False, standing.beneficiary, standing.group))
    reached: dict[tuple[str, int], datetime] = {}
    counting: dict[str, Counter[tuple[str, ...]]] = defaultdict(Counter)
    for moment, comes_in, beneficiary, group in sorted(events):
        groups = counting[beneficiary]
        groups[group] += 1 if comes_in else -1
        if groups[group] == 0:
            del groups[group]
        if comes_in:
            reached.setdefault((beneficiary, len(groups)), moment)
    return reached
