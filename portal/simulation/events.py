"""What can happen to a program's partners and customers, as lines of a file.

Each event is one JSON object. Amounts are whole numbers in minor units. A moment is an
ISO 8601 instant with a zone, or a day, which stands for its midnight in the program's
time zone. docs/reference/events.md describes every event; a test holds it to this.
"""

from datetime import datetime
from typing import Annotated, Literal, Self
from zoneinfo import ZoneInfo

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    TypeAdapter,
    ValidationInfo,
    model_validator,
)

from portal.programs.definition import DealSource, Key, storable
from portal.simulation.moments import moment_of

MOST_MINOR = 10**18
"""The largest amount of an event; a bigint of the database holds nine of them."""


def _moment(value: object, info: ValidationInfo) -> datetime:
    if not isinstance(value, str):
        raise ValueError("must be text: put it in quotes")  # noqa: TRY004 - pydantic turns only ValueError into a problem
    zone: ZoneInfo = (info.context or {}).get("zone") or ZoneInfo("UTC")
    return moment_of(value, zone)


def _storable(value: str) -> str:
    if not storable(value):
        raise ValueError("contains a control character: remove it")
    return value


At = Annotated[datetime, BeforeValidator(_moment)]
Name = Annotated[str, Field(min_length=1, max_length=200), AfterValidator(_storable)]
"""How the file calls a partner, customer, sale or product: any text."""
Minor = Annotated[int, Field(ge=0, le=MOST_MINOR)]
Signed = Annotated[int, Field(ge=-MOST_MINOR, le=MOST_MINOR)]
Country = Annotated[str, Field(pattern=r"^[A-Z]{2}$")]
Currency = Annotated[str, Field(pattern=r"^[A-Z]{3}$")]
Email = Annotated[str, Field(pattern=r"^[^@\s]{1,64}@[^@\s]{1,189}$")]


class _Event(BaseModel):
    """What all events have."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)

    at: At
    id: Name | None = None
    """Names the event; the same id with the same content counts once."""


class Join(_Event):
    """A partner joins. Its requirements of e-mail, review and agreement are met."""

    event: Literal["join"]
    partner: Name
    email: Email | None = None
    company: Name | None = None
    """Who pays the partner's own bills; none: the partner."""
    opted_out: bool = False
    """The partner does without personal rewards."""
    consented: At | None = None
    """When its employer agreed to personal rewards."""


class Click(_Event):
    """A customer follows a partner's link."""

    event: Literal["click"]
    partner: Name
    customer: Name
    price: Minor | None = None
    """What was bid for it, in programs that pay per click."""
    country: Country | None = None
    bot: bool = False


class _Person(_Event):
    """Somebody who was referred; what is known is looked at for rewards."""

    country: Country | None = None
    email: Email | None = None
    company: Name | None = None
    ip: Name | None = None
    device: Name | None = None
    disposable_email: bool = False
    by_link: bool = True


class Signup(_Person):
    """A customer signs up; clicks up to here compete for the credit."""

    event: Literal["signup"]
    customer: Name
    partner: Name | None = None
    """Credits the customer directly, as a registered deal does."""
    existing: bool = False
    """It was a customer already: no click counts."""
    open_opportunity: bool = False
    """The vendor was selling to it already: no click counts."""


class Register(_Event):
    """A partner registers a customer whom it is talking to."""

    event: Literal["register"]
    partner: Name
    customer: Name


class Lead(_Event):
    """A partner hands over a contact."""

    event: Literal["lead"]
    id: Name
    partner: Name
    customer: Name
    price: Minor
    accepted: bool = True
    country: Country | None = None


class Subscriber(_Person):
    """Somebody who follows a partner's recommendation subscribes."""

    event: Literal["subscriber"]
    id: Name
    partner: Name
    customer: Name


class Item(BaseModel):
    """One line of a sale."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)

    product: Name | None = None
    units: Annotated[int, Field(ge=0, le=10**9)] = 1
    net: Minor
    discount: Minor = 0
    tax: Minor = 0
    cost: Minor | None = None


class Sale(_Event):
    """A customer pays."""

    event: Literal["sale"]
    id: Name
    customer: Name
    net: Minor | None = None
    items: Annotated[tuple[Item, ...], Field(max_length=1_000)] = ()
    country: Country | None = None
    source: DealSource = DealSource.SOURCED
    currency: Currency | None = None
    """None: the program's."""
    partner: Name | None = None
    """Credits this sale directly, whatever the clicks say."""

    @property
    def net_minor(self) -> int:
        """What was paid, without tax."""
        if self.net is not None:
            return self.net
        return sum(item.net for item in self.items)

    @model_validator(mode="after")
    def _says_what_was_paid_once(self) -> Self:
        if (self.net is None) == (not self.items):
            raise ValueError("give net or items, not both")
        return self


class Refund(_Event):
    """Money of a sale goes back to the customer; or a lead is returned."""

    event: Literal["refund"]
    sale: Name
    net: Annotated[int, Field(gt=0, le=MOST_MINOR)]


class Dispute(_Event):
    """The customer's bank takes money of a sale back."""

    event: Literal["dispute"]
    sale: Name
    net: Annotated[int, Field(gt=0, le=MOST_MINOR)]


class DisputeWon(_Event):
    """The vendor gets disputed money again."""

    event: Literal["dispute_won"]
    sale: Name
    net: Annotated[int, Field(gt=0, le=MOST_MINOR)]


class Cancel(_Event):
    """A customer stops being one; or a subscriber leaves."""

    event: Literal["cancel"]
    customer: Name


class Unmanage(_Event):
    """The partner no longer looks after a customer."""

    event: Literal["unmanage"]
    customer: Name


class Seats(_Event):
    """A customer has so many seats from now on."""

    event: Literal["seats"]
    customer: Name
    seats: Annotated[int, Field(ge=0, le=10**9)]


class Certify(_Event):
    """A partner passes an exam: its gates of kind certification are met.

    Those that ask for several people are not; `gate_met` says when they are.
    """

    event: Literal["certify"]
    partner: Name
    gate: Key | None = None
    """Which of them; none: all."""
    until: At | None = None


class GateMet(_Event):
    """A partner has what a gate asks for."""

    event: Literal["gate_met"]
    partner: Name
    gate: Key
    until: At | None = None


class GateUnmet(_Event):
    """A partner no longer has what a gate asks for."""

    event: Literal["gate_unmet"]
    partner: Name
    gate: Key


class FeePaid(_Event):
    """A partner pays the fee: its gates of kind fee are met."""

    event: Literal["fee_paid"]
    partner: Name
    until: At | None = None


class FeeLapsed(_Event):
    """A partner stops paying the fee."""

    event: Literal["fee_lapsed"]
    partner: Name


class Suspend(_Event):
    """Staff stop a partner: its sales earn nothing from now on."""

    event: Literal["suspend"]
    partner: Name


class Resume(_Event):
    """Staff let a stopped partner go on."""

    event: Literal["resume"]
    partner: Name


class Tier(_Event):
    """Staff set a partner's level by hand."""

    event: Literal["tier"]
    partner: Name
    level: Key
    until: At | None = None


class Fact(_Event):
    """A value about a partner holds from now on, such as a rating."""

    event: Literal["fact"]
    partner: Name
    fact: Key
    value: Annotated[int, Field(ge=0, le=MOST_MINOR)]


class Review(_Event):
    """A review that a partner wrote is published; its stars never matter."""

    event: Literal["review"]
    id: Name
    partner: Name
    product: Name | None = None
    stars: Annotated[int, Field(ge=1, le=5)] | None = None
    by_link: bool = True
    """It came through the link that promised the reward."""
    published: bool = True


class Reject(_Event):
    """Staff take a referred customer, or a review, out of the rewards."""

    event: Literal["reject"]
    customer: Name | None = None
    review: Name | None = None

    @model_validator(mode="after")
    def _names_one_thing(self) -> Self:
        if (self.customer is None) == (self.review is None):
            raise ValueError("give customer or review, not both")
        return self


class Clear(_Event):
    """Staff look at what is odd about a referred customer, and keep it."""

    event: Literal["clear"]
    customer: Name


class Approve(_Event):
    """Staff approve a reward that needs it."""

    event: Literal["approve"]
    reward: Annotated[
        str, Field(min_length=1, max_length=500), AfterValidator(_storable)
    ]
    """The key of the reward, as an earlier simulation printed it."""


class Adjust(_Event):
    """Staff add to what a partner is owed, or take from it."""

    event: Literal["adjust"]
    partner: Name
    amount: Signed
    reason: Name


PartnerEvent = (
    Join
    | Click
    | Register
    | Lead
    | Subscriber
    | Certify
    | GateMet
    | GateUnmet
    | FeePaid
    | FeeLapsed
    | Suspend
    | Resume
    | Tier
    | Fact
    | Review
    | Adjust
)
MoneyBack = Refund | Dispute | DisputeWon
CustomerEvent = Signup | Sale | Cancel | Unmanage | Seats | Clear
StaffEvent = Reject | Approve
Event = PartnerEvent | CustomerEvent | MoneyBack | StaffEvent

EVENTS: TypeAdapter[Event] = TypeAdapter(
    Annotated[Event, Field(discriminator="event")],
    config=ConfigDict(allow_inf_nan=False),
)


def place_of(event: Event) -> tuple[datetime, str, str]:
    """Return where an event stands among others, whatever the order of the file."""
    return event.at, event.event, content_of(event)


def content_of(event: Event) -> str:
    """Return all that an event says, in one form only."""
    return event.model_dump_json()
