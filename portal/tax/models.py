"""Tax forms and VAT declarations, as they were signed.

What a form says is added and never changed; only where it stands moves. The numbers,
the address and the date of birth lie in a table of their own, sealed: it can be
written anew with another key, and erased without touching the record.
"""

from datetime import date, datetime
from typing import Any
from uuid import UUID

from flask_babel import gettext as _
from sqlalchemy import (
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
from portal.partners.models import Partner
from portal.tax.calculation import VatParty
from portal.tax.numbers import TinKind
from portal.tax.rules import (
    TRANSITIONS,
    US,
    FormFacts,
    FormKind,
    FormStatus,
    Place,
    UsClass,
)


class TaxFormTransition(Conflict):
    """The form cannot move from where it is to where it was sent."""

    code = "tax_form_transition"


class TaxForm(Base):
    """One version of a partner's tax form."""

    __tablename__ = "tax_forms"
    __table_args__ = (
        UniqueConstraint("partner_id", "version"),
        Index(
            "uq_tax_forms_submitted",
            "partner_id",
            unique=True,
            postgresql_where=text("status = 'submitted'"),
        ),
        Index(
            "uq_tax_forms_accepted",
            "partner_id",
            unique=True,
            postgresql_where=text("status = 'accepted'"),
        ),
        Index("ix_tax_forms_status", "status", "submitted_at"),
        CheckConstraint("treaty_bps BETWEEN 0 AND 3000", name="treaty"),
        CheckConstraint("length(tin_last4) IN (0, 4)", name="last4"),
    )

    id: Mapped[UUID] = mapped_column(primary_key=True, default=new_id)
    partner_id: Mapped[UUID] = mapped_column(ForeignKey("partners.id"))
    version: Mapped[int]
    """From 1 on, for the partner."""
    kind: Mapped[FormKind]
    revision: Mapped[str]
    """Which edition of the official form the questions followed."""
    status: Mapped[FormStatus] = mapped_column(default=FormStatus.SUBMITTED)
    name: Mapped[str]
    """Line 1: as it stands on the payee's tax return."""
    country: Mapped[str] = mapped_column(String(2))
    """Of residence for tax."""
    place: Mapped[Place]
    tin_kind: Mapped[TinKind | None]
    tin_last4: Mapped[str] = mapped_column(default="")
    treaty_bps: Mapped[int | None]
    details: Mapped[dict[str, Any]] = mapped_column(default=dict)
    """The other answers, none of which is secret, by the name of the question."""
    review_reasons: Mapped[list[Any]] = mapped_column(default=list)
    """Why staff look at it; empty when the portal could accept it."""
    signed_name: Mapped[str]
    signed_on: Mapped[date]
    valid_until_on: Mapped[date | None]
    """The last day on which it is good; none: until something changes."""
    submitted_at: Mapped[datetime]
    submitted_by_id: Mapped[UUID] = mapped_column(ForeignKey("users.id"))
    remote_address: Mapped[str]
    decided_at: Mapped[datetime | None]
    decided_by_id: Mapped[UUID | None] = mapped_column(ForeignKey("users.id"))
    """Who accepted or returned it; none for the portal itself."""
    return_reason: Mapped[str] = mapped_column(default="")
    reminded_days: Mapped[int | None]
    """The last reminder that was sent, by how many days before the end."""

    partner: Mapped[Partner] = relationship(lazy="raise")
    submitted_by: Mapped[User] = relationship(
        lazy="raise", foreign_keys=[submitted_by_id]
    )
    decided_by: Mapped[User | None] = relationship(
        lazy="raise", foreign_keys=[decided_by_id]
    )

    @property
    def public_id(self) -> str:
        """The id that people and programs see."""
        return public_id("tax", self.id)

    @property
    def facts(self) -> FormFacts:
        """What of it decides about withholding."""
        return FormFacts(
            kind=self.kind,
            signed_on=self.signed_on,
            has_tin=self.tin_kind is not None,
            place=self.place,
            treaty_bps=self.treaty_bps,
            is_backup_notified=bool(self.details.get("backup_notice")),
        )

    @property
    def is_us_person(self) -> bool:
        """Whether the payee says to be a US person."""
        return self.kind is FormKind.W9

    @property
    def is_corporation(self) -> bool:
        """Whether the payee is a US person taxed as a corporation."""
        return self.is_us_person and UsClass(self.details["us_class"]).is_corporation

    def state(self, on: date) -> str:
        """Return what the form is worth on a day, in a word of `portal.web.states`."""
        if self.status is FormStatus.ACCEPTED and not self.facts.holds(on):
            return "expired"
        return "in_review" if self.status is FormStatus.SUBMITTED else self.status.value

    def move_to(self, status: FormStatus) -> None:
        """Change the status.

        Raises:
            TaxFormTransition: `TRANSITIONS` does not allow the move.
        """
        if status not in TRANSITIONS[self.status]:
            raise TaxFormTransition(
                _("This form is decided already, or a newer one took its place.")
            )
        self.status = status


class TaxFormSecret(Base):
    """What of a form only some eyes may see, sealed by `portal.kit.sealing`."""

    __tablename__ = "tax_form_secrets"

    form_id: Mapped[UUID] = mapped_column(ForeignKey("tax_forms.id"), primary_key=True)
    sealed: Mapped[str]


class VatDeclaration(Base):
    """What a partner said about VAT, and since when. Added, never changed.

    A VAT number is public: it stands on every invoice.
    """

    __tablename__ = "vat_declarations"
    __table_args__ = (
        Index("ix_vat_declarations_partner_id", "partner_id", "from_on"),
        CheckConstraint("is_registered = (number <> '')", name="number"),
    )

    id: Mapped[UUID] = mapped_column(primary_key=True, default=new_id)
    partner_id: Mapped[UUID] = mapped_column(ForeignKey("partners.id"))
    is_registered: Mapped[bool]
    country: Mapped[str] = mapped_column(String(2))
    number: Mapped[str] = mapped_column(default="")
    is_proven: Mapped[bool] = mapped_column(default=False)
    """Whether the country's rules for the number hold; no office was asked."""
    from_on: Mapped[date]
    declared_at: Mapped[datetime]
    declared_by_id: Mapped[UUID] = mapped_column(ForeignKey("users.id"))
    remote_address: Mapped[str]

    declared_by: Mapped[User] = relationship(lazy="raise")

    @property
    def party(self) -> VatParty:
        """The partner as a side of an invoice."""
        return VatParty(self.country, self.number)


def counts_as_us_person(partner: Partner) -> bool:
    """Tell whether a partner without a form is taken for a US person."""
    return partner.country == US
