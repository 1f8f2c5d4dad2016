"""What people and customers get that is not cash."""

from enum import StrEnum
from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from portal.kit.money import Rounding
from portal.programs.definition.parts import (
    MOST_MINOR,
    Bps,
    Key,
    Minor,
    Months,
    Part,
    Sentence,
)


class Moment(StrEnum):
    """What a reward follows from."""

    SIGNUP = "signup"
    """Somebody who was referred signed up and was confirmed."""
    FIRST_PAYMENT = "first_payment"
    """The first payment of somebody who was referred."""
    PAYMENT = "payment"
    """Every payment of somebody who was referred, the first one too."""
    REVIEW = "review"
    """A review was published; how many stars it gives never matters."""


class Beneficiary(StrEnum):
    """Who gets it."""

    REFERRER = "referrer"
    """The person who referred, or who wrote the review."""
    COMPANY = "company"
    """The company of the person who referred."""
    FRIEND = "friend"
    """Who was referred."""


class RewardKind(StrEnum):
    """What it is; `value` counts months, basis points, minor units, pieces, places."""

    FREE_MONTHS = "free_months"
    PERCENT_OFF = "percent_off"
    CREDIT = "credit"
    GIFT_CARD = "gift_card"
    ITEM = "item"
    FEATURE = "feature"
    PLACES = "places"
    """Places forward in a waiting list."""


class ReferralBlock(StrEnum):
    """What makes a referral count for nothing."""

    SAME_PERSON = "same_person"
    """Both addresses are one mailbox, whatever is added to the name with a plus."""
    SAME_EMAIL_DOMAIN = "same_email_domain"
    """Both addresses are of one company. Mail providers for everybody do not count."""
    SAME_BILLING_ENTITY = "same_billing_entity"
    """One company pays for both."""
    EXISTING_CUSTOMER = "existing_customer"
    """Who was referred was a customer before."""
    DISPOSABLE_EMAIL = "disposable_email"
    """The address of who was referred is one to throw away."""


class RiskSignal(StrEnum):
    """What staff should look at. It holds a reward back; it never refuses one."""

    SAME_IP = "same_ip"
    """Many referrals of one referrer come from one internet address."""
    VELOCITY = "velocity"
    """Many referrals of one referrer come within an hour."""
    SAME_DEVICE = "same_device"
    """Two referrals of one referrer come from one device."""
    SIMILAR_EMAIL = "similar_email"
    """Two addresses are one mailbox but for dots, digits and what follows a plus."""
    DISPOSABLE_EMAIL = "disposable_email"

    @property
    def is_of_a_crowd(self) -> bool:
        """Whether an office or a class that signs up together shows it as well."""
        return self in (RiskSignal.SAME_IP, RiskSignal.VELOCITY)


class Risk(StrEnum):
    """How likely it is that a referral is not a real one, lowest first."""

    LOW = "low"
    """No signal."""
    MEDIUM = "medium"
    """Only signals that a crowd shows too, or a single other one."""
    HIGH = "high"
    """A signal that a crowd does not show, and one more."""


class RiskCheck(Part):
    """Which signals are looked for, and from which risk on a reward is held."""

    signals: tuple[RiskSignal, ...] = Field(min_length=1)
    crowd_from: Annotated[int, Field(ge=2, le=10_000)] = 5
    """So many referrals from one address, or within an hour, are a signal."""
    holds_from: Literal[Risk.MEDIUM, Risk.HIGH] = Risk.MEDIUM
    """From this risk on, a reward waits until staff have decided."""


class RewardCap(Part):
    """The most of one reward; what goes over is written down as over the cap.

    A discount that lasts is capped by what stands at the same time where the cap is
    a `total` or replaces the oldest; everything else by what was earned in the time.
    """

    count: Annotated[int, Field(ge=1, le=100_000)] | None = None
    """So many of them."""
    total: Annotated[int, Field(ge=1, le=MOST_MINOR)] | None = None
    """So much of what `value` counts, as 10000 basis points off."""
    per: Literal["life", "calendar_year"] = "life"
    """A calendar year is that of the referral, in the program's time zone."""
    overflow: Literal["record", "replace_oldest"] = "record"
    """Whether one over the cap waits for nothing, or takes the oldest one's place."""

    @model_validator(mode="after")
    def _caps_something(self) -> Self:
        if (self.count is None) == (self.total is None):
            raise ValueError("give count or total")
        if self.overflow == "replace_oldest" and self.per != "life":
            raise ValueError(
                "replace_oldest looks at what stands at one time: per: life"
            )
        return self


_LASTING = (RewardKind.PERCENT_OFF, RewardKind.FEATURE)
_OF_TWO = {
    ReferralBlock.SAME_PERSON,
    ReferralBlock.SAME_EMAIL_DOMAIN,
    ReferralBlock.SAME_BILLING_ENTITY,
}
_PAID = (Moment.FIRST_PAYMENT, Moment.PAYMENT)
_DISCLOSURE = "Incentivized review"


class Reward(Part):
    """One kind of reward and what it takes to get it."""

    key: Key
    title: Sentence
    to: Beneficiary = Beneficiary.REFERRER
    follows: Moment
    kind: RewardKind
    value: Annotated[int, Field(ge=1, le=MOST_MINOR)] | None = None
    """How much of it; none where `rate_bps` says it."""
    rate_bps: Bps | None = None
    """For credit: a share of the payment, without tax."""
    rounding: Rounding = Rounding.HALF_AWAY
    worth_minor: Minor = 0
    """What one of it is worth, for the vendor's own figures. Credit and gift cards
    are worth their value."""
    per_seat: bool = False
    """`value` for each seat that was bought."""
    true_up_days: Annotated[int, Field(ge=1, le=730)] | None = None
    """For so many days, seats that are given up take their part back."""
    at_count: Annotated[int, Field(ge=1, le=1_000_000)] | None = None
    """A milestone: only with so many referrals, once. The count goes on from there."""
    every: Annotated[int, Field(ge=1, le=10_000)] | None = None
    """Again with each so many referrals."""
    months: Months | None = None
    """How long a discount lasts; none: one bill."""
    while_active: bool = False
    """Ends when who was referred leaves."""
    adds_up: bool = True
    """Whether a discount adds to others. Of those that do not, the largest counts."""
    one_a_month: bool = False
    """Several that were earned are handed out one a month."""
    once_per_product: bool = False
    """One for each person and product."""
    once_per_company: bool = False
    """One for each company that was referred, however many of its people come."""
    wait_days: Annotated[int, Field(ge=0, le=365)] = 0
    """Due after so many days, if who was referred is still there."""
    needs_approval: bool = False
    """Staff look at each before it is due."""
    needs_consent: bool = False
    """Only once the employer agrees that its employee takes it."""
    opt_out: bool = False
    """Whoever refers may do without it, as a company's rules on gifts may ask."""
    only_by_link: bool = False
    """Only for what came through the link that promised the reward."""
    blocks: tuple[ReferralBlock, ...] = ()
    """What makes a referral count for nothing."""
    risk_check: RiskCheck | None = None
    asks: Literal["everyone", "promoters"] = "everyone"
    """Who is asked for a review. Asking only happy customers is called review gating
    and is against the rules of authorities and of review sites."""
    disclosure: Sentence | None = None
    """What stands beside a review that was rewarded; see `disclosed_as`."""
    bills: Literal["any", "annual"] = "any"
    """Which bills a credit pays: the next one, or the next that is for a year."""
    most_of_bill_bps: Annotated[int, Field(ge=1, le=10_000)] = 10_000
    """The largest share of one bill that a credit may pay."""
    excess: Literal["carry", "forfeit"] = "carry"
    """What of a credit one bill does not use: kept for the next, or gone."""
    cap: RewardCap | None = None

    @property
    def is_milestone(self) -> bool:
        """Whether a number of referrals earns it, not each of them."""
        return self.at_count is not None or self.every is not None

    @property
    def lasts(self) -> bool:
        """Whether it stands for a time, over several bills."""
        return self.kind in _LASTING and (self.months is not None or self.while_active)

    @property
    def is_review_gating(self) -> bool:
        """Whether only happy customers are asked for a review."""
        return self.follows is Moment.REVIEW and self.asks == "promoters"

    @property
    def disclosed_as(self) -> str | None:
        """What stands beside a review that was rewarded; none for other rewards."""
        if self.follows is not Moment.REVIEW:
            return None
        return self.disclosure or _DISCLOSURE

    @model_validator(mode="after")
    def _says_how_much(self) -> Self:
        if (self.value is None) == (self.rate_bps is None):
            raise ValueError("give value or rate_bps")
        if self.rate_bps is not None and self.kind is not RewardKind.CREDIT:
            raise ValueError("only credit is a share of the payment")
        if self.rate_bps is not None and self.follows not in _PAID:
            raise ValueError("a share needs a payment: follows: payment")
        if self.rate_bps is not None and self.per_seat:
            raise ValueError("a share is not counted by seats: give value per seat")
        if self.true_up_days and not self.per_seat:
            raise ValueError("only a reward per seat is trued up")
        return self

    @model_validator(mode="after")
    def _milestones_count_referrals(self) -> Self:
        if self.at_count and self.every:
            raise ValueError("give at_count or every")
        if not self.is_milestone:
            return self
        if self.to is Beneficiary.FRIEND:
            raise ValueError("a milestone is the referrer's or its company's")
        if self.rate_bps is not None or self.per_seat or self.while_active:
            raise ValueError(
                "a milestone has one value: no rate_bps, per_seat or while_active"
            )
        return self

    @model_validator(mode="after")
    def _kinds_have_what_is_theirs(self) -> Self:
        if (self.months or self.while_active) and self.kind not in _LASTING:
            raise ValueError("only percent_off and feature last: no months")
        if not self.adds_up and self.kind is not RewardKind.PERCENT_OFF:
            raise ValueError("adds_up is about percent_off")
        if self.cap and self.cap.overflow == "replace_oldest" and not self.lasts:
            raise ValueError(
                "only what lasts can be replaced: give months or while_active"
            )
        if self.asks != "everyone" and self.follows is not Moment.REVIEW:
            raise ValueError("asks is about reviews")
        if self.follows is Moment.REVIEW and _OF_TWO & set(self.blocks):
            raise ValueError(
                "a review has no second person to compare: no same_... in blocks"
            )
        if self.disclosure and self.follows is not Moment.REVIEW:
            raise ValueError("a disclosure stands beside a review")
        on_bills = (self.bills, self.most_of_bill_bps, self.excess)
        if on_bills != ("any", 10_000, "carry") and self.kind is not RewardKind.CREDIT:
            raise ValueError("bills, most_of_bill_bps and excess are about credit")
        return self
