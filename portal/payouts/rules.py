"""What may be paid, from which statements, and into which kind of file. Pure."""

import hashlib
import re
import unicodedata
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from enum import StrEnum
from uuid import UUID

HOLD = timedelta(hours=72)
"""For so long nothing goes to an account that was just added."""

_LAST_DIGITS = 4
_SATURDAY = 5
_NOT_IN_FILES = re.compile(r"[^A-Za-z0-9/\-?:().,'+ ]")
_LATIN = str.maketrans(
    {
        "ß": "ss",
        "Æ": "AE",
        "æ": "ae",
        "Ø": "O",
        "ø": "o",
        "Œ": "OE",
        "œ": "oe",
        "Ł": "L",
        "ł": "l",
        "Đ": "D",
        "đ": "d",
        "Þ": "Th",
        "þ": "th",
        "ı": "i",
        "&": "+",
        "’": "'",
        "–": "-",
        "_": "-",
    }
)


class AccountKind(StrEnum):
    """Where an account is, and so which numbers it has."""

    SEPA = "sepa"
    US_BANK = "us_bank"


class AccountType(StrEnum):
    """What kind of account at a bank in the United States."""

    CHECKING = "checking"
    SAVINGS = "savings"


class FileFormat(StrEnum):
    """What a bank reads."""

    SEPA_03 = "pain.001.001.03"
    SEPA_09 = "pain.001.001.09"
    NACHA_CCD = "nacha-ccd"
    CSV = "csv"

    @property
    def currency(self) -> str | None:
        """The only currency it carries; none: any."""
        return {"nacha-ccd": "USD", "csv": None}.get(self.value, "EUR")

    @property
    def most_minor(self) -> int | None:
        """The most that one payment in it carries; none: anything."""
        return {"nacha-ccd": 99_999_999_99, "csv": None}.get(self.value, 999_999_999_99)

    def kinds(self, currency: str) -> Sequence[AccountKind]:
        """Return to which accounts it pays a currency, the best one first."""
        if self is FileFormat.NACHA_CCD:
            return (AccountKind.US_BANK,)
        if self is not FileFormat.CSV:
            return (AccountKind.SEPA,)
        if currency == "USD":
            return (AccountKind.US_BANK, AccountKind.SEPA)
        return (AccountKind.SEPA, AccountKind.US_BANK)


@dataclass(frozen=True, slots=True, kw_only=True)
class Details:
    """The numbers of an account; empty where its kind has none."""

    iban: str = ""
    bic: str = ""
    routing_number: str = ""
    account_number: str = ""
    account_type: str = ""

    @property
    def last_four(self) -> str:
        """What is shown of it."""
        return (self.iban or self.account_number)[-_LAST_DIGITS:]


def bank_text(text: str, most: int) -> str:
    """Return text in the characters that every bank reads, cut to `most`.

    Accents are dropped; what has no Latin form is left out.
    """
    spaced = " ".join(text.split())
    plain = unicodedata.normalize("NFKD", spaced.translate(_LATIN))
    return " ".join(_NOT_IN_FILES.sub("", plain).split())[:most].strip()


def is_bank_name(text: str) -> bool:
    """Tell whether banks can read a name: nothing but accents would be lost."""
    plain = unicodedata.normalize("NFKD", text.translate(_LATIN))
    kept = [sign for sign in plain if not unicodedata.combining(sign)]
    return bool(text.strip()) and not _NOT_IN_FILES.search("".join(kept))


def end_to_end_id(batch_number: int, position: int) -> str:
    """Return what names one payment for both banks; 15 characters at most."""
    return f"{batch_name(batch_number)}-{position:05d}"


def batch_name(number: int) -> str:
    """Return how people call a batch: `P000012`."""
    return f"P{number:06d}"


def next_business_day(day: date) -> date:
    """Return the first day after `day` that is no weekend."""
    day += timedelta(days=1)
    return day + timedelta(days=max(0, 7 - day.weekday()) % 7 * is_weekend(day))


def is_weekend(day: date) -> bool:
    """Tell whether banks rest on this day of the week."""
    return day.weekday() >= _SATURDAY


@dataclass(frozen=True, slots=True, kw_only=True)
class StatementSum:
    """A statement as far as paying it goes.

    Attributes:
        id: Which one.
        number: Its number.
        change_minor: What it added to the balance, without payouts.
        pays_on: Its payment day; none if it has none.
        untaxed_minor: What waits for the statement that settles its tax.
    """

    id: UUID
    number: str
    change_minor: int
    pays_on: date | None
    untaxed_minor: int = 0


def due_minor(
    balance_minor: int, statements: Sequence[StatementSum], pay_on: date
) -> int:
    """Return what of a balance may be sent on a day.

    What statements added whose payment day is later waits for that day; what they
    took away counts at once. What the last statement (the last in order) could not
    settle the tax of waits for the next one.
    """
    later = sum(
        max(row.change_minor, 0)
        for row in statements
        if row.pays_on and row.pays_on > pay_on
    )
    untaxed = statements[-1].untaxed_minor if statements else 0
    # The latest statements are both: what waits for its day waits once.
    return balance_minor - max(later, untaxed)


def covered(
    due: int, statements: Sequence[StatementSum], pay_on: date
) -> list[StatementSum]:
    """Return the statements that a payment of `due` comes from, earliest first.

    Payments count for the oldest balance first, so what is left comes from the
    latest statements; one that added nothing is not in it.

    Args:
        due: What is paid.
        statements: All of the enrollment, earliest first.
        pay_on: The day; statements that are paid later are not in it.
    """
    found = []
    left = due
    for row in reversed(statements):
        if left <= 0:
            break
        if row.change_minor == 0 or (row.pays_on and row.pays_on > pay_on):
            continue
        found.append(row)
        left -= row.change_minor
    return found[::-1]


class LeftOut(StrEnum):
    """Why somebody is not in a batch."""

    IN_BATCH = "in_batch"
    """Another batch that is not sent yet has it."""
    NEGATIVE = "negative"
    NOT_DUE = "not_due"
    BELOW_MINIMUM = "below_minimum"
    GATE = "gate"
    NO_ACCOUNT = "no_account"
    ACCOUNT_HELD = "account_held"
    TOO_MUCH = "too_much"
    """More than one payment of this kind can carry."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Facts:
    """What decides whether somebody is paid.

    Attributes:
        balance_minor: What is owed.
        due_minor: What of it may be sent on the day.
        minimum_minor: The program's smallest payment.
        has_open_row: Whether another batch that is not sent yet pays them.
        has_unmet_gate: Whether a requirement that stops payment is not met.
        held_until: When their account may be used; none without an account.
        most_minor: The most that one payment carries.
    """

    balance_minor: int
    due_minor: int
    minimum_minor: int
    has_open_row: bool
    has_unmet_gate: bool
    held_until: datetime | None
    most_minor: int | None


def why_left_out(facts: Facts, now: datetime) -> LeftOut | None:
    """Return the first thing that keeps somebody out of a batch, if any does."""
    reasons = (
        (LeftOut.IN_BATCH, facts.has_open_row),
        (LeftOut.NEGATIVE, facts.balance_minor < 0),
        (LeftOut.NOT_DUE, facts.due_minor <= 0),
        (LeftOut.BELOW_MINIMUM, facts.due_minor < facts.minimum_minor),
        (LeftOut.GATE, facts.has_unmet_gate),
        (LeftOut.NO_ACCOUNT, facts.held_until is None),
        (LeftOut.ACCOUNT_HELD, facts.held_until is not None and facts.held_until > now),
        (
            LeftOut.TOO_MUCH,
            facts.most_minor is not None and facts.due_minor > facts.most_minor,
        ),
    )
    return next((reason for reason, holds in reasons if holds), None)


def fingerprint(rows: Iterable[tuple[UUID, int, UUID]]) -> str:
    """Return what a preview showed, to tell later whether it still holds.

    Args:
        rows: Enrollment, amount and account of each payment.
    """
    text = "\n".join(sorted(f"{key}:{minor}:{account}" for key, minor, account in rows))
    return hashlib.sha256(text.encode()).hexdigest()


def booked_as(reference: str) -> str:
    """Return what the books say about a transfer that was noted by hand."""
    return f"Bank transfer {reference}"
