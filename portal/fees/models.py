"""The entry fee as we know it from Stripe: subscriptions and their invoices."""

from collections.abc import Mapping
from datetime import datetime, timedelta
from types import MappingProxyType
from typing import Any, cast
from uuid import UUID
from zoneinfo import ZoneInfo

from flask_babel import gettext as _
from sqlalchemy import (
    BigInteger,
    CheckConstraint,
    ForeignKey,
    Index,
    String,
    UniqueConstraint,
    text,
)
from sqlalchemy.orm import Mapped, mapped_column, relationship

from portal.enrollments.models import Enrollment
from portal.fees.rules import FeeStatus, Spell
from portal.kit.clock import add_months
from portal.kit.db import Base
from portal.kit.errors import Conflict
from portal.kit.ids import new_id, public_id
from portal.kit.money import Money
from portal.programs.definition import FeeInterval

_UTC = ZoneInfo("UTC")

ONE_LIVE_SUBSCRIPTION = "uq_fee_subscriptions_live"
ONE_OPEN_MOVE = "uq_fee_moves_open"

_S = FeeStatus

TRANSITIONS: Mapping[FeeStatus, frozenset[FeeStatus]] = MappingProxyType(
    {
        _S.PENDING: frozenset({_S.ACTIVE, _S.PAST_DUE, _S.CANCELED, _S.EXPIRED}),
        _S.ACTIVE: frozenset({_S.PAST_DUE, _S.CANCELED}),
        _S.PAST_DUE: frozenset({_S.ACTIVE, _S.CANCELED}),
        _S.CANCELED: frozenset(),
        # A checkout page can be paid in the moment in which it expires.
        _S.EXPIRED: frozenset({_S.PENDING, _S.ACTIVE, _S.PAST_DUE, _S.CANCELED}),
    }
)
"""Every move a subscription can make; the moves themselves are Stripe's."""


class FeeTransition(Conflict):
    """The subscription cannot move from where it is to where it was sent."""

    code = "fee_transition"


class FeeSubscription(Base):
    """One subscription of an enrollment; at most one is live and no duplicate."""

    __tablename__ = "fee_subscriptions"
    __table_args__ = (
        CheckConstraint("amount_minor > 0", name="positive"),
        Index(
            ONE_LIVE_SUBSCRIPTION,
            "enrollment_id",
            unique=True,
            postgresql_where=text(
                "status IN ('pending', 'active', 'past_due') "
                "AND duplicate_of_id IS NULL"
            ),
        ),
    )

    id: Mapped[UUID] = mapped_column(primary_key=True, default=new_id)
    enrollment_id: Mapped[UUID] = mapped_column(
        ForeignKey("enrollments.id"), index=True
    )
    tier: Mapped[str | None]
    """For which tier the price is; none in a program without tiers."""
    amount_minor: Mapped[int] = mapped_column(BigInteger)
    currency: Mapped[str] = mapped_column(String(3))
    interval: Mapped[str]
    """`month` or `year`."""
    status: Mapped[FeeStatus] = mapped_column(default=FeeStatus.PENDING)
    stripe_checkout_id: Mapped[str | None] = mapped_column(unique=True)
    stripe_customer_id: Mapped[str | None]
    stripe_subscription_id: Mapped[str | None] = mapped_column(unique=True)
    current_period_end: Mapped[datetime | None]
    cancel_at_period_end: Mapped[bool] = mapped_column(default=False)
    trial_end: Mapped[datetime | None]
    """When the first payment is due; none without a trial."""
    created_at: Mapped[datetime]
    ended_at: Mapped[datetime | None]
    duplicate_of_id: Mapped[UUID | None] = mapped_column(
        ForeignKey("fee_subscriptions.id")
    )
    """Which one already ran when this was paid too; this one is given back."""

    enrollment: Mapped[Enrollment] = relationship(lazy="raise")

    @property
    def public_id(self) -> str:
        """The id that people and programs see."""
        return public_id("fee", self.id)

    @property
    def amount(self) -> Money:
        """The price of one interval."""
        return Money(self.amount_minor, self.currency)

    def asks_like(self, other: "FeeSubscription") -> bool:
        """Tell whether it asks for the same price, equally often."""
        return (self.amount, self.interval, self.tier) == (
            other.amount,
            other.interval,
            other.tier,
        )

    @property
    def fee_interval(self) -> FeeInterval:
        """How often it is paid, as the definition names it."""
        return cast("FeeInterval", self.interval)

    @property
    def renewal_failed_at(self) -> datetime:
        """When the renewal failed, of one that is past due.

        Stripe opens the next period before it is paid: it fails at its beginning.
        """
        if self.current_period_end is None:
            return self.created_at
        months = 12 if self.interval == "year" else 1
        return add_months(self.current_period_end, -months, _UTC)

    def move_to(self, status: FeeStatus) -> None:
        """Change the status; to stay is no move.

        Raises:
            FeeTransition: `TRANSITIONS` does not allow the move.
        """
        if status is self.status:
            return
        if status not in TRANSITIONS[self.status]:
            raise FeeTransition(
                _(
                    "A fee subscription that is %(status)s cannot become %(to)s.",
                    status=self.status,
                    to=status,
                )
            )
        self.status = status


class FeeMove(Base):
    """A change of a running subscription's price; written down before Stripe is asked.

    Its id is the key under which Stripe is asked. At most one of a subscription is not
    done, so that two workers can only ask for the same.
    """

    __tablename__ = "fee_moves"
    __table_args__ = (
        CheckConstraint("from_minor > 0 AND to_minor > 0", name="positive"),
        Index(
            ONE_OPEN_MOVE,
            "subscription_id",
            unique=True,
            postgresql_where=text("done_at IS NULL"),
        ),
    )

    id: Mapped[UUID] = mapped_column(primary_key=True, default=new_id)
    subscription_id: Mapped[UUID] = mapped_column(
        ForeignKey("fee_subscriptions.id"), index=True
    )
    tier: Mapped[str | None]
    """For which tier the new price is."""
    from_minor: Mapped[int] = mapped_column(BigInteger)
    to_minor: Mapped[int] = mapped_column(BigInteger)
    currency: Mapped[str] = mapped_column(String(3))
    created_at: Mapped[datetime]
    done_at: Mapped[datetime | None]

    subscription: Mapped[FeeSubscription] = relationship(lazy="raise")


class FeeInvoice(Base):
    """One invoice of the fee, as Stripe has it."""

    __tablename__ = "fee_invoices"

    id: Mapped[UUID] = mapped_column(primary_key=True, default=new_id)
    subscription_id: Mapped[UUID] = mapped_column(
        ForeignKey("fee_subscriptions.id"), index=True
    )
    stripe_invoice_id: Mapped[str] = mapped_column(unique=True)
    number: Mapped[str]
    status: Mapped[str]
    """Stripe's: draft, open, paid, uncollectible, void."""
    currency: Mapped[str] = mapped_column(String(3))
    amount_minor: Mapped[int] = mapped_column(BigInteger)
    paid_minor: Mapped[int] = mapped_column(BigInteger)
    refunded_minor: Mapped[int] = mapped_column(BigInteger)
    taken_back_minor: Mapped[int] = mapped_column(BigInteger, server_default="0")
    """What the payer's bank took, in disputes that are open or lost."""
    period_start: Mapped[datetime]
    period_end: Mapped[datetime]
    created_at: Mapped[datetime]
    paid_at: Mapped[datetime | None]
    due_at: Mapped[datetime | None]
    """When it was first to be charged; none while it is a draft."""
    attempts: Mapped[int]
    hosted_url: Mapped[str]
    """Where Stripe shows it, to pay it or as a receipt; empty for none."""
    pdf_url: Mapped[str] = mapped_column(server_default="")
    payment_ids: Mapped[list[Any]]
    """Stripe's payment intents and charges, by which a refund is recognised."""

    subscription: Mapped[FeeSubscription] = relationship(lazy="raise")

    @property
    def amount(self) -> Money:
        """What is or was due."""
        return Money(self.amount_minor, self.currency)

    @property
    def refunded(self) -> Money:
        """What was given back."""
        return Money(self.refunded_minor, self.currency)

    @property
    def taken_back(self) -> Money:
        """What the payer's bank took back."""
        return Money(self.taken_back_minor, self.currency)

    def mirror(self, status: str) -> None:
        """Take over Stripe's status."""
        self.status = status


class FeeNotice(Base):
    """That a partner was told of an unpaid invoice; added, never changed."""

    __tablename__ = "fee_notices"
    __table_args__ = (
        UniqueConstraint("invoice_id", "step", name="uq_fee_notices_step"),
    )

    id: Mapped[UUID] = mapped_column(primary_key=True, default=new_id)
    invoice_id: Mapped[UUID] = mapped_column(ForeignKey("fee_invoices.id"))
    step: Mapped[int]
    """On which day after the failure, of `rules.DUNNING_DAYS`."""
    sent_at: Mapped[datetime]


class FeeWaiver(Base):
    """A time in which a partner has the fee for nothing; ended, never deleted."""

    __tablename__ = "fee_waivers"
    __table_args__ = (CheckConstraint("from_at < until_at", name="order"),)

    id: Mapped[UUID] = mapped_column(primary_key=True, default=new_id)
    enrollment_id: Mapped[UUID] = mapped_column(
        ForeignKey("enrollments.id"), index=True
    )
    reason: Mapped[str]
    """Why, in words that the partner reads."""
    from_at: Mapped[datetime]
    until_at: Mapped[datetime]
    """The first moment after it, unless somebody ended it before."""
    set_by_id: Mapped[UUID] = mapped_column(ForeignKey("users.id"))
    ended_at: Mapped[datetime | None]
    ended_by_id: Mapped[UUID | None] = mapped_column(ForeignKey("users.id"))

    enrollment: Mapped[Enrollment] = relationship(lazy="raise")

    @property
    def spell(self) -> Spell:
        """The time in which it held, or holds."""
        until = min(self.until_at, self.ended_at or self.until_at)
        return Spell(self.from_at, until)

    @property
    def last_moment(self) -> datetime:
        """The last moment of it, whose day people read as its end."""
        return self.until_at - timedelta.resolution
