from datetime import UTC, datetime

import pytest

from portal.stripe_sandbox.cards import CARDS, TypedCard, passes_luhn, read_card
from portal.stripe_sandbox.wording import amount_text, interval_text, moment_text

NOW = datetime(2026, 3, 1, tzinfo=UTC)
GOOD = {"number": "4242 4242 4242 4242", "expiry": "12/30", "cvc": "123"}


def test_every_test_card_has_a_valid_check_digit() -> None:
    assert all(passes_luhn(number) for number in CARDS)


@pytest.mark.parametrize("expiry", ["03/26", "3 / 2026", " 12/30 "])
def test_a_card_in_order_is_read(expiry: str) -> None:
    card = read_card(**{**GOOD, "expiry": expiry}, now=NOW)

    assert isinstance(card, TypedCard)
    assert card.card.number == "4242424242424242"


@pytest.mark.parametrize(
    ("field", "value", "message"),
    [
        ("number", "", "Enter the card number."),
        ("number", "4242424242424241", "not valid"),
        ("number", "4242", "not valid"),
        ("number", "٤٢٤٢٤٢٤٢٤٢٤٢٤٢٤٢", "not valid"),
        ("expiry", "", "Enter the expiry date"),
        ("expiry", "soon", "month and year"),
        ("expiry", "13/30", "month and year"),
        ("expiry", "02/26", "has expired"),
        ("cvc", " ", "Enter the security code"),
        ("cvc", "12", "3 or 4 digits"),
    ],
)
def test_what_is_wrong_is_said_at_its_field(
    field: str, value: str, message: str
) -> None:
    errors = read_card(**{**GOOD, field: value}, now=NOW)

    assert isinstance(errors, dict)
    assert list(errors) == [field]
    assert message in errors[field]


def test_a_card_that_is_no_test_card_is_declined() -> None:
    card = read_card(**{**GOOD, "number": "4012888888881881"}, now=NOW)

    assert isinstance(card, TypedCard)
    assert card.card.decline is not None
    assert card.card.decline.decline_code == "test_mode_live_card"


@pytest.mark.parametrize(
    ("minor", "currency", "text"),
    [
        (4900, "usd", "$49.00"),
        (-123456, "eur", "−€1,234.56"),
        (5, "chf", "0.05 CHF"),
        (500, "jpy", "¥500"),
    ],
)
def test_sums_are_written_for_people(minor: int, currency: str, text: str) -> None:
    assert amount_text(minor, currency) == text


def test_spans_and_moments_are_written_for_people() -> None:
    quarter = {"recurring": {"interval": "month", "interval_count": 3}}

    assert interval_text(quarter) == "every 3 months"
    assert moment_text(int(NOW.timestamp())) == "1 March 2026, 00:00 UTC"
    assert moment_text(None) == "–"
