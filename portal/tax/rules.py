"""Tax forms as pure functions: which one, how long it holds, what is withheld."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from enum import StrEnum
from types import MappingProxyType

US = "US"
BACKUP_BPS = 2_400
"""Backup withholding, 24 %."""
NONRESIDENT_BPS = 3_000
"""Withholding on income of foreign persons from the US, 30 % without a treaty."""
W8_YEARS = 3
REMINDER_DAYS = (60, 30, 7)
"""How many days before its end a form's partner is reminded."""


class FormKind(StrEnum):
    """The official forms of the IRS that the portal takes."""

    W9 = "w-9"
    """For US persons."""
    W8BEN = "w-8ben"
    """For people who are no US persons."""
    W8BEN_E = "w-8ben-e"
    """For companies that are no US persons."""

    @property
    def label(self) -> str:
        """Its name as it stands on the paper."""
        return self.value.upper()


REVISIONS: Mapping[FormKind, str] = MappingProxyType(
    {
        FormKind.W9: "March 2024",
        FormKind.W8BEN: "October 2021",
        FormKind.W8BEN_E: "October 2021",
    }
)
"""Which edition of the official form the questions follow."""


class Place(StrEnum):
    """Where the services are performed for which a partner is paid."""

    OUTSIDE_US = "outside-us"
    IN_US = "in-us"
    """All of them, or a part."""
    UNKNOWN = "unknown"


class UsClass(StrEnum):
    """How a US person is taxed, line 3a of the W-9."""

    INDIVIDUAL = "individual"
    C_CORPORATION = "c_corporation"
    S_CORPORATION = "s_corporation"
    PARTNERSHIP = "partnership"
    TRUST = "trust"
    LLC_C = "llc_c"
    LLC_S = "llc_s"
    LLC_P = "llc_p"
    OTHER = "other"

    @property
    def is_corporation(self) -> bool:
        """Whether the payee is taxed as a corporation, which gets no 1099-NEC."""
        return self in _CORPORATIONS


_CORPORATIONS = frozenset(
    {UsClass.C_CORPORATION, UsClass.S_CORPORATION, UsClass.LLC_C, UsClass.LLC_S}
)


class EntityClass(StrEnum):
    """What kind of entity a foreign company is, line 4 of the W-8BEN-E."""

    CORPORATION = "corporation"
    PARTNERSHIP = "partnership"
    TRUST = "trust"
    TAX_EXEMPT = "tax_exempt"
    GOVERNMENT = "government"
    OTHER = "other"


class FatcaClass(StrEnum):
    """What a foreign company is to FATCA, line 5 of the W-8BEN-E."""

    ACTIVE_NFFE = "active_nffe"
    """It sells goods or services; less than half of its income is passive."""
    PUBLIC_NFFE = "public_nffe"
    OTHER = "other"
    """A bank, a fund, a passive company: its own part of the form is needed."""


class FormStatus(StrEnum):
    """Where a submitted form stands."""

    SUBMITTED = "submitted"
    """Staff have to look at it."""
    ACCEPTED = "accepted"
    RETURNED = "returned"
    """Staff sent it back with a reason; it does not count."""
    REPLACED = "replaced"
    """The partner sent a newer one."""


_S = FormStatus

TRANSITIONS: Mapping[FormStatus, frozenset[FormStatus]] = MappingProxyType(
    {
        _S.SUBMITTED: frozenset({_S.ACCEPTED, _S.RETURNED, _S.REPLACED}),
        _S.ACCEPTED: frozenset({_S.RETURNED, _S.REPLACED}),
        _S.RETURNED: frozenset(),
        _S.REPLACED: frozenset(),
    }
)
"""Every move a form can make. A status that maps to nothing is final."""


class ReviewReason(StrEnum):
    """Why a form cannot be accepted by the portal alone."""

    NO_NUMBER = "no_number"
    UNPROVEN_NUMBER = "unproven_number"
    TREATY = "treaty"
    SPECIAL_ENTITY = "special_entity"


def form_for(*, is_us_person: bool, is_company: bool) -> FormKind:
    """Return the form that a payee has to give."""
    if is_us_person:
        return FormKind.W9
    return FormKind.W8BEN_E if is_company else FormKind.W8BEN


def valid_until(kind: FormKind, signed_on: date) -> date | None:
    """Return the last day on which a form is good; none: until something changes.

    A W-8 is good until the end of the third calendar year after the year in which it
    was signed.
    """
    if kind is FormKind.W9:
        return None
    return date(signed_on.year + W8_YEARS, 12, 31)


@dataclass(frozen=True, slots=True)
class FormFacts:
    """What of an accepted form decides about withholding.

    Attributes:
        kind: Which form.
        signed_on: When it was signed.
        has_tin: Whether it names a number of the US.
        place: Where the services are performed.
        treaty_bps: The rate that a treaty allows; none without a claim.
        is_backup_notified: Whether the IRS told the payee that backup withholding
            applies.
    """

    kind: FormKind
    signed_on: date
    has_tin: bool = False
    place: Place = Place.UNKNOWN
    treaty_bps: int | None = None
    is_backup_notified: bool = False

    def holds(self, on: date) -> bool:
        """Tell whether the form is good on that day."""
        last_day = valid_until(self.kind, self.signed_on)
        return self.signed_on <= on and (last_day is None or on <= last_day)


class WithholdingKind(StrEnum):
    """Which tax is held back from a payment."""

    NONE = "none"
    US_BACKUP = "us_backup"
    US_NRA = "us_nra"


class WithholdingReason(StrEnum):
    """Why so much is withheld, or nothing."""

    W9_VALID = "w9_valid"
    W9_WITHOUT_TIN = "w9_without_tin"
    W9_MISSING = "w9_missing"
    IRS_NOTICE = "irs_notice"
    W8_VALID_OUTSIDE_US = "w8_valid_outside_us"
    W8_IN_US = "w8_in_us"
    W8_PLACE_UNKNOWN = "w8_place_unknown"
    W8_TREATY = "w8_treaty"
    W8_MISSING = "w8_missing"
    W8_EXPIRED = "w8_expired"


@dataclass(frozen=True, slots=True)
class Withholding:
    """What is withheld from a payment: which tax, at which rate, and why."""

    kind: WithholdingKind
    rate_bps: int
    reason: WithholdingReason


_R = WithholdingReason


def withholding(form: FormFacts | None, *, is_us_person: bool, on: date) -> Withholding:
    """Return what has to be withheld from a payment.

    Args:
        form: The form that staff or the portal accepted; none without one.
        is_us_person: What the payee is known to be where no form says it: a partner
            registered in the US counts as one.
        on: The day of the payment.
    """
    if form is None:
        return _backup(_R.W9_MISSING) if is_us_person else _foreign(_R.W8_MISSING)
    if form.kind is FormKind.W9:
        return _with_w9(form)
    if not form.holds(on):
        # Without a good form nobody vouches for the place: income from the US.
        return _foreign(_R.W8_EXPIRED)
    if form.place is Place.OUTSIDE_US:
        return Withholding(WithholdingKind.NONE, 0, _R.W8_VALID_OUTSIDE_US)
    if form.treaty_bps is not None:
        return _foreign(_R.W8_TREATY, min(form.treaty_bps, NONRESIDENT_BPS))
    is_known = form.place is Place.IN_US
    return _foreign(_R.W8_IN_US if is_known else _R.W8_PLACE_UNKNOWN)


def _with_w9(form: FormFacts) -> Withholding:
    if not form.has_tin:
        return _backup(_R.W9_WITHOUT_TIN)
    if form.is_backup_notified:
        return _backup(_R.IRS_NOTICE)
    return Withholding(WithholdingKind.NONE, 0, _R.W9_VALID)


def _backup(reason: WithholdingReason) -> Withholding:
    return Withholding(WithholdingKind.US_BACKUP, BACKUP_BPS, reason)


def _foreign(reason: WithholdingReason, rate_bps: int = NONRESIDENT_BPS) -> Withholding:
    return Withholding(WithholdingKind.US_NRA, rate_bps, reason)


def reminder_due(days_left: int, reminded_days: int | None) -> int | None:
    """Return which reminder is due, by its number of days; none when none is.

    Args:
        days_left: How many days the form is still good after today.
        reminded_days: The last reminder that was sent, by its number of days.
    """
    if days_left < 0:
        return None
    due = min((days for days in REMINDER_DAYS if days_left <= days), default=None)
    if due is None or (reminded_days is not None and due >= reminded_days):
        return None
    return due
