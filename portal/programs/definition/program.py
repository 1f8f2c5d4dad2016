"""A whole program."""

from enum import StrEnum
from typing import Literal, Self
from zoneinfo import ZoneInfo, available_timezones

from pydantic import Field, field_validator, model_validator

from portal.programs.definition.gates import BY_HAND, Blocks, Fee, Gate, GateKind
from portal.programs.definition.joining import Agreement, Join, Visibility
from portal.programs.definition.parts import (
    Currency,
    Key,
    Part,
    Sentence,
    refuse_repeats,
)
from portal.programs.definition.policies import (
    AttributionPolicy,
    Budget,
    Clawback,
    Combination,
    FriendDiscount,
    PayoutPolicy,
    Source,
)
from portal.programs.definition.rewards import Reward
from portal.programs.definition.rules import (
    NO_RULE_KEY,
    CapScope,
    Hold,
    RatingWindow,
    Rule,
)
from portal.programs.definition.tiers import Tiers

_TIME_ZONES = frozenset(available_timezones())
"""Looked up once: the library searches its folders anew on each call."""


class Audience(StrEnum):
    """Whom the program is for."""

    COMPANIES = "companies"
    PEOPLE = "people"
    CUSTOMERS = "customers"


class ProgramDefinition(Part):
    """A whole program."""

    format: Literal[1] = 1
    key: Key
    name: Sentence
    summary: Sentence
    visibility: Visibility = Visibility.PUBLIC
    audience: Audience = Audience.COMPANIES
    currency: Currency
    time_zone: str = "UTC"
    join: Join
    agreement: Agreement | None = None
    gates: tuple[Gate, ...] = Field(min_length=1)
    fee: Fee | None = None
    tiers: Tiers | None = None
    products: tuple[Sentence, ...] = Field(default=(), max_length=500)
    """What is sold, as invoices name it. Given, rules that name another product are
    called a flaw; sales of others are recorded all the same. None: nobody can tell."""
    rules: tuple[Rule, ...] = ()
    combine: Combination = Combination.SUM
    rewards: tuple[Reward, ...] = ()
    friend_discount: FriendDiscount | None = None
    attribution: AttributionPolicy
    terms_from: Literal["attribution", "sale"] = "attribution"
    """Whether customers from before this version keep the terms they came under."""
    hold: Hold = Hold()
    budget: Budget | None = None
    clawback: Clawback = Clawback()
    payout: PayoutPolicy = PayoutPolicy()
    landing_url: str = Field(
        max_length=500,
        pattern=r"^(\{vendor\}(/[^\s@\\]*)?|https?://[^\s@\\]+)$",
    )
    """Where referral links lead; `{vendor}` stands for the vendor's own site."""
    sources: tuple[Source, ...] = ()

    @field_validator("time_zone")
    @classmethod
    def _zone_exists(cls, value: str) -> str:
        if value not in _TIME_ZONES:
            raise ValueError("name a time zone of the IANA list, like Europe/Berlin")
        return value

    @model_validator(mode="after")
    def _parts_fit_together(self) -> Self:
        refuse_repeats("gate key", [gate.key for gate in self.gates])
        refuse_repeats("rule key", [rule.key for rule in self.rules])
        refuse_repeats("product", list(self.products))
        refuse_repeats("reward key", [reward.key for reward in self.rewards])
        if not self.rules and not self.rewards:
            raise ValueError("a program pays or gives something: add rules or rewards")
        kinds = {gate.kind for gate in self.gates}
        if (GateKind.AGREEMENT in kinds) != (self.agreement is not None):
            raise ValueError("an agreement and its gate come together")
        if (GateKind.FEE in kinds) != (self.fee is not None):
            raise ValueError("a fee and its gate come together")
        if self.join.mode == "open":
            self._nobody_reviews()
        levels = {level.key for level in self.tiers.levels} if self.tiers else set()
        for rule in self.rules:
            _refuse_misfit(rule, levels, self.combine)
        if self.fee and not self.fee.named_tiers <= levels | {"any"}:
            raise ValueError("the fee names a tier that does not exist")
        return self

    def _nobody_reviews(self) -> None:
        """Refuse gates that wait for a reviewer in a program that has none.

        Raises:
            ValueError: There is one; it says what to do.
        """
        for gate in self.gates:
            if gate.kind is GateKind.REVIEW:
                raise ValueError(
                    "an open program takes in everybody who asks: remove the gate "
                    f"{gate.key}, or make join.mode apply"
                )
            if gate.kind in BY_HAND and Blocks.JOIN in gate.blocks:
                raise ValueError(
                    "an open program takes in everybody who asks: let the gate "
                    f"{gate.key} block link, earn or payout instead of join"
                )

    @property
    def zone(self) -> ZoneInfo:
        """The time zone in which months begin and end."""
        return ZoneInfo(self.time_zone)

    def landing(self, vendor_url: str) -> str:
        """Return where links lead, with the vendor's own site filled in."""
        return self.landing_url.replace("{vendor}", vendor_url.rstrip("/"))

    def gate(self, key: str) -> Gate:
        """Return the gate of that key.

        Raises:
            KeyError: There is none.
        """
        return next((g for g in self.gates if g.key == key), None) or _missing(key)


def _missing(key: str) -> Gate:
    raise KeyError(key)


def _refuse_misfit(rule: Rule, levels: set[str], combine: Combination) -> None:
    """Refuse a rule that does not fit the rest of its program."""
    if rule.key == NO_RULE_KEY:
        raise ValueError(
            f"call the rule {NO_RULE_KEY} otherwise: lines that no rule is about have "
            "that name"
        )
    if rule.rate_bps_by_tier and set(rule.rate_bps_by_tier) != levels:
        raise ValueError(f"rule {rule.key} needs a rate for each tier, no other")
    if rule.when and not set(rule.when.tiers) <= levels:
        raise ValueError(f"rule {rule.key} names a tier that does not exist")
    if combine is Combination.HIGHEST:
        _refuse_incomparable(rule)


def _refuse_incomparable(rule: Rule) -> None:
    """Refuse a rule of which nobody can say what it pays on one sale alone."""
    if rule.window is not RatingWindow.SALE:
        raise ValueError(
            f"rule {rule.key} cannot be compared sale by sale: with "
            "combine: highest, every window is sale"
        )
    waits = rule.accelerator and rule.accelerator.needs_year_to_date_minor
    if waits or any(cap.per is not CapScope.SALE for cap in rule.caps):
        raise ValueError(
            f"rule {rule.key} cannot be compared sale by sale: with combine: highest, "
            "caps are per sale and no accelerator waits for the year to date"
        )
