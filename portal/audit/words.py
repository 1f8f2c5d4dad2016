"""Events of the audit trail in words for people."""

from collections.abc import Mapping
from typing import Any
from uuid import UUID

from portal.kit.ids import parse_public_id, public_id

PREFIXES = {
    "adjustment": "adj",
    "application": "app",
    "certificate": "cer",
    "certification": "crt",
    "commission": "com",
    "enrollment": "enr",
    "fee": "fee",
    "invitation": "inv",
    "link": "lnk",
    "partner": "prt",
    "payout": "pay",
    "payout_account": "pac",
    "payout_batch": "bat",
    "period": "per",
    "program": "pgm",
    "statement": "stm",
    "tax_form": "tax",
    "thread": "thr",
    "user": "usr",
}
"""The kind of thing an action is about, and how its public ids begin."""


def action_in_words(action: str) -> str:
    """Return an action as words: `user.role_changed` is "User role changed"."""
    return action.replace(".", " ").replace("_", " ").replace("-", " ").capitalize()


def subject_text(action: str, subject_id: UUID) -> str:
    """Return the id of what an event is about, as it stands in addresses."""
    prefix = PREFIXES.get(action.partition(".")[0])
    return public_id(prefix, subject_id) if prefix else str(subject_id)


def subject_id(text: str) -> UUID | None:
    """Return the key that somebody typed or copied, or None if it is none."""
    try:
        return UUID(text)
    except ValueError:
        pass
    try:
        return parse_public_id(text.partition("_")[0], text)
    except ValueError:
        return None


def details_in_words(details: Mapping[str, Any]) -> str:
    """Return the facts of an event as one line."""
    return "; ".join(
        f"{key.replace('_', ' ')}: {value}" for key, value in sorted(details.items())
    )
