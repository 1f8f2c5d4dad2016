import pytest
from werkzeug.datastructures import MultiDict
from wtforms import Form
from wtforms.validators import DataRequired

from portal.kit.money import Money
from portal.web.amounts import AmountField, parse_amount


class PriceForm(Form):
    amount = AmountField("Amount", [DataRequired("Enter what it costs.")])
    currency = "USD"


@pytest.mark.parametrize(
    ("typed", "currency", "minor"),
    [
        ("1330.40", "USD", 133_040),
        ("1,330.4", "USD", 133_040),
        (" 12 ", "USD", 1_200),
        ("1 330", "JPY", 1_330),
        ("1.005", "KWD", 1_005),
    ],
)
def test_amounts_are_exact(typed: str, currency: str, minor: int) -> None:
    assert parse_amount(typed, currency) == Money(minor, currency)


@pytest.mark.parametrize(
    "typed", ["", "abc", "1.005", "-5", "1,33", "1e3", "٣", "9" * 16, "1.2.3"]
)
def test_anything_else_is_refused(typed: str) -> None:
    with pytest.raises(ValueError, match="no amount"):
        parse_amount(typed, "USD")


@pytest.mark.parametrize(
    ("typed", "said"),
    [
        ("", "Enter what it costs."),
        ("1.005", "Enter an amount in USD, like 1330.40."),
    ],
)
def test_a_form_says_what_to_enter(typed: str, said: str) -> None:
    form = PriceForm(MultiDict({"amount": typed}))

    assert not form.validate()
    assert form.errors == {"amount": [said]}


def test_a_form_gives_the_amount() -> None:
    form = PriceForm(MultiDict({"amount": "1,330.40"}))

    assert form.validate()
    assert form.amount.money == Money(133_040, "USD")
