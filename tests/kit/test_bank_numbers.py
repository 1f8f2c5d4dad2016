import pytest

from portal.kit.bank_numbers import (
    bank_code,
    routing_number,
    sepa_iban,
    us_account_number,
)


@pytest.mark.parametrize(
    ("typed", "number"),
    [
        ("de89 3704 0044 0532 0130 00", "DE89370400440532013000"),
        ("GB82-WEST-1234-5698-7654-32", "GB82WEST12345698765432"),
        ("NO9386011117947", "NO9386011117947"),
    ],
)
def test_an_iban_is_read_as_people_write_it(typed: str, number: str) -> None:
    assert sepa_iban(typed) == number


@pytest.mark.parametrize(
    ("typed", "why"),
    [
        ("DE89370400440532013001", "no IBAN"),
        ("DE8937040044053201300", "no IBAN"),
        ("", "no IBAN"),
        ("SA0380000000608010167519", "take no SEPA"),
    ],
)
def test_a_wrong_iban_is_refused(typed: str, why: str) -> None:
    with pytest.raises(ValueError, match=why):
        sepa_iban(typed)


def test_a_bic_is_checked() -> None:
    assert bank_code("cobadeff xxx") == "COBADEFFXXX"
    with pytest.raises(ValueError, match="no BIC"):
        bank_code("COBA")


def test_a_routing_number_is_checked() -> None:
    assert routing_number("0210 0002 1") == "021000021"
    with pytest.raises(ValueError, match="no routing number"):
        routing_number("021000022")


def test_an_account_number_is_made_of_digits() -> None:
    assert us_account_number("12-3456 7890") == "1234567890"
    for wrong in ("123", "1" * 18, "12A45", "١٢٣٤"):
        with pytest.raises(ValueError, match="no account number"):
            us_account_number(wrong)
