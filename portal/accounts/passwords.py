"""Hashing of passwords: argon2id, two at a time."""

import unicodedata
from functools import cache
from pathlib import Path
from threading import BoundedSemaphore

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError

from portal.accounts.rules import why_weak
from portal.kit.errors import Invalid
from portal.kit.ids import new_token

HASHER = PasswordHasher(time_cost=2, memory_cost=19_456, parallelism=1)
"""OWASP's figures: about 50 ms and 19 MiB for each sign-in."""

_TWO_AT_A_TIME = BoundedSemaphore(2)
"""A flood of sign-ins waits here instead of taking the machine's memory."""


@cache
def common_passwords() -> frozenset[str]:
    """Return the passwords that everyone uses, and the words they are made of."""
    path = Path(__file__).with_name("common_passwords.txt")
    return frozenset(path.read_text(encoding="utf-8").split())


@cache
def dummy_hash() -> str:
    """Return the hash that is checked when there is no user, so that it costs alike."""
    return HASHER.hash(new_token())


def require_strong(password: str, *, about: tuple[str, ...]) -> None:
    """Refuse a password that is easy to guess.

    Raises:
        Invalid: It is; the message says what to do.
    """
    weakness = why_weak(_normal(password), about=about, common=common_passwords())
    if weakness:
        raise Invalid(weakness, field="password")


def hash_password(password: str) -> str:
    """Return the hash to keep, with its parameters."""
    with _TWO_AT_A_TIME:
        return HASHER.hash(_normal(password))


def matches(stored: str | None, password: str) -> bool:
    """Tell whether `password` is the one behind `stored`; None costs the same."""
    with _TWO_AT_A_TIME:
        try:
            HASHER.verify(stored or dummy_hash(), _normal(password))
        except (VerificationError, InvalidHashError):
            return False
    return stored is not None


def needs_rehash(stored: str) -> bool:
    """Tell whether a hash was made with weaker parameters than today's."""
    return HASHER.check_needs_rehash(stored)


def _normal(password: str) -> str:
    """Return one form of what different keyboards write for the same characters."""
    return unicodedata.normalize("NFKC", password)
