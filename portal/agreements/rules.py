"""Which text a partner signs, and until when a signature is good. Pure.

A signature is of one text. It is good for good, unless a later text of the program asks
to sign again: then it is good until that text's last day is over.
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from portal.kit.clock import day_start
from portal.programs.agreements import text_sha256
from portal.programs.definition import Agreement, ProgramDefinition, SignAgain

Identity = tuple[str, str]
"""What tells one text from another: its version and its hash."""


@dataclass(frozen=True, slots=True)
class Terms:
    """One text of a program's agreement.

    Attributes:
        agreement: The text with its title and version.
        sha256: Of the exact text.
        begins_at: From when on it counts.
        shuts_at: The first moment at which it must be signed also by partners who
            signed an earlier one; none if it need not.
    """

    agreement: Agreement
    sha256: str
    begins_at: datetime
    shuts_at: datetime | None = None

    @property
    def identity(self) -> Identity:
        """What tells it from other texts."""
        return (self.agreement.version, self.sha256)


@dataclass(frozen=True, slots=True)
class Demand:
    """A text that must be signed in spite of earlier signatures.

    Attributes:
        terms: The text.
        shuts_at: The first moment after the last day for it.
    """

    terms: Terms
    shuts_at: datetime


def terms_of(versions: Sequence[tuple[datetime, ProgramDefinition]]) -> list[Terms]:
    """Return the texts of a program in the order in which they count.

    A version whose place another one takes never counts, and neither does its text.

    Args:
        versions: From when on each counts and what it says, in the order in which
            they take effect.
    """
    found: list[Terms] = []
    for place, (begins_at, definition) in enumerate(versions):
        agreement = definition.agreement
        is_replaced = [at for at, _ in versions[place + 1 :]][:1] == [begins_at]
        if agreement is None or is_replaced:
            continue
        terms = Terms(
            agreement,
            text_sha256(agreement.text),
            begins_at,
            deadline(begins_at, agreement.sign_again, definition.zone),
        )
        if not found or found[-1].identity != terms.identity:
            found.append(terms)
    return found


def deadline(
    begins_at: datetime, sign_again: SignAgain | None, zone: ZoneInfo
) -> datetime | None:
    """Return the first moment after the last day for signing; none without one."""
    if sign_again is None:
        return None
    first_day = begins_at.astimezone(zone).date()
    return day_start(first_day + timedelta(days=sign_again.within_days + 1), zone)


def asking(terms: Sequence[Terms], signed: Collection[Identity]) -> list[Demand]:
    """Return what must be signed in spite of what was signed, by date.

    What was signed is good until the first of the dates; for good if there is none.
    """
    found = [
        Demand(one, one.shuts_at)
        for one in _later(terms, signed)
        if one.shuts_at is not None
    ]
    return sorted(found, key=lambda demand: demand.shuts_at)


def in_force(terms: Sequence[Terms], at: datetime) -> Terms | None:
    """Return the text that counts at a moment; none if none has begun."""
    begun = [one for one in terms if one.begins_at <= at]
    return begun[-1] if begun else None


def to_sign(
    terms: Sequence[Terms], signed: Collection[Identity], at: datetime
) -> Terms | None:
    """Return the text that a partner signs next; none if there is nothing to sign.

    That is the one in force. Who need not sign it is shown the next one that must be
    signed, so that nobody has to wait for the day on which it begins.

    Args:
        terms: What `terms_of` returns.
        signed: What the partner signed.
        at: The moment.
    """
    current = in_force(terms, at)
    asked = asking(terms, signed)
    is_new = not any(one.identity in signed for one in terms)
    if asked and not is_new and all(one.terms.begins_at > at for one in asked):
        return asked[0].terms
    return None if current is None or current.identity in signed else current


def _later(terms: Sequence[Terms], signed: Collection[Identity]) -> Sequence[Terms]:
    """Return the texts after the last one that was signed."""
    places = [place for place, one in enumerate(terms) if one.identity in signed]
    return terms[max(places) + 1 :] if places else terms
