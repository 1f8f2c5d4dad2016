"""The year's payments for form 1099-NEC: who is reported, and who is not and why."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy.orm import Session

from portal.accounts.models import User
from portal.kit.money import Money
from portal.payouts import queries
from portal.payouts.queries import YearOf
from portal.tax import queries as tax
from portal.tax import service as tax_service
from portal.tax.calculation import (
    NEC_CURRENCY,
    NecOutcome,
    nec_outcome,
    nec_threshold,
)
from portal.tax.models import TaxForm, counts_as_us_person


@dataclass(frozen=True, slots=True)
class NecRow:
    """One payee's year.

    Attributes:
        year_of: What was paid and withheld.
        form: The form that counts; none if the payee sent none.
        outcome: Whether it is reported.
    """

    year_of: YearOf
    form: TaxForm | None
    outcome: NecOutcome

    @property
    def gross(self) -> Money:
        """Box 1: what was paid, with what was withheld of it."""
        return self.year_of.paid + self.year_of.withheld

    @property
    def lacks_form(self) -> bool:
        """Whether it is to be reported and nobody signed a form."""
        return self.outcome is NecOutcome.REPORTED and self.form is None


@dataclass(frozen=True, slots=True)
class NecReport:
    """All payees of a year.

    Attributes:
        year: The calendar year of the payments.
        threshold: From how much on they are reported.
        rows: Every payee that was paid in US dollars, by name.
        other_currencies: In which others somebody was paid; the report has them not.
    """

    year: int
    threshold: Money
    rows: Sequence[NecRow]
    other_currencies: Sequence[str]

    @property
    def reported(self) -> list[NecRow]:
        """Those that go on a form."""
        return [row for row in self.rows if row.outcome is NecOutcome.REPORTED]

    @property
    def total(self) -> Money:
        """Box 1 of all forms together."""
        return sum((row.gross for row in self.reported), Money(0, NEC_CURRENCY))

    @property
    def withheld(self) -> Money:
        """Box 4 of all forms together."""
        kept = (row.year_of.withheld for row in self.reported)
        return sum(kept, Money(0, NEC_CURRENCY))


def nec_report(session: Session, year: int) -> NecReport:
    """Return who is reported for a year, and who is not for which reason.

    The portal pays by bank, never through a payment processor that reports by itself.
    """
    years = queries.paid_in_year(session, year, NEC_CURRENCY)
    forms = tax.accepted_of(session, [row.partner.id for row in years])
    return NecReport(
        year,
        nec_threshold(year),
        [_row(row, forms.get(row.partner.id), year) for row in years],
        queries.paid_in_other_currencies(session, year, NEC_CURRENCY),
    )


def _row(year_of: YearOf, form: TaxForm | None, year: int) -> NecRow:
    outcome = nec_outcome(
        year,
        year_of.paid + year_of.withheld,
        is_us_person=form.is_us_person
        if form
        else counts_as_us_person(year_of.partner),
        is_corporation=form.is_corporation if form else False,
        withheld=year_of.withheld,
    )
    return NecRow(year_of, form, outcome)


@dataclass(frozen=True, slots=True)
class Recipient:
    """What of a payee only some eyes may see; empty where no form says it."""

    tin: str = ""
    street: str = ""
    city: str = ""
    region: str = ""
    postal_code: str = ""


def recipients(
    session: Session,
    report: NecReport,
    *,
    keys: Sequence[str],
    actor: User,
    now: datetime,
) -> list[tuple[NecRow, Recipient]]:
    """Return those that are reported with number and address, and keep who saw them.

    Raises:
        UnreadableSecret: The key is gone.
    """
    found = []
    for row in report.reported:
        secret: dict[str, str] = {}
        if row.form is not None:
            secret = tax_service.show_number(
                session, row.form, keys=keys, actor=actor, now=now
            )
        found.append(
            (row, Recipient(**{name: secret.get(name, "") for name in _SHOWN}))
        )
    return found


_SHOWN = ("tin", "street", "city", "region", "postal_code")
