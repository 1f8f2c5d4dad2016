"""The definition of a program: what a vendor writes down, checked on the way in.

A definition is data. It is written as YAML, validated here, stored as JSON, and
interpreted by the engine; no program has code of its own. Amounts are integers in
minor units, rates are integers in basis points, bands are `[from, to)`.
"""

import re
from enum import StrEnum
from typing import Annotated, Literal, Self
from zoneinfo import ZoneInfo, available_timezones

from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator

from portal.kit.money import BPS_PER_WHOLE, Rounding

_TIME_ZONES = frozenset(available_timezones())
"""Looked up once: the library searches its folders anew on each call."""

Key = Annotated[str, Field(pattern=r"^[a-z][a-z0-9-]{0,59}$")]
"""A short name for machines: lower case letters, digits, hyphens."""
Sentence = Annotated[str, Field(min_length=1, max_length=500)]
Bps = Annotated[int, Field(ge=0, le=BPS_PER_WHOLE)]
MOST_MINOR = 10**15
"""The largest amount or count that a definition may name; it fits every column."""
Minor = Annotated[int, Field(ge=0, le=MOST_MINOR)]


class _Part(BaseModel):
    """Every part refuses names it does not know and never changes."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    @field_validator("*")
    @classmethod
    def _text_can_be_stored(cls, value: object) -> object:
        if isinstance(value, str) and not storable(value):
            raise ValueError("contains a control character: remove it")
        return value


_UNSTORABLE = re.compile(
    r"[\x00-\x08\x0b-\x1f\x7f-\x9f\ud800-\udfff\ufeff\ufffe\uffff]"
)


class Visibility(StrEnum):
    """Who finds the program's page."""

    PUBLIC = "public"
    UNLISTED = "unlisted"
    INVITE_ONLY = "invite_only"


class QuestionKind(StrEnum):
    """What an application asks for."""

    SHORT_TEXT = "short_text"
    LONG_TEXT = "long_text"
    EMAIL = "email"
    URL = "url"
    COUNTRY = "country"
    NUMBER = "number"
    CHOICE = "choice"
    MULTIPLE_CHOICE = "multiple_choice"


class Choice(_Part):
    """One answer that can be chosen."""

    key: Key
    label: Sentence


class Question(_Part):
    """One field of the application form."""

    key: Key
    label: Sentence
    kind: QuestionKind
    hint: str = ""
    required: bool = True
    max_length: int = Field(default=2_000, ge=1, le=10_000)
    choices: tuple[Choice, ...] = ()

    @model_validator(mode="after")
    def _choices_where_one_chooses(self) -> Self:
        chosen = self.kind in (QuestionKind.CHOICE, QuestionKind.MULTIPLE_CHOICE)
        if chosen != bool(self.choices):
            raise ValueError(
                "give choices for choice and multiple_choice, and only then"
            )
        return self


class FormStep(_Part):
    """One page of the application: a small topic."""

    key: Key
    title: Sentence
    questions: tuple[Question, ...] = Field(min_length=1)


_PAGES_OF_ITS_OWN = {"check", "sent"}
"""Names of an application's other pages, which a step would hide."""


class Join(_Part):
    """How a partner gets in."""

    mode: Literal["apply", "invite"] = "apply"
    steps: tuple[FormStep, ...] = Field(min_length=1)
    answer_within_days: int = Field(default=5, ge=1, le=90)
    reapply_after_days: int = Field(default=30, ge=0, le=730)
    countries: tuple[Annotated[str, Field(pattern="^[A-Z]{2}$")], ...] = ()
    """ISO 3166 codes of the countries that may apply; empty for all."""

    @property
    def questions(self) -> tuple[Question, ...]:
        """All questions, in the order in which they are asked."""
        return tuple(q for step in self.steps for q in step.questions)

    @model_validator(mode="after")
    def _keys_are_unique(self) -> Self:
        keys = [q.key for q in self.questions]
        _refuse_repeats("question key", keys)
        steps = [step.key for step in self.steps]
        _refuse_repeats("step key", steps)
        if taken := _PAGES_OF_ITS_OWN & set(steps):
            raise ValueError(
                f"call the step {', '.join(sorted(taken))} otherwise: "
                "the application has a page of that name"
            )
        # The portal itself needs these two to open a partner's account.
        missing = {"company", "country"} - set(keys)
        if missing:
            raise ValueError(f"ask for {' and '.join(sorted(missing))} in some step")
        return self


class Agreement(_Part):
    """The terms that a partner accepts, in Markdown."""

    title: Sentence
    version: Annotated[str, Field(pattern=r"^[0-9]{4}-[0-9]{2}(-[0-9]{2})?$")]
    text: str = Field(min_length=1, max_length=100_000)


class GateKind(StrEnum):
    """What a partner must have."""

    EMAIL = "email"
    REVIEW = "review"
    AGREEMENT = "agreement"
    CERTIFICATION = "certification"
    FEE = "fee"


class Blocks(StrEnum):
    """What an unmet gate keeps a partner from."""

    JOIN = "join"
    LINK = "link"
    EARN = "earn"
    PAYOUT = "payout"


class WhileUnmet(StrEnum):
    """What becomes of a sale made while the gate blocked earning."""

    FORFEITED = "forfeited"
    HELD = "held"
    """It counts from the moment the gate is met."""


class Gate(_Part):
    """Something that a partner must have to join, link, earn or be paid."""

    key: Key
    kind: GateKind
    title: Sentence
    blocks: tuple[Blocks, ...] = Field(min_length=1)
    certification: Key | None = None
    """Which exam, for a gate of kind `certification`."""
    deadline_days: int | None = Field(default=None, ge=1)
    """Days after joining by which it must be met; shown to the partner."""
    sales_while_unmet: WhileUnmet = WhileUnmet.FORFEITED

    @model_validator(mode="after")
    def _names_its_exam(self) -> Self:
        if (self.kind is GateKind.CERTIFICATION) != (self.certification is not None):
            raise ValueError(
                "name a certification for that kind of gate, and only then"
            )
        return self


class Fee(_Part):
    """What a partner pays to be in: a Stripe subscription with a price per tier."""

    title: Sentence
    interval: Literal["month", "year"]
    currency: Annotated[str, Field(pattern="^[A-Z]{3}$")]
    grace_days: int = Field(default=7, ge=0, le=90)
    """Days after a failed renewal during which the gate stays met."""
    minor_by_tier: dict[Key, Annotated[int, Field(gt=0, le=MOST_MINOR)]] = Field(
        min_length=1
    )
    """The price in each tier; `any` is the price where a tier has none of its own."""

    def minor_for(self, tier: str | None) -> int:
        """Return the price of `tier`."""
        fallback = next(iter(self.minor_by_tier.values()))
        return self.minor_by_tier.get(
            tier or "any", self.minor_by_tier.get("any", fallback)
        )


class TierMetric(StrEnum):
    """What decides a partner's tier."""

    NEW_CUSTOMERS = "new_customers"
    """Customers whose first sale falls into the window."""
    NET_SALES = "net_sales"
    """Net sales in the window, in minor units."""
    POINTS = "points"
    """Thousandths of a point, from net sales; see `milli_points_per_100`."""


class TierWindow(StrEnum):
    """Over which time the metric is taken."""

    MONTH = "month"
    QUARTER = "quarter"
    YEAR = "year"
    ROLLING_12_MONTHS = "rolling_12_months"
    LIFE = "life"


class TierLevel(_Part):
    """One level."""

    key: Key
    name: Sentence
    from_value: Minor
    """The least value of the metric; exactly this much is enough."""
    benefits: tuple[Sentence, ...] = ()


class Tiers(_Part):
    """The levels of a program, lowest first."""

    metric: TierMetric
    window: TierWindow
    milli_points_per_100: int = Field(default=0, ge=0, le=10_000_000)
    """For `points`: thousandths of a point for each 100 major units of net sales."""
    levels: tuple[TierLevel, ...] = Field(min_length=1)

    @model_validator(mode="after")
    def _rise_from_zero(self) -> Self:
        froms = [level.from_value for level in self.levels]
        if froms[0] != 0 or sorted(set(froms)) != froms:
            raise ValueError("levels start at 0 and each begins above the one before")
        _refuse_repeats("level key", [level.key for level in self.levels])
        if (self.metric is TierMetric.POINTS) != (self.milli_points_per_100 > 0):
            raise ValueError("give milli_points_per_100 for points, and only then")
        return self


class RatingWindow(StrEnum):
    """Which net sales count together when a rule is rated."""

    SALE = "sale"
    MONTH = "month"
    QUARTER = "quarter"
    YEAR = "year"


class BandMode(StrEnum):
    """How the bands apply."""

    MARGINAL = "marginal"
    """Each slice of the running total at its own rate."""
    WHOLE = "whole"
    """The whole total at the rate of the band in which it lands."""


class Band(_Part):
    """A rate from a running total of net sales on, up to the next band."""

    from_minor: Minor
    rate_bps: Bps


class TierMoment(StrEnum):
    """Which tier a rate by tier looks at."""

    SALE = "sale"
    """The tier at the moment of the sale, this sale counted in."""
    FIRST_SALE = "first_sale"
    """The tier when the customer first bought, that sale counted in; kept."""


class Rule(_Part):
    """How sales become commission. Exactly one of `bands` and `rate_bps_by_tier`."""

    key: Key
    title: Sentence
    window: RatingWindow = RatingWindow.SALE
    mode: BandMode = BandMode.MARGINAL
    bands: tuple[Band, ...] = ()
    rate_bps_by_tier: dict[Key, Bps] = Field(default_factory=dict)
    tier_at: TierMoment = TierMoment.SALE
    duration_months: int | None = Field(default=None, ge=1, le=600)
    """Months from the customer's first sale during which sales earn; none: for life."""
    rounding: Rounding = Rounding.HALF_AWAY

    @model_validator(mode="after")
    def _has_one_kind_of_rate(self) -> Self:
        if bool(self.bands) == bool(self.rate_bps_by_tier):
            raise ValueError("give either bands or rate_bps_by_tier")
        froms = [band.from_minor for band in self.bands]
        if froms and (froms[0] != 0 or sorted(set(froms)) != froms):
            raise ValueError("bands start at 0 and each begins above the one before")
        if self.rate_bps_by_tier and self.window is not RatingWindow.SALE:
            raise ValueError("a rate by tier is rated sale by sale: window: sale")
        return self


class AttributionPolicy(_Part):
    """Who gets the credit for a customer."""

    model: Literal["last_click"] = "last_click"
    window_days: int = Field(ge=1, le=730)


class PayoutPolicy(_Part):
    """When and from which balance on money is sent."""

    schedule: Literal["monthly", "quarterly"] = "monthly"
    days_after: int = Field(default=15, ge=0, le=120)
    """Days after the end of the month or quarter."""
    minimum_minor: Minor = 0


class Evidence(StrEnum):
    """Where a number comes from."""

    PUBLISHED = "published"
    REPORTED = "reported"
    ASSUMED = "assumed"


class Source(_Part):
    """Where one part of the definition comes from, shown beside it."""

    path: str = Field(min_length=1)
    """The part, such as `rules.partner-share.duration_months`."""
    evidence: Evidence
    note: Sentence
    address: str = Field(default="", pattern=r"^(https?://[^\s@\\]+)?$")


class ProgramDefinition(_Part):
    """A whole program."""

    format: Literal[1] = 1
    key: Key
    name: Sentence
    summary: Sentence
    visibility: Visibility = Visibility.PUBLIC
    currency: Annotated[str, Field(pattern="^[A-Z]{3}$")]
    time_zone: str = "UTC"
    join: Join
    agreement: Agreement | None = None
    gates: tuple[Gate, ...] = Field(min_length=1)
    fee: Fee | None = None
    tiers: Tiers | None = None
    rules: tuple[Rule, ...] = Field(min_length=1)
    attribution: AttributionPolicy
    hold_days: int = Field(default=0, ge=0, le=365)
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
        _refuse_repeats("gate key", [gate.key for gate in self.gates])
        _refuse_repeats("rule key", [rule.key for rule in self.rules])
        kinds = {gate.kind for gate in self.gates}
        if (GateKind.AGREEMENT in kinds) != (self.agreement is not None):
            raise ValueError("an agreement and its gate come together")
        if (GateKind.FEE in kinds) != (self.fee is not None):
            raise ValueError("a fee and its gate come together")
        levels = {level.key for level in self.tiers.levels} if self.tiers else set()
        for rule in self.rules:
            if rule.rate_bps_by_tier and set(rule.rate_bps_by_tier) != levels:
                raise ValueError(
                    f"rule {rule.key} needs a rate for each tier, no other"
                )
        if self.fee and not set(self.fee.minor_by_tier) <= levels | {"any"}:
            raise ValueError("the fee names a tier that does not exist")
        return self

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


def storable(text: str) -> bool:
    """Tell whether `text` survives YAML and the database as it is.

    Line breaks and tabs do; other control characters and halves of characters
    do not.
    """
    return _UNSTORABLE.search(text) is None


def _missing(key: str) -> Gate:
    raise KeyError(key)


def _refuse_repeats(what: str, keys: list[str]) -> None:
    repeated = sorted({key for key in keys if keys.count(key) > 1})
    if repeated:
        raise ValueError(f"{what} {', '.join(repeated)} occurs more than once")
