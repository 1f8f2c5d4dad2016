"""Periods, statements and their lines. What is issued never changes."""

from collections.abc import Mapping
from datetime import date, datetime
from enum import StrEnum
from types import MappingProxyType
from typing import Any
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

from portal.accounts.models import User
from portal.kit.db import Base
from portal.kit.errors import Conflict
from portal.kit.ids import new_id, public_id
from portal.kit.money import Money
from portal.programs.models import Program
from portal.statements.rules import (
    LineKind,
    Payment,
    Totals,
    count_kinds,
    first_and_last_day,
)

ONE_REOPENING = "uq_period_reopenings_one"


class PeriodStatus(StrEnum):
    """Where a month stands."""

    OPEN = "open"
    CLOSING = "closing"
    """Statements are being written; nobody can stop it, only wait."""
    CLOSED = "closed"


_S = PeriodStatus

TRANSITIONS: Mapping[PeriodStatus, frozenset[PeriodStatus]] = MappingProxyType(
    {
        _S.OPEN: frozenset({_S.CLOSING}),
        _S.CLOSING: frozenset({_S.CLOSED}),
        _S.CLOSED: frozenset({_S.OPEN}),
    }
)
"""Every move a period can make. A closed month opens only by `service.reopen`."""


class PeriodTransition(Conflict):
    """The period cannot move from where it is to where it was sent."""

    code = "period_transition"


class Period(Base):
    """One month of one program, in the program's time zone."""

    __tablename__ = "periods"
    __table_args__ = (
        UniqueConstraint("program_id", "label"),
        CheckConstraint("starts_at < ends_at", name="has_days"),
        CheckConstraint(
            "(status = 'open') = (close_began_at IS NULL)", name="began_unless_open"
        ),
        CheckConstraint(
            "(status = 'closed') = (closed_at IS NOT NULL)", name="closed_at_a_moment"
        ),
        CheckConstraint(
            "(proposed_by_id IS NULL) = (proposed_at IS NULL)",
            name="proposed_by_somebody",
        ),
        CheckConstraint(
            "NOT four_eyes OR status = 'open' OR (proposed_by_id IS NOT NULL"
            " AND closed_by_id IS NOT NULL AND closed_by_id <> proposed_by_id)",
            name="two_people",
        ),
        Index(
            "uq_periods_one_closing",
            "program_id",
            unique=True,
            postgresql_where=text("status = 'closing'"),
        ),
    )

    id: Mapped[UUID] = mapped_column(primary_key=True, default=new_id)
    program_id: Mapped[UUID] = mapped_column(ForeignKey("programs.id"))
    label: Mapped[str] = mapped_column(String(7))
    """`2026-10`."""
    starts_at: Mapped[datetime]
    ends_at: Mapped[datetime]
    """The instant at which the next month begins."""
    time_zone: Mapped[str]
    status: Mapped[PeriodStatus] = mapped_column(default=PeriodStatus.OPEN, index=True)
    close_began_at: Mapped[datetime | None]
    """The moment printed on every statement of the month."""
    closed_at: Mapped[datetime | None]
    closed_by_id: Mapped[UUID | None] = mapped_column(ForeignKey("users.id"))
    """Who closed it; none for the command line."""
    issuer_name: Mapped[str] = mapped_column(default="")
    """The vendor's name at the close; it is printed on the statements."""
    acknowledged: Mapped[dict[str, Any]] = mapped_column(default=dict)
    """The warnings that somebody said they knew of, with their notes."""
    withholds_us_tax: Mapped[bool] = mapped_column(default=False)
    """Whether its statements withhold what US rules ask for, as set at the close."""
    four_eyes: Mapped[bool] = mapped_column(default=False)
    """Whether one person proposes the close and another confirms it."""
    proposed_by_id: Mapped[UUID | None] = mapped_column(ForeignKey("users.id"))
    proposed_at: Mapped[datetime | None]
    proposed_figures: Mapped[str] = mapped_column(String(64), default="")
    """What the proposal was about: `Preview.fingerprint`, empty without one."""
    turn: Mapped[int] = mapped_column(default=1)
    """How often it has been open: 1 until it is reopened."""

    program: Mapped[Program] = relationship(lazy="raise")
    closed_by: Mapped[User | None] = relationship(
        lazy="raise", foreign_keys=[closed_by_id]
    )
    proposed_by: Mapped[User | None] = relationship(
        lazy="raise", foreign_keys=[proposed_by_id]
    )

    @property
    def public_id(self) -> str:
        """The id that people and programs see."""
        return public_id("per", self.id)

    @property
    def zone(self) -> ZoneInfo:
        """The time zone in which the month begins and ends."""
        return ZoneInfo(self.time_zone)

    @property
    def first_day(self) -> date:
        """The first day of the month."""
        return first_and_last_day(self.starts_at, self.ends_at, self.zone)[0]

    @property
    def last_day(self) -> date:
        """The last day of the month."""
        return first_and_last_day(self.starts_at, self.ends_at, self.zone)[1]

    def move_to(self, status: PeriodStatus) -> None:
        """Change the status.

        Raises:
            PeriodTransition: `TRANSITIONS` does not allow the move.
        """
        if status not in TRANSITIONS[self.status]:
            raise PeriodTransition(
                _(
                    "The month %(label)s is %(status)s and cannot become %(to)s.",
                    label=self.label,
                    status=self.status,
                    to=status,
                )
            )
        self.status = status


class CloseChunk(Base):
    """A part of a close: some enrollments, handled in one transaction."""

    __tablename__ = "close_chunks"

    period_id: Mapped[UUID] = mapped_column(ForeignKey("periods.id"), primary_key=True)
    number: Mapped[int] = mapped_column(primary_key=True)
    enrollment_ids: Mapped[list[Any]]
    done_at: Mapped[datetime | None]


class StatementCounter(Base):
    """The last number given to a statement of a program. Lock it, then count on."""

    __tablename__ = "statement_counters"

    program_id: Mapped[UUID] = mapped_column(
        ForeignKey("programs.id"), primary_key=True
    )
    last_count: Mapped[int]


class Statement(Base):
    """What a partner earned in a month, and what is carried on. Written once.

    It holds a copy of every name it prints, so that it reads the same for ever.
    """

    __tablename__ = "statements"
    __table_args__ = (
        Index(
            "uq_statements_one_each_turn",
            "period_id",
            "enrollment_id",
            "turn",
            unique=True,
            postgresql_where=text("reverses_id IS NULL"),
        ),
        UniqueConstraint("program_id", "count"),
        CheckConstraint(
            "reverses_id IS NULL OR refers_to <> ''", name="refers_if_it_reverses"
        ),
        CheckConstraint(
            "closing_minor = opening_minor + earned_minor + reversals_minor"
            " + adjustments_minor + holdback_minor + releases_minor"
            " - withholding_minor - fees_minor - payouts_minor",
            name="adds_up",
        ),
        CheckConstraint("count > 0", name="count"),
        Index("ix_statements_page", "issued_at", "id"),
        Index("ix_statements_partner", "partner_id", "period_label"),
    )

    id: Mapped[UUID] = mapped_column(primary_key=True, default=new_id)
    period_id: Mapped[UUID] = mapped_column(ForeignKey("periods.id"))
    program_id: Mapped[UUID] = mapped_column(ForeignKey("programs.id"))
    enrollment_id: Mapped[UUID] = mapped_column(
        ForeignKey("enrollments.id"), index=True
    )
    partner_id: Mapped[UUID] = mapped_column(ForeignKey("partners.id"))
    count: Mapped[int]
    """Gapless per program; the end of `number`."""
    number: Mapped[str] = mapped_column(unique=True)
    period_label: Mapped[str] = mapped_column(String(7))
    starts_on: Mapped[date]
    ends_on: Mapped[date]
    time_zone: Mapped[str]
    issuer_name: Mapped[str]
    partner_name: Mapped[str]
    partner_country: Mapped[str]
    program_name: Mapped[str]
    currency: Mapped[str] = mapped_column(String(3))
    opening_minor: Mapped[int] = mapped_column(BigInteger)
    earned_minor: Mapped[int] = mapped_column(BigInteger)
    reversals_minor: Mapped[int] = mapped_column(BigInteger)
    adjustments_minor: Mapped[int] = mapped_column(BigInteger)
    holdback_minor: Mapped[int] = mapped_column(BigInteger)
    releases_minor: Mapped[int] = mapped_column(BigInteger)
    withholding_minor: Mapped[int] = mapped_column(BigInteger)
    fees_minor: Mapped[int] = mapped_column(BigInteger)
    payouts_minor: Mapped[int] = mapped_column(BigInteger)
    closing_minor: Mapped[int] = mapped_column(BigInteger)
    advance_minor: Mapped[int] = mapped_column(BigInteger)
    """What draws lifted and later months have to pay back."""
    untaxed_minor: Mapped[int] = mapped_column(BigInteger)
    """What the next statement looks at for tax as well; see `policy.Carried`."""
    line_count: Mapped[int]
    """How many lines it has; a trigger refuses one more or one less."""
    payment: Mapped[Payment]
    payment_gate: Mapped[str]
    """The requirement that holds the payment; empty otherwise."""
    pays_on: Mapped[date | None]
    issued_at: Mapped[datetime]
    sha256: Mapped[str] = mapped_column(String(64), unique=True)
    """Of the canonical JSON of the statement and its lines, in hexadecimal."""
    turn: Mapped[int] = mapped_column(default=1)
    """The turn of its month."""
    reverses_id: Mapped[UUID | None] = mapped_column(
        ForeignKey("statements.id"), unique=True
    )
    """The statement that it takes back, line by line, because its month is reopened."""
    refers_to: Mapped[str] = mapped_column(default="")
    """The number of the statement that it reverses or replaces; empty otherwise."""

    period: Mapped[Period] = relationship(lazy="raise")
    lines: Mapped[list["StatementLine"]] = relationship(
        lazy="raise", order_by="StatementLine.position"
    )

    @property
    def public_id(self) -> str:
        """The id that people and programs see."""
        return public_id("stm", self.id)

    @property
    def zone(self) -> ZoneInfo:
        """The time zone of its dates."""
        return ZoneInfo(self.time_zone)

    @property
    def totals(self) -> Totals:
        """Its parts."""
        return Totals(
            opening=self.opening_minor,
            earned=self.earned_minor,
            reversals=self.reversals_minor,
            adjustments=self.adjustments_minor,
            holdback=self.holdback_minor,
            releases=self.releases_minor,
            withholding=self.withholding_minor,
            fees=self.fees_minor,
            payouts=self.payouts_minor,
        )

    @property
    def counts(self) -> dict[LineKind, int]:
        """How many lines of each kind it has."""
        return count_kinds(line.kind for line in self.lines)

    @property
    def closing(self) -> Money:
        """The closing balance."""
        return self.money(self.closing_minor)

    def money(self, minor: int) -> Money:
        """Return an amount in the currency of the statement."""
        return Money(minor, self.currency)


class StatementLine(Base):
    """One amount on a statement, with its source and its reason then."""

    __tablename__ = "statement_lines"
    __table_args__ = (
        UniqueConstraint("statement_id", "position"),
        CheckConstraint(
            "reverses_id IS NOT NULL OR"
            " ((kind IN ('payout', 'release')) = (posting_id IS NOT NULL))",
            name="payout_is_posted",
        ),
        CheckConstraint(
            "reverses_id IS NOT NULL OR"
            " (num_nonnulls(commission_id, posting_id, adjustment_id) ="
            " CASE WHEN kind IN ('draw', 'holdback', 'withholding') THEN 0 ELSE 1 END)",
            name="one_source",
        ),
        CheckConstraint(
            "reverses_id IS NULL OR"
            " num_nonnulls(commission_id, posting_id, adjustment_id) = 0",
            name="reverses_a_line",
        ),
        Index(
            "uq_statement_lines_reverses_id",
            "reverses_id",
            unique=True,
            postgresql_where=text("reverses_id IS NOT NULL"),
        ),
        UniqueConstraint("commission_id", "turn"),
        UniqueConstraint("posting_id", "turn"),
        UniqueConstraint("adjustment_id", "turn"),
        CheckConstraint(
            "(kind = 'holdback') = (release_on IS NOT NULL)", name="held_until_a_day"
        ),
        CheckConstraint(
            "reverses_id IS NOT NULL OR"
            " (kind NOT IN ('holdback', 'withholding') OR amount_minor < 0)",
            name="takes_away",
        ),
        CheckConstraint(
            "reverses_id IS NOT NULL OR (kind <> 'release' OR amount_minor > 0)",
            name="gives_back",
        ),
        Index(
            "uq_statement_lines_policy",
            "statement_id",
            "kind",
            unique=True,
            postgresql_where=text("kind IN ('draw', 'holdback', 'withholding')"),
        ),
        Index(
            "ix_statement_lines_release_on",
            "release_on",
            postgresql_where=text("kind = 'holdback'"),
        ),
        CheckConstraint(
            "adjustment_id IS NULL OR kind = 'adjustment'", name="adjusts_by_hand"
        ),
    )

    id: Mapped[UUID] = mapped_column(primary_key=True, default=new_id)
    statement_id: Mapped[UUID] = mapped_column(ForeignKey("statements.id"))
    position: Mapped[int]
    """1 for the first."""
    kind: Mapped[LineKind]
    commission_id: Mapped[UUID | None] = mapped_column(ForeignKey("commissions.id"))
    posting_id: Mapped[UUID | None] = mapped_column(ForeignKey("ledger_postings.id"))
    """The posting of a payout or a release, on `partner_payable`."""
    adjustment_id: Mapped[UUID | None] = mapped_column(ForeignKey("adjustments.id"))
    """What somebody adjusted by hand."""
    release_on: Mapped[date | None]
    """The day on which what is held back is owed; none on other lines."""
    occurred_at: Mapped[datetime]
    customer: Mapped[str]
    """Stripe's id and the masked name; empty where no customer is behind it."""
    what: Mapped[str]
    why: Mapped[str]
    trace: Mapped[dict[str, Any]]
    base_minor: Mapped[int] = mapped_column(BigInteger)
    rate: Mapped[str]
    amount_minor: Mapped[int] = mapped_column(BigInteger)
    turn: Mapped[int] = mapped_column(default=1)
    """The turn of its statement: each turn of a month states everything once."""
    reverses_id: Mapped[UUID | None] = mapped_column(ForeignKey("statement_lines.id"))
    """The line that it takes back."""

    @property
    def commission_public_id(self) -> str:
        """The id of the commission that people see; empty where there is none."""
        return public_id("com", self.commission_id) if self.commission_id else ""


class PeriodReopening(Base):
    """That a closed month was opened again, or that somebody wanted it to be."""

    __tablename__ = "period_reopenings"
    __table_args__ = (
        CheckConstraint("reason <> ''", name="has_reason"),
        CheckConstraint(
            "(confirmed_at IS NULL) = (confirmed_by_id IS NULL)",
            name="confirmed_by_somebody",
        ),
        CheckConstraint(
            "(dropped_at IS NULL) = (dropped_by_id IS NULL)",
            name="dropped_by_somebody",
        ),
        CheckConstraint("confirmed_at IS NULL OR dropped_at IS NULL", name="one_end"),
        CheckConstraint(
            "NOT four_eyes OR confirmed_by_id <> asked_by_id", name="two_people"
        ),
        Index(
            ONE_REOPENING,
            "period_id",
            "turn",
            unique=True,
            postgresql_where=text("dropped_at IS NULL"),
        ),
    )

    id: Mapped[UUID] = mapped_column(primary_key=True, default=new_id)
    period_id: Mapped[UUID] = mapped_column(ForeignKey("periods.id"))
    turn: Mapped[int]
    """The turn of the month that it ends."""
    reason: Mapped[str]
    four_eyes: Mapped[bool]
    """Whether a second person had to confirm it."""
    asked_by_id: Mapped[UUID] = mapped_column(ForeignKey("users.id"))
    asked_at: Mapped[datetime]
    confirmed_by_id: Mapped[UUID | None] = mapped_column(ForeignKey("users.id"))
    confirmed_at: Mapped[datetime | None]
    """When the month was opened; none while a second person has to confirm it."""
    dropped_by_id: Mapped[UUID | None] = mapped_column(ForeignKey("users.id"))
    dropped_at: Mapped[datetime | None]
    """When somebody took it back instead."""
    closed_at: Mapped[datetime]
    """When the month had been closed."""
    closed_by_id: Mapped[UUID | None] = mapped_column(ForeignKey("users.id"))

    asked_by: Mapped[User] = relationship(lazy="raise", foreign_keys=[asked_by_id])
    confirmed_by: Mapped[User | None] = relationship(
        lazy="raise", foreign_keys=[confirmed_by_id]
    )
