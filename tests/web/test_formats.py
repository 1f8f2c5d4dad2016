import unicodedata
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal

import pytest
from babel.numbers import format_currency
from flask import Flask
from flask_babel import force_locale

from portal.kit.money import Money
from portal.web import formats

NOW = datetime(2026, 3, 1, 9, 0, tzinfo=UTC)


@pytest.fixture(autouse=True)
def request_context(web_app: Flask) -> Iterator[None]:
    with web_app.test_request_context("/"):
        yield


@pytest.mark.parametrize(
    ("money", "locale", "text"),
    [
        (Money(133_040, "USD"), "en", "$1,330.40"),
        (Money(-1_350, "USD"), "en", "−$13.50"),
        (Money(0, "USD"), "en", "$0.00"),
        (Money(5, "USD"), "en", "$0.05"),
        (Money(5_000, "JPY"), "en", "¥5,000"),
        (Money(1_500, "KWD"), "en", "KWD\u00a01.500"),
        (Money(-1, "KWD"), "en", "−KWD\u00a00.001"),
        (Money(133_040, "EUR"), "de", "1.330,40\u00a0€"),
        (Money(-1_350, "USD"), "ar", "−13.50\u00a0US$"),
        (Money(9_007_199_254_740_993, "USD"), "en", "$90,071,992,547,409.93"),
    ],
)
def test_amounts_are_exact_in_every_currency(
    money: Money, locale: str, text: str
) -> None:
    assert formats.format_money(money, locale) == text


def test_axis_drops_decimals_only_where_they_are_zero() -> None:
    assert formats.money_axis(Money(160_000, "USD")) == "$1,600"
    assert formats.money_axis(Money(160_050, "USD")) == "$1,600.50"


@pytest.mark.parametrize(
    ("money", "text"),
    [
        (Money(133_040, "USD"), "1330.40"),
        (Money(-5, "USD"), "-0.05"),
        (Money(5_000, "JPY"), "5000"),
        (Money(-1_500, "KWD"), "-1.500"),
        (Money(12_345, "CLF"), "1.2345"),
    ],
)
def test_plain_amounts_are_decimals_that_machines_read(money: Money, text: str) -> None:
    assert formats.money_plain(money) == text


def test_html_amount_keeps_its_order_in_right_to_left_text() -> None:
    html = formats.money_html(Money(-1_350, "USD"))

    assert html == '<bdi dir="ltr" class="num">−$13.50</bdi>'


@pytest.mark.parametrize(
    ("bps", "text"), [(2000, "20%"), (1250, "12.5%"), (1, "0.01%"), (-500, "−5%")]
)
def test_basis_points_read_as_percent(bps: int, text: str) -> None:
    assert formats.percent_bps(bps) == text


def test_numbers_have_separators_and_a_real_minus() -> None:
    assert formats.number(-1_204) == "−1,204"


def test_dates_read_in_the_persons_words() -> None:
    assert formats.date_text(date(2026, 10, 31)) == "Oct 31, 2026"
    assert formats.datetime_text(NOW) == "Mar 1, 2026, 9:00\u202fAM"
    assert formats.month(date(2026, 10, 1)) == "October 2026"
    assert formats.month(NOW) == "March 2026"
    assert formats.relative_text(NOW - timedelta(hours=2), NOW) == "2 hr. ago"
    with force_locale("de"):
        assert formats.month(NOW) == "März 2026"


def test_dates_in_pages_are_readable_for_programs_too() -> None:
    moment = "2026-03-01T09:00:00+00:00"

    assert formats.date_html(date(2026, 10, 31)) == (
        '<time datetime="2026-10-31">Oct 31, 2026</time>'
    )
    assert f'datetime="{moment}"' in formats.datetime_html(NOW)
    relative = formats.relative_html(NOW, NOW + timedelta(minutes=3))
    assert 'title="Mar 1, 2026' in relative
    assert "3 min. ago" in relative
    assert "ago" in formats.relative_text(NOW - timedelta(days=900))


@pytest.mark.parametrize("locale", ["en", "ar", "de", "ko", "hi", "pl", "fr", "bg"])
@pytest.mark.parametrize("currency", ["USD", "EUR", "INR"])
@pytest.mark.parametrize("minor", [0, 1, -1, 99_999, 123_456, -123_456_789_012])
def test_digits_are_grouped_as_the_language_says(
    locale: str, currency: str, minor: int
) -> None:
    theirs = format_currency(Decimal(minor).scaleb(-2), currency, locale=locale)

    ours = formats.format_money(Money(minor, currency), locale)

    assert _bare(ours) == _bare(theirs)


def _bare(text: str) -> str:
    """Return an amount without spaces, marks of direction and kinds of minus."""
    kept = text.replace("-", formats.MINUS)
    return "".join(
        one for one in kept if not one.isspace() and unicodedata.category(one) != "Cf"
    )
