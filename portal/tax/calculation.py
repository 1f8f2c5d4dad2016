"""Amounts and days that follow from tax facts. Pure; rounds only through kit.money."""

from calendar import monthrange
from dataclasses import dataclass
from datetime import date, timedelta
from enum import StrEnum

from portal.kit.money import Money, share

SELF_BILLING = "Self-billing"
REVERSE_CHARGE = "Reverse charge"
UK_STATEMENT = "The VAT shown is your output tax due to HMRC"
"""Words that the law asks for on an invoice, so they are not translated."""
GB = "GB"
AGREEMENT_MONTHS = 12
SILENCE_DAYS = 14
_INVOICE_DAY = 15
_MONTHS_IN_YEAR = 12
_MONTHS_IN_QUARTER = 3
NEC_THRESHOLDS = ((2026, 200_000), (0, 60_000))
"""From which year on, and from how many cents of the year, a payment is reported on
form 1099-NEC. It is indexed from 2027 on: add the year's figure when the IRS names it;
until then the last one known is used."""
NEC_CURRENCY = "USD"


def withheld(amount: Money, rate_bps: int) -> Money:
    """Return the tax on a payment; nothing where nothing is paid."""
    return share(Money(max(amount.minor, 0), amount.currency), rate_bps)


class VatTreatment(StrEnum):
    """What becomes of VAT on an invoice that we issue in the partner's name."""

    NONE = "none"
    """The partner is not registered, or the supply is outside the scope of VAT."""
    CHARGED = "charged"
    REVERSE_CHARGE = "reverse_charge"
    """We owe it to our own tax office."""


@dataclass(frozen=True, slots=True)
class VatParty:
    """One side of an invoice; without a number it is not registered for VAT."""

    country: str
    number: str = ""


@dataclass(frozen=True, slots=True)
class SelfBill:
    """The tax part of a self-billed invoice."""

    treatment: VatTreatment
    net: Money
    vat: Money
    rate_bps: int
    words: tuple[str, ...]

    @property
    def total(self) -> Money:
        """What the invoice comes to."""
        return self.net + self.vat


def self_bill(
    net: Money, *, supplier: VatParty, customer: VatParty, rate_bps: int
) -> SelfBill:
    """Return VAT and words of an invoice that the customer writes for the supplier.

    VAT is shown only while the supplier is registered. Across a border the customer
    owes it, if registered; without a number the supply is outside the scope.

    Args:
        net: The amount without tax.
        supplier: The partner, who performs the service.
        customer: The vendor, who writes the invoice.
        rate_bps: The rate in the country that both are in.
    """
    treatment = _treatment(supplier, customer)
    rate = rate_bps if treatment is VatTreatment.CHARGED else 0
    words = [SELF_BILLING]
    if treatment is VatTreatment.REVERSE_CHARGE:
        words.append(REVERSE_CHARGE)
    elif treatment is VatTreatment.CHARGED and supplier.country == GB:
        words.append(UK_STATEMENT)
    return SelfBill(treatment, net, share(net, rate), rate, tuple(words))


def _treatment(supplier: VatParty, customer: VatParty) -> VatTreatment:
    if not supplier.number:
        return VatTreatment.NONE
    if supplier.country == customer.country:
        return VatTreatment.CHARGED
    return VatTreatment.REVERSE_CHARGE if customer.number else VatTreatment.NONE


def self_bill_due_on(supplied_on: date) -> date:
    """Return the last day for the invoice: the 15th of the month after the supply."""
    return _month_after(supplied_on).replace(day=_INVOICE_DAY)


def agreement_last_on(agreed_on: date) -> date:
    """Return the last day of a self-billing agreement, which holds for 12 months."""
    years, before = divmod(agreed_on.month - 1 + AGREEMENT_MONTHS, _MONTHS_IN_YEAR)
    year, month = agreed_on.year + years, before + 1
    if agreed_on.day > monthrange(year, month)[1]:
        # There is no such day: all of that month belongs to it.
        return date(year, month, monthrange(year, month)[1])
    return date(year, month, agreed_on.day) - timedelta(days=1)


def objection_last_on(issued_on: date) -> date:
    """Return the last day to object; after it silence accepts an invoice."""
    return issued_on + timedelta(days=SILENCE_DAYS)


def statement_due_on(due_on: date) -> date:
    """Return by when a statement shows a commission that fell due on that day.

    The law of commercial agents in the EU asks for the last day of the month that
    follows the quarter.
    """
    quarter_end = -(-due_on.month // _MONTHS_IN_QUARTER) * _MONTHS_IN_QUARTER
    following = _month_after(date(due_on.year, quarter_end, 1))
    return following.replace(day=monthrange(following.year, following.month)[1])


def _month_after(day: date) -> date:
    years, before = divmod(day.month, _MONTHS_IN_YEAR)
    return date(day.year + years, before + 1, 1)


class NecOutcome(StrEnum):
    """Whether a payee's year goes on a form 1099-NEC, and if not, why."""

    REPORTED = "reported"
    BELOW_THRESHOLD = "below_threshold"
    FOREIGN = "foreign"
    CORPORATION = "corporation"
    PAID_BY_PROCESSOR = "paid_by_processor"
    """A payment processor reports it, on form 1099-K."""


def nec_threshold(year: int) -> Money:
    """Return from how much on the payments of `year` are reported."""
    minor = next(minor for since, minor in NEC_THRESHOLDS if year >= since)
    return Money(minor, NEC_CURRENCY)


def nec_outcome(
    year: int,
    paid: Money,
    *,
    is_us_person: bool,
    is_corporation: bool = False,
    by_processor: bool = False,
    withheld: Money | None = None,
) -> NecOutcome:
    """Return whether the payments of a year are reported.

    Args:
        year: The calendar year of the payments.
        paid: What was paid in it, in US dollars.
        is_us_person: Foreign payees get form 1042-S, or none.
        is_corporation: Whether the payee is taxed as a corporation.
        by_processor: Whether a payment processor paid, who reports it.
        withheld: Backup withholding in it; any at all is reported.
    """
    if not is_us_person:
        return NecOutcome.FOREIGN
    if by_processor:
        return NecOutcome.PAID_BY_PROCESSOR
    if withheld:
        return NecOutcome.REPORTED
    if is_corporation:
        return NecOutcome.CORPORATION
    if paid < nec_threshold(year):
        return NecOutcome.BELOW_THRESHOLD
    return NecOutcome.REPORTED
