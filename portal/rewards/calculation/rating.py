"""From what happened to what is due."""

from collections.abc import Iterable, Mapping
from datetime import datetime
from types import MappingProxyType
from typing import Any

from portal.programs.definition import ProgramDefinition, Reward, RewardKind
from portal.rewards.calculation.capping import Given, given_of
from portal.rewards.calculation.earning import earned_by
from portal.rewards.calculation.facts import (
    Due,
    DueState,
    Reason,
    ReferralFact,
    known_facts,
)
from portal.rewards.calculation.standing import standings

_MONEY = (RewardKind.CREDIT, RewardKind.GIFT_CARD)
_PIECES = (RewardKind.FREE_MONTHS, RewardKind.ITEM, RewardKind.PLACES)
_NOBODY: Mapping[str, datetime] = MappingProxyType({})


def rewards_due(
    definition: ProgramDefinition,
    facts: Iterable[ReferralFact],
    *,
    approvals: Mapping[str, datetime] = _NOBODY,
    as_of: datetime | None = None,
) -> list[Due]:
    """Return every reward that the facts earn, and why, in the order of earning.

    What earns nothing is in the list too, with its reason. Neither the order of the
    facts nor repetition changes anything.

    Args:
        definition: The program.
        facts: What happened, in any order.
        approvals: When staff approved a reward that needs it, by the key of the `Due`.
        as_of: Return what was known and due at that moment. None: as if every wait
            were over and no discount had run out of its months.
    """
    known = known_facts(facts, as_of)
    given_approvals = {
        key: moment
        for key, moment in approvals.items()
        if as_of is None or moment <= as_of
    }
    dues = [
        _due(definition, reward, given, as_of)
        for reward in definition.rewards
        for given in given_of(
            reward,
            earned_by(reward, standings(definition, reward, known)),
            given_approvals,
            definition.zone,
        )
    ]
    return sorted(dues, key=lambda due: (due.earned_at, due.key))


def _due(
    definition: ProgramDefinition,
    reward: Reward,
    given: Given,
    as_of: datetime | None,
) -> Due:
    earned = given.earned
    state = _state(given, as_of)
    worth = _worth(reward, given.value)
    return Due(
        key=earned.key,
        reward_key=reward.key,
        beneficiary=earned.beneficiary,
        to=reward.to,
        kind=reward.kind,
        state=state,
        value=given.value,
        over_cap=given.over_cap,
        earned_at=earned.earned_at,
        due_at=given.due_at,
        ends_at=given.ends_at,
        worth_minor=worth,
        trace=_trace(definition, reward, given, state),
    )


def _state(given: Given, as_of: datetime | None) -> DueState:
    earned = given.earned
    if earned.nothing is not None:
        return DueState.WITHDRAWN
    if given.value == 0:
        return DueState.OVER_CAP
    # Approval is asked for when the wait is over, a look at the risk at once.
    starts_at = earned.ready_at or earned.earned_at
    if as_of is not None and max(starts_at, given.due_at or starts_at) > as_of:
        return DueState.WAITING
    if given.due_at is None:
        return DueState.HELD if earned.missing else DueState.NEEDS_APPROVAL
    return DueState.ENDED if _has_ended(given, as_of) else DueState.DUE


def _has_ended(given: Given, as_of: datetime | None) -> bool:
    if given.ends_at is None:
        return False
    if as_of is None:
        return given.ended_by is not Reason.MONTHS
    return given.ends_at <= as_of


def _worth(reward: Reward, value: int) -> int:
    if reward.kind in _MONEY:
        return value
    if reward.kind in _PIECES:
        return value * reward.worth_minor
    return reward.worth_minor if value else 0


def _trace(
    definition: ProgramDefinition, reward: Reward, given: Given, state: DueState
) -> dict[str, Any]:
    earned = given.earned
    return {
        "reward": reward.key,
        "title": reward.title,
        "kind": reward.kind,
        "to": reward.to,
        "follows": reward.follows,
        "currency": definition.currency,
        "state": state,
        "reason": _reason(reward, given, state),
        "value": given.value,
        "over_cap": given.over_cap,
        "lasts": reward.lasts,
        "wait_days": reward.wait_days,
        "earned_at": earned.earned_at.isoformat(),
        "due_at": given.due_at.isoformat() if given.due_at else None,
        "ends_at": given.ends_at.isoformat() if given.ends_at else None,
        "once": _once(reward),
        "cap": reward.cap.model_dump(mode="json") if reward.cap else None,
        "year": earned.earned_at.astimezone(definition.zone).year,
        **earned.figures,
    }


def _reason(reward: Reward, given: Given, state: DueState) -> Reason | None:
    """Return why it is nothing, less, held or over."""
    earned = given.earned
    if earned.is_repeated:
        return Reason.REPEATED
    if state is DueState.HELD:
        return earned.missing
    if state is DueState.ENDED:
        return given.ended_by
    if reward.cap and given.over_cap:
        return Reason.CAP
    return earned.nothing


def _once(reward: Reward) -> str:
    """Return what only one counts of."""
    if reward.once_per_company:
        return "company"
    return "product" if reward.once_per_product else "friend"
