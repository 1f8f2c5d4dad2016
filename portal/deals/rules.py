"""Which registrations of deals are accepted, and whose a customer is by them. Pure.

A partner registers a customer that it is talking to. The registration is open for some
days, and takes one of the partner's places meanwhile. The first partner that is
accepted for a customer keeps others out until its registration ends.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import StrEnum

from portal.programs.definition import Registration


class Verdict(StrEnum):
    """What became of a registration when it came in."""

    ACCEPTED = "accepted"
    NO_PLACE = "no_place"
    """The partner has as many open ones as the program allows."""
    TAKEN = "taken"
    """Another partner's registration of the customer is open."""
    REPEATED = "repeated"
    """The partner's own registration of the customer is open."""
    ALREADY_CUSTOMER = "already_customer"
    """The customer had come before."""
    BARRED = "barred"
    """The partner has not joined yet, or a gate keeps it from linking customers."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Attempt:
    """A partner registers a customer.

    Attributes:
        partner: Who.
        customer: Whom.
        at: When.
        barred: Whether the partner may not bring customers at that moment.
    """

    partner: str
    customer: str
    at: datetime
    barred: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Registered:
    """An attempt and what became of it.

    Attributes:
        attempt: The attempt.
        verdict: What became of it.
        in_use: How many places the partner had in use, this one left aside.
        expires_at: The first moment at which it is not open any more; none if it was
            not accepted.
    """

    attempt: Attempt
    verdict: Verdict
    in_use: int
    expires_at: datetime | None = None

    def is_open(self, moment: datetime) -> bool:
        """Tell whether the registration was accepted and holds at `moment`."""
        return (
            self.expires_at is not None and self.attempt.at <= moment < self.expires_at
        )


def registered(
    attempts: Iterable[Attempt],
    policy: Registration,
    *,
    came: Mapping[str, datetime],
) -> list[Registered]:
    """Return what becomes of each attempt, earliest first.

    What has expired by the moment of an attempt is released before the attempt is
    looked at, and so is what was won: a customer who came needs no place any more. Of
    attempts of one moment the one that is given first is first.

    Args:
        attempts: All attempts at one program.
        policy: How long registrations are open, and how many at a time.
        came: When customers signed up or first paid.
    """
    found: list[Registered] = []
    of_customer: dict[str, Registered] = {}
    of_partner: dict[str, list[Registered]] = {}
    for attempt in sorted(attempts, key=lambda one: one.at):
        own = [
            one
            for one in of_partner.get(attempt.partner, ())
            if one.is_open(attempt.at)
            and not _had_come(one.attempt.customer, attempt.at, came)
        ]
        of_partner[attempt.partner] = own
        verdict = _verdict(
            attempt,
            policy,
            of_customer.get(attempt.customer),
            in_use=len(own),
            came=came,
        )
        one = Registered(attempt=attempt, verdict=verdict, in_use=len(own))
        if verdict is Verdict.ACCEPTED:
            expires_at = attempt.at + timedelta(days=policy.days)
            one = replace(one, expires_at=expires_at)
            of_customer[attempt.customer] = one
            own.append(one)
        found.append(one)
    return found


def owners(
    registrations: Iterable[Registered], came: Mapping[str, datetime]
) -> dict[str, str]:
    """Return whose customers are by a registration that was open when they came.

    Args:
        registrations: What became of all attempts.
        came: When customers signed up or first paid.
    """
    return {
        one.attempt.customer: one.attempt.partner
        for one in registrations
        if one.attempt.customer in came and one.is_open(came[one.attempt.customer])
    }


def _verdict(
    attempt: Attempt,
    policy: Registration,
    last: Registered | None,
    *,
    in_use: int,
    came: Mapping[str, datetime],
) -> Verdict:
    if attempt.barred:
        return Verdict.BARRED
    if _had_come(attempt.customer, attempt.at, came):
        return Verdict.ALREADY_CUSTOMER
    if last is not None and last.is_open(attempt.at):
        is_own = last.attempt.partner == attempt.partner
        return Verdict.REPEATED if is_own else Verdict.TAKEN
    if policy.max_open is not None and in_use >= policy.max_open:
        return Verdict.NO_PLACE
    return Verdict.ACCEPTED


def _had_come(customer: str, moment: datetime, came: Mapping[str, datetime]) -> bool:
    """Tell whether a customer came before `moment`; at that very moment it had not."""
    return customer in came and came[customer] < moment
