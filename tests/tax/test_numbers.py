import pytest

from portal.tax.numbers import (
    BadNumber,
    TaxNumber,
    TinKind,
    foreign_number,
    us_number,
    vat_number,
)


@pytest.mark.parametrize(
    ("text", "kind", "digits"),
    [
        ("536-90-4399", TinKind.SSN, "536904399"),
        (" 536904399 ", TinKind.SSN, "536904399"),
        ("91-1144442", TinKind.EIN, "911144442"),
        ("912-90-3456", TinKind.ITIN, "912903456"),
    ],
)
def test_a_number_of_the_us_is_kept_as_nine_digits(
    text: str, kind: TinKind, digits: str
) -> None:
    number = us_number(text, kind)

    assert number == TaxNumber(digits, is_proven=True)
    assert number.last4 == digits[-4:]


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        ("000-12-3456", TinKind.SSN),
        ("666-12-3456", TinKind.SSN),
        ("900-12-3456", TinKind.SSN),
        ("536-00-4399", TinKind.SSN),
        ("536-90-0000", TinKind.SSN),
        ("078-05-1120", TinKind.SSN),  # printed on a sample card of 1938
        ("53690439", TinKind.SSN),
        ("5369-04399", TinKind.SSN),
        ("07-1144442", TinKind.EIN),
        ("912-93-3456", TinKind.ITIN),  # numbers for adoptions
        ("536-90-4399", TinKind.ITIN),
        ("", TinKind.EIN),
    ],
)
def test_ranges_that_are_never_given_out_are_refused(text: str, kind: TinKind) -> None:
    with pytest.raises(BadNumber):
        us_number(text, kind)


@pytest.mark.parametrize(
    ("text", "country", "number", "is_proven"),
    [
        ("36 574 261 809", "DE", "36574261809", True),
        ("529.982.247-25", "BR", "52998224725", True),
        ("11986", "UA", "11986", False),
        ("36 574 261 808", "DE", "36574261808", False),  # maybe of another kind
    ],
)
def test_a_foreign_number_is_taken_and_proven_where_a_check_knows_it(
    text: str, country: str, number: str, *, is_proven: bool
) -> None:
    assert foreign_number(text, country) == TaxNumber(number, is_proven)


@pytest.mark.parametrize("text", ["none", "<b>1</b>", "1" * 41, "", "=1+1"])
def test_what_no_number_looks_like_is_refused(text: str) -> None:
    with pytest.raises(BadNumber):
        foreign_number(text, "UA")


def test_a_short_number_shows_nothing_of_itself() -> None:
    assert TaxNumber("1234567", is_proven=False).last4 == ""


@pytest.mark.parametrize(
    ("text", "country", "number"),
    [
        ("136695976", "DE", "DE136695976"),
        ("DE 136 695 976", "DE", "DE136695976"),
        ("980 7806 84", "GB", "GB980780684"),
        ("094259216", "GR", "EL094259216"),
        ("CHE-107.787.577 IVA", "CH", "CHE107787577IVA"),
    ],
)
def test_a_vat_number_stands_as_invoices_show_it(
    text: str, country: str, number: str
) -> None:
    assert vat_number(text, country) == TaxNumber(number, is_proven=True)


def test_a_vat_number_of_a_country_without_a_rule_is_taken() -> None:
    assert vat_number("12-34", "UG") == TaxNumber("1234", is_proven=False)


@pytest.mark.parametrize(("text", "country"), [("136695977", "DE"), ("", "UG")])
def test_a_wrong_vat_number_is_refused(text: str, country: str) -> None:
    with pytest.raises(BadNumber):
        vat_number(text, country)
