"""Keys and the public form in which people and programs see them.

Keys are UUIDv7 (RFC 9562): ordered by time, so that inserts stay at the end of
the index. The public form is a prefix that names the kind, such as `stm_`, and
the key in Crockford's base 32, which has no letters that look like digits.
"""

import secrets
from uuid import UUID

import uuid6

_ALPHABET = "0123456789abcdefghjkmnpqrstvwxyz"
_PAIRS = [high + low for high in _ALPHABET for low in _ALPHABET]
_SHIFTS = range(120, -10, -10)
"""Where each pair of letters begins within the bits."""
_LENGTH = 26  # 128 bits at five bits a letter, rounded up
_UUID_BITS = 128


def new_id() -> UUID:
    """Return a fresh key, later ones sorting after earlier ones."""
    return UUID(int=uuid6.uuid7().int)


def new_token() -> str:
    """Return a fresh secret of 256 bits, fit for a URL."""
    return secrets.token_urlsafe(32)


def public_id(prefix: str, key: UUID) -> str:
    """Return the public form of `key`, such as `prt_06bnq...`."""
    value = key.int
    return f"{prefix}_{''.join([_PAIRS[value >> shift & 1023] for shift in _SHIFTS])}"


def parse_public_id(prefix: str, text: str) -> UUID:
    """Return the key behind a public id.

    Raises:
        ValueError: `text` is not an id of this kind.
    """
    head, _, letters = text.partition("_")
    if head != prefix or len(letters) != _LENGTH:
        raise ValueError(f"{text!r} is not a {prefix}_ id")
    value = 0
    for letter in letters:
        value = value * 32 + _ALPHABET.index(letter)  # ValueError when foreign
    if value.bit_length() > _UUID_BITS:
        raise ValueError(f"{text!r} is not a {prefix}_ id")
    return UUID(int=value)
