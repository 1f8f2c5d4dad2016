from datetime import date

import pytest

from portal.kit.money import Money
from portal.tax.calculation import (
    NecOutcome,
    VatParty,
    VatTreatment,
    agreement_last_on,
    nec_outcome,
    nec_threshold,
    objection_last_on,
    self_bill,
    self_bill_due_on,
    statement_due_on,
    withheld,
)

DE, FR = VatParty("DE", "DE136695976"), VatParty("FR", "FR61954506077")
US = VatParty("US")


@pytest.mark.parametrize(
    ("minor", "currency", "rate_bps", "tax"),
    [
        (96_260, "USD", 3_000, 28_878),
        (1, "USD", 2_400, 0),
        (2, "USD", 2_500, 1),  # a half goes away from zero
        (101, "JPY", 3_000, 30),
        (1_001, "KWD", 2_400, 240),
        (0, "USD", 3_000, 0),
        (-5_000, "USD", 3_000, 0),
    ],
)
def test_tax_is_a_rounded_share_of_what_is_paid(
    minor: int, currency: str, rate_bps: int, tax: int
) -> None:
    assert withheld(Money(minor, currency), rate_bps) == Money(tax, currency)


@pytest.mark.parametrize(
    ("supplier", "customer", "treatment", "vat", "words"),
    [
        (DE, VatParty("DE", "DE129273398"), "charged", 1_900, ("Self-billing",)),
        (DE, FR, "reverse_charge", 0, ("Self-billing", "Reverse charge")),
        (VatParty("DE"), FR, "none", 0, ("Self-billing",)),
        (DE, US, "none", 0, ("Self-billing",)),
        (US, FR, "none", 0, ("Self-billing",)),
    ],
)
def test_who_is_registered_where_decides_about_vat(
    supplier: VatParty,
    customer: VatParty,
    treatment: str,
    vat: int,
    words: tuple[str, ...],
) -> None:
    bill = self_bill(
        Money(10_000, "EUR"), supplier=supplier, customer=customer, rate_bps=1_900
    )

    assert bill.treatment is VatTreatment(treatment)
    assert (bill.vat.minor, bill.total.minor) == (vat, 10_000 + vat)
    assert bill.rate_bps == (1_900 if vat else 0)
    assert bill.words == words


@pytest.mark.parametrize(
    ("supplied", "due"),
    [
        (date(2026, 1, 1), date(2026, 2, 15)),
        (date(2026, 1, 31), date(2026, 2, 15)),
        (date(2026, 12, 31), date(2027, 1, 15)),
    ],
)
def test_an_invoice_is_due_on_the_15th_of_the_next_month(
    supplied: date, due: date
) -> None:
    assert self_bill_due_on(supplied) == due


@pytest.mark.parametrize(
    ("agreed", "last"),
    [
        (date(2026, 3, 1), date(2027, 2, 28)),
        (date(2027, 3, 1), date(2028, 2, 29)),
        (date(2026, 1, 15), date(2027, 1, 14)),
        (date(2028, 2, 29), date(2029, 2, 28)),
    ],
)
def test_a_self_billing_agreement_holds_for_twelve_months(
    agreed: date, last: date
) -> None:
    assert agreement_last_on(agreed) == last


def test_silence_of_14_days_accepts_an_invoice() -> None:
    assert objection_last_on(date(2026, 2, 20)) == date(2026, 3, 6)


@pytest.mark.parametrize(
    ("day", "due"),
    [
        (date(2026, 1, 1), date(2026, 4, 30)),
        (date(2026, 5, 17), date(2026, 7, 31)),
        (date(2026, 10, 1), date(2027, 1, 31)),
    ],
)
def test_any_day_of_a_quarter_has_the_same_last_day_for_its_statement(
    day: date, due: date
) -> None:
    assert statement_due_on(day) == due


@pytest.mark.parametrize(
    ("year", "minor"),
    [(2024, 60_000), (2025, 60_000), (2026, 200_000), (2030, 200_000)],
)
def test_the_threshold_of_form_1099_nec_follows_the_year(year: int, minor: int) -> None:
    assert nec_threshold(year) == Money(minor, "USD")


@pytest.mark.parametrize(
    ("year", "minor", "facts", "outcome"),
    [
        (2025, 60_000, {}, NecOutcome.REPORTED),
        (2025, 59_999, {}, NecOutcome.BELOW_THRESHOLD),
        (2026, 199_999, {}, NecOutcome.BELOW_THRESHOLD),
        (2026, 200_000, {}, NecOutcome.REPORTED),
        (2026, 1, {"withheld": Money(24, "USD")}, NecOutcome.REPORTED),
        (2026, 1, {"withheld": Money(0, "USD")}, NecOutcome.BELOW_THRESHOLD),
        (2026, 900_000, {"is_us_person": False}, NecOutcome.FOREIGN),
        (2026, 900_000, {"by_processor": True}, NecOutcome.PAID_BY_PROCESSOR),
        (2026, 900_000, {"is_corporation": True}, NecOutcome.CORPORATION),
    ],
)
def test_who_gets_a_form_1099_nec(
    year: int, minor: int, facts: dict[str, object], outcome: NecOutcome
) -> None:
    given = {"is_us_person": True, **facts}

    found = nec_outcome(year, Money(minor, "USD"), **given)  # type: ignore[arg-type]  # a row of the table

    assert found is outcome
