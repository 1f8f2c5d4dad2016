import re
from collections.abc import Mapping
from datetime import date
from typing import cast
from uuid import UUID

from flask_babel import lazy_gettext as _
from werkzeug.datastructures import MultiDict
from wtforms import DateField, Form, StringField, ValidationError
from wtforms.validators import DataRequired, InputRequired, Length

from portal.kit.currencies import currency_exponent
from portal.kit.ids import new_id
from portal.kit.money import Money

_MOST_DIGITS = 15


class PayoutForm(Form):
    """A transfer that was made at the bank."""

    amount = StringField(
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
        filters=[lambda text: " ".join((text or "").split())],
        validators=[
            DataRequired(_("Enter the reference that the bank shows.")),
            Length(max=140),
        ],
    )

    def __init__(self, formdata: MultiDict[str, str] | None, currency: str) -> None:
        super().__init__(formdata)
        self.currency = currency

    def validate_amount(self, field: StringField) -> None:
        """Refuse what is no exact amount of the currency."""
        try:
            parse_amount(field.data or "", self.currency)
        except ValueError as error:
            raise ValidationError(
                _(
                    "Enter an amount in %(currency)s, like 1330.40.",
                    currency=self.currency,
                )
            ) from error

    @property
    def day(self) -> date:
        """The day of payment, once the form is valid."""
        return cast("date", self.paid_on.data)

    @property
    def money(self) -> Money:
        """The amount, once the form is valid."""
        return parse_amount(self.amount.data or "", self.currency)


def parse_amount(text: str, currency: str) -> Money:
    """Return the exact amount that somebody typed, such as `1,330.40`.

    Raises:
        ValueError: It is no amount, or has more decimals than the currency.
    """
    exponent = currency_exponent(currency)
    cleaned = "".join(text.split()).removeprefix("+")
    found = re.fullmatch(
        r"(\d+|\d{1,3}(?:,\d{3})+)(?:\.(\d+))?", cleaned, flags=re.ASCII
    )
    if found is None:
        raise ValueError(f"{text!r} is no amount")
    whole, decimals = found[1].replace(",", ""), found[2] or ""
    if len(decimals) > exponent or len(whole) > _MOST_DIGITS:
        raise ValueError(f"{text!r} is no amount in {currency}")
    return Money(int(whole + decimals.ljust(exponent, "0")), currency)


def form_id_of(formdata: Mapping[str, str]) -> UUID:
    """Return the id of the rendered form; a fresh one if it carries none."""
    try:
        return UUID(formdata.get("form_id", ""))
    except ValueError:
        return new_id()
