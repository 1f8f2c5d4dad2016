"""How often something may be tried, counted in the database.

Each try is counted before it is made, under a lock on its bucket: a hundred tries at
once count as a hundred. Tries that are refused are not counted, so that waiting helps.
"""

import ipaddress
from dataclasses import dataclass
from datetime import datetime, timedelta

from flask_babel import gettext as _
from flask_babel import ngettext
from sqlalchemy import delete, func, select
from sqlalchemy.orm import Session

from portal.accounts.models import ThrottleHit
from portal.kit.errors import TooMany


@dataclass(frozen=True, slots=True)
class Limit:
    """At most `times` within `window`."""

    name: str
    times: int
    window: timedelta


_COUNTED_IN_MINUTES = 120
"""A longer wait is told in hours."""

SIGN_IN_PER_ACCOUNT = Limit("sign-in", 10, timedelta(minutes=5))
SIGN_IN_PER_ADDRESS = Limit("sign-in-from", 30, timedelta(minutes=5))
RESET_PER_ADDRESS = Limit("reset-from", 30, timedelta(minutes=5))
RESET_MAILS_PER_TARGET = Limit("reset-mail", 2, timedelta(days=1))
INVITATIONS_PER_TARGET = Limit("invitation-mail", 2, timedelta(days=1))
INVITATIONS_PER_ACTOR = Limit("invitations-by", 30, timedelta(days=1))

LONGEST_WINDOW = timedelta(days=1)
_IPV6 = 6


class TooManyTries(TooMany):
    """Somebody tried too often and has to wait."""

    code = "too_many_tries"


def count(session: Session, limit: Limit, whom: str, *, now: datetime) -> None:
    """Count one try of `whom`.

    Raises:
        TooManyTries: The limit is reached; nothing is counted.
    """
    bucket = _bucket(limit, whom)
    session.execute(
        select(func.pg_advisory_xact_lock(func.hashtextextended(bucket, 0)))
    )
    hits = session.scalars(
        select(ThrottleHit.at)
        .where(ThrottleHit.bucket == bucket, ThrottleHit.at > now - limit.window)
        .order_by(ThrottleHit.at.desc())
        .limit(limit.times)
    ).all()
    if len(hits) >= limit.times:
        wait = int((hits[-1] + limit.window - now).total_seconds()) + 1
        raise TooManyTries(
            _(
                "Too many tries. Wait %(in_words)s, then try again.",
                in_words=_in_words(wait),
            ),
            retry_after=wait,
        )
    session.add(ThrottleHit(bucket=bucket, at=now))


def allows(session: Session, limit: Limit, whom: str, *, now: datetime) -> bool:
    """Count one try of `whom` and tell whether the limit allowed it."""
    try:
        count(session, limit, whom, now=now)
    except TooManyTries:
        return False
    return True


def forget(session: Session, limit: Limit, whom: str) -> None:
    """Begin to count anew."""
    session.execute(
        delete(ThrottleHit).where(ThrottleHit.bucket == _bucket(limit, whom))
    )


def network_of(address: str | None) -> str:
    """Return what one household has: an IPv4 address, or an IPv6 network of 64 bits."""
    try:
        parsed = ipaddress.ip_address(address or "")
    except ValueError:
        return "unknown"
    if parsed.version == _IPV6:
        return str(ipaddress.ip_network(f"{parsed}/64", strict=False))
    return str(parsed)


def _bucket(limit: Limit, whom: str) -> str:
    return f"{limit.name}:{whom}"


def _in_words(seconds: int) -> str:
    minutes = -(-seconds // 60)
    hours = -(-minutes // 60)
    in_words: str = (
        ngettext("a minute", "%(num)s minutes", minutes)
        if minutes <= _COUNTED_IN_MINUTES
        else ngettext("%(num)s hour", "%(num)s hours", hours)
    )
    return in_words
