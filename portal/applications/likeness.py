"""What two applications of one person or company have in common. Pure."""

import hashlib
import re
from collections.abc import Iterable, Mapping
from enum import StrEnum
from types import MappingProxyType

from portal.applications.rules import Answer, CheckKey


class FingerprintKind(StrEnum):
    """Of what a fingerprint is."""

    MAILBOX = "mailbox"
    TAX_ID = "tax_id"
    PAYOUT_ACCOUNT = "payout_account"
    DOCUMENT = "document"


_K = FingerprintKind

CHECK_OF: Mapping[FingerprintKind, CheckKey] = MappingProxyType(
    {
        _K.MAILBOX: CheckKey.SAME_EMAIL,
        _K.TAX_ID: CheckKey.SAME_TAX_ID,
        _K.PAYOUT_ACCOUNT: CheckKey.SAME_PAYOUT_ACCOUNT,
        _K.DOCUMENT: CheckKey.SAME_DOCUMENT,
    }
)
"""What a reviewer is told when two applications share one."""

QUESTIONS: Mapping[FingerprintKind, tuple[str, ...]] = MappingProxyType(
    {
        _K.TAX_ID: ("tax-id", "vat-id", "vat-number"),
        _K.PAYOUT_ACCOUNT: ("payout-account", "iban"),
    }
)
"""Keys of the questions whose answers are compared."""

_DOTS_DO_NOT_COUNT = frozenset({"gmail.com", "googlemail.com"})


def mailbox(email: str) -> str:
    """Return the mailbox behind an address: `a.b+tag@gmail.com` reaches `ab`."""
    name, _, domain = email.lower().rpartition("@")
    name = name.partition("+")[0] or name
    if domain in _DOTS_DO_NOT_COUNT:
        name, domain = name.replace(".", ""), "gmail.com"
    return f"{name}@{domain}"


def fingerprints(
    email: str, answers: Mapping[str, Answer], documents: Iterable[bytes] = ()
) -> set[tuple[FingerprintKind, bytes]]:
    """Return kind and digest of all that could show a likeness.

    Args:
        email: The applicant's address.
        answers: By question key.
        documents: SHA-256 of each file, as it was sent.
    """
    found = {(_K.MAILBOX, _digest(mailbox(email)))}
    for kind, keys in QUESTIONS.items():
        for key in keys:
            number = re.sub(r"\W", "", str(answers.get(key, ""))).upper()
            if number:
                found.add((kind, _digest(number)))
    return found | {(_K.DOCUMENT, document) for document in documents}


def _digest(text: str) -> bytes:
    return hashlib.sha256(text.encode()).digest()
