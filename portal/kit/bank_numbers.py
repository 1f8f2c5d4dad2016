"""Numbers of banks and accounts, checked digit by digit by python-stdnum.

Each function returns the number without spaces and hyphens, or raises `ValueError`
with a sentence that says what is wrong.
"""

import re

from stdnum import bic, iban
from stdnum.exceptions import ValidationError
from stdnum.us import rtn

SEPA_COUNTRIES = frozenset(
    "AD AL AT BE BG CH CY CZ DE DK EE ES FI FR GB GI GR HR HU IE IS IT LI LT LU LV MC "  # noqa: SIM905 - a list would take a page
    "MD ME MK MT NL NO PL PT RO RS SE SI SK SM VA".split()
)
"""Where an IBAN may begin with for a SEPA credit transfer; French overseas parts use
FR, the Crown dependencies GB."""

_MOST_ACCOUNT_DIGITS = 17
"""The width of the field in a NACHA file."""


def sepa_iban(text: str) -> str:
    """Return an IBAN to which SEPA transfers go.

    Raises:
        ValueError: It is no IBAN, or its country takes no SEPA transfers.
    """
    number = _compact(text)
    try:
        number = iban.validate(number)
    except ValidationError as error:
        raise ValueError("no IBAN: a digit is wrong, missing or too many") from error
    if number[:2] not in SEPA_COUNTRIES:
        raise ValueError(f"accounts in {number[:2]} take no SEPA transfers")
    return number


def bank_code(text: str) -> str:
    """Return a BIC of 8 or 11 characters.

    Raises:
        ValueError: It is none.
    """
    try:
        return str(bic.validate(_compact(text)))
    except ValidationError as error:
        raise ValueError("no BIC: it has 8 or 11 letters and digits") from error


def routing_number(text: str) -> str:
    """Return an ABA routing number of 9 digits.

    Raises:
        ValueError: Its check digit, or its length, is wrong.
    """
    try:
        return str(rtn.validate(_compact(text)))
    except ValidationError as error:
        raise ValueError("no routing number: it has 9 digits, one is wrong") from error


def us_account_number(text: str) -> str:
    """Return the number of an account at a bank in the United States.

    Raises:
        ValueError: It is not made of 4 to 17 digits; nothing else can be checked.
    """
    number = _compact(text)
    if not re.fullmatch(rf"\d{{4,{_MOST_ACCOUNT_DIGITS}}}", number, flags=re.ASCII):
        raise ValueError("no account number: it has 4 to 17 digits")
    return number


def _compact(text: str) -> str:
    return re.sub(r"[\s-]", "", text).upper()
