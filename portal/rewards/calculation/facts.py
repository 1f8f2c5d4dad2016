"""What rewards are rated from, and what comes out."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum
from typing import Any

from portal.programs.definition import Beneficiary, Moment, RewardKind

Trace = Mapping[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class ReferralFact:
    """Something that a referred person did, or a review, as it is known today.

    People, companies and devices are opaque texts: they are only compared.

    Attributes:
        id: What is given twice under one id counts once.
        moment: What happened.
        at: When.
        referrer: Who referred; for a review, who wrote it.
        friend: Who was referred; for a review, who wrote it.
        company: Who pays the referrer's bills; none: the referrer.
        friend_company: Who pays the friend's bills; none: the friend.
        net_minor: What was paid, without tax.
        currency: Of what was paid; none: the program's.
        seats: How many were bought.
        seat_changes: From when on it was another number, and which.
        product: What was bought or reviewed.
        stars: What a review gives. No rule ever looks at it.
        by_link: Whether it came through the link that promised the reward.
        email: The referrer's address.
        friend_email: The friend's address.
        disposable_email: Whether the friend's address is one to throw away.
        ip: The internet address it came from.
        device: The device it came from.
        existing_customer: Whether the friend was a customer before.
        opted_out: Whether the referrer does without personal rewards.
        consented_at: When the referrer's employer agreed.
        left_at: When the friend left: unsubscribed, or stopped paying.
        rejected_at: When staff took it out, or the review was taken down.
        cleared_at: When staff looked at its signals and kept it.
    """

    id: str
    moment: Moment
    at: datetime
    referrer: str
    friend: str
    company: str | None = None
    friend_company: str | None = None
    net_minor: int = 0
    currency: str | None = None
    seats: int = 1
    seat_changes: tuple[tuple[datetime, int], ...] = ()
    product: str | None = None
    stars: int | None = None
    by_link: bool = True
    email: str | None = None
    friend_email: str | None = None
    disposable_email: bool = False
    ip: str | None = None
    device: str | None = None
    existing_customer: bool = False
    opted_out: bool = False
    consented_at: datetime | None = None
    left_at: datetime | None = None
    rejected_at: datetime | None = None
    cleared_at: datetime | None = None


class DueState(StrEnum):
    """Where a reward stands."""

    WAITING = "waiting"
    """Its time has not come yet."""
    HELD = "held"
    """Something is missing: a decision of staff on its risk, or the consent."""
    NEEDS_APPROVAL = "needs_approval"
    DUE = "due"
    """It may be handed out, or stands on the bills."""
    ENDED = "ended"
    """It was due for a time, and the time is over."""
    OVER_CAP = "over_cap"
    """It was earned, and all of it is more than the program gives."""
    WITHDRAWN = "withdrawn"
    """Nothing was earned after all; the reason says why."""


class Reason(StrEnum):
    """Why nothing is due, why it is held, or why it ended."""

    SAME_PERSON = "same_person"
    SAME_EMAIL_DOMAIN = "same_email_domain"
    SAME_BILLING_ENTITY = "same_billing_entity"
    EXISTING_CUSTOMER = "existing_customer"
    DISPOSABLE_EMAIL = "disposable_email"
    NOT_BY_LINK = "not_by_link"
    OPTED_OUT = "opted_out"
    OTHER_CURRENCY = "other_currency"
    NOTHING_LEFT = "nothing_left"
    """The payment or the seats come to nothing."""
    REJECTED = "rejected"
    LEFT_EARLY = "left_early"
    REPEATED = "repeated"
    """Another one of its person, company or product counts already."""
    CAP = "cap"
    RISK = "risk"
    NO_CONSENT = "no_consent"
    LEFT = "left"
    REPLACED = "replaced"
    MONTHS = "months"


@dataclass(frozen=True, slots=True, kw_only=True)
class Due:
    """One reward of one beneficiary, and why.

    Attributes:
        key: Stays the same however often it is computed.
        reward_key: Which reward of the definition.
        beneficiary: Who gets it.
        to: In which role.
        kind: What it is.
        state: Where it stands.
        value: How much, after all caps, in what the kind counts.
        over_cap: How much more was earned.
        earned_at: When it was earned.
        due_at: From when on it may be handed out; none while something is missing,
            and where nothing is due.
        ends_at: When it stops to stand on bills; none: it does not, or stands on one.
        worth_minor: What `value` is worth, in the program's currency.
        trace: Why; see `sentence_of`.
    """

    key: str
    reward_key: str
    beneficiary: str
    to: Beneficiary
    kind: RewardKind
    state: DueState
    value: int
    over_cap: int
    earned_at: datetime
    due_at: datetime | None
    ends_at: datetime | None
    worth_minor: int
    trace: Trace

    @property
    def earned(self) -> int:
        """How much was earned, the part over the cap too."""
        return self.value + self.over_cap


def known_facts(
    facts: Iterable[ReferralFact], as_of: datetime | None = None
) -> list[ReferralFact]:
    """Return the facts in the order in which they count, as they were known then.

    What is given twice counts once. Of two that differ under one id, always the same
    one counts, whichever came first.

    Args:
        facts: In any order.
        as_of: What happened later is left out; none: all is known.
    """
    unique: dict[str, ReferralFact] = {}
    for fact in facts:
        other = unique.setdefault(fact.id, fact)
        if other != fact:
            unique[fact.id] = max(other, fact, key=repr)
    known = (
        fact if as_of is None else _as_known(fact, as_of)
        for fact in unique.values()
        if as_of is None or fact.at <= as_of
    )
    return sorted(known, key=lambda fact: (fact.at, fact.id))


def _as_known(fact: ReferralFact, as_of: datetime) -> ReferralFact:
    def known(moment: datetime | None) -> datetime | None:
        return moment if moment is not None and moment <= as_of else None

    return replace(
        fact,
        consented_at=known(fact.consented_at),
        left_at=known(fact.left_at),
        rejected_at=known(fact.rejected_at),
        cleared_at=known(fact.cleared_at),
        seat_changes=tuple(change for change in fact.seat_changes if known(change[0])),
    )
