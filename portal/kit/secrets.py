"""Text that must not lie open in the database: account and tax numbers.

Fernet (AES-128-CBC with HMAC-SHA256), from the package `cryptography`. A key is made
from each text in `PORTAL_ENCRYPTION_KEYS`; the first one encrypts, all of them decrypt.
To rotate, put a new text in front, have everything written anew with `rotate`, then
drop the old one.
"""

import base64
from collections.abc import Sequence
from functools import lru_cache

from cryptography.fernet import Fernet, InvalidToken, MultiFernet
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

_PURPOSE = b"portal.kit.secrets v1"
_KEY_BYTES = 32


class UnreadableSecret(RuntimeError):
    """No key that the portal was given opens this text."""


def encrypt(text: str, *, keys: Sequence[str]) -> str:
    """Return `text` so that only somebody with the first of `keys` can read it."""
    return _box(tuple(keys)).encrypt(text.encode()).decode()


def decrypt(token: str, *, keys: Sequence[str]) -> str:
    """Return what was encrypted with any of `keys`.

    Raises:
        UnreadableSecret: None of them fits, or the text was changed.
    """
    try:
        return _box(tuple(keys)).decrypt(token.encode()).decode()
    except InvalidToken as error:
        raise _unreadable() from error


def rotate(token: str, *, keys: Sequence[str]) -> str:
    """Return the same secret, encrypted with the first of `keys`.

    Raises:
        UnreadableSecret: None of them fits, or the text was changed.
    """
    try:
        return _box(tuple(keys)).rotate(token.encode()).decode()
    except InvalidToken as error:
        raise _unreadable() from error


@lru_cache(maxsize=8)
def _box(keys: tuple[str, ...]) -> MultiFernet:
    return MultiFernet([_fernet(key) for key in keys])


def _fernet(key: str) -> Fernet:
    derived = HKDF(SHA256(), _KEY_BYTES, salt=None, info=_PURPOSE).derive(key.encode())
    return Fernet(base64.urlsafe_b64encode(derived))


def _unreadable() -> UnreadableSecret:
    return UnreadableSecret(
        "a secret cannot be read: give PORTAL_ENCRYPTION_KEYS the key it was made with"
    )
