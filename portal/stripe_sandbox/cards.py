"""Stripe's test cards, and what a buyer may type about a card."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from types import MappingProxyType

_CVC = re.compile(r"\d{3,4}")
_EXPIRY = re.compile(r"(\d{1,2})\s*/\s*(\d{2}|\d{4})")
_CENTURY = 2000
_LAST_MONTH = 12
_LENGTHS = range(12, 20)


@dataclass(frozen=True, slots=True)
class Decline:
    """Why a bank says no, in the words of Stripe's API."""

    code: str
    decline_code: str
    message: str


_GENERIC = Decline("card_declined", "generic_decline", "Your card was declined.")
_NO_FUNDS = Decline(
    "card_declined", "insufficient_funds", "Your card has insufficient funds."
)
_EXPIRED = Decline("expired_card", "expired_card", "Your card has expired.")
_WRONG_CVC = Decline(
    "incorrect_cvc", "incorrect_cvc", "Your card's security code is incorrect."
)


@dataclass(frozen=True, slots=True)
class SandboxCard:
    """A test card and what it does.

    Attributes:
        number: What the buyer types.
        brand: As Stripe names it.
        purpose: What it is for, in a few words for people.
        decline: Why the first payment fails; none when it succeeds.
        later_decline: Why payments without the buyer fail; none when they succeed.
        disputed: The buyer's bank takes each payment back.
        refund_fails: A refund succeeds at first and fails a day later.
    """

    number: str
    brand: str
    purpose: str
    decline: Decline | None = None
    later_decline: Decline | None = None
    disputed: bool = False
    refund_fails: bool = False


_ALL = (
    SandboxCard("4242424242424242", "visa", "Works"),
    SandboxCard("5555555555554444", "mastercard", "Works (Mastercard)"),
    SandboxCard("4000000000000002", "visa", "Declined", _GENERIC, _GENERIC),
    SandboxCard(
        "4000000000009995", "visa", "Declined: not enough money", _NO_FUNDS, _NO_FUNDS
    ),
    SandboxCard(
        "4000000000000069", "visa", "Declined: card has expired", _EXPIRED, _EXPIRED
    ),
    SandboxCard(
        "4000000000000127",
        "visa",
        "Declined: wrong security code",
        _WRONG_CVC,
        _WRONG_CVC,
    ),
    SandboxCard(
        "4000000000000341", "visa", "Works once, renewals fail", None, _GENERIC
    ),
    SandboxCard("4000000000000259", "visa", "Works, then is disputed", disputed=True),
    SandboxCard(
        "4000000000005126", "visa", "Works, refunds fail later", refund_fails=True
    ),
)

CARDS: Mapping[str, SandboxCard] = MappingProxyType({c.number: c for c in _ALL})
"""The test cards by number."""

_FOREIGN = Decline(
    "card_declined",
    "test_mode_live_card",
    "Your card was declined. This is a sandbox: use one of the test cards.",
)


@dataclass(frozen=True, slots=True)
class TypedCard:
    """A card as it was typed, found to be in order."""

    card: SandboxCard
    exp_month: int
    exp_year: int


def passes_luhn(digits: str) -> bool:
    """Tell whether the last digit is the check digit of the others."""
    total = 0
    for position, digit in enumerate(reversed(digits)):
        doubled = int(digit) * (1 + position % 2)
        total += doubled // 10 + doubled % 10
    return total % 10 == 0


def card_of(number: str) -> SandboxCard:
    """Return the card with this number; one that is no test card is declined."""
    return CARDS.get(number) or SandboxCard(number, "unknown", "", _FOREIGN, _FOREIGN)


def read_card(
    number: str, expiry: str, cvc: str, *, now: datetime
) -> TypedCard | dict[str, str]:
    """Check what a buyer typed.

    Returns:
        The card, or a message for each field that is wrong, by field name.
    """
    errors: dict[str, str] = {}
    digits = re.sub(r"[\s-]", "", number)
    if not digits:
        errors["number"] = "Enter the card number."
    elif not _is_card_number(digits):
        errors["number"] = "This card number is not valid. Check the digits."
    month, year = _read_expiry(expiry)
    if not expiry.strip():
        errors["expiry"] = "Enter the expiry date, such as 12/34."
    elif not 1 <= month <= _LAST_MONTH:
        errors["expiry"] = "Write the expiry date as month and year, such as 12/34."
    elif (year, month) < (now.year, now.month):
        errors["expiry"] = "This card has expired."
    if not cvc.strip():
        errors["cvc"] = "Enter the security code (CVC)."
    elif not _CVC.fullmatch(cvc.strip()):
        errors["cvc"] = "The security code has 3 or 4 digits."
    return errors or TypedCard(card_of(digits), month, year)


def _is_card_number(digits: str) -> bool:
    known = digits.isascii() and digits.isdigit() and len(digits) in _LENGTHS
    return known and passes_luhn(digits)


def _read_expiry(text: str) -> tuple[int, int]:
    match = _EXPIRY.fullmatch(text.strip())
    if match is None:
        return 0, 0
    month, year = int(match[1]), int(match[2])
    return month, year if year >= _CENTURY else year + _CENTURY
