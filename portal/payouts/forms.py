from collections.abc import Mapping
from datetime import date
from typing import cast

from flask_babel import lazy_gettext as _
from werkzeug.datastructures import MultiDict
from wtforms import (
    DateField,
    Form,
    PasswordField,
    SelectField,
    StringField,
    ValidationError,
)
from wtforms.validators import DataRequired, InputRequired, Length

from portal.kit.money import Money
from portal.payouts.rules import AccountType, Details, FileFormat
from portal.web.amounts import AmountField
from portal.web.forms import choices

FORMATS = {
    FileFormat.SEPA_03: _("SEPA transfer (pain.001.001.03)"),
    FileFormat.SEPA_09: _("SEPA transfer (pain.001.001.09)"),
    FileFormat.NACHA_CCD: _("US bank transfer (NACHA CCD)"),
    FileFormat.CSV: _("Table (CSV)"),
}
"""What each kind of file is called."""


def _one_line(text: str | None) -> str:
    return " ".join((text or "").split())


class ReopenForm(Form):
    """Why a closed month is opened again."""

    reason = StringField(
        _("Reason"),
        filters=[_one_line],
        validators=[DataRequired(_("Say why, in a sentence.")), Length(max=300)],
    )


class FreezeForm(Form):
    """Why payouts are frozen or go on, and who says so."""

    reason = StringField(
        _("Reason"),
        filters=[_one_line],
        validators=[DataRequired(_("Say why, in a sentence.")), Length(max=300)],
    )
    password = PasswordField(
        _("Your password"),
        [
            InputRequired(_("Enter your password, so that we know it is you.")),
            Length(max=1_024),
        ],
    )


class PayoutForm(Form):
    """A transfer that was made at the bank."""

    amount = AmountField(
        _("Amount"), validators=[DataRequired(_("Enter the amount you sent."))]
    )
    paid_on = DateField(
        _("Paid on"),
        validators=[
            InputRequired(_("Enter the day on which the money left, like 2026-11-15."))
        ],
    )
    reference = StringField(
        _("Bank reference"),
        filters=[_one_line],
        validators=[
            DataRequired(_("Enter the reference that the bank shows.")),
            Length(max=140),
        ],
    )

    def __init__(self, formdata: MultiDict[str, str] | None, currency: str) -> None:
        super().__init__(formdata)
        self.currency = currency

    @property
    def day(self) -> date:
        """The day of payment, once the form is valid."""
        return cast("date", self.paid_on.data)

    @property
    def money(self) -> Money:
        """The amount, once the form is valid."""
        return cast("Money", self.amount.money)


class AccountForm(Form):
    """Where a partner is paid: what every kind of account has."""

    holder = StringField(
        _("Account holder"),
        filters=[_one_line],
        validators=[
            DataRequired(_("Enter whose account it is.")),
            Length(max=70),
        ],
    )
    password = PasswordField(
        _("Your password"),
        [
            InputRequired(_("Enter your password, so that we know it is you.")),
            Length(max=1_024),
        ],
    )

    @property
    def details(self) -> Details:
        """The numbers as they were typed."""
        raise NotImplementedError


class SepaAccountForm(AccountForm):
    """An account in Europe."""

    iban = StringField(_("IBAN"), [DataRequired(_("Enter the IBAN.")), Length(max=60)])
    bic = StringField(_("BIC"), [Length(max=20)])

    @property
    def details(self) -> Details:
        """The numbers as they were typed."""
        return Details(iban=self.iban.data or "", bic=self.bic.data or "")


class UsBankAccountForm(AccountForm):
    """An account at a bank in the United States."""

    routing_number = StringField(
        _("Routing number"),
        [DataRequired(_("Enter the routing number.")), Length(max=30)],
    )
    account_number = StringField(
        _("Account number"),
        [DataRequired(_("Enter the account number.")), Length(max=40)],
    )
    account_type = SelectField(
        _("Kind of account"),
        [InputRequired(_("Choose the kind of account."))],
        choices=choices(
            [
                (AccountType.CHECKING.value, _("Checking")),
                (AccountType.SAVINGS.value, _("Savings")),
            ]
        ),
    )

    @property
    def details(self) -> Details:
        """The numbers as they were typed."""
        return Details(
            routing_number=self.routing_number.data or "",
            account_number=self.account_number.data or "",
            account_type=self.account_type.data,
        )


class BatchForm(Form):
    """What a batch is to hold."""

    currency = SelectField(_("Currency"), [InputRequired(_("Choose a currency."))])
    format = SelectField(
        _("File for the bank"),
        [InputRequired(_("Choose a file."))],
        choices=choices((one.value, label) for one, label in FORMATS.items()),
    )
    pay_on = DateField(
        _("Pay on"),
        validators=[InputRequired(_("Enter a working day, like 2026-11-16."))],
    )

    def __init__(
        self,
        formdata: MultiDict[str, str] | None,
        *,
        currencies: Mapping[str, int],
        pay_on: date,
    ) -> None:
        typed = formdata.get("currency") if formdata else None
        wanted = typed or next(iter(currencies), "")
        best = {"EUR": FileFormat.SEPA_09, "USD": FileFormat.NACHA_CCD}
        super().__init__(
            formdata, format=best.get(wanted, FileFormat.CSV).value, pay_on=pay_on
        )
        self.currency.choices = choices((code, code) for code in currencies)
        self.currency.data = wanted

    def validate_format(self, field: SelectField) -> None:
        """Refuse a kind of file that cannot carry the currency."""
        if field.data not in {one.value for one in FileFormat}:
            return  # the list of choices says so itself
        only = self.file_format.currency
        if only not in (None, self.currency.data):
            raise ValidationError(
                _(
                    "%(format)s carries %(currency)s only. Choose another file.",
                    format=FORMATS[self.file_format],
                    currency=only,
                )
            )

    @property
    def file_format(self) -> FileFormat:
        """The kind of file, once it is one of those in the list."""
        return FileFormat(self.format.data)

    @property
    def day(self) -> date:
        """The day of payment, once the form is valid."""
        return cast("date", self.pay_on.data)


class ReasonForm(Form):
    """Why something is not done."""

    reason = StringField(
        _("Reason"),
        filters=[_one_line],
        validators=[DataRequired(_("Say why, in a few words.")), Length(max=300)],
    )
