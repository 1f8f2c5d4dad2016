"""Tax numbers: what their format proves. Nothing here asks a tax office."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from types import MappingProxyType
from typing import Protocol

from stdnum.eu.vat import MEMBER_STATES
from stdnum.exceptions import ValidationError
from stdnum.us import ein, itin, ssn
from stdnum.util import clean, get_cc_module

SHOWN_DIGITS = 4
HIDDEN_DIGITS = 4
_MANY = 40
_ALLOWED = re.compile(r"[0-9A-Za-z .,/\-]+")
_TAX_MODULES = (
    *("tin", "personalid", "businessid", "vat"),
    *("abn", "brn", "bn", "bsn", "cif", "cnpj", "codicefiscale", "cpf", "curp", "dni"),
    *("gstin", "idnr", "nie", "nif", "nit", "pan", "pesel", "pps", "rfc", "ruc", "rut"),
    *("sin", "tfn", "uen", "utr"),
)
"""What stdnum calls the numbers of people and companies that tax offices use."""
_VAT_PREFIXES: Mapping[str, str] = MappingProxyType({"GR": "EL"})
"""Countries whose VAT numbers begin with other letters than their ISO code."""


class Check(Protocol):
    """A module of stdnum for one kind of number."""

    def validate(self, number: str) -> str:
        """Return the number without blanks, or raise a ValidationError."""

    def is_valid(self, number: str) -> bool:
        """Tell whether it is one."""


class TinKind(StrEnum):
    """Which register a tax number is from."""

    SSN = "ssn"
    EIN = "ein"
    ITIN = "itin"
    FOREIGN = "foreign"


class BadNumber(ValueError):
    """The number cannot be right."""


@dataclass(frozen=True, slots=True)
class TaxNumber:
    """A number without blanks, and whether its format proves it.

    Proven means: the country's rules for length, ranges and check digits hold. It
    does not mean that the number was given to this payee.
    """

    text: str
    is_proven: bool

    @property
    def last4(self) -> str:
        """The part that may be shown; nothing where too little would stay hidden."""
        is_long = len(self.text) >= SHOWN_DIGITS + HIDDEN_DIGITS
        return self.text[-SHOWN_DIGITS:] if is_long else ""


_US: Mapping[TinKind, Check] = MappingProxyType(
    {TinKind.SSN: ssn, TinKind.EIN: ein, TinKind.ITIN: itin}
)


def us_number(text: str, kind: TinKind) -> TaxNumber:
    """Return a number of the US in its nine digits.

    Raises:
        BadNumber: It has another form, or lies in a range that is never given out.
    """
    try:
        return TaxNumber(_US[kind].validate(text.strip()), is_proven=True)
    except ValidationError as error:
        raise BadNumber(kind) from error


def foreign_number(text: str, country: str) -> TaxNumber:
    """Return a tax number of another country.

    Countries have several kinds of numbers, so one that no check of ours knows is
    taken and not proven.

    Raises:
        BadNumber: It holds no digit, or signs that no number has.
    """
    compact = _compact(text)
    if any(_proves(_module(country, name), compact) for name in _TAX_MODULES):
        return TaxNumber(compact, is_proven=True)
    return TaxNumber(compact, is_proven=False)


def vat_number(text: str, country: str) -> TaxNumber:
    """Return a VAT number with the letters of its country in front, if it has any.

    Raises:
        BadNumber: The country's own check refuses it.
    """
    compact = _compact(text)
    module = _module(country, "vat")
    if module is None:
        return TaxNumber(compact, is_proven=False)
    try:
        number = module.validate(compact)
    except ValidationError as error:
        raise BadNumber(country) from error
    prefix = _VAT_PREFIXES.get(country, country)
    takes_prefix = country == "GB" or country.lower() in MEMBER_STATES
    if takes_prefix and not number.startswith(prefix):
        number = prefix + number
    return TaxNumber(number, is_proven=True)


def _compact(text: str) -> str:
    stripped = text.strip()
    compact: str = clean(stripped, " .,/-").upper()
    if (
        not _ALLOWED.fullmatch(stripped)
        or len(compact) > _MANY
        or not any(sign.isdigit() for sign in compact)
    ):
        raise BadNumber(text)
    return compact


def _module(country: str, name: str) -> Check | None:
    return get_cc_module(country, name)


def _proves(module: Check | None, number: str) -> bool:
    return module is not None and module.is_valid(number)
