"""Amounts as people type them."""

import re

from flask_babel import lazy_gettext as _
from wtforms import StringField, ValidationError
from wtforms.form import BaseForm

from portal.kit.currencies import currency_exponent
from portal.kit.money import Money

_MOST_DIGITS = 15


class AmountField(StringField):
    """An exact amount of one currency without a sign, such as `1,330.40`.

    The form says which currency: it has an attribute `currency`.
    """

    money: Money | None = None
    """The amount, once the form is valid."""

    def post_validate(self, form: BaseForm, validation_stopped: bool) -> None:  # noqa: FBT001 - WTForms calls it so
        """Read the amount into `money`, or refuse what is none."""
        if validation_stopped:
            return
        currency: str = form.currency  # type: ignore[attr-defined]
        try:
            self.money = parse_amount(self.data or "", currency)
        except ValueError as error:
            raise ValidationError(
                _("Enter an amount in %(currency)s, like 1330.40.", currency=currency)
            ) from error


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
