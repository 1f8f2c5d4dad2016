"""Whether a referral counts for a reward, and from when on."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime

from portal.applications.rules import shares_company
from portal.programs.definition import (
    Beneficiary,
    Moment,
    ProgramDefinition,
    ReferralBlock,
    Reward,
    Risk,
    RiskSignal,
)
from portal.programs.screening import screened_at, stays_until
from portal.rewards.calculation.facts import Reason, ReferralFact
from portal.rewards.calculation.risk import mailbox, risk_of, signals_of

_RISKS = tuple(Risk)


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """What one fact is to one reward.

    Attributes:
        fact: The fact.
        beneficiary: Who gets what it earns.
        group: Of the facts of one group, one counts.
        refused: Why it never counted; none: it did, at least for a time.
        screened_at: When its wait is over.
        ready_at: When its wait is over and nothing is missing; none: something is.
        missing: What is missing.
        signals: What staff should look at.
    """

    fact: ReferralFact
    beneficiary: str
    group: tuple[str, ...]
    refused: Reason | None
    screened_at: datetime
    ready_at: datetime | None
    missing: Reason | None
    signals: tuple[RiskSignal, ...]

    @property
    def nothing(self) -> Reason | None:
        """Why it counts for nothing as things are now."""
        if self.fact.rejected_at is not None:
            return Reason.REJECTED
        return self.refused


def standings(
    definition: ProgramDefinition, reward: Reward, facts: list[ReferralFact]
) -> list[Standing]:
    """Return what each fact that the reward follows from is to it, oldest first."""
    about = _about(reward, facts)
    signals = signals_of(reward.risk_check, about) if reward.risk_check else {}
    return [
        _standing(definition, reward, fact, signals.get(fact.id, ())) for fact in about
    ]


def _about(reward: Reward, facts: list[ReferralFact]) -> list[ReferralFact]:
    """Return the facts that the reward follows from."""
    if reward.follows not in (Moment.FIRST_PAYMENT, Moment.PAYMENT):
        return [fact for fact in facts if fact.moment is reward.follows]
    paid = (Moment.FIRST_PAYMENT, Moment.PAYMENT)
    payments = [fact for fact in facts if fact.moment in paid]
    if reward.follows is Moment.PAYMENT:
        return payments
    first: dict[str, ReferralFact] = {}
    for fact in payments:
        first.setdefault(fact.friend, fact)
    return list(first.values())


def _standing(
    definition: ProgramDefinition,
    reward: Reward,
    fact: ReferralFact,
    signals: tuple[RiskSignal, ...],
) -> Standing:
    over_at = screened_at(fact.at, reward.wait_days)
    awaited: dict[Reason, datetime | None] = {}
    if reward.risk_check and _holds(reward.risk_check.holds_from, signals):
        awaited[Reason.RISK] = fact.cleared_at
    if reward.needs_consent:
        awaited[Reason.NO_CONSENT] = fact.consented_at
    missing = next((why for why, moment in awaited.items() if moment is None), None)
    moments = [over_at, *(moment for moment in awaited.values() if moment)]
    beneficiary = _beneficiary(reward, fact)
    return Standing(
        fact=fact,
        beneficiary=beneficiary,
        group=_group(reward, fact, beneficiary),
        refused=_refusal(definition, reward, fact, over_at),
        screened_at=over_at,
        ready_at=None if missing else max(moments),
        missing=missing,
        signals=signals,
    )


def _holds(holds_from: Risk, signals: tuple[RiskSignal, ...]) -> bool:
    return _RISKS.index(risk_of(signals)) >= _RISKS.index(holds_from)


def _beneficiary(reward: Reward, fact: ReferralFact) -> str:
    if reward.to is Beneficiary.FRIEND:
        return fact.friend
    if reward.to is Beneficiary.COMPANY:
        return fact.company or fact.referrer
    return fact.referrer


def _group(reward: Reward, fact: ReferralFact, beneficiary: str) -> tuple[str, ...]:
    """Return what only one counts of: a friend, a company, a person and product."""
    product = ("product", fact.product or "") if reward.once_per_product else ()
    if reward.once_per_company:
        return ("company", fact.friend_company or fact.friend, *product)
    if product:
        return ("person", beneficiary, *product)
    if reward.follows in (Moment.SIGNUP, Moment.FIRST_PAYMENT):
        return ("friend", fact.friend)
    return ("fact", fact.id)


def _refusal(
    definition: ProgramDefinition,
    reward: Reward,
    fact: ReferralFact,
    over_at: datetime,
) -> Reason | None:
    for block in reward.blocks:
        if _IS_BLOCKED[block](fact):
            return Reason(block.value)
    if reward.only_by_link and not fact.by_link:
        return Reason.NOT_BY_LINK
    personal = reward.to is Beneficiary.REFERRER
    if reward.opt_out and personal and fact.opted_out:
        return Reason.OPTED_OUT
    other = fact.currency not in (None, definition.currency)
    if reward.rate_bps is not None and other:
        return Reason.OTHER_CURRENCY
    if not stays_until(fact.left_at, over_at):
        return Reason.LEFT_EARLY
    return None


def _is_same_person(fact: ReferralFact) -> bool:
    return fact.referrer == fact.friend or (
        fact.email is not None
        and fact.friend_email is not None
        and mailbox(fact.email) == mailbox(fact.friend_email)
    )


def _is_same_company(fact: ReferralFact) -> bool:
    return (
        fact.email is not None
        and fact.friend_email is not None
        and shares_company(fact.email, fact.friend_email)
    )


def _is_same_payer(fact: ReferralFact) -> bool:
    payer = fact.company or fact.referrer
    return payer == (fact.friend_company or fact.friend)


_IS_BLOCKED: Mapping[ReferralBlock, Callable[[ReferralFact], bool]] = {
    ReferralBlock.SAME_PERSON: _is_same_person,
    ReferralBlock.SAME_EMAIL_DOMAIN: _is_same_company,
    ReferralBlock.SAME_BILLING_ENTITY: _is_same_payer,
    ReferralBlock.EXISTING_CUSTOMER: lambda fact: fact.existing_customer,
    ReferralBlock.DISPOSABLE_EMAIL: lambda fact: fact.disposable_email,
}
